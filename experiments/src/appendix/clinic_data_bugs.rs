//! Two bugs in the data, with which every derivative is right and every shape fits.
//!
//! First a text is cut into windows that overlap, and every tenth window is held out for validation.
//! Then all windows of a batch are drawn with one and the same random number. The book's clinic
//! shows what both look like from outside, and which test finds them.

use std::collections::HashSet;

use rand::RngExt;
use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::tokenizer::CharTokenizer;
use stage03_gpt::trainer::Trainer;

use crate::setup::{self, constant_rate, small_gpt};

/// How many tokens a window has.
const LENGTH: usize = 32;

/// How many windows a batch has.
const BATCH: usize = 12;

/// How many steps a run has.
const STEPS: usize = 1000;

/// After how many steps the loss is evaluated.
const INTERVAL: usize = 200;

/// Runs the experiment.
pub fn run() -> Result<()> {
    let text = Corpus::built_in().text;
    validation_from_the_training_text(&text)?;
    a_batch_from_one_window(&text)
}

/// Tokens of a window, and the one behind it.
type Window = [u32; LENGTH + 1];

/// Windows, one every `apart` tokens.
fn windows(tokens: &[u32], apart: usize) -> Vec<Window> {
    tokens
        .windows(LENGTH + 1)
        .step_by(apart)
        .map(|window| window.try_into().expect("as many tokens"))
        .collect()
}

// ANCHOR: deal
/// The bug: windows that overlap are dealt out, nine for training and one for validation.
fn deal(windows: &[Window]) -> [Vec<Window>; 2] {
    let ours = |validation| {
        let each = windows.iter().enumerate();
        each.filter(move |(i, _)| (i % 10 == 9) == validation).map(|(_, w)| *w).collect()
    };
    [ours(false), ours(true)]
}
// ANCHOR_END: deal

// ANCHOR: seen
/// The test: the fraction of all pieces of 16 tokens of `validation` that `train` has as well.
fn seen(train: &[Window], validation: &[Window]) -> f64 {
    let known: HashSet<&[u32]> = train.iter().flat_map(|window| window.windows(16)).collect();
    let pieces: Vec<&[u32]> = validation.iter().flat_map(|window| window.windows(16)).collect();
    pieces.iter().filter(|piece| known.contains(*piece)).count() as f64 / pieces.len() as f64
}
// ANCHOR_END: seen

fn validation_from_the_training_text(text: &str) -> Result<()> {
    let tokenizer = CharTokenizer::train(text)?;
    let tokens = tokenizer.encode(&text[..8_000])?;
    let [train, validation] = deal(&windows(&tokens, 8));
    let never_seen = windows(&tokenizer.encode(&text[8_000..16_000])?, LENGTH);

    println!("A BUG: VALIDATION FROM THE TRAINING TEXT. 8,000 characters, nats per character");
    println!("   step      train   validation   the next 8,000 characters");
    let mut trainer = trainer(tokenizer.vocab_size())?;
    for step in 0..=STEPS {
        if step % INTERVAL == 0 {
            let mut loss = |windows| mean_loss(&mut trainer, windows);
            let [train, dealt, fresh] = [loss(&train), loss(&validation), loss(&never_seen)];
            println!("{step:>7}{train:>11.3}{dealt:>13.3}{fresh:>28.3}");
        }
        let mut rng = trainer.batch_rng();
        learn(&mut trainer, &[(); BATCH].map(|()| train[rng.random_range(0..train.len())]))?;
    }
    // The right way: first the cut, then the windows.
    let (first, last) = tokens.split_at(tokens.len() * 9 / 10);
    let apart = seen(&windows(first, 8), &windows(last, 8));
    println!("pieces of 16 characters that training has seen");
    println!("  windows, then the split  {:>4.0} %", 100.0 * seen(&train, &validation));
    println!("  the split, then windows  {:>4.0} %", 100.0 * apart);
    Ok(())
}

// ANCHOR: batch
/// The places where the windows of a batch begin; the bug draws once for all of them.
fn starts(places: usize, bug: bool, rng: &mut Generator) -> [usize; BATCH] {
    let one = rng.random_range(0..places);
    [(); BATCH].map(|()| if bug { one } else { rng.random_range(0..places) })
}
// ANCHOR_END: batch

