//! `chat`: talk with a trained model.
//!
//! What that means depends on the model, and its files say which of two it is:
//!
//! | the model | file | what happens |
//! |---|---|---|
//! | has a chat template | `talk` | it was taught to chat, and it answers |
//! | has none | `lines` | it was trained on texts, and it continues them line by line |
//!
//! The first needs the feature `chat`. The parts of it: `command` (lines that begin with a slash),
//! `input` (what is typed), `history` (the file of it). Both have `word_wrap` (the answer on the screen).

#[cfg(feature = "chat")]
mod command;
#[cfg(feature = "chat")]
mod history;
#[cfg(feature = "chat")]
mod input;
mod lines;
#[cfg(feature = "chat")]
mod talk;
mod word_wrap;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stage01_bigram::{Error, Result};

use super::SamplingFlags;
use super::locate::locate;
use crate::model::Model;

/// Talk with a trained model.
///
/// A model that was taught to chat, such as SmolLM2-135M-Instruct, comes with a chat template: the
/// way in which conversations were written when it was trained. You write, it answers, and what was
/// said before stays in its context. This needs the feature `chat`:
///
/// cargo run -p stage03_gpt --features chat -- chat --model models/SmolLM2-135M-Instruct.Q4_1.gguf
///
/// Lines that begin with a slash are commands: /help lists them. A line that ends in a backslash
/// goes on in the next one, and a pasted block is one message. Ctrl-C stops an answer and keeps
/// what was written; Ctrl-D ends. When the context is full, the system text and the latest turns
/// stay, and the oldest turns are left out. A conversation may come through a pipe: each line is
/// a message, and only the answers are printed.
///
/// A model that was trained only on a book has no template and does not answer questions: it
/// continues in the style of its book. You write a line, the model writes the next one, and both
/// stay in its context as far as that reaches. An answer ends with its line, or at a token that
/// ends a text. An empty line or Ctrl-D ends the conversation.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The system text: instructions that stand before the conversation, for a model that was
    /// taught to chat. [default: the template's own, where it has one]
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,

    /// The largest number of tokens in one answer. [default: 1000, or 100 for a model that was
    /// never taught to chat]
    #[arg(long, value_name = "N")]
    max_new_tokens: Option<usize>,

    /// Treat the token that ends a text like any other token, and continue after it.
    #[arg(long)]
    ignore_eos: bool,

    /// Do not keep what you type. Otherwise the last 1000 inputs are in a file that only you can
    /// read, `stage03_gpt/chat_history` in your state directory, and the arrow keys bring them
    /// back.
    #[arg(long)]
    no_history: bool,

    #[command(flatten)]
    sampling: SamplingFlags,
}

/// Runs the command.
pub fn chat(flags: &Flags) -> Result<ExitCode> {
    let mut model = Model::load_quantised(&locate(&flags.model)?)?;
    flags.sampling.shorten(&mut model.gpt)?;
    match (&model.text_settings.chat_template, &flags.system) {
        (Some(_), _) => talk(flags, &model),
        (None, Some(system)) => {
            let expected = "this model was never taught to chat, and has no place for a system text; \
                            leave it out, or take an instruct or chat model";
            Err(Error::setting("--system", system, expected))
        }
        (None, None) => lines::chat(flags, &model),
    }
}

#[cfg(feature = "chat")]
use talk::chat as talk;

/// Without the feature there is nothing to run a template with.
#[cfg(not(feature = "chat"))]
fn talk(flags: &Flags, _: &Model) -> Result<ExitCode> {
    let model = super::screen::directory_flag("--model", &flags.model, super::train::OUT_DIR);
    Err(Error::format(
        &flags.model,
        "this model was taught to chat, and the program was built without the feature that can",
        format!("run `cargo run -p stage03_gpt --features chat -- chat{model}`"),
    ))
}
