//! The same GPT, trained at scale: tens of gigabytes of text, a GPU, runs that survive a crash.
//!
//! Stage 3 trains a model that fits into the caches of one processor, on a text that fits into
//! its memory. Here the model, the files and the commands stay as they are, and everything
//! around them grows up. [`prepare`] turns text of any size into files of tokens, once;
//! [`manifest`] is what such a directory says about itself, and [`shards`] reads it in a shuffled
//! order without having it in memory. A [`recipe`] says everything about a run. [`backend`]
//! does the arithmetic: the engine of stage 3, or libtorch; [`doctor`] says whether a GPU can
//! be used, and what fits into its memory. [`trainer`] is the loop, [`checkpoint`] what is left of
//! a run when the power fails, and [`report`] a page to watch it on. [`cli`] puts all of it on the
//! command line.

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
