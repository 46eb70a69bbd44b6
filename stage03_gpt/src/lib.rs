//! The full GPT, from its first layer to a model that writes.
//!
//! Stage 2 gave tokens a way to look at each other. A GPT does that many times over: in each
//! [`block`] the tokens look around (attention), think about what they found ([`mlp`]), and
//! add both to what they had, with a [`layer_norm`] before each to keep the numbers in hand.
//! [`gpt`] stacks the blocks; its shape is GPT-2's exactly.
//!
//! To train it takes an optimiser ([`adamw`]), a learning rate that rises and falls
//! ([`schedule`]) and a loop that uses all cores and still gives the same bytes every time
//! ([`trainer`]). To use it takes a way to write quickly ([`generate`], with its [`kv_cache`]), to measure
//! ([`evaluate`]), to keep and share a model ([`checkpoint`]), and to stop and go on
//! ([`resume`]). [`cli`] puts all of it on the command line. [`plain`] is a training step once
//! more, without anything that makes it fast.
//!
//! What this crate leaves out: texts larger than memory and GPUs (`stage04_training`).

pub mod adamw;
pub mod block;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod evaluate;
pub mod generate;
pub mod gpt;
pub mod kv_cache;
pub mod layer_norm;
pub mod memory;
pub mod mlp;
pub mod plain;
pub mod resume;
pub mod schedule;
pub mod trainer;
