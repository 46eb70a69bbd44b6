//! The full GPT: its layers, its training, and its generation of text, each written twice.
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
//! It trains and generates:
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage01_bigram::{dataset::Dataset, sampling::Sampler, tokenizer::CharTokenizer};
//! use stage03_gpt::plain::{Plain, train::Hyperparameters};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt};
//!
//! let text = "do re mi fa ".repeat(20);
//! let tokenizer = CharTokenizer::train(&text)?;
//! let data = Dataset::new(tokenizer.encode(&text)?, 8)?;
//! let (vocab_size, block_size) = (tokenizer.vocab_size(), 8);
//! let (n_layer, n_head, n_embd, dropout, bias) = (1, 2, 16, 0.0, false);
//! let gpt =
//!     Gpt::new(GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias, ..GptConfig::default() })?;
//!
//! let mut rng = generator(1, Purpose::Initialisation, 0);
//! let (model, mut weights) = (Plain::new(&gpt), gpt.initialise::<f32>(&mut rng));
//! let settings = Hyperparameters { batch_size: 4, max_iters: 150, ..Hyperparameters::default() };
//! model.train(&settings, [&data, &data], &mut weights, |report| println!("{report:?}"));
//!
//! let prompt = tokenizer.encode("do re")?;
//! let continuation = model.generate(&weights, &prompt, 12, &mut Sampler::greedy(), &mut rng)?;
//! assert_eq!(tokenizer.decode(&continuation)?, " mi fa do re");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! # Then the fast one
//!
//! The other modules are the same model many times faster, with everything that a program needs.
//! Stage 2 gave tokens a way to attend to each other. A GPT repeats that: in each [`block`] every
//! token attends to the tokens before it, then a feed-forward layer ([`mlp`]) works on each token
//! alone. Both add to the residual stream, with a [`layer_norm`] before each, so that the numbers
//! keep their size. [`gpt`] stacks the blocks; its architecture is GPT-2's exactly.
//!
//! Training takes an optimiser ([`adamw`]), a learning rate schedule ([`schedule`]), a step that
//! uses all cores and still gives the same bytes every time ([`trainer`]), and the loop around it
//! ([`training`]). Use takes generation ([`generate`], with its [`kv_cache`]), evaluation
//! ([`evaluate`]), a [`model`] that is saved and shared, and runs that stop and resume
//! ([`files`]).
//!
//! A trained model learns further by low-rank adapters ([`lora`]), from the answers of conversations
//! ([`masked_loss`]) and from pairs of a better and a worse answer ([`dpo`]).
//!
//! From a training text to a generated text in ten lines, as in README.md:
//!
//! ```
#![doc = include_str!("../examples/ten_lines.rs")]
//! ```
//!
//! The command line (`cli`), with its progress bar, is behind the feature `cli`, which is on by
//! default; `default-features = false` leaves it out. A conversation with a model that was taught to
//! chat (`chat`) is behind the feature `chat`, a server for browsers and programs (`serve`) behind the
//! feature `serve`.
//!
//! What this crate leaves out: texts larger than memory and GPUs (`stage04_training`).

pub mod adamw;
pub mod architecture;
pub mod block;
#[cfg(feature = "chat")]
pub mod chat;
#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
pub mod dpo;
pub mod evaluate;
pub mod feed_forward;
pub mod files;
pub mod generate;
pub mod gpt;
pub mod kv_cache;
pub mod layer_norm;
pub mod lora;
pub mod machine;
pub mod masked_loss;
pub mod memory;
pub mod message;
pub mod mlp;
pub mod model;
pub mod norm;
pub mod plain;
pub mod rms_norm;
pub mod schedule;
#[cfg(feature = "serve")]
pub mod serve;
pub mod settings;
pub mod swiglu;
pub mod text_data;
pub mod text_stream;
pub mod text_training;
pub mod trainer;
pub mod training;
pub mod units;
