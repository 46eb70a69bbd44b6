//! Text, tokens, and the first language model.
//!
//! The whole course rests on one question: given the text so far, what comes next? This
//! stage answers it in the simplest way that works. Text becomes numbers ([`tokenizer`]),
//! the numbers become training examples ([`dataset`]), a table of counts or of learned
//! scores gives each possible next token a probability ([`bigram`]), one number says how
//! surprised the model is by what really came ([`loss`]), and [`sampling`] turns
//! probabilities back into text.
//!
//! Later stages replace the table by something that looks further back. They keep
//! everything else: each idea is written once, here, and imported from there.
//!
//! What this crate leaves out: vectors, layers and attention (`stage02_attention`), the
//! training loop of a large model (`stage03_gpt`).

pub mod bigram;
pub mod corpus;
pub mod dataset;
pub mod error;
pub mod files;
pub mod float;
pub mod form;
pub mod gradcheck;
pub mod loss;
#[cfg(feature = "cli")]
pub mod plot;
pub mod random;
pub mod sampling;
#[cfg(feature = "cli")]
pub mod screen;
pub mod text;
pub mod tokenizer;
pub mod vector;

pub use error::{Error, Result};
pub use float::Float;
