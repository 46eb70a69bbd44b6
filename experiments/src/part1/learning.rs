//! Learning: nudges on paper, one step by hand, the walk down, three step sizes, and two bugs.
//!
//! `--plot FILE` draws the loss of the three step sizes.

use std::path::Path;

use ndarray::{Array2, ArrayView2, Axis};
use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram, LearnedBigram};
use stage01_bigram::dataset::Dataset;
use stage01_bigram::gradcheck::{Agreement, Mismatch, check_gradient};
use stage01_bigram::loss::{cross_entropy, cross_entropy_backward, log_softmax, softmax};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};

use crate::setup::{ABRACADABRA, CharData};

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    nudges();
    one_step()?;
    the_walk()?;
    let curves = step_sizes()?;
    if let Some(file) = plot {
        chart(curves).save(file)?;
    }
    too_large_for_exp();
    overwritten_rows()
}

// ANCHOR: loss
/// The surprise of one row of logits at its target.
fn loss(logits: &[f64], target: usize) -> f64 {
    let mut log_p = vec![0.0; logits.len()];
    log_softmax(logits, &mut log_p);
    -log_p[target]
}
// ANCHOR_END: loss

fn nudges() {
    println!("NUDGES: logits 0, ln 2, ln 3; the last one is the target");
    let (logits, target) = ([0.0, 2f64.ln(), 3f64.ln()], 2);
    let mut p = [0.0; 3];
    softmax(&logits, &mut p);
    println!("p = {:.4} {:.4} {:.4}, loss {:.4}", p[0], p[1], p[2], loss(&logits, target));
    // ANCHOR: nudge
    let h = 0.001;
    for i in 0..3 {
        let mut nudged = logits;
        nudged[i] += h;
        let slope = (loss(&nudged, target) - loss(&logits, target)) / h;
        println!("logit {i}: p = {:.4}, loss moves {slope:+.4} for each unit of nudge", p[i]);
    }
    // ANCHOR_END: nudge
}

/// The examples of the word: each letter but the last, and what came after it.
fn examples() -> (&'static [u32], &'static [u32]) {
    (&ABRACADABRA[..10], &ABRACADABRA[1..])
}

fn one_step() -> Result<()> {
    println!("\nONE STEP: the row of `a` in a table of zeros, 10 examples, learning rate 10");
    let (inputs, targets) = examples();
    let mut model = LearnedBigram::<f64>::new(5)?;
    let show = |name, row: &[f64]| {
        let row: String = row.iter().map(|x| format!("{x:8.3}")).collect();
        println!("{name:10}{row}");
    };
    println!("{:10}{:>8}{:>8}{:>8}{:>8}{:>8}", "", "a", "b", "c", "d", "r");
    show("gradient", &model.loss_and_gradient(inputs, targets)?.1[..5]);
    let before = model.step(inputs, targets, 10.0)?;
    show("logits", &model.logits_mut()[..5]);
    let mut log_p = [0.0; 5];
    model.log_probabilities(0, &mut log_p)?;
    show("p", &log_p.map(f64::exp));
    println!("the loss was {before:.4}, now it is {:.4}", model.mean_loss(&ABRACADABRA)?);
    Ok(())
}

fn the_walk() -> Result<()> {
    println!("\nTHE WALK: all 10 examples in every step, learning rate 10");
    let (inputs, targets) = examples();
    let floor = CountedBigram::count(&ABRACADABRA, 5, 0.0)?.mean_loss(&ABRACADABRA)?;
    let mut model = LearnedBigram::<f64>::new(5)?;
    let mut log_p = [0.0; 5];
    println!("{:>8}{:>10}     p(b)   p(c)   p(d)   after a", "step", "loss");
    for step in 0..=10_000 {
        if [0, 1, 2, 5, 10, 100, 1000, 10_000].contains(&step) {
            model.log_probabilities(0, &mut log_p)?;
            let p: String =
                log_p[1..4].iter().map(|log_p| format!("{:7.3}", log_p.exp())).collect();
            println!("{step:>8}{:>10.4}  {p}", model.mean_loss(&ABRACADABRA)?);
        }
        model.step(inputs, targets, 10.0)?;
    }
    println!("{:>8}{floor:>10.4}    0.500  0.250  0.250", "counted");
    Ok(())
}

/// The King James text in characters: how many there are, the training text, and some of the rest.
fn king_james() -> Result<(usize, Dataset, Vec<u32>)> {
    let data = CharData::king_james(32)?;
    let validation = data.validation.tokens()[..50_000].to_vec();
    Ok((data.vocab_size(), data.train, validation))
}

const RATES: [f32; 4] = [1.0, 30.0, 100.0, 300.0];

/// The validation loss at some steps, for each of the learning rates.
fn step_sizes() -> Result<Vec<Vec<(f64, f64)>>> {
    println!("\nSTEP SIZES: validation loss on the King James text, characters");
    let (vocab_size, data, validation) = king_james()?;
    let mut curves = Vec::new();
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for rate in RATES {
        let mut model = LearnedBigram::<f32>::new(vocab_size)?;
        let mut curve = Vec::new();
        for step in 0..=400 {
            if step % 5 == 0 {
                curve.push((step as f64, model.mean_loss(&validation)?));
            }
            let rng = &mut generator(1, Purpose::Batch, step);
            data.sample_batch(64, 32, rng, &mut inputs, &mut targets);
            model.step(&inputs, &targets, rate)?;
        }
        curves.push(curve);
    }
    println!("{:>8}{:>10}{:>10}{:>10}{:>10}", "step", "rate 1", "rate 30", "rate 100", "rate 300");
    for at in [0, 1, 2, 4, 20, 80] {
        let losses: String = curves.iter().map(|curve| format!("{:>10.4}", curve[at].1)).collect();
        println!("{:>8}{losses}", curves[0][at].0);
    }
    Ok(curves)
}

