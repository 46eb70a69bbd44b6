//! `chat`: write in turns with a trained model.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::wrap;
use stage01_bigram::{Error, Result};

use super::SamplingFlags;
use super::locate::locate;
use super::screen::{Screen, width};
use crate::model::{Model, encode_prompt, write_text};

/// The longest line that is read, in bytes.
const LONGEST: u64 = 1_000_000;

/// Write in turns with a trained model.
///
/// You write a line, the model writes the next one, and both stay in its context as far as that
/// reaches. A model that was trained only on a book does not answer questions: it continues in
/// the style of its book. An answer ends with its line, or at a token that ends a text. An empty
/// line or Ctrl-D ends the conversation.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The largest number of tokens in one answer.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_new_tokens: usize,

    /// Treat the token that ends a text like any other token, and continue after it.
    #[arg(long)]
    ignore_eos: bool,

    #[command(flatten)]
    sampling: SamplingFlags,
}

/// Runs the command.
pub fn chat(flags: &Flags) -> Result<ExitCode> {
    let mut model = Model::load_quantised(&locate(&flags.model)?)?;
    flags.sampling.shorten(&mut model.gpt)?;
    let mut sampler = flags.sampling.sampler()?;
    let mut decoder = model.decoder(flags.sampling.context_shift)?;
    let Model { tokenizer, special, .. } = &model;
    let mut rng = generator(flags.sampling.seed, Purpose::Sampling, 0);
    let ends: &[u32] = if flags.ignore_eos { &[] } else { &special.eos };
    decoder.prefill(special.bos.as_slice())?; // a conversation begins like any text
    let screen = Screen::new();
    let asks = io::stdin().is_terminal();
    if asks {
        screen.line("Write a line, and the model writes the next.\nAn empty line ends.");
    }
    let mut input = io::stdin().lock();
    loop {
        if asks {
            screen.write(b"\nyou:   ");
        }
        let line = read_line(&mut input)?;
        let line = line.trim_end();
        if line.is_empty() || screen.is_gone() {
            break;
        }
        match encode_prompt(tokenizer, &format!("{line}\n")) {
            Ok(tokens) => decoder.prefill(&tokens)?,
            Err(unknown) => {
                screen.line(wrap(&format!("({unknown})"), width(), ""));
                continue;
            }
        }
        if asks {
            screen.write(b"model: ");
        }
        let (limit, mut begun) = (flags.max_new_tokens, false);
        write_text(&mut decoder, tokenizer, ends, &mut sampler, &mut rng, limit, |text| {
            // Line breaks before the answer are skipped; the first one after it ends it.
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

/// The next line, or an empty text where there is none.
///
/// # Errors
/// [`Error::File`] when it cannot be read or is not UTF-8; [`Error::Text`] when it is longer than
/// [`LONGEST`], before more of it is read.
fn read_line(input: impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    let failed = Error::file("read", "the standard input");
    if let Err(error) = input.take(LONGEST + 1).read_until(b'\n', &mut line) {
        return Err(failed(error));
    }
    if line.len() as u64 > LONGEST {
        let problem = format!("a line has more than {LONGEST} bytes");
        return Err(Error::text("the standard input", problem, "write shorter lines"));
    }
    String::from_utf8(line).map_err(|e| failed(io::Error::new(io::ErrorKind::InvalidData, e)))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, repeat};

    use super::*;

    #[test]
    fn a_line_without_an_end_is_refused() {
        let error = read_line(BufReader::new(repeat(b'a'))).unwrap_err().to_string();
        assert!(error.contains("more than 1000000 bytes"), "{error}");
    }

    #[test]
    fn lines_are_read_one_after_another() {
        let mut input = "one\ntwo".as_bytes();
        assert_eq!(read_line(&mut input).unwrap(), "one\n");
        assert_eq!(read_line(&mut input).unwrap(), "two");
        assert_eq!(read_line(&mut input).unwrap(), "");
        assert!(read_line(&b"\xFF\n"[..]).is_err());
    }
}
