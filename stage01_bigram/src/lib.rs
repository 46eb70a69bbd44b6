//! Text, tokens, and the first language model.
//!
//! The whole course rests on one question: given the text so far, what comes next? This stage
//! answers it in the simplest way that works. Text becomes numbers ([`tokenizer`]), the numbers
//! become training examples ([`dataset`]), a table of counts or a matrix of learned logits gives
//! each possible next token a probability ([`bigram`]), the loss says how surprised the model is by
//! the token that came ([`loss`]), and [`sampling`] turns probabilities back into text.
//!
//! Later stages replace the table by a model that sees more than one token, and import the rest
//! from here.
//!
//! ```
//! use stage01_bigram::bigram::{Bigram, CountedBigram};
//! use stage01_bigram::random::{Purpose, generator};
//! use stage01_bigram::sampling::Sampler;
//! use stage01_bigram::tokenizer::BpeTokenizer;
//!
//! let text = "the cat sat on the mat, the rat sat on the cat. ".repeat(20);
//! let tokenizer = BpeTokenizer::train(&text, 270)?;
//! let tokens = tokenizer.encode(&text)?;
//! let model = CountedBigram::count(&tokens, tokenizer.vocab_size(), 0.0)?;
//! let loss = model.mean_loss(&tokens)?;
//! assert!(loss < 1.0, "{loss} nats per token; a uniform guess has ln 270 = 5.6");
//!
//! let rng = &mut generator(1, Purpose::Sampling, 0);
//! let written = model.generate(tokens[0], 20, &mut Sampler::default(), rng)?;
//! println!("{}", String::from_utf8_lossy(&tokenizer.decode_bytes(&written)?));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! The feature `cli` (on by default) is for programs: the command line (`screen`) and charts
//! (`plot`). Without default features neither `clap` nor `plotters` is compiled.
//!
//! What this crate leaves out: vectors, layers and attention (`stage02_attention`), the
//! training loop of a large model (`stage03_gpt`).

pub mod bigram;
pub mod corpus;
pub mod dataset;
pub mod error;
pub mod files;
pub mod float;
pub mod float16;
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
