//! A conversation with a model that was taught to chat.
//!
//! A model continues texts. A chat model was trained further on conversations, each written as one
//! text in which *special tokens* mark where a turn begins and ends, and whose it is. So a
//! conversation with it is a text that is written the same way, up to where the answer begins:
//!
//! ```text
//! messages -> the model's template -> text -> tokens -> the KV cache -> an answer, up to the end of its turn
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`message`] | who says what, and its form in JSON |
//! | [`template`] | the model's own rule for writing a conversation, a program in Jinja |
//! | [`prompt`] | the tokens of that text, in which nobody's words become special tokens |
//! | [`context`] | which turns fit into the context; the oldest are left out |
//! | [`conversation`] | the messages of a conversation in a terminal, and its file |
//! | [`session`] | a KV cache that follows a conversation, and the answers |
//!
//! A terminal and a server use the same [`Session`](session::Session): it is given all messages
//! each time, and reads only what it has not read.
//!
//! ```no_run
//! use std::path::Path;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage01_bigram::sampling::Sampler;
//! use stage03_gpt::chat::message::Message;
//! use stage03_gpt::chat::session::{Event, Session};
//! use stage03_gpt::model::Model;
//!
//! let model = Model::load_quantised(Path::new("models/SmolLM2-135M-Instruct.Q4_1.gguf"))?;
//! let mut session = Session::new(&model)?;
//! let messages = [Message::user("What is gravity?")];
//! let mut rng = generator(1, Purpose::Sampling, 0);
//! let answer = session.answer(&messages, &mut Sampler::greedy(), &mut rng, 100, |event| {
//!     if let Event::Text(text) = event {
//!         print!("{text}");
//!     }
//!     true
//! })?;
//! println!("({} tokens)", answer.completion_tokens);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! All of it is behind the feature `chat`, because of the interpreter of the template language.
//! What this module leaves out: tools that a model calls, pictures, and templates that are not in
//! the model's files.

pub mod context;
pub mod conversation;
pub mod prompt;
pub mod session;
pub mod template;
#[cfg(test)]
mod tests;

pub use crate::message;
