//! Pairs of a chosen and a rejected answer, for learning from preferences.
//!
//! A line is one JSON object, in the form that TRL takes:
//!
//! ```json
//! {"prompt": "What is a token?", "chosen": "A piece of text ...", "rejected": "Great question! ..."}
//! ```
//!
//! Each pair becomes two examples with the same question, which stay beside each other in a row.
//!
//! What this file leaves out: the loss ([`dpo`](stage03_gpt::dpo)).

use std::path::PathBuf;

use stage01_bigram::Result;
use stage03_gpt::dpo::Sums;
use stage03_gpt::files::json_lines::{Lines, object};
use stage03_gpt::message::Message;
use stage03_gpt::trainer::{PackedBatch, PreferenceBatch};

use super::batches::{Batch, Batches};
use super::encode::Encoder;
use super::example::Example;
use super::fault::{Fault, Faults};
use crate::backend::Backend;

/// Reads pairs from files: two examples for each, the chosen answer first.
///
/// # Errors
/// [`Error::File`](stage01_bigram::Error::File) for a file that cannot be read;
/// [`Error::Text`](stage01_bigram::Error::Text) with the lines that cannot be used, unless they are
/// skipped.
pub fn read_pairs(
    paths: &[PathBuf],
    encoder: &Encoder,
    skip_bad: bool,
) -> Result<(Vec<Example>, Faults)> {
    let (mut examples, mut faults) = (vec![], Faults::default());
    for path in paths {
        for line in Lines::open(path)? {
            let line = line?;
            let place = || format!("{}:{}", path.display(), line.number);
            match pair(&line.bytes, place, encoder) {
                Ok(pair) => examples.extend(pair),
                Err(fault) => faults.push(fault),
            }
        }
    }
    usable(examples, faults, skip_bad)
}

fn usable(
    examples: Vec<Example>,
    faults: Faults,
    skip_bad: bool,
) -> Result<(Vec<Example>, Faults)> {
    match faults.error(skip_bad) {
        Some(error) if !skip_bad || examples.is_empty() => Err(error),
        _ => Ok((examples, faults)),
    }
}

/// The pairs of JSON lines in memory.
///
/// # Errors
/// As [`read_pairs`].
pub fn pairs_of(
    name: &str,
    lines: &str,
    encoder: &Encoder,
    skip_bad: bool,
) -> Result<(Vec<Example>, Faults)> {
    let (mut examples, mut faults) = (vec![], Faults::default());
    for (number, line) in (1..).zip(lines.lines()) {
        match pair(line.as_bytes(), || format!("{name}:{number}"), encoder) {
            Ok(pair) => examples.extend(pair),
            Err(fault) => faults.push(fault),
        }
    }
    usable(examples, faults, skip_bad)
}

fn pair(
    line: &[u8],
    place: impl Fn() -> String,
    encoder: &Encoder,
) -> std::result::Result<[Example; 2], Fault> {
    const FORM: &str = "expected the texts prompt, chosen and rejected, none of them empty";
    let object = object(line).map_err(|problem| Fault::new(place(), problem, FORM))?;
    let text = |name: &str| {
        let value = object.get(name);
        let text = value.and_then(|value| value.as_str()).filter(|text| !text.trim().is_empty());
        let problem = match value {
            None => format!("it has no {name}"),
            Some(_) => format!("{name} is no text, or empty"),
        };
        text.ok_or_else(|| Fault::new(place(), problem, FORM))
    };
    let (prompt, chosen, rejected) = (text("prompt")?, text("chosen")?, text("rejected")?);
    if chosen.trim() == rejected.trim() {
        let problem = "chosen and rejected are the same";
        return Err(Fault::new(place(), problem, "leave the line out, or write a worse answer"));
    }
    let encode = |answer: &str| {
        let messages = [Message::user(prompt), Message::assistant(answer)];
        encoder.encode(&messages).map_err(|error| Fault::of(place(), error))
    };
    Ok([encode(chosen)?, encode(rejected)?])
}

/// Pairs in batches, and what the reference thinks of them.
#[derive(Debug)]
pub struct PairBatches {
    /// Two examples for each pair.
    pub batches: Batches,
    /// The log-probabilities of both answers of each pair under the reference; empty before they are
    /// computed.
    pub references: Vec<[f64; 2]>,
    /// How strongly the reference holds the model.
    pub beta: f64,
}

/// One batch of [`PairBatches`].
pub struct PairBatch {
    batch: Batch,
    references: Vec<Vec<[f64; 2]>>,
    beta: f64,
    /// How many pairs it has.
    pub pairs: usize,
}

impl PairBatches {
    /// The batch of this number, from 0.
    pub fn at(&self, number: u64) -> PairBatch {
        let groups = self.batches.groups_of(number);
        let reference = |&pair: &usize| self.references[pair];
        let references = groups.iter().map(|row| row.iter().map(reference).collect()).collect();
        let pairs = groups.iter().map(Vec::len).sum();
        PairBatch { batch: self.batches.at(number), references, beta: self.beta, pairs }
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.batches.examples().len() / 2
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // ANCHOR: reference
    /// The log-probabilities of both answers of each pair under the present model: one forward pass.
    ///
    /// # Errors
    /// When the device fails.
    pub fn log_probabilities(&self, backend: &mut dyn Backend) -> Result<Vec<[f64; 2]>> {
        let mut all = vec![[0.0; 2]; self.len()];
        for number in 0..self.batches.per_epoch() {
            let Batch { inputs, targets, documents } = &self.batches.at(number);
            let packed = PackedBatch { inputs, targets, documents, targets_of_step: 1 };
            let sums = backend.log_probabilities(&packed)?;
            for (groups, sums) in self.batches.groups_of(number).iter().zip(sums) {
                for (&pair, sums) in groups.iter().zip(sums.chunks_exact(2)) {
                    all[pair] = [sums[0], sums[1]];
                }
            }
        }
        Ok(all)
    }

    /// Lets the present model be the reference.
    ///
    /// # Errors
    /// When the device fails.
    pub fn refer_to(&mut self, backend: &mut dyn Backend) -> Result<()> {
        self.references = self.log_probabilities(backend)?;
        Ok(())
    }
    // ANCHOR_END: reference

    /// What all pairs add up to, or those of the first `most` batches.
    ///
    /// # Errors
    /// When the device fails.
    pub fn measure(&self, backend: &mut dyn Backend, most: u64) -> Result<Sums> {
        let mut sums = Sums::default();
        for number in 0..self.batches.per_epoch().min(most) {
            sums.merge(backend.evaluate_preferences(&self.at(number).for_step(1))?);
        }
        Ok(sums)
    }
}

impl PairBatch {
    /// The batch in a step of so many pairs.
    pub fn for_step(&self, pairs_of_step: usize) -> PreferenceBatch<'_> {
        let PairBatch { batch: Batch { inputs, targets, documents }, references, beta, .. } = self;
        let packed = PackedBatch { inputs, targets, documents, targets_of_step: 1 };
        PreferenceBatch { packed, references, beta: *beta, pairs_of_step }
    }
}
