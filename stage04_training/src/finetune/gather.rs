//! From the settings to the batches of a run: what is learned, what is held out, and the old text.
//!
//! *Replay* mixes pieces of an old text among the new examples, so that what the model knew is
//! practised while it learns something else. The last tenth of the old text is never learned: its loss
//! shows what is forgotten.
//!
//! What this file leaves out: how a file becomes examples ([`read`](super::read())).

use std::path::PathBuf;

use rand::seq::SliceRandom;
use serde_json::Value;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};
use stage03_gpt::model::Model;

use super::batches::Batches;
use super::course;
use super::documents::TextEncoder;
use super::encode::Encoder;
use super::example::{Example, Origin};
use super::fault::Faults;
use super::held_out::{hold_out, shared_prompts};
use super::pairs::{PairBatches, pairs_of, read_pairs};
use super::read::{ReadSettings, read};
use super::run::{FinetuneBatches, check_vocabulary};
use super::settings::FinetuneSettings;
use super::template::Template;
use crate::progress::Reporter;

/// The most rows of old text in an evaluation: more would change the loss little.
const OLD_ROWS: usize = 32;

/// The examples of a run, and where they come from.
pub struct Gathered {
    /// The examples.
    pub batches: FinetuneBatches,
    /// How many rows a micro-batch has.
    pub batch_size: usize,
    /// How many of the tokens that are learned from are replayed.
    pub replayed: usize,
    /// What all batches depend on: a run that is resumed must find the same.
    pub identity: Value,
    /// The chat template of the fine-tuned model, where it learned from conversations.
    pub template: Option<String>,
    /// The tokens that end an answer.
    pub ends: Vec<u32>,
}

/// Reads everything that a run learns from.
///
/// # Errors
/// Those of [`read`](super::read()) and [`hold_out`]; [`Error::Setting`] for sizes that do not fit.
pub fn gather(
    settings: &FinetuneSettings,
    model: &Model,
    reporter: &dyn Reporter,
) -> Result<Gathered> {
    let block_size = settings.block_size().min(model.gpt.config().block_size);
    let read_settings = ReadSettings { block_size, skip_bad: settings.skip_bad };
    let read = |paths: &[PathBuf]| {
        let data = read(paths, model, &read_settings, reporter)?;
        tell(&data.skipped, reporter);
        Ok::<_, Error>(data.examples)
    };
    let encoder = || {
        let eos = &model.special.eos;
        Encoder::new(Template::of(model)?, &model.tokenizer, eos, block_size)
    };
    let mut pairs = None;
    let (train, held_out) = if settings.preferences {
        let (train, held_out) = both_pairs(settings, &encoder()?, reporter)?;
        let chosen = |pairs: &[Example]| pairs.iter().step_by(2).cloned().collect::<Vec<_>>();
        let answers = (chosen(&train), chosen(&held_out));
        pairs = Some([train, held_out]);
        answers
    } else if settings.text.is_empty() {
        let encoder = encoder()?;
        let examples = |name, lines| {
            let (examples, skipped) = course::examples(name, lines, &encoder, settings.skip_bad)?;
            if skipped > 0 {
                let most = thousands(block_size);
                reporter.note(&format!(
                    "note: longer than {most} tokens and left out: {skipped} of {name}"
                ));
            }
            Ok::<_, Error>(examples)
        };
        let held_out = match settings.val_text.is_empty() {
            true => examples("the course's held-out questions", course::HELD_OUT)?,
            false => read(&settings.val_text)?,
        };
        (examples("the course's questions", course::INSTRUCTIONS)?, held_out)
    } else if settings.val_text.is_empty() {
        hold_out(read(&settings.text)?, settings.held_out, settings.seed)?
    } else {
        (read(&settings.text)?, read(&settings.val_text)?)
    };
    match shared_prompts(&train, &held_out) {
        0 => {}
        n => {
            reporter.note(&format!("note: {n} held-out questions are in the text that is learned"))
        }
    }

    let (mut train, mut replayed, mut old_rows) = (train, 0, None);
    if settings.replay > 0.0 || !settings.old_text.is_empty() {
        let (known, unseen) = old_text(settings, model, block_size)?;
        let added = replay(known, &train, settings);
        replayed = added.iter().map(|example| example.tokens.len()).sum();
        train.extend(added);
        old_rows = Some(unseen);
    }
    let conversations =
        train.iter().any(|example| matches!(example.origin, Origin::Conversation { .. }));
    let encoder = match conversations {
        true => Some(encoder()?),
        false => None,
    };
    let ends = encoder.as_ref().map_or(&model.special.eos[..], Encoder::ends).to_vec();
    let padding = ends.first().copied().unwrap_or(0);
    let pack =
        |examples, group| Batches::grouped(examples, group, block_size, 1, settings.seed, padding);
    let train = pack(train, 1)?;
    let pairs = match pairs {
        None => None,
        Some([train, held_out]) => Some([pack(train, 2)?, pack(held_out, 2)?]),
    };
    let learned = pairs.as_ref().map_or(&train, |[train, _]| train);
    let batch_size = settings.batch_size(learned.rows());
    let sized = |batches: Batches| batches.with_batch_size(batch_size);
    let batches = FinetuneBatches {
        train: sized(train)?,
        held_out: sized(pack(held_out, 1)?)?,
        old: old_rows.map(|rows| sized(pack(rows, 1)?)).transpose()?,
        pairs: match pairs {
            None => None,
            Some([train, held_out]) => {
                let of = |batches| {
                    let (batches, references) = (sized(batches)?, vec![]);
                    Ok::<_, Error>(PairBatches { batches, references, beta: settings.beta })
                };
                Some([of(train)?, of(held_out)?])
            }
        },
    };
    let vocab_size = model.gpt.config().vocab_size;
    for part in [&batches.train, &batches.held_out].into_iter().chain(&batches.old) {
        check_vocabulary(part, vocab_size)?;
    }
    let template = encoder.map(|encoder| encoder.template().jinja().to_string());
    let identity = batches.identity();
    Ok(Gathered { batches, batch_size, replayed, identity, template, ends })
}

