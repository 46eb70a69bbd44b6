//! The four layers in which today's models differ from GPT-2, in plain loops.
//!
//! Attention, the feed-forward layer, the residual stream and the loss are as they were. Llama and
//! the models after it exchange four parts, each of which a file here has:
//!
//! | in GPT-2 | in Llama | file |
//! |---|---|---|
//! | layer norm | RMSNorm: no mean, no shift | [`rms_norm`] |
//! | a learned vector for each position | rotary positions: queries and keys are turned | [`rotary`] |
//! | GELU between two matrices | SwiGLU: a gate of its own, three matrices | [`swiglu`] |
//! | keys and values for every head | grouped queries: several heads share them | [`grouped`] |
//!
//! As in [`layers`](super::layers), a function takes whole matrices and returns a new one, its
//! backward pass stands beside it, and gradients of weights are added to what is there. No linear
//! layer here has a bias.

pub mod grouped;
pub mod rms_norm;
pub mod rotary;
pub mod swiglu;

#[cfg(test)]
mod tests;
