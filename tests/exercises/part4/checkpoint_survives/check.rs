//! What `checkpoint_survives` is asked.

use super::answer::{State, load, load_best, save};
use exercises::disk::{Disk, Luck, TestDisk};
use exercises::probe::{Part, Probe};
use std::collections::BTreeSet;

pub fn probe(p: &mut Probe) {
    p.part("1: what is saved is loaded", |p| {
        let disk = &mut TestDisk::default();
        for state in [state(1), state(2), odd()] {
            p.see("save: is it Ok?", save(disk, &state, true).is_ok());
            let found = load(disk).ok().flatten();
            let step = found.as_ref().map_or(-1, |found| found.step as i64);
            p.see("the step that is loaded", step);
            let Some(found) = found else { continue };
            p.see("the position", found.position);
            p.see("the weights", &found.weights[..]);
            p.see("the average m", &found.m[..]);
            p.see("the average v", &found.v[..]);
            p.see("the best loss", found.best_loss);
            p.see("each number to the last bit", bits(&found) == bits(&state));
        }
    });
    p.part("2: Ok means saved", |p| {
        let disk = &mut TestDisk::default();
        let _ = save(disk, &state(1), true);
        let mut wrong = Wrong::default();
        for (i, best) in [(2, true), (3, false)] {
            let _ = save(disk, &state(i), best);
            for luck in Luck::ALL {
                let left = disk.restarted(luck);
                let when =
                    || format!("save has returned Ok, the power is cut, and {}", luck.says());
                wrong.state(p, &left, &[state(i)], when);
                wrong.best(p, &left, &[state(2)], when);
            }
        }
        wrong.see(p, "what is found instead of the new state");
    });
    p.part("3 and 4: a power cut at any moment", |p| {
        let mut before = TestDisk::default();
        let _ = save(&mut before, &state(1), true);
        let before = before.restarted(Luck::AllNames);
        let mut wrong = Wrong::default();
        for best in [false, true] {
            each_cut(&before, &state(2), best, |left, when| {
                wrong.state(p, left, &[state(1), state(2)], when);
                let mut left = left.clone();
                let again = save(&mut left, &state(3), true);
                wrong.state(p, &left, &[state(3)], || {
                    format!("{}. Then state 3 is saved ({again:?})", when())
                });
            });
        }
        wrong.see(p, "what is found that is neither the old state nor the new one");
    });
    p.part("5: the best weights", |p| {
        let mut before = TestDisk::default();
        let _ = save(&mut before, &state(1), true);
        let before = before.restarted(Luck::AllNames);
        let mut wrong = Wrong::default();
        each_cut(&before, &state(2), true, |left, when| {
            let new =
                load(left).ok().flatten().is_some_and(|found| found.step == state(2).step);
            let right: &[State] = if new { &[state(2)] } else { &[state(1), state(2)] };
            wrong.best(p, left, right, when);
        });
        each_cut(&before, &state(2), false, |left, when| {
            wrong.best(p, left, &[state(1)], when);
        });
        wrong.see(p, "what is found that are not the best weights");
    });
    p.part("6: what is not finite is refused", |p| {
        let disk = &mut TestDisk::default();
        let _ = save(disk, &state(1), true);
        for (what, bad) in [("infinity", f64::INFINITY), ("NaN", f64::NAN)] {
            let with = |change: fn(&mut State, f64)| {
                let mut state = state(2);
                change(&mut state, bad);
                state
            };
            for (place, state) in [
                ("the weights", with(|state, bad| state.weights[1] = bad)),
                ("m", with(|state, bad| state.m[0] = bad)),
                ("v", with(|state, bad| state.v[2] = bad)),
                ("the best loss", with(|state, bad| state.best_loss = bad)),
            ] {
                let (names, refused) = (disk.names(), save(disk, &state, true).is_err());
                p.see(format!("{what} in {place}: is it refused?"), refused);
                let kept = load(disk).is_ok_and(|found| found == Some(self::state(1)));
                p.see("is the state before still there?", kept && names == disk.names());
            }
        }
    });
    p.part("7: damage is found", |p| {
        let empty = TestDisk::default();
        p.see(
            "an empty disk: Ok(None)",
            load(&empty) == Ok(None) && load_best(&empty) == Ok(None),
        );
        let disk = &mut TestDisk::default();
        let _ = save(disk, &state(1), true);
        let mut wrong = Wrong::default();
        for name in disk.names() {
            let bytes = disk.read(&name).unwrap_or_default();
            for i in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[i] ^= 1 << (i % 8);
                for (what, bytes) in [("changed", &changed[..]), ("cut off", &bytes[..i])] {
                    let mut disk = disk.clone();
                    let _ = disk.write(&name, bytes);
                    let when = || format!("byte {i} of {name} is {what}");
                    if load(&disk).is_ok() {
                        wrong.state(p, &disk, &[state(1)], when);
                    }
                    if load_best(&disk).is_ok() {
                        wrong.best(p, &disk, &[state(1)], when);
                    }
                }
            }
        }
        wrong.see(p, "what is loaded from damaged files");
    });
}

