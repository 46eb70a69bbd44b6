//! The same GPT, trained at scale. Not written yet.
//!
//! Stage 3 trains a model that fits into the caches of one processor, on a text that fits into
//! its memory. This stage will train the same model, with the same files and the same
//! commands, on tens of gigabytes of text and on a GPU: streaming preparation of the data,
//! memory-mapped shards, runs that survive a crash, and libtorch behind a feature.
//!
//! Until then this crate is empty. Everything a model needs is in [`stage03_gpt`].
