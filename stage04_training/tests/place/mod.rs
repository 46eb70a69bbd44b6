//! Shared by the tests of the program: the program, a small model, and what a run leaves.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

#[path = "../../../tests/support/program.rs"]
mod program;

use std::fs;

pub use program::{BUSY, Finished, Place};
use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stage04_training");

/// The flags of a model whose training takes little time. The peak speed is given and not measured.
pub const TINY: &str = "--tokenizer char --n-layer 1 --n-head 2 --n-embd 16 --block-size 8 \
                        --batch-size 4 --eval-iters 1 --threads 2 --peak-tflops 0.1";

/// The files of a checkpoint.
pub const STATE: &str = "trainer.safetensors";
pub const MODEL: &str = "model.safetensors";

impl Place {
    /// The lines of a run's log.
    pub fn log(&self, directory: &str) -> Vec<Value> {
        let text = self.text(&format!("{directory}/log.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts that two directories have the same checkpoint, byte by byte.
    pub fn same(&self, one: &str, other: &str) {
        for file in [MODEL, STATE, "config.json", "tokenizer.json"] {
            let read = |directory| self.read(&format!("{directory}/{file}"));
            assert!(read(one) == read(other), "{file} of {one} and {other} differ");
        }
    }

    /// The directory in which the text of the place was prepared.
    pub fn data(&self) -> String {
        let mut directories = fs::read_dir(self.path("data")).unwrap();
        let name = directories.next().unwrap().unwrap().file_name().into_string().unwrap();
        format!("data/{name}")
    }
}
