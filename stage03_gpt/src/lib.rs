//! The full GPT, from its first layer to a model that writes.
//!
//! Stage 2 gave tokens a way to look at each other. A GPT does that many times over: in each
//! [`block`] the tokens look around (attention), think about what they found ([`mlp`]), and
//! add both to what they had, with a [`layer_norm`] before each to keep the numbers in hand.
//! [`gpt`] stacks the blocks; its shape is GPT-2's exactly.
//!
//! To train it takes an optimiser ([`adamw`]), a learning rate that rises and falls
//! ([`schedule`]), a step that uses all cores and still gives the same bytes every time
//! ([`trainer`]), and the loop around it ([`training`]). To use it takes a way to write quickly
//! ([`generate`]), to measure ([`evaluate`]), and to keep and share a [`model`], or to stop a run
//! and go on ([`files`]). [`plain`] is a training step once more, without anything that makes it
//! fast.
//!
//! Ten lines from a text to a text, as in README.md:
//!
//! ```
#![doc = include_str!("../examples/ten_lines.rs")]
//! ```
//!
//! The command line (`cli`), with its progress bar, is behind the feature `cli`, which is on by
//! default; `default-features = false` leaves it out.
//!
//! What this crate leaves out: texts larger than memory and GPUs (`stage04_training`).

pub mod adamw;
pub mod block;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod evaluate;
pub mod files;
pub mod generate;
pub mod gpt;
pub mod layer_norm;
pub mod machine;
pub mod memory;
pub mod mlp;
pub mod model;
pub mod plain;
pub mod schedule;
pub mod settings;
pub mod text_data;
pub mod text_training;
pub mod trainer;
pub mod training;

pub use files::{hugging_face as checkpoint, resume};
