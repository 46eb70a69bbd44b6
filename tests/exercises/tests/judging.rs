//! An answer that does not behave: it is stopped, and it is said why.
//!
//! Each test starts this program again; there it plays the answer.

use std::env;
use std::process::Command;
use std::time::Duration;

use exercises::judge::{MEMORY_LIMIT, Memory, Outcome, supervise};

#[global_allocator]
static MEMORY: Memory = Memory::new(std::alloc::System, MEMORY_LIMIT);

/// Set where this program plays an answer: which one.
const PLAYS: &str = "EXERCISES_PLAYS";

fn outcome(answer: &str, limit: Duration) -> Outcome {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "an_answer", "--nocapture"]).env(PLAYS, answer);
    supervise(command, limit, std::io::sink()).unwrap()
}

/// What each answer does. It is no test when it is called by itself.
#[test]
fn an_answer() {
    match env::var(PLAYS).as_deref() {
        Ok("loops") => loop {
            std::hint::black_box(());
        },
        Ok("prints") => loop {
            println!("and on");
        },
        Ok("eats") => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1u8; 64 << 20]);
            }
        }
        Ok("recurs") => drop(deeper(0)),
        Ok("exits") => std::process::exit(0),
        Ok("aborts") => std::process::abort(),
        _ => {}
    }
}

#[allow(unconditional_recursion)]
fn deeper(depth: u64) -> [u64; 64] {
    let mut below = deeper(std::hint::black_box(depth + 1));
    below[(depth % 64) as usize] += depth;
    std::hint::black_box(below)
}

#[test]
fn an_endless_loop_is_stopped() {
    assert_eq!(outcome("loops", Duration::from_millis(300)), Outcome::TooLong);
    assert_eq!(outcome("prints", Duration::from_millis(300)), Outcome::TooLong);
}

#[test]
fn memory_and_stack_are_limited() {
    let limit = Duration::from_secs(60);
    assert_eq!(outcome("eats", limit), Outcome::TooMuchMemory);
    assert_eq!(outcome("recurs", limit), Outcome::StackOverflow);
}

#[test]
fn ending_the_program_is_no_way_to_pass() {
    let limit = Duration::from_secs(60);
    assert!(matches!(outcome("exits", limit), Outcome::Ended(how) if how.contains('0')));
    assert!(matches!(outcome("aborts", limit), Outcome::Ended(_)));
    // An ordinary end of the process, without a verdict.
    assert!(matches!(outcome("nothing", limit), Outcome::Ended(_)));
}
