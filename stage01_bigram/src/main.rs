//! The first stage on the screen: a text, its tokens, and two models of which token comes next.
//!
//! The models are in the library; this file parses options and prints. The output is plain text of
//! at most 76 columns, the same for the same options, on a screen or in a pipe.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use stage01_bigram::bigram::{Bigram, CountedBigram, LearnedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::loss::{bits, bits_per_byte, perplexity};
use stage01_bigram::plot::{LineChart, Series, terminal_chart};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::screen::{self, Stop};
use stage01_bigram::text::{shorten, thousands, visible, wrap};
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};

/// The first language model: the next token, predicted from the last one alone.
///
/// Shows a text and cuts it into tokens. Then two models learn which token tends to follow which.
/// One counts: no other model of a single token can fit the text better. The other is trained by
/// gradient descent, as all the larger models of this course are, and its loss falls to that of the
/// first. At the end it generates text.
///
/// Losses are in nats per token: 0 for a model that always knows what comes, the logarithm of the
/// vocabulary size for the uniform baseline. They are computed on the training set, the first part
/// of the text, and on the validation set, the rest.
#[derive(Parser)]
#[command(version, max_term_width = 80)]
struct Options {
    /// The training text, one file or several; without it, the King James Bible.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,

    /// The tokenizer: `char`, one token for each character, or `bpe:SIZE`, byte-pair encoding. The
    /// learned matrix has SIZE times SIZE entries: it is trained for a SIZE of up to 1024.
    #[arg(long, value_name = "KIND", default_value = "char")]
    tokenizer: String,

    /// The fraction of the text for training; the rest is for validation.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.9)]
    train_fraction: f64,

    /// The k of add-k smoothing: it is added to the count of every pair of tokens.
    #[arg(long, value_name = "K", default_value_t = 1.0)]
    smoothing: f64,

    /// Number of steps of gradient descent for the learned model.
    #[arg(long, visible_alias = "max-iters", value_name = "N", default_value_t = 3000)]
    steps: usize,

    /// Learning rate. A bigram tolerates large steps; later models need a thousandth.
    #[arg(long, value_name = "RATE", default_value_t = 30.0)]
    learning_rate: f64,

    /// Number of windows of the text per step.
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch_size: usize,

    /// Number of tokens in a window.
    #[arg(long, value_name = "N", default_value_t = 32)]
    block_size: usize,

    /// Number of tokens to generate at the end.
    #[arg(long, value_name = "N", default_value_t = 300)]
    max_new_tokens: usize,