fn a_batch_from_one_window(text: &str) -> Result<()> {
    let text = &text[..1_000_000];
    let tokenizer = CharTokenizer::train(text)?;
    let tokens = tokenizer.encode(text)?;
    let (train, validation) = tokens.split_at(900_000);
    let validation = windows(&validation[..12_000], LENGTH);

    println!("\nA BUG: A BATCH FROM ONE WINDOW. A million characters, nats per character");
    println!("           each its own place            one for the batch");
    println!("   step   validation   jitter        validation   jitter");
    let mut rows = vec![format!("{:>7}", 0)];
    rows.extend((1..=STEPS / INTERVAL).map(|i| format!("{:>7}", i * INTERVAL)));
    for bug in [false, true] {
        let mut trainer = trainer(tokenizer.vocab_size())?;
        let mut losses = Vec::new();
        for step in 0..=STEPS {
            if step % INTERVAL == 0 {
                let loss = mean_loss(&mut trainer, &validation);
                let jitter = match losses.len() {
                    0 => "-".to_string(),
                    n => format!("{:.3}", jitter(&losses[n - INTERVAL..])),
                };
                rows[step / INTERVAL] += &format!("{loss:>13.3}{jitter:>9}     ");
            }
            let mut rng = trainer.batch_rng();
            let starts = starts(train.len() - LENGTH, bug, &mut rng);
            let batch = starts.map(|i| train[i..=i + LENGTH].try_into().expect("as many"));
            losses.push(learn(&mut trainer, &batch)?);
        }
    }
    rows.iter().for_each(|row| println!("{}", row.trim_end()));
    println!("different windows in the first batch");
    for (name, bug) in [("each its own place", false), ("one for the batch", true)] {
        let starts = starts(train.len() - LENGTH, bug, &mut generator(1, Purpose::Batch, 0));
        println!("  {name:<20}{:>3}", HashSet::from(starts).len());
    }
    Ok(())
}

/// The typical distance of a loss from the one before it, over the root of two: if nothing but
/// chance moves them, their spread.
fn jitter(losses: &[f64]) -> f64 {
    let squares: f64 = losses.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    (squares / (losses.len() - 1) as f64 / 2.0).sqrt()
}

/// The rows of a batch, and what comes after each token.
fn rows(windows: &[Window]) -> (Vec<u32>, Vec<u32>) {
    let inputs = windows.iter().flat_map(|window| &window[..LENGTH]).copied().collect();
    let targets = windows.iter().flat_map(|window| &window[1..]).copied().collect();
    (inputs, targets)
}

/// One step; returns the loss of its batch.
fn learn(trainer: &mut Trainer<f32>, batch: &[Window; BATCH]) -> Result<f64> {
    let (inputs, targets) = rows(batch);
    trainer.accumulate(&inputs, &targets);
    Ok(trainer.step()?.loss)
}

/// The loss over all full batches of these windows.
fn mean_loss(trainer: &mut Trainer<f32>, windows: &[Window]) -> f64 {
    let batches = windows.chunks_exact(BATCH);
    let tokens = (batches.len() * BATCH * LENGTH) as f64;
    let sum: f64 = batches
        .map(|batch| {
            let (inputs, targets) = rows(batch);
            trainer.evaluate(&inputs, &targets)
        })
        .sum();
    sum / tokens
}

/// The model and the settings of `part3/overfitting.rs`.
fn trainer(vocab_size: usize) -> Result<Trainer<f32>> {
    setup::trainer(small_gpt(vocab_size, LENGTH), setup::settings(BATCH, constant_rate(5e-3, 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_of_the_split_sees_windows_that_overlap() {
        let tokens: Vec<u32> = (0..2_000).collect(); // no piece occurs twice
        let [train, validation] = deal(&windows(&tokens, 8));
        assert_eq!(seen(&train, &validation), 1.0);
        let (first, last) = tokens.split_at(1_800);
        assert_eq!(seen(&windows(first, 8), &windows(last, 8)), 0.0);
    }

    #[test]
    fn a_batch_has_places_of_its_own_unless_the_bug_is_there() {
        let mut rng = generator(1, Purpose::Batch, 0);
        assert_eq!(HashSet::from(starts(1_000_000, true, &mut rng)).len(), 1);
        assert_eq!(HashSet::from(starts(1_000_000, false, &mut rng)).len(), BATCH);
    }

    #[test]
    fn jitter_is_the_spread_of_independent_losses() {
        assert!((jitter(&[1.0, 3.0, 1.0, 3.0]) - 2f64.sqrt()).abs() < 1e-12);
        assert_eq!(jitter(&[2.0; 5]), 0.0);
    }
}