/// The pairs that are learned, and those that are held out; two examples for each.
fn both_pairs(
    settings: &FinetuneSettings,
    encoder: &Encoder,
    reporter: &dyn Reporter,
) -> Result<(Vec<Example>, Vec<Example>)> {
    let skip_bad = settings.skip_bad;
    let told = |(examples, skipped): (Vec<Example>, Faults)| {
        tell(&skipped, reporter);
        examples
    };
    let read = |paths: &[PathBuf]| read_pairs(paths, encoder, skip_bad).map(told);
    let built_in = |name, lines| pairs_of(name, lines, encoder, skip_bad).map(told);
    if settings.text.is_empty() {
        let held_out = match settings.val_text.is_empty() {
            true => built_in("the course's held-out pairs", course::PREFERENCES_HELD_OUT)?,
            false => read(&settings.val_text)?,
        };
        return Ok((built_in("the course's pairs", course::PREFERENCES)?, held_out));
    }
    if !settings.val_text.is_empty() {
        return Ok((read(&settings.text)?, read(&settings.val_text)?));
    }
    hold_out(read(&settings.text)?, settings.held_out, settings.seed)
}

/// Tells which lines were left out.
fn tell(skipped: &Faults, reporter: &dyn Reporter) {
    if skipped.count() > 0 {
        skipped.lines().iter().for_each(|line| reporter.line(line));
        let lines = if skipped.count() == 1 { "1 line was" } else { "lines were" };
        let number =
            if skipped.count() == 1 { String::new() } else { format!("{} ", skipped.count()) };
        reporter.note(&format!("note: {number}{lines} left out"));
    }
}

/// The pieces of the first 90% of the old text, and some of the last 10%.
fn old_text(
    settings: &FinetuneSettings,
    model: &Model,
    block_size: usize,
) -> Result<(Vec<Example>, Vec<Example>)> {
    let corpus = Corpus::open(&settings.old_text)?;
    let mut pieces = TextEncoder::new(&model.tokenizer, block_size).encode(&corpus.text)?;
    if pieces.len() < 2 {
        let expected = format!("it has too few tokens for two rows of {block_size}");
        return Err(Error::setting("--old-text", corpus.origin, expected));
    }
    let mut unseen = pieces.split_off((pieces.len() * 9 / 10).clamp(1, pieces.len() - 1));
    // Spread over the whole part.
    let step = unseen.len().div_ceil(OLD_ROWS);
    unseen = unseen.into_iter().step_by(step).collect();
    Ok((pieces, unseen))
}

/// As many pieces, by chance, as make the wanted part of all tokens.
fn replay(
    mut known: Vec<Example>,
    examples: &[Example],
    settings: &FinetuneSettings,
) -> Vec<Example> {
    known.shuffle(&mut generator(settings.seed, Purpose::Batch, u64::MAX));
    let tokens: usize = examples.iter().map(|example| example.tokens.len()).sum();
    let wanted = settings.replay / (1.0 - settings.replay) * tokens as f64;
    let mut sum = 0.0;
    known.retain(|piece| {
        let taken = sum < wanted;
        sum += if taken { piece.tokens.len() as f64 } else { 0.0 };
        taken
    });
    known
}
