//! Exercises: what the reader solves after each chapter, and what answers them.
//!
//! An exercise is a directory `partN/NAME`: the solution (`answer.rs`), what it is asked
//! (`check.rs`), and its title, hints and likely mistakes (`exercise.toml`). The build script makes
//! the reader's file of it, `answers/partN/NAME.rs` at the root of the repository.
//!
//! - [`probe`] records what an answer computes, [`value`] compares and prints it.
//! - [`verdict`] finds the first difference to the solution, and the mistake that makes it.
//! - [`judge`] runs the check of one answer in a process of its own, with a limit for time and
//!   memory.
//! - [`gpt`] makes a GPT of the answers, examines it, trains it, and lets it write.
//! - [`disk`] is a disk whose power can be cut, for exercises about saving.
//! - [`companion`] is the program around it: what is next, hints, progress, watching the file.
//!
//! `proof/tests/proof.rs` shows of every exercise that its stub fails, that its solution passes, and that
//! each mistake is recognised by its name.

extern crate self as exercises;

pub mod answers;
pub mod catalog;
pub mod companion;
pub mod disk;
pub mod exercise;
pub mod gpt;
pub mod judge;
pub mod numbers;
pub mod probe;
pub mod value;
pub mod verdict;
