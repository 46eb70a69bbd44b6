//! Vectors, parameters, and self-attention: the first model that looks back.
//!
//! The bigram of stage 1 sees one token. To see more, a token must become something that can
//! be compared and mixed: a vector ([`embedding`]). Vectors are changed by [`linear`] layers,
//! whose numbers all live in one place ([`params`]), and tokens exchange what they know by
//! [`attention`].
//!
//! Put together they are a language model ([`model`]) that is trained ([`training`]) on the same
//! text as the bigram, and beats it. [`heatmap`] draws the attention weights, and [`scaling`] shows
//! why scores are divided by the square root of their length.
//!
//! Nearly all the work is in one function, the matrix product ([`matmul`]). [`parallel`] divides
//! work among threads, and [`profiler`] says where the time goes. Where a model is only used, its
//! [`weights`] may be quantised.
//!
//! Every layer is a pair: a forward pass, and beside it a backward pass derived by hand. A
//! [`backward::Backward`] holds the arguments that every backward pass has in common.
//! [`layer_check`] checks each pair by finite differences.
//!
//! What this crate leaves out: the rest of a GPT (feed-forward layers, layer norm, many
//! blocks) and a better optimiser; both come in `stage03_gpt`.

pub mod attention;
pub mod backward;
pub mod dropout;
pub mod embedding;
pub mod heatmap;
pub mod layer_check;
pub mod linear;
pub mod lora;
pub mod matmul;
pub mod model;
pub mod parallel;
pub mod params;
pub mod profiler;
pub mod scaling;
pub mod training;
pub mod weights;
