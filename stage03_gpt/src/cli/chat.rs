//! `chat`: write in turns with a trained model.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::screen::wrap;
use stage01_bigram::{Error, Result};

use super::Choice;
use super::sample::{encode_prompt, write_text};
use super::screen::{Screen, width};
use crate::checkpoint::Model;
use crate::generate::Writer;

/// Write in turns with a trained model.
///
/// You write a line, the model writes the next one, and both stay in its memory as far as its
/// context reaches. A model that has only read a book does not answer questions: it goes on
/// in the manner of its book. An answer ends with its line, or where the model ends its text. An
/// empty line or Ctrl-D ends the conversation.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The folder of the model.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// How many tokens one answer has at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_new_tokens: usize,

    /// Go on past the end of a text, as if it were any other token.
    #[arg(long)]
    ignore_eos: bool,

    #[command(flatten)]
    choice: Choice,
}

/// Runs the command.
pub fn chat(flags: &Flags) -> Result<ExitCode> {
    let Model { gpt, params, tokenizer, special } = Model::load(&flags.model)?;
    let mut sampler = flags.choice.sampler()?;
    let mut writer = Writer::new(&gpt, &params, flags.choice.slide)?;
    let mut rng = generator(flags.choice.seed, Purpose::Sampling, 0);
    let ends: &[u32] = if flags.ignore_eos { &[] } else { &special.eos };
    writer.read(special.bos.as_slice())?; // a conversation is a text, and begins like one
    let screen = Screen::new();
    let asks = io::stdin().is_terminal();
    if asks {
        screen.line("Write a line, and the model writes the next.\nAn empty line ends.");
    }
    let mut lines = io::stdin().lock().lines();
    loop {
        if asks {
            screen.write(b"\nyou:   ");
        }
        let Some(line) = lines.next() else { break };
        let line = line.map_err(Error::file("read", "the standard input"))?;
        let line = line.trim_end();
        if line.is_empty() || screen.is_gone() {
            break;
        }
        match encode_prompt(&tokenizer, &format!("{line}\n")) {
            Ok(tokens) => writer.read(&tokens)?,
            Err(unknown) => {
                screen.line(wrap(&format!("({unknown})"), width(), ""));
                continue;
            }
        }
        if asks {
            screen.write(b"model: ");
        }
        let (limit, mut begun) = (flags.max_new_tokens, false);
        write_text(&mut writer, &tokenizer, ends, &mut sampler, &mut rng, limit, |text| {
            // Line breaks before the answer are passed over, the first one after it ends it.
            let text = if begun { text } else { text.trim_start_matches(['\n', ' ']) };
            begun |= !text.is_empty();
            let answer = text.split('\n').next().unwrap_or_default();
            screen.text(answer);
            answer.len() == text.len() && !screen.is_gone()
        })?;
        screen.line("");
    }
    screen.end()
}
