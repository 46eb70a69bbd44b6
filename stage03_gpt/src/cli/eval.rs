//! `eval`: evaluate a trained model on a text, or on questions with several endings.

mod questions;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use rayon::ThreadPool;
use serde_json::json;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::loss::{bits_per_byte, perplexity};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};

use self::questions::Source;
use super::locate::locate;
use super::screen::{Screen, remark};
use super::stop;
use crate::evaluate::{TextTokens, evaluate_with};
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
///
/// The text is read in windows of as many tokens as the context has. They do not overlap, unless
/// --stride is less: then only the tokens that no window before has predicted are counted, so every
/// token is predicted once, whatever the stride. Special tokens that the tokenizer puts before a
/// text (Llama's BOS; GPT-2 and SmolLM2 have none) stand once at the beginning of the text, and
/// windows do not begin with them, as in Hugging Face's documentation of perplexity. Without any,
/// the first token is not predicted.
///
/// With --suite or --hellaswag the model chooses among several endings of a context instead, and the
/// accuracy is printed with its standard error, beside what chance would give.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The text: one file or several. Without it: the King James Bible, which is built in.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,

    /// How many tokens a window moves on: less than the context gives every token more context,
    /// and takes longer. [default: the context]
    #[arg(long, value_name = "N")]
    stride: Option<usize>,

    /// How many tokens a window has, at most. [default: the context of the model, its block size]
    #[arg(long, value_name = "N")]
    context: Option<usize>,

    /// Questions instead of a text: JSON lines as HellaSwag has them, with `ctx` (or `ctx_a`,
    /// `ctx_b`) and `activity_label`, `endings`, `label`. The texts are prepared as in EleutherAI's
    /// harness, and `acc` and `acc_norm` are those of its task: the likeliest ending, and the
    /// likeliest per character. `acc_bytes` is per byte, `acc_tokens` per token.
    #[arg(long, value_name = "FILE", group = "questions", conflicts_with_all = ["text", "stride", "logits"])]
    hellaswag: Option<PathBuf>,

    /// The built-in questions instead of a text: 100 about the subject of this course, with four
    /// endings each, in the same form. The wrong endings are misconceptions that sound right.
    #[arg(long, group = "questions", conflicts_with_all = ["text", "stride", "logits"])]
    suite: bool,

    /// Only the first N questions. [default: all]
    #[arg(long, value_name = "N", requires = "questions")]
    limit: Option<usize>,

    /// Compute with the weights of a quantised file in full precision, as most other programs do that
    /// evaluate. Without it, they are multiplied as they are, as in `sample`.
    #[arg(long)]
    dequantise: bool,

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
    if flags.threads == Some(0) {
        return Err(Error::setting("--threads", 0, "it must be at least 1"));
    }
    let path = locate(&flags.model)?;
    // The logits that are written are those of a pass in full precision.
    let mut model = match flags.dequantise || flags.logits.is_some() {
        true => Model::load(&path)?,
        false => Model::load_quantised(&path)?,
    };
    if let Some(tokens) = flags.context {
        model.gpt.shorten_context(tokens)?;
    }
    let pool = thread_pool(flags.threads.unwrap_or_else(cores))?;
    match (&flags.hellaswag, flags.suite) {
        (Some(path), _) => questions::eval(&model, &Source::File(path), flags, &pool),
        (None, true) => questions::eval(&model, &Source::Suite, flags, &pool),
        (None, false) => eval_text(&model, flags, &pool),
    }
}

fn eval_text(model: &Model, flags: &Flags, pool: &ThreadPool) -> Result<ExitCode> {
    let Model { gpt, tokenizer, .. } = model;
    let corpus = Corpus::open(&flags.text)?;
    let TextTokens { tokens, given, given_bytes } = TextTokens::new(tokenizer, &corpus.text)?;
    corpus.notes(tokenizer).for_each(remark);
    let context = gpt.config().block_size;
    stop::listen();
    if let Some(path) = &flags.logits {
        let first = &tokens[..tokens.len().min(context)];
        let threads = pool.current_num_threads();
        let bytes = gpt.config().forward_bytes::<f32>(first.len(), threads);
        memory::require(bytes, "the logits of the first window", "choose a shorter --context")?;
        save_logits(path, first, &pool.install(|| gpt.logits(model.params(), first))?)?;
    }
    let stride = flags.stride.unwrap_or(context);
    let mut screen = Screen::new();
    screen.start_bar(0, tokens.len().saturating_sub(given));
    let (bar, start) = (screen.bar(), Instant::now());
    let progress = |tokens| {
        bar.advance(tokens, || "tokens".into());
        !stop::asked()
    };
    let (weights, text) = (model.weights(), (&tokens[..], given));
    let loss = pool.install(|| evaluate_with(gpt, weights, text, stride, &progress));
    screen.end_bar();
    let Some(loss) = loss? else {
        remark("stopped before all of the text was predicted: no result");
        return stop::status(&screen);
    };
    let seconds = start.elapsed().as_secs_f64();

    // What was given was not predicted.
    let bytes = corpus.text.len() - given_bytes;
    let nats = loss.per_token();
    let bits = bits_per_byte(loss.nats, bytes);
    let rate = loss.tokens as f64 / seconds;
    if flags.json {
        let result = json!({
            "text": corpus.origin,
            "tokens": loss.tokens,
            "bytes": bytes,
            "context": context,
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
        screen.line(format!("windows of        {context}, moving on by {stride}"));
        screen.line(format!("nats per token    {nats:.4}"));
        screen.line(format!("bits per byte     {bits:.4}"));
        screen.line(format!("perplexity        {:.2}", perplexity(nats)));
        screen.line(format!("tokens per second {}", thousands(rate as usize)));
    }
    screen.end()
}
