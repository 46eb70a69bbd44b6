//! The full GPT, from its first layer to a model that writes.
//!
//! Stage 2 gave tokens a way to look at each other. A GPT does that many times over: in each
//! [`block`] the tokens look around (attention), think about what they found ([`mlp`]), and
//! add both to what they had, with a [`layer_norm`] before each to keep the numbers in hand.
//! [`gpt`] stacks the blocks; its shape is GPT-2's exactly.
//!
//! To train it takes an optimiser ([`adamw`]), a learning rate that rises and falls
//! ([`schedule`]) and a loop that uses all cores and still gives the same bytes every time
//! ([`trainer`]). To use it takes a way to write quickly ([`generate`]), to measure
//! ([`evaluate`]), to keep and share a model ([`checkpoint`]), and to stop and go on
//! ([`resume`]). [`settings`] has the settings of a run, [`files`] its directory and its log,
//! [`machine`] what the machine can do at most. `cli` (a feature) puts all of
//! it on the command line. [`plain`] is a training step once more, without anything that makes
//! it fast.
//!
//! What this crate leaves out: texts larger than memory and GPUs (`stage04_training`).

pub mod adamw;
pub mod block;
pub mod checkpoint;
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
pub mod plain;
pub mod resume;
pub mod schedule;
pub mod settings;
pub mod trainer;
pub mod units;
