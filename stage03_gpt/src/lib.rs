//! The full GPT: its layers, its training, and how it writes, twice.
//!
//! # First the plain model
//!
//! [`plain`] is the whole GPT in loops that mirror its equations, a few hundred lines to be read
//! at a sitting, in this order:
//!
//! 1. [`plain`] itself: the forward and the backward pass;
//! 2. [`plain::layers`]: each layer's forward pass beside its backward pass;
//! 3. [`plain::adamw`]: what a step does to the weights;
//! 4. [`plain::train`]: the training loop;
//! 5. [`plain::generate`]: sampling with a KV cache.
//!
//! It trains and writes:
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage01_bigram::{dataset::Dataset, sampling::Sampler, tokenizer::CharTokenizer};
//! use stage03_gpt::plain::{Plain, train::Hyperparameters};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt};
//!
//! let text = "to be or not to be, that is the question: ".repeat(20);
//! let tokenizer = CharTokenizer::train(&text)?;
//! let data = Dataset::new(tokenizer.encode(&text)?, 16)?;
//! let (vocab_size, block_size) = (tokenizer.vocab_size(), 16);
//! let (n_layer, n_head, n_embd, dropout, bias) = (1, 2, 32, 0.0, false);
//! let gpt =
//!     Gpt::new(GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias })?;
//!
//! let mut rng = generator(1, Purpose::Initialisation, 0);
//! let (model, mut weights) = (Plain::new(&gpt), gpt.initialise::<f32>(&mut rng));
//! let settings = Hyperparameters { max_iters: 200, ..Hyperparameters::default() };
//! model.train(&settings, [&data, &data], &mut weights, |report| println!("{report:?}"));
//!
//! let prompt = tokenizer.encode("to be or")?;
//! let written = model.generate(&weights, &prompt, 12, &mut Sampler::greedy(), &mut rng)?;
//! assert_eq!(tokenizer.decode(&written)?, " not to be, ");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! # Then the fast one
//!
//! The other modules are the same model many times faster, with everything that a program needs.
//! Stage 2 gave tokens a way to attend to each other. A GPT does that many times over: in each
//! [`block`] every token attends to the tokens before it, then a feed-forward layer ([`mlp`])
//! works on each token alone. Both add to what was there, with a [`layer_norm`] before each to
//! keep the numbers in hand. [`gpt`] stacks the blocks; its shape is GPT-2's exactly.
//!
//! To train it takes an optimiser ([`adamw`]), a learning rate that rises and falls
//! ([`schedule`]) and a loop that uses all cores and still gives the same bytes every time
//! ([`trainer`]). To use it takes a way to write quickly ([`generate`]), to measure
//! ([`evaluate`]), to keep and share a model ([`checkpoint`]), and to stop and go on
//! ([`resume`]). [`cli`] puts all of it on the command line.
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
pub mod layer_norm;
pub mod memory;
pub mod mlp;
pub mod plain;
pub mod resume;
pub mod schedule;
pub mod trainer;
