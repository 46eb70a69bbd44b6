//! `sample`: let a trained model write.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::Choice;
use super::screen::{Screen, remark};
use crate::checkpoint::Model;
use crate::generate::Decoder;

/// Let a trained model write.
///
/// It reads the prompt and goes on from there, one token after another, until it has written
/// as many as asked for, or the token that ends a text, where the model has one.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The directory of the model.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// What it shall go on from. Special tokens, such as `<|endoftext|>`, are read as such.
    /// [default: the token that begins a text, or a line break where the model has none]
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,

    /// How many tokens it writes at most.
    #[arg(long, value_name = "N", default_value_t = 200)]
    max_new_tokens: usize,

    /// Go on past the end of a text, as if it were any other token.
    #[arg(long)]
    ignore_eos: bool,

    /// How many texts it writes, one after another.
    #[arg(long, value_name = "N", default_value_t = 1)]
    num_samples: u64,

    #[command(flatten)]
    choice: Choice,
}

/// Runs the command.
pub fn sample(flags: &Flags) -> Result<ExitCode> {
    let Model { gpt, params, tokenizer, special } = Model::load(&flags.model)?;
    let prompt = match (flags.prompt.as_deref(), special.bos) {
        (None | Some(""), Some(bos)) => vec![bos],
        (None, None) => encode_prompt(&tokenizer, "\n")?,
        (Some(prompt), _) => encode_prompt(&tokenizer, prompt)?,
    };
    let ends: &[u32] = if flags.ignore_eos { &[] } else { &special.eos };
    let mut sampler = flags.choice.sampler()?;
    let screen = Screen::new();
    for index in 0..flags.num_samples {
        if index > 0 {
            screen.line("\n---");
        }
        let mut decoder = Decoder::new(&gpt, &params, flags.choice.context_shift)?;
        decoder.prefill(&prompt)?;
        let mut rng = generator(flags.choice.seed, Purpose::Sampling, index);
        screen.text(flags.prompt.as_deref().unwrap_or_default().trim_start_matches('\n'));
        let (start, mut written) = (Instant::now(), 0);
        let limit = flags.max_new_tokens;
        let ended =
            write_text(&mut decoder, &tokenizer, ends, &mut sampler, &mut rng, limit, |text| {
                screen.text(text);
                written += 1;
                !screen.is_gone()
            })?;
        if screen.is_gone() {
            break;
        }
        screen.line("");
        let rate = written as f64 / start.elapsed().as_secs_f64();
        let end = if ended { " and the end of the text" } else { "" };
        remark(format!("({written} tokens{end}, {rate:.0} a second)"));
    }
    screen.end()
}

/// The tokens of a prompt: at least one, because the model needs something to go on from. Special
/// tokens may be spelled in it, as in other programs.
pub(super) fn encode_prompt(tokenizer: &Tokenizer, prompt: &str) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        let expected = "give at least one character, such as a line break ($'\\n' in most shells)";
        return Err(Error::setting("--prompt", "\"\"", expected));
    }
    tokenizer.encode_with_special(prompt)
}

/// Writes up to `limit` tokens and gives their text to `more`, until it answers that it has
/// enough, or until one of the tokens in `ends`, which is not given to it. Returns whether there
/// was such a one.
///
/// A character may be spread over several tokens, so its bytes are held back until it is whole,
/// or until nothing more can come.
///
/// # Errors
/// When the model computes no numbers.
pub(super) fn write_text(
    decoder: &mut Decoder<f32>,
    tokenizer: &Tokenizer,
    ends: &[u32],
    sampler: &mut Sampler,
    rng: &mut Generator,
    limit: usize,
    mut more: impl FnMut(&str) -> bool,
) -> Result<bool> {
    let mut held: Vec<u8> = Vec::new();
    for written in 1..=limit {
        decoder.check()?;
        // ANCHOR: held
        // A model may have more places for tokens than its tokenizer has tokens.
        let token = decoder.decode_step(sampler, rng);
        let ended = ends.contains(&token);
        if (token as usize) < tokenizer.vocab_size() && !ended {
            held.extend(tokenizer.decode_bytes(&[token])?);
        }
        let last = ended || written == limit;
        let whole = match std::str::from_utf8(&held) {
            Ok(_) => held.len(),
            // What can never become a character is passed on as it is.
            Err(e) if e.error_len().is_some() || last => held.len(),
            Err(e) => e.valid_up_to(),
        };
        let ready: Vec<u8> = held.drain(..whole).collect();
        // ANCHOR_END: held
        if ended && ready.is_empty() {
            return Ok(true);
        }
        if !more(&String::from_utf8_lossy(&ready)) || ended {
            return Ok(ended);
        }
    }
    Ok(false)
}
