//! Memorising: a small text, the same with dropout, and a larger text.
//!
//! First dropout on paper: two numbers, all four cases. Then the same model three times, with the
//! loss on the training and the validation set, both with nothing dropped. `--plot FILE` draws
//! them. At last a text that is evaluated in windows which overlap.

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::loss::perplexity;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::dropout::Dropout;
use stage03_gpt::config::GptConfig;
use stage03_gpt::evaluate::evaluate;
use stage03_gpt::trainer::Trainer;

use crate::setup::{self, CharData, constant_rate, small_gpt};

/// How many tokens a window has.
const LENGTH: usize = 32;

/// How many windows a batch has.
const BATCH: usize = 12;

/// How many steps a run has.
const STEPS: usize = 1000;

/// After how many steps it is evaluated.
const INTERVAL: usize = 100;

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    on_paper()?;
    let text = Corpus::built_in().text;
    println!("\nMEMORISING: nats per character, {STEPS} steps");
    println!("              8,000 characters        the same, dropout     1,000,000 characters");
    println!("   step     train    val    gap      train    val    gap      train    val    gap");
    let runs = [
        Run::train(&text[..8_000], 0.0)?,
        Run::train(&text[..8_000], 0.2)?,
        Run::train(&text[..1_000_000], 0.0)?,
    ];
    for row in 0..runs[0].rows.len() {
        print!("{:>7}", INTERVAL * row);
        for run in &runs {
            let [train, validation] = run.rows[row];
            print!("{train:>10.3}{validation:>7.3}{:>7.3}", validation - train);
        }
        println!();
    }
    println!("\nWITH DROPOUT: two losses of the second model at the end");
    println!("the last batches, with dropout      {:.3}", runs[1].batches);
    println!("the training set, nothing dropped   {:.3}", runs[1].rows.last().expect("rows")[0]);
    sliding(&runs[2])?;
    if let Some(file) = plot {
        chart(&runs).save(file)?;
    }
    Ok(())
}

/// The loss over one text, in windows that overlap more and more.
fn sliding(run: &Run) -> Result<()> {
    let Run { trainer, held_out, .. } = run;
    println!("\nSLIDING WINDOWS: the third model, 8,000 characters that it has not seen");
    println!("moves on by   windows   least context   nats per character   perplexity");
    for stride in [LENGTH, LENGTH / 2, LENGTH / 4, 1] {
        let loss = evaluate(trainer.gpt(), &trainer.weights, held_out, stride)?.per_token();
        let windows = 1 + (held_out.len() - 1 - LENGTH).div_ceil(stride);
        let (least, perplexity) = (LENGTH - stride + 1, perplexity(loss));
        println!("{stride:>11}{windows:>10}{least:>16}{loss:>21.4}{perplexity:>13.3}");
    }
    Ok(())
}

/// Every way to drop some of two numbers: its probability, and the sum of what is left, scaled.
fn cases(x: [f64; 2], p: f64) -> Vec<(f64, f64)> {
    let keeps = [(1.0 - p, 1.0 / (1.0 - p)), (p, 0.0)];
    let both = keeps.iter().flat_map(|a| keeps.iter().map(move |b| (a, b)));
    both.map(|(a, b)| (a.0 * b.0, a.1 * x[0] + b.1 * x[1])).collect()
}

/// The mean over the cases, each weighted by its probability.
fn expectation(cases: &[(f64, f64)]) -> f64 {
    cases.iter().map(|(probability, sum)| probability * sum).sum()
}

fn on_paper() -> Result<()> {
    println!("ON PAPER: the sum of 4 and 8, each dropped with probability 1/4");
    println!("kept      probability    sum, scaled    product");
    let cases = cases([4.0, 8.0], 0.25);
    for (name, (probability, sum)) in ["4 and 8", "4", "8", "none"].iter().zip(&cases) {
        println!("{name:<9}{probability:>12.4}{sum:>15.4}{:>11.4}", probability * sum);
    }
    println!("mean {:>42.4}", expectation(&cases));
    println!("mean of 100,000 draws {:>25.2}", drawn(100_000)?);
    Ok(())
}

