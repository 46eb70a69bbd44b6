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
use crate::generate::Writer;

/// Let a trained model write.
///
/// It reads the prompt and goes on from there, one token after another, until it has written
/// as many as asked for.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The folder of the model.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// What it shall go on from. [default: a line break]
    #[arg(long, value_name = "TEXT", default_value = "\n", hide_default_value = true)]
    prompt: String,

    /// How many tokens it writes.
    #[arg(long, value_name = "N", default_value_t = 200)]
    max_new_tokens: usize,

    /// How many texts it writes, one after another.
    #[arg(long, value_name = "N", default_value_t = 1)]
    num_samples: u64,

    #[command(flatten)]
    choice: Choice,
}

/// Runs the command.
pub fn sample(flags: &Flags) -> Result<ExitCode> {
    let Model { gpt, params, tokenizer, .. } = Model::load(&flags.model)?;
    let prompt = encode_prompt(&tokenizer, &flags.prompt)?;
    let mut sampler = flags.choice.sampler()?;
    let screen = Screen::new();
    for index in 0..flags.num_samples {
        if index > 0 {
            screen.line("\n---");
        }
        let mut writer = Writer::new(&gpt, &params, flags.choice.slide)?;
        writer.read(&prompt)?;
        let mut rng = generator(flags.choice.seed, Purpose::Sampling, index);
        screen.write(flags.prompt.trim_start_matches('\n').as_bytes());
        let (start, mut written) = (Instant::now(), 0);
        let limit = flags.max_new_tokens;
        write_text(&mut writer, &tokenizer, &mut sampler, &mut rng, limit, |bytes| {
            screen.write(bytes);
            written += 1;
            !screen.is_gone()
        })?;
        if screen.is_gone() {
            break;
        }
        screen.line("");
        let rate = written as f64 / start.elapsed().as_secs_f64();
        remark(format!("({written} tokens, {rate:.0} a second)"));
    }
    screen.end()
}

/// The tokens of a prompt: at least one, because the model needs something to go on from.
pub(super) fn encode_prompt(tokenizer: &Tokenizer, prompt: &str) -> Result<Vec<u32>> {
    if prompt.is_empty() {
        let expected = "give at least one character, such as a line break ($'\\n' in most shells)";
        return Err(Error::setting("--prompt", "\"\"", expected));
    }
    tokenizer.encode(prompt)
}

/// Writes up to `limit` tokens and gives their bytes to `more`, until it answers that it has
/// enough.
///
/// A character may be spread over several tokens, so its bytes are held back until it is whole,
/// or until nothing more can come.
pub(super) fn write_text(
    writer: &mut Writer<f32>,
    tokenizer: &Tokenizer,
    sampler: &mut Sampler,
    rng: &mut Generator,
    limit: usize,
    mut more: impl FnMut(&[u8]) -> bool,
) -> Result<()> {
    let mut held: Vec<u8> = Vec::new();
    for written in 1..=limit {
        // ANCHOR: held
        // A model may have more places for tokens than its tokenizer has tokens.
        let token = writer.write(sampler, rng);
        if (token as usize) < tokenizer.vocab_size() {
            held.extend(tokenizer.decode_bytes(&[token])?);
        }
        let whole = match std::str::from_utf8(&held) {
            Ok(_) => held.len(),
            // What can never become a character is passed on as it is.
            Err(e) if e.error_len().is_some() || written == limit => held.len(),
            Err(e) => e.valid_up_to(),
        };
        let ready: Vec<u8> = held.drain(..whole).collect();
        // ANCHOR_END: held
        if !more(String::from_utf8_lossy(&ready).as_bytes()) {
            break;
        }
    }
    Ok(())
}
