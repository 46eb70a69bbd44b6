//! The same GPT, trained at scale: tens of gigabytes of text, a GPU, runs that survive a crash.
//!
//! Stage 3 trains a model that fits into the caches of one processor, on a text that fits into
//! its memory. Here the model, the files and the commands stay as they are, and everything
//! around them grows up. [`backend`] is who does the arithmetic: the engine of stage 3, or
//! libtorch.
//!
//! [`prepare`] turns text of any size into files of tokens, [`manifest`] is what such a folder
//! says about itself, and [`shards`] reads it without having it in memory.

pub mod backend;
pub mod cli;
pub mod manifest;
pub mod prepare;
pub mod shards;
