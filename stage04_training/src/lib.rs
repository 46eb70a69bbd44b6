//! The same GPT, trained at scale: tens of gigabytes of text, a GPU, runs that survive a crash.
//!
//! Stage 3 trains a model that fits into the caches of one processor, on a text that fits into
//! its memory. Here the model, the files and the commands are the same; data, devices and runs
//! become large. [`prepare`] turns text of any size into files of tokens, once; [`manifest`]
//! describes such a directory, and [`shards`] reads it in a shuffled order without loading it into
//! memory. A [`recipe`] has all settings of a run. [`backend`] does the arithmetic: the engine of
//! stage 3, or libtorch; [`doctor`] says whether a GPU can be used, and what fits into its memory.
//! [`trainer`] is a model in training, [`checkpoint`] saves and resumes a run, and [`report`] is a
//! page to watch it on. `cli` is the command line.

pub mod backend;
pub mod checkpoint;
pub mod checksummed;
#[cfg(feature = "cli")]
pub mod cli;
pub mod doctor;
pub mod manifest;
pub mod prepare;
pub mod progress;
pub mod recipe;
mod regular_file;
pub mod report;
pub mod shards;
pub mod trainer;
pub mod units;