    /// Random seed: the same seed, the same run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Also draw the losses, as an SVG picture.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// The largest vocabulary for which the learned model is trained: beyond it training takes too
/// long.
const LARGEST_VOCABULARY: usize = 1024;

fn main() -> ExitCode {
    screen::main(|options: Options, out| run(&options, out))
}

/// A part of the text with its tokens.
struct Part {
    name: &'static str,
    tokens: Vec<u32>,
    bytes: usize,
    /// The bytes of all tokens but the first, which is not predicted.
    predicted_bytes: usize,
}

fn run(options: &Options, out: &mut impl Write) -> std::result::Result<(), Stop> {
    let kind: TokenizerKind = options.tokenizer.parse()?;
    check(options)?;
    let corpus = Corpus::open(&options.text)?;
    show_text(&corpus, out)?;

    let tokenizer = kind.train(&corpus.text)?;
    show_tokens(&corpus.text, &kind, &tokenizer, out)?;
    for note in corpus.notes(&tokenizer) {
        writeln!(out, "{note}")?;
    }
    let (train, validation) = split(&corpus.text, options.train_fraction)?;
    let part = |name, text: &str| -> Result<Part> {
        let tokens = tokenizer.encode_with_special(text)?;
        let first = tokenizer.decode_bytes(&tokens[..1])?.len();
        Ok(Part { name, tokens, bytes: text.len(), predicted_bytes: text.len() - first })
    };
    let parts = [part("train", train)?, part("validation", validation)?];
    let data = Dataset::new(parts[0].tokens.clone(), options.block_size)?;
    writeln!(out)?;
    for Part { name, tokens, bytes, .. } in &parts {
        writeln!(
            out,
            "  {name:<10} {:>10} tokens, {:.2} bytes each",
            thousands(tokens.len()),
            *bytes as f64 / tokens.len() as f64
        )?;
    }

    let vocab_size = tokenizer.vocab_size();
    let counted = CountedBigram::count(&parts[0].tokens, vocab_size, options.smoothing)?;
    let bare = CountedBigram::count(&parts[0].tokens, vocab_size, 0.0)?;
    show_counted(&counted, &bare, &parts, options.smoothing, out)?;
    let floor = bare.mean_loss(&parts[0].tokens)?;
    let learned = learn(options, &data, vocab_size, floor, &parts, out)?;

    let first = tokenizer.encode("\n").ok().and_then(|tokens| tokens.first().copied());
    let first = first.unwrap_or(parts[0].tokens[0]);
    let rng = &mut generator(options.seed, Purpose::Sampling, 0);
    let (sampler, count) = (&mut Sampler::default(), options.max_new_tokens);
    let written = match learned {
        Some(learned) => learned.generate(first, count, sampler, rng)?,
        None => counted.generate(first, count, sampler, rng)?,
    };
    writeln!(out, "\nWHAT IT WRITES")?;
    writeln!(out, "Each token is drawn by its probability after the one before.\n")?;
    writeln!(out, "{}", wrap(&tokenizer.decode(&written)?, 74, "  "))?;
    Ok(())
}

/// Settings that no other function checks.
fn check(options: &Options) -> Result<()> {
    if !(options.learning_rate > 0.0 && options.learning_rate.is_finite()) {
        let expected = "expected a number above 0, such as 30";
        return Err(Error::setting("--learning-rate", options.learning_rate, expected));
    }
    if options.batch_size == 0 {
        return Err(Error::setting("--batch-size", 0, "expected at least 1"));
    }
    Ok(())
}

/// What the text is, and how it begins.
fn show_text(corpus: &Corpus, out: &mut impl Write) -> io::Result<()> {
    let facts = corpus.describe();
    writeln!(out, "THE TEXT")?;
    writeln!(out, "{}: {} lines,", corpus.origin, thousands(facts.lines))?;
    writeln!(
        out,
        "{} bytes, {} characters, {} different ones.\n",
        thousands(facts.bytes),
        thousands(facts.chars),
        thousands(facts.distinct_chars)
    )?;
    for line in corpus.text.lines().take(6) {
        let line: String = line.chars().map(visible).collect();
        writeln!(out, "{}", format!("  {}", shorten(&line, 72)).trim_end())?;
    }
    writeln!(out, "  …")
}

/// The first sentence in tokens, each over its number.
fn show_tokens(
    text: &str,
    kind: &TokenizerKind,
    tokenizer: &Tokenizer,
    out: &mut impl Write,
) -> std::result::Result<(), Stop> {
    writeln!(out, "\nITS TOKENS")?;
    writeln!(
        out,
        "Cut by `{kind}`: a vocabulary of {} tokens. The first sentence:\n",
        thousands(tokenizer.vocab_size())
    )?;
    // The first line that looks like a sentence, or the first one of all.
    let line = text.lines().find(|line| line.chars().count() >= 20);
    let line: String = line.or(text.lines().next()).unwrap_or("").chars().take(200).collect();
    let (mut names, mut numbers) = (String::new(), String::new());
    for token in tokenizer.encode(&line)? {
        let (name, number) = (tokenizer.token_text(token)?, token.to_string());
        let width = name.chars().count().max(number.len()) + 1;
        if names.chars().count() + width > 70 {
            names += " …";
            break;
        }
        names += &format!("{name:>width$}");
        numbers += &format!("{number:>width$}");
    }
    writeln!(out, "  {names}\n  {numbers}")?;
    Ok(())
}

/// The counted model's losses, between the uniform baseline and the bare counts.
fn show_counted(
    counted: &CountedBigram,
    bare: &CountedBigram,
    parts: &[Part; 2],
    smoothing: f64,
    out: &mut impl Write,
) -> std::result::Result<(), Stop> {
    let vocab_size = counted.vocab_size();
    writeln!(out, "\nTHE COUNTED BIGRAM")?;
    writeln!(
        out,
        "Of {} possible pairs of tokens the text has {}.\n\
         p(b | a) = the fraction of b among all that followed a, with {smoothing} added\n\
         to each count.\n",
        thousands(vocab_size * vocab_size),
        thousands(counted.distinct_pairs())
    )?;
    writeln!(out, "  {:26}{:>8}{:>10}{:>12}{:>12}", "", "nats", "bits", "bits/byte", "perplexity")?;
    let mut row = |name: String, sum: f64, part: &Part| {
        let mean = sum / (part.tokens.len() - 1) as f64;
        writeln!(
            out,
            "  {name:26}{mean:>8.4}{:>10.4}{:>12.4}{:>12.2}",
            bits(mean),
            bits_per_byte(sum, part.predicted_bytes),
            perplexity(mean)
        )
    };
    let uniform = (vocab_size as f64).ln() * (parts[0].tokens.len() - 1) as f64;
    row("uniform baseline".into(), uniform, &parts[0])?;
    for part in parts {
        counted.mean_loss(&part.tokens)?; // an error where there is nothing to measure
        row(format!("counted, {}", part.name), counted.sum_loss(&part.tokens)?, part)?;
    }
    row("the floor: nothing added".into(), bare.sum_loss(&parts[0].tokens)?, &parts[0])?;
    writeln!(out, "\nNo table fits the training text better than the bare counts: the floor.")?;
    Ok(())
}

/// Trains the learned model, and prints how its loss nears that of the counted one.
fn learn(
    options: &Options,
    data: &Dataset,
    vocab_size: usize,
    floor: f64,
    parts: &[Part; 2],
    out: &mut impl Write,
) -> std::result::Result<Option<LearnedBigram<f32>>, Stop> {
    let Options { steps, batch_size, block_size, learning_rate, seed, .. } = *options;
    writeln!(out, "\nTHE LEARNED BIGRAM")?;
    if vocab_size > LARGEST_VOCABULARY {
        writeln!(
            out,
            "Left out: {} tokens make a matrix of {} logits, most of\n\
             them for pairs that never occur. `char` and `bpe:512` make a smaller one.",
            thousands(vocab_size),
            thousands(vocab_size * vocab_size)
        )?;
        return Ok(None);
    }
    let mut model = LearnedBigram::<f32>::new(vocab_size)?;
    writeln!(
        out,
        "{} logits, all 0 at first. Each step takes {} examples and\n\
         moves the logits against the gradient: p − 1 for what came, p for the rest.\n",
        thousands(vocab_size * vocab_size),
        thousands(batch_size * block_size)
    )?;
    writeln!(out, "  {:>8}{:>12}{:>14}{:>24}", "step", "train", "validation", "train above floor")?;
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    let (mut seen, mut measured) = (Vec::new(), Vec::new());
    for step in 0..=steps {
        let round = report_at(step, steps);
        if round || (options.plot.is_some() && step % steps.div_ceil(60).max(1) == 0) {
            let validation = model.mean_loss(&parts[1].tokens)?;
            measured.push((step as f64, validation));
            if round {
                let train = model.mean_loss(&parts[0].tokens)?;
                writeln!(out, "  {step:>8}{train:>12.4}{validation:>14.4}{:>24.4}", train - floor)?;
                out.flush()?;
            }
        }
        if step == steps {
            break;
        }
        let rng = &mut generator(seed, Purpose::Batch, step as u64);
        data.sample_batch(batch_size, block_size, rng, &mut inputs, &mut targets);
        let loss = model.step(&inputs, &targets, learning_rate as f32)?;
        if !loss.is_finite() {
            let remedy = "take a smaller --learning-rate".to_string();
            return Err(Error::Diverged { iter: step, loss, remedy }.into());
        }
        seen.push((step as f64, loss));
    }
    // The visible changes happen early.
    let early = &seen[..seen.len().min(180)];
    if early.len() > 1 {
        writeln!(out, "\n  Each batch's loss, the first {} steps:\n", early.len())?;
        writeln!(out, "{}", indented(&terminal_chart(early, 60, 6)))?;
    }
    if let Some(path) = &options.plot {
        let uniform = (vocab_size as f64).ln();
        let chart = LineChart {
            title: "The loss of the learned bigram falls to that of the counted one".into(),
            x_label: "step".into(),
            y_label: "loss (nats per token)".into(),
            series: vec![
                Series { name: "train, one batch".into(), points: seen },
                Series { name: "validation, all of it".into(), points: measured },
            ],
            references: vec![
                (format!("uniform guess: ln {vocab_size} = {uniform:.2}"), uniform),
                (format!("the floor, counted: {floor:.2}"), floor),
            ],
        };
        chart.save(path)?;
        writeln!(out, "\n  Drawn in {}", path.display())?;
    }
    Ok(Some(model))
}

/// The steps that are printed: 0, 5, 10, 20, 50, 100 … and the last.
fn report_at(step: usize, last: usize) -> bool {
    let mut leading = step;
    while leading >= 10 && leading.is_multiple_of(10) {
        leading /= 10;
    }
    step == 0 || step == last || (step >= 5 && matches!(leading, 1 | 2 | 5))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
