//! Every version of every exercise, compiled: its solution, its stub, its mistakes.
//!
//! It is a package of its own because it is large. A reader never waits for it; `tests/proof.rs`
//! asks every version.

include!(env!("EXERCISES_PROOF"));