/// The mean of `draws` sums of 4 and 8 after the real dropout.
fn drawn(draws: usize) -> Result<f64> {
    let mut rng = generator(1, Purpose::Dropout, 0);
    let mut x: Vec<f64> = [4.0, 8.0].repeat(draws);
    let mut mask = vec![0.0; x.len()];
    Dropout::new(0.25)?.forward(&mut x, &mut mask, std::slice::from_mut(&mut rng));
    Ok(x.iter().sum::<f64>() / draws as f64)
}

/// What a run leaves behind.
struct Run {
    /// The losses on the training and on the validation set, every `INTERVAL` steps.
    rows: Vec<[f64; 2]>,
    /// The mean loss of the last batches, with dropout.
    batches: f64,
    /// The trained model.
    trainer: Trainer<f32>,
    /// The part of the validation set that was measured.
    held_out: Vec<u32>,
}

impl Run {
    fn train(text: &str, dropout: f64) -> Result<Run> {
        let data = CharData::new(text, LENGTH)?;
        // Of a long text, a part is enough for an evaluation.
        let ends = |tokens: &[u32]| tokens[..tokens.len().min(8000)].to_vec();
        let measured = [ends(data.train.tokens()), ends(data.validation.tokens())];

        let mut trainer = trainer(data.vocab_size(), dropout)?;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let (mut rows, mut last) = (Vec::new(), Vec::new());
        for step in 0..=STEPS {
            if step % INTERVAL == 0 {
                let loss = |tokens: &Vec<u32>| -> Result<f64> {
                    Ok(evaluate(trainer.gpt(), &trainer.weights, tokens, LENGTH)?.per_token())
                };
                rows.push([loss(&measured[0])?, loss(&measured[1])?]);
            }
            if step < STEPS {
                data.train.sample_batch(BATCH, LENGTH, &mut trainer.batch_rng(), &mut x, &mut y);
                trainer.accumulate(&x, &y);
                last.push(trainer.step()?.loss);
            }
        }
        let batches = last[STEPS - 50..].iter().sum::<f64>() / 50.0;
        let [_, held_out] = measured;
        Ok(Run { rows, batches, trainer, held_out })
    }
}

fn trainer(vocab_size: usize, dropout: f64) -> Result<Trainer<f32>> {
    let config = GptConfig { dropout, ..small_gpt(vocab_size, LENGTH) };
    setup::trainer(config, setup::settings(BATCH, constant_rate(5e-3, 20)))
}

fn chart(runs: &[Run; 3]) -> LineChart {
    let line = |run: &Run, part: usize, name: &str| Series {
        name: name.into(),
        points: (0..).zip(&run.rows).map(|(i, row)| (f64::from(i) * 100.0, row[part])).collect(),
    };
    LineChart {
        title: "Memorising, and two ways out".into(),
        x_label: "step".into(),
        y_label: "loss (nats per token)".into(),
        series: vec![
            line(&runs[0], 0, "train, small text"),
            line(&runs[0], 1, "validation, small text"),
            line(&runs[1], 0, "train, dropout"),
            line(&runs[1], 1, "validation, dropout"),
            line(&runs[2], 0, "train, large text"),
            line(&runs[2], 1, "validation, large text"),
        ],
        references: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let cases = cases([4.0, 8.0], 0.25);
        let products: Vec<f64> = cases.iter().map(|(p, sum)| p * sum).collect();
        for (found, expected) in products.iter().zip([9.0, 1.0, 2.0, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!((expectation(&cases) - 12.0).abs() < 1e-12);
    }

    #[test]
    fn the_real_dropout_keeps_the_mean() {
        // The spread of one draw is about 5, so 100,000 draws are off by about 0.016.
        assert!((drawn(100_000).unwrap() - 12.0).abs() < 0.08);
    }
}
