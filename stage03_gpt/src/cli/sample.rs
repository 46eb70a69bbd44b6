//! `sample`: generate text with a trained model.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};

use super::SamplingFlags;
use super::locate::locate;
use super::screen::{Screen, remark};
use crate::model::{Model, encode_prompt, write_text};

/// Generate text with a trained model.
///
/// The model reads the prompt and continues it, one token after another, up to the largest number
/// of tokens, or to the token that ends a text, where the model has one.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub, such as
    /// `HuggingFaceTB/SmolLM2-135M-Instruct`.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The prompt to continue. Special tokens, such as `<|endoftext|>`, are recognised in it.
    /// [default: the token that begins a text, or a line break where the model has none]
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,

    /// The largest number of tokens to generate.
    #[arg(long, value_name = "N", default_value_t = 200)]
    max_new_tokens: usize,

    /// Treat the token that ends a text like any other token, and continue after it.
    #[arg(long)]
    ignore_eos: bool,

    /// The number of texts, one after another.
    #[arg(long, value_name = "N", default_value_t = 1)]
    num_samples: u64,

    #[command(flatten)]
    sampling: SamplingFlags,
}

/// Runs the command.
pub fn sample(flags: &Flags) -> Result<ExitCode> {
    let mut model = Model::load_quantised(&locate(&flags.model)?)?;
    flags.sampling.shorten(&mut model.gpt)?;
    let Model { tokenizer, special, .. } = &model;
    let prompt = match (flags.prompt.as_deref(), special.bos) {
        (None | Some(""), Some(bos)) => vec![bos],
        (None, None) => encode_prompt(tokenizer, "\n")?,
        (Some(prompt), _) => encode_prompt(tokenizer, prompt)?,
    };
    let ends: &[u32] = if flags.ignore_eos { &[] } else { &special.eos };
    let mut sampler = flags.sampling.sampler()?;
    let screen = Screen::new();
    for index in 0..flags.num_samples {
        if index > 0 {
            screen.line("\n---");
        }
        let mut decoder = model.decoder(flags.sampling.context_shift)?;
        decoder.prefill(&prompt)?;
        let mut rng = generator(flags.sampling.seed, Purpose::Sampling, index);
        screen.text(flags.prompt.as_deref().unwrap_or_default().trim_start_matches('\n'));
        let (start, mut written) = (Instant::now(), 0);
        let limit = flags.max_new_tokens;
        let ended =
            write_text(&mut decoder, tokenizer, ends, &mut sampler, &mut rng, limit, |text| {
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
        remark(format!("({written} tokens{end}, {rate:.0} per second)"));
    }
    screen.end()
}
