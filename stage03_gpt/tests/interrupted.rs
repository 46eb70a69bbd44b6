//! `export` and `quantize` that are told to end, or killed, while they write: what they leave.
//!
//! A signal comes too late where the process has finished by then. So each is tried until one has
//! come in time.

#![cfg(unix)]

mod common;

use std::process::{Command, Stdio};

use common::Place;
use stage01_bigram::files::is_temporary;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face::{save_description, save_model};
use stage03_gpt::gpt::Gpt;

const COMMANDS: [&str; 2] = [
    "quantize --model model --to q4_1 --out new.gguf",
    "export --model model --type f16 --gguf new.gguf",
];

/// How often a signal may come too late.
const TRIES: usize = 100;

/// A place with a model that takes a while to write.
fn place() -> Place {
    let place = Place::new();
    let tokenizer = Tokenizer::Char(CharTokenizer::train("abc \n").unwrap());
    let config = GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: 8,
        n_layer: 4,
        n_head: 2,
        n_embd: 384,
        ..GptConfig::default()
    };
    let gpt = Gpt::new(config).unwrap();
    let params = gpt.initialise::<f32>(&mut generator(1, Purpose::Initialisation, 0));
    std::fs::create_dir(place.path("model")).unwrap();
    save_description(&place.path("model"), gpt.config(), &tokenizer).unwrap();
    save_model(&place.path("model"), &gpt, &params).unwrap();
    place.write("new.gguf", "what was there before");
    place
}

/// The temporary files at a place.
fn temporaries(place: &Place) -> Vec<String> {
    place.names().into_iter().filter(|name| is_temporary(name)).collect()
}

/// Runs a command, and sends it a signal as soon as it writes. Returns its exit status, none after a
/// signal that it does not handle; true where it had written all of its file before.
fn interrupt(place: &Place, command: &str, signal: &str) -> (Option<i32>, bool) {
    let mut run = place.command(command);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let before = temporaries(place);
    while temporaries(place) == before && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    let _ = Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status().unwrap();
    let ended = child.wait().unwrap().code();
    (ended, place.read("new.gguf") != b"what was there before")
}

#[test]
fn a_command_that_is_told_to_end_leaves_nothing_half_written() {
    let place = place();
    for command in COMMANDS {
        for signal in ["-INT", "-TERM"] {
            let in_time = (0..TRIES).any(|_| {
                place.write("new.gguf", "what was there before");
                let (ended, written) = interrupt(&place, command, signal);
                assert_eq!(temporaries(&place), [""; 0], "{command} after {signal}");
                assert!(ended == Some(130) || (ended == Some(0) && written), "{ended:?}");
                ended == Some(130) && !written
            });
            assert!(in_time, "{command}: every {signal} came too late");
        }
    }
}

#[test]
fn what_a_killed_command_leaves_is_removed_by_the_next_one_and_nothing_else() {
    let place = place();
    let others = [".other.gguf.1-0.tmp", ".new.gguf.tmp"];
    others.iter().for_each(|other| place.write(other, "not of this file"));
    for command in COMMANDS {
        let left = (0..TRIES).any(|_| {
            place.write("new.gguf", "what was there before");
            let (ended, written) = interrupt(&place, command, "-KILL");
            ended.is_none() && !written && temporaries(&place).len() == 2
        });
        assert!(left, "{command}: it was never killed while it wrote");
        place.run(command).succeeds();
        assert_eq!(temporaries(&place), others[..1], "{command}");
        assert!(others.iter().all(|other| place.path(other).exists()));
    }
}