/// Cuts the power after every operation of a save, and hands over what is left.
fn each_cut(
    before: &TestDisk,
    state: &State,
    best: bool,
    mut look: impl FnMut(&TestDisk, &dyn Fn() -> String),
) {
    for operations in 0..60 {
        let mut disk = before.with_power_for(operations);
        let finished = save(&mut disk, state, best).is_ok();
        for luck in Luck::ALL {
            look(&disk.restarted(luck), &|| {
                let log = disk.log.join(", ");
                let log = if log.is_empty() { "nothing yet" } else { &log };
                format!(
                    "state 2 is saved over state 1{}; the power is cut after {operations} \
                     operations ({log}), and {}",
                    if best { ", as the best" } else { "" },
                    luck.says()
                )
            });
        }
        if finished {
            break;
        }
    }
}

/// What was found and should not have been.
#[derive(Default)]
struct Wrong {
    what: BTreeSet<String>,
    /// When it was found first.
    first: Option<String>,
}

impl Wrong {
    /// Shows all of it.
    fn see(self, p: &mut Part, what: &str) {
        let found = Vec::from_iter(self.what).join(", ");
        p.see(what, if found.is_empty() { "nothing".into() } else { found });
        p.see("when it is found first", self.first.unwrap_or("never".into()));
    }

    fn state(
        &mut self,
        p: &mut Part,
        disk: &TestDisk,
        right: &[State],
        when: impl Fn() -> String,
    ) {
        let what = match load(disk) {
            Ok(Some(found)) if right.contains(&found) => return,
            Ok(Some(found)) => match (1..4).find(|&i| state(i) == found) {
                Some(i) => format!("state {i}"),
                None => "a state that was never saved".into(),
            },
            Ok(None) => "no state".into(),
            Err(_) => "an error".into(),
        };
        self.found(p, what, "load gives", right, when);
    }

    fn best(
        &mut self,
        p: &mut Part,
        disk: &TestDisk,
        right: &[State],
        when: impl Fn() -> String,
    ) {
        let what = match load_best(disk) {
            Ok(Some(found)) if right.iter().any(|right| right.weights == found) => return,
            Ok(Some(found)) => match (1..4).find(|&i| state(i).weights == found) {
                Some(i) => format!("the weights of state {i}"),
                None => "weights that were never saved".into(),
            },
            Ok(None) => "no best weights".into(),
            Err(_) => "an error about the best weights".into(),
        };
        self.found(p, what, "load_best gives", right, when);
    }

    fn found(
        &mut self,
        p: &mut Part,
        what: String,
        gives: &str,
        right: &[State],
        when: impl Fn() -> String,
    ) {
        let right: Vec<String> = right.iter().map(|state| state.position.to_string()).collect();
        p.rule(false, || {
            format!(
                "{}: {gives} {what}, and it must be that of state {}. What was on the disk for \
                 sure at this moment?",
                when(),
                right.join(" or ")
            )
        });
        self.what.insert(what);
        self.first.get_or_insert_with(when);
    }
}

/// State number i, which is also its position.
fn state(i: u64) -> State {
    let list = |a: f64| (0..3).map(|j| (a * (i * 3 + j) as f64).sin()).collect();
    State {
        step: 100 * i,
        position: i,
        best_loss: 2.0 / i as f64 + 1.0 / 3.0,
        weights: list(1.0),
        m: list(0.1),
        v: list(0.01),
    }
}

/// Numbers that are easily read back nearly right.
fn odd() -> State {
    State {
        step: u64::MAX,
        position: 1 << 60,
        best_loss: 0.1 + 0.2,
        weights: vec![-0.0, 1.0 / 3.0, f64::MIN_POSITIVE / 8.0],
        m: vec![f64::MAX, f64::EPSILON, 1e-300],
        v: vec![std::f64::consts::PI, 1e22, 5e-324],
    }
}

fn bits(state: &State) -> Vec<u64> {
    let lists = [&state.weights, &state.m, &state.v].into_iter().flatten();
    let numbers = lists.chain([&state.best_loss]).map(|x| x.to_bits());
    numbers.chain([state.step, state.position]).collect()
}
