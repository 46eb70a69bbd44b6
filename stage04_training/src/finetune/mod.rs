//! Fine-tuning: a trained model learns from conversations, or from more text.
//!
//! Training goes on from weights that exist. Two things differ from training on a large text. The
//! examples are short, and several of them share a row of the batch. And of a conversation only the
//! answers are learned: a model that answers need not predict what people ask.
//!
//! ```text
//! file -> messages -> text, by a template -> tokens, of which some are answers -> rows -> batches
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `conversation` | a line of JSON as a conversation: three common forms |
//! | `template`, `plain` | conversations as one text: by the model's own template, or by a plain one |
//! | `encode` | the tokens of a conversation, and which of them are learned |
//! | `documents` | the tokens of plain text |
//! | `end_token` | a token that ends an answer, for a model that has none |
//! | `example` | one example in tokens |
//! | `read` | files to examples |
//! | `fault` | lines that cannot be used |
//! | `held_out` | examples that are kept for validation |
//! | `pack`, `batches` | examples to rows, rows to batches, the same ones in every run |
//! | `pairs` | pairs of a better and a worse answer |
//! | `course` | the built-in questions about this course |
//! | `summary`, `show` | the data in numbers; an example as readable text |
//! | `settings`, `gather` | the settings of a run; from them to its batches |
//! | `run` | a model in fine-tuning, for the training loop |
//! | `checkpoint` | the files of a run |
//! | `answers` | what a model answers, and whether it keeps to the form |
//!
//! ```
//! use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
//! use stage03_gpt::message::Message;
//! use stage04_training::finetune::{Batches, Encoder, IGNORED, PlainTemplate, Template};
//!
//! let tokenizer = BpeTokenizer::train("one two three four one two three", 270)?;
//! let tokenizer = Tokenizer::Bpe(tokenizer.with_end_of_text());
//! let template = Template::Plain(PlainTemplate::of(&tokenizer, &[])?);
//! let encoder = Encoder::new(template, &tokenizer, &[], 64)?;
//! let example = encoder.encode(&[Message::user("one two"), Message::assistant("three")])?;
//! assert_eq!(tokenizer.decode(&example.tokens)?, "User:\none two\n\nAssistant:\nthree<|endoftext|>");
//! assert_eq!(tokenizer.decode(&example.tokens[example.answers[0].clone()])?, "three<|endoftext|>");
//!
//! let (block_size, batch_size, seed, padding) = (64, 1, 1337, 0);
//! let batch = Batches::new(vec![example], block_size, batch_size, seed, padding)?.at(0);
//! let learned: Vec<u32> = batch.targets.into_iter().filter(|&t| t != IGNORED).collect();
//! assert_eq!(tokenizer.decode(&learned)?, "three<|endoftext|>");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this module leaves out: conversations in which tools are called.

mod answers;
mod batches;
mod checkpoint;
mod conversation;
pub mod course;
mod documents;
mod encode;
pub mod end_token;
mod example;
mod fault;
mod gather;
mod held_out;
mod pack;
mod pairs;
mod plain;
mod read;
mod run;
mod settings;
mod show;
mod summary;
mod template;
#[cfg(test)]
mod tests;

pub use self::answers::{Answer, answer, follows_format, for_answers};
pub use self::batches::{Batch, Batches};
pub use self::checkpoint::{FinetuneCheckpoints, SavedFinetune, weights_checksum};
pub use self::conversation::conversation;
pub use self::documents::TextEncoder;
pub use self::encode::Encoder;
pub use self::example::{Example, Origin};
pub use self::fault::{Fault, Faults};
pub use self::gather::{Gathered, gather};
pub use self::held_out::{hold_out, shared_prompts};
pub use self::pairs::{PairBatches, pairs_of, read_pairs};
pub use self::plain::PlainTemplate;
pub use self::read::{FinetuneData, ReadSettings, read};
pub use self::run::{FinetuneBatches, FinetuneTraining};
pub use self::settings::{FinetuneSettings, OUT_DIR};
pub use self::show::show;
pub use self::summary::Summary;
pub use self::template::Template;

pub use stage01_bigram::loss::IGNORED;
