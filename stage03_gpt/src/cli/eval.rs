//! `eval`: evaluate a trained model on a text.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::json;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::loss::{bits_per_byte, perplexity};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};

use super::locate::locate;
use super::screen::{Screen, remark};
use crate::evaluate::evaluate;
use crate::files::logits::save_logits;
use crate::memory;
use crate::model::Model;
use crate::trainer::{cores, thread_pool};

/// Evaluate a trained model on a text.
///
/// The model reads the whole text and predicts each token. The loss is the mean negative
/// log-likelihood in nats per token, which depends on the tokenizer; bits per byte do not, so they
/// compare any two models. Perplexity is exp(loss): the number of equally likely tokens that would
/// give the same loss.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The text: one file or several. Without it: the King James Bible, which is built in.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,

    /// How many tokens a window moves on: less than the block size gives every token more context,
    /// and takes longer. [default: the block size]
    #[arg(long, value_name = "N")]
    stride: Option<usize>,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,

    /// Write the logits of the first window to this file, to compare with other programs:
    /// `input_ids` (1, tokens) and `logits` (tokens, vocabulary) in safetensors format.
    #[arg(long, value_name = "FILE")]
    logits: Option<PathBuf>,

    /// The number of threads. [default: the number of cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

/// Runs the command.
pub fn eval(flags: &Flags) -> Result<ExitCode> {
    let model = Model::load(&locate(&flags.model)?)?;
    let (Model { gpt, tokenizer, .. }, params) = (&model, model.params());
    let corpus = Corpus::open(&flags.text)?;
    let tokens = tokenizer.encode_with_special(&corpus.text)?;
    corpus.notes(tokenizer).for_each(remark);
    if flags.threads == Some(0) {
        return Err(Error::setting("--threads", 0, "it must be at least 1"));
    }
    let pool = thread_pool(flags.threads.unwrap_or_else(cores))?;
    let block_size = gpt.config().block_size;
    if let Some(path) = &flags.logits {
        let first = &tokens[..tokens.len().min(block_size)];
        let threads = pool.current_num_threads();
        let bytes = gpt.config().forward_bytes::<f32>(first.len(), threads);
        memory::require(bytes, "the logits of the first window", "give a shorter text")?;
        save_logits(path, first, &pool.install(|| gpt.logits(params, first))?)?;
    }
    let start = Instant::now();
    let stride = flags.stride.unwrap_or(block_size);
    let loss = pool.install(|| evaluate(gpt, params, &tokens, stride))?;
    let seconds = start.elapsed().as_secs_f64();

    // The first token was given, so its bytes were not predicted.
    let given = tokenizer.decode_bytes(&tokens[..1])?.len();
    let (nats, bytes) = (loss.per_token(), corpus.text.len() - given);
    let bits = bits_per_byte(loss.nats, bytes);
    let rate = loss.tokens as f64 / seconds;
    let screen = Screen::new();
    if flags.json {
        let result = json!({
            "text": corpus.origin,
            "tokens": loss.tokens,
            "bytes": bytes,
            "stride": stride,
            "nats_per_token": nats,
            "bits_per_byte": bits,
            "perplexity": perplexity(nats),
            "tokens_per_second": rate,
        });
        screen.line(result.to_string());
    } else {
        screen.line(format!("text              {}", corpus.origin));
        screen.line(format!(
            "tokens            {} ({} bytes)",
            thousands(loss.tokens),
            thousands(bytes)
        ));
        screen.line(format!("windows of        {block_size}, moving on by {stride}"));
        screen.line(format!("nats per token    {nats:.4}"));
        screen.line(format!("bits per byte     {bits:.4}"));
        screen.line(format!("perplexity        {:.2}", perplexity(nats)));
        screen.line(format!("tokens per second {}", thousands(rate as usize)));
    }
    screen.end()
}