fn chart(curves: Vec<Vec<(f64, f64)>>) -> LineChart {
    let series = RATES.iter().zip(curves);
    LineChart {
        title: "Steps too small, right, and too large".into(),
        x_label: "step".into(),
        y_label: "validation loss (nats per character)".into(),
        series: series
            .map(|(rate, points)| Series { name: format!("learning rate {rate}"), points })
            .collect(),
        references: vec![("uniform guess: ln 73".into(), 73f64.ln())],
    }
}

/// Softmax as the formula has it, without the care of [`softmax`].
fn naive_softmax(logits: &[f64]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|z| z.exp()).sum();
    logits.iter().map(|z| z.exp() / sum).collect()
}

fn too_large_for_exp() {
    println!("\nA BUG: exp of a large logit");
    let logits = [1000.0, 999.0f64];
    let mut p = [0.0; 2];
    softmax(&logits, &mut p);
    println!("exp(1000) = {}", logits[0].exp());
    println!("as the formula has it: {:?}", naive_softmax(&logits));
    println!("less the largest:      [{:.4}, {:.4}]", p[0], p[1]);
}

/// The rows that the examples look up, one below the other.
fn look_up(table: ArrayView2<f64>, inputs: &[u32]) -> Array2<f64> {
    let places: Vec<usize> = inputs.iter().map(|&a| a as usize).collect();
    table.select(Axis(0), &places)
}

/// The mean loss of the examples with this table.
fn table_loss(table: ArrayView2<f64>, inputs: &[u32], targets: &[u32]) -> f64 {
    cross_entropy(look_up(table, inputs).view(), targets) / inputs.len() as f64
}

/// The gradient of that loss as `LearnedBigram` works it out, or with a bug: a row that several
/// examples look up keeps the push of the last one only.
fn gradient(table: ArrayView2<f64>, inputs: &[u32], targets: &[u32], bug: bool) -> Array2<f64> {
    let mut rows = look_up(table, inputs);
    cross_entropy_backward(rows.view_mut(), targets, 1.0 / inputs.len() as f64);
    let mut gradient = Array2::zeros(table.dim());
    // ANCHOR: bug
    for (&a, push) in inputs.iter().zip(rows.rows()) {
        let mut row = gradient.row_mut(a as usize);
        if bug { row.assign(&push) } else { row += &push }
    }
    // ANCHOR_END: bug
    gradient
}

/// Whether nudges agree with [`gradient`], on a table of zeros for the word of the paper examples.
fn check(bug: bool) -> std::result::Result<Agreement, Mismatch> {
    let (inputs, targets) = examples();
    let mut table = Array2::zeros((5, 5));
    // ANCHOR: check
    let analytic = gradient(table.view(), inputs, targets, bug);
    let (values, analytic) = (table.as_slice_mut().unwrap(), analytic.as_slice().unwrap());
    check_gradient(values, analytic, 1e-8, |values| {
        table_loss(ArrayView2::from_shape((5, 5), values).unwrap(), inputs, targets)
    })
    // ANCHOR_END: check
}

fn overwritten_rows() -> Result<()> {
    println!("\nA BUG: rows that overwrite each other's push; 400 steps on the King James text");
    let (vocab_size, data, _) = king_james()?;
    for bug in [false, true] {
        let mut table = Array2::zeros((vocab_size, vocab_size));
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        print!("{}  loss", if bug { "overwritten" } else { "added up   " });
        for step in 0..=400 {
            let rng = &mut generator(1, Purpose::Batch, step);
            data.sample_batch(64, 32, rng, &mut inputs, &mut targets);
            if [0, 50, 100, 200, 400].contains(&step) {
                print!("  {:.4}", table_loss(table.view(), &inputs, &targets));
            }
            let gradient = gradient(table.view(), &inputs, &targets, bug);
            table.scaled_add(-30.0, &gradient);
        }
        match check(bug) {
            Ok(agreement) => println!("\ncheck: all {} derivatives agree", agreement.checked),
            Err(mismatch) => println!("\ncheck: {mismatch}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn the_step_for_paper() {
        let (inputs, targets) = examples();
        let mut model = LearnedBigram::<f64>::new(5).unwrap();
        let row = model.loss_and_gradient(inputs, targets).unwrap().1[..5].to_vec();
        // Four examples begin with a: 4/5 less how often each letter came, over 10.
        let by_hand = [0.08, -0.12, -0.02, -0.02, 0.08];
        assert_relative_eq!(&row[..], &by_hand[..], epsilon = 1e-12);
        model.step(inputs, targets, 10.0).unwrap();
        let by_hand = [-0.8, 1.2, 0.2, 0.2, -0.8];
        assert_relative_eq!(&model.logits_mut()[..5], &by_hand[..], epsilon = 1e-12);
    }

    #[test]
    fn the_check_finds_the_bug_and_nothing_else() {
        assert_eq!(check(false).unwrap().checked, 25);
        assert!(check(true).is_err());
    }
}
