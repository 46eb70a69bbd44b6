//! Helpers of the program's tests: the program, a small model, and what a directory must hold.

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

#[path = "../../../tests/support/program.rs"]
mod program;

use std::path::Path;

pub use program::{BUSY, Finished, Place};
use stage03_gpt::files::resume::State;
use stage03_gpt::model::Model;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stage03_gpt");

/// A model so small that its training takes no time.
pub const TINY: &str = "--tokenizer char --n-layer 1 --n-head 2 --n-embd 16 --block-size 8 \
                        --batch-size 4 --eval-iters 1 --threads 2";

/// Asserts that the directory holds a model and a state that load and belong together. Returns how
/// many steps the run has taken.
pub fn is_whole(directory: &Path) -> usize {
    let state = State::load(directory).unwrap_or_else(|e| panic!("{e}"));
    let model = Model::load(directory).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(state.vocab_size().unwrap(), model.gpt.config().vocab_size);
    state.iter
}
