//! The same GPT, trained at scale: tens of gigabytes of text, a GPU, runs that survive a crash.
//!
//! Stage 3 trains a model that fits into the caches of one processor, on a text that fits into
//! its memory. Here the model, the files and the commands stay as they are, and everything
//! around them grows up. [`backend`] is who does the arithmetic: the engine of stage 3, or
//! libtorch. [`doctor`] says whether a GPU can be used, and what fits into its memory.

pub mod backend;
pub mod doctor;
