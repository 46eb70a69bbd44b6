//! `chat` with a model that was never taught to chat: it continues a text in turns, line by line.

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::wrap;
use stage01_bigram::{Error, Result};

use super::Flags;
use super::word_wrap::WordWrap;
use crate::cli::screen::{Screen, remark, width, without_controls};
use crate::model::{Model, encode_prompt, write_text};

/// The longest line that is read, in bytes.
pub(super) const LONGEST: u64 = 1_000_000;

/// How many tokens an answer has at most, unless told otherwise.
const MAX_NEW_TOKENS: usize = 100;

/// Runs the command.
pub(super) fn chat(flags: &Flags, model: &Model) -> Result<ExitCode> {
    let mut sampler = flags.sampling.sampler()?;
    model.require_line_context()?;
    let mut decoder = model.decoder(flags.sampling.context_shift)?;
    let Model { tokenizer, special, .. } = model;
    let mut rng = generator(flags.sampling.seed, Purpose::Sampling, 0);
    let ends: &[u32] = if flags.ignore_eos { &[] } else { &special.eos };
    decoder.prefill(special.bos.as_slice())?; // a conversation begins like any text
    let screen = Screen::new();
    let asks = io::stdin().is_terminal();
    if asks {
        let words = "This model was never taught to chat: it continues texts.\nWrite a line, and the \
                     model writes the next.\nAn empty line ends.";
        screen.line(wrap(words, width(), ""));
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
                let text = wrap(&format!("({unknown})"), width(), "");
                if asks {
                    screen.line(text)
                } else {
                    remark(text)
                }
                continue;
            }
        }
        // On a terminal the words of an answer are wrapped.
        let mut words = (asks && io::stdout().is_terminal()).then(|| WordWrap::new(width()));
        let print = |words: &mut Option<WordWrap>, text: &str| match words {
            Some(words) => screen.write(words.push(&without_controls(text)).as_bytes()),
            None => screen.text(text),
        };
        if asks {
            print(&mut words, "model: ");
        }
        let (limit, mut begun) = (flags.max_new_tokens.unwrap_or(MAX_NEW_TOKENS), false);
        write_text(&mut decoder, tokenizer, ends, &mut sampler, &mut rng, limit, |text| {
            // Line breaks before the answer are skipped; the first one after it ends it.
            let text = if begun { text } else { text.trim_start_matches(['\n', ' ']) };
            begun |= !text.is_empty();
            let answer = text.split('\n').next().unwrap_or_default();
            print(&mut words, answer);
            answer.len() == text.len() && !screen.is_gone()
        })?;
        screen.line(words.map(|mut words| words.end()).unwrap_or_default());
    }
    screen.end()
}

/// The next line, or an empty text where there is none.
///
/// # Errors
/// [`Error::File`] when it cannot be read or is not UTF-8; [`Error::Text`] when it is longer than
/// [`LONGEST`], before more of it is read.
pub(super) fn read_line(input: impl BufRead) -> Result<String> {
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
