//! The training loop of this stage: draw a batch, compute the gradient, take a step.
//!
//! The optimiser is the plainest that does well here, gradient descent with momentum (Polyak 1964).
//! A ball that rolls downhill does not turn at every stone: it keeps most of its velocity, and the
//! gradient adds to that.
//!
//! ```text
//! velocity  =  0.9 velocity + gradient
//! weights   =  weights - learning_rate velocity
//! ```
//!
//! The learning rate falls in a straight line to zero over the run. The gradient of a small batch
//! is noisy, and small steps at the end average the noise out.
//!
//! What this file leaves out: AdamW, warm-up, clipping, threads, files. `stage03_gpt` needs
//! them, because a deeper model is harder to train; this one does without.

use stage01_bigram::dataset::Dataset;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};

use crate::model::AttentionModel;
use crate::params::Params;

/// Momentum: the fraction of the velocity that remains after a step.
const MOMENTUM: f32 = 0.9;

/// Number of windows in an evaluation during the run. The last evaluation takes all.
const EVAL_WINDOWS: usize = 256;

/// Hyperparameters of the training loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Number of windows per step.
    pub batch_size: usize,
    /// Number of steps.
    pub max_iters: usize,
    /// The learning rate of the first step.
    pub learning_rate: f64,
    /// Number of steps between two evaluations.
    pub eval_interval: usize,
    /// The random seed: of the initial weights and of the batches.
    pub seed: u64,
}

impl Default for Settings {
    /// Settings for the built-in text: about ten seconds on one core.
    fn default() -> Self {
        Settings {
            batch_size: 16,
            max_iters: 3000,
            learning_rate: 0.5,
            eval_interval: 300,
            seed: 1337,
        }
    }
}

impl Settings {
    /// Refuses settings with which the model cannot be trained.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first of them.
    pub fn check(&self, model: &AttentionModel) -> Result<()> {
        model.config().check(self.batch_size)?;
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let expected = "expected a positive number, such as 0.5";
            return Err(Error::setting("--learning-rate", self.learning_rate, expected));
        }
        if self.eval_interval == 0 {
            return Err(Error::setting("--eval-interval", 0, "expected at least 1"));
        }
        Ok(())
    }
}

/// A point of the loss curve. Losses are means over tokens, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Number of steps taken so far.
    pub iter: usize,
    /// The loss on a sample of the training text.
    pub train_loss: f64,
    /// The loss on a sample of the held-out text.
    pub val_loss: f64,
}

/// Draws initial weights and trains them. Returns them with the loss curve.
///
/// `report` is called with each point of the curve as soon as it is known; an error of its
/// own ends the training. The same settings, texts and seed give the same weights, bit for
/// bit, on the same kind of processor.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be used, [`Error::Diverged`] when the loss is no
/// longer finite, and the errors of `report`.
pub fn train<E: From<Error>>(
    model: &AttentionModel,
    (train, validation): (&Dataset, &Dataset),
    settings: Settings,
    mut report: impl FnMut(&Point) -> std::result::Result<(), E>,
) -> std::result::Result<(Params<f32>, Vec<Point>), E> {
    settings.check(model)?;
    let Settings { batch_size, max_iters, learning_rate, eval_interval, seed } = settings;
    let block_size = model.config().block_size;
    let mut params =
        Params::initialise(model.layout(), &mut generator(seed, Purpose::Initialisation, 0));
    let mut grads = Params::zeros(model.layout());
    let mut velocity = Params::<f32>::zeros(model.layout());
    let mut acts = model.activations(batch_size, block_size);
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    let mut curve = Vec::new();
    for iter in 0..=max_iters {
        if iter % eval_interval == 0 || iter == max_iters {
            let loss = |data| mean_loss(model, &params, data, EVAL_WINDOWS);
            let point = Point { iter, train_loss: loss(train), val_loss: loss(validation) };
            if !point.val_loss.is_finite() {
                return Err(diverged(iter, point.val_loss, learning_rate).into());
            }
            report(&point)?;
            curve.push(point);
        }
        if iter == max_iters {
            break;
        }

        // ANCHOR: step
        // Draw a batch; forward pass.
        let mut rng = generator(seed, Purpose::Batch, iter as u64);
        train.sample_batch(batch_size, block_size, &mut rng, &mut inputs, &mut targets);
        model.forward(&params, &inputs, &mut acts);

        // The gradient: backward pass.
        grads.values.fill(0.0);
        let scale = 1.0 / inputs.len() as f32;
        let loss = model.backward(&params, (&inputs, &targets), scale, &mut acts, &mut grads);
        if !loss.is_finite() {
            return Err(diverged(iter, loss, learning_rate).into());
        }

        // Take a step.
        let rate = (learning_rate * (1.0 - iter as f64 / max_iters as f64)) as f32;
        for i in 0..params.values.len() {
            velocity.values[i] = MOMENTUM * velocity.values[i] + grads.values[i];
            params.values[i] -= rate * velocity.values[i];
        }
        // ANCHOR_END: step
    }
    Ok((params, curve))
}

fn diverged(iter: usize, loss: f64, learning_rate: f64) -> Error {
    let remedy = format!("choose a --learning-rate below {learning_rate}");
    Error::Diverged { iter, loss, remedy }
}

/// The mean loss over a text, in nats per token.
///
/// The text is cut into windows of `block_size` that do not overlap, so the first token of
/// each is predicted from one token alone, the second from two, and so on. Of more than
/// `at_most` windows, that many are taken, evenly spaced and always the same ones.
pub fn mean_loss(
    model: &AttentionModel,
    params: &Params<f32>,
    data: &Dataset,
    at_most: usize,
) -> f64 {
    let block_size = model.config().block_size;
    let every = data.windows(block_size).len().div_ceil(at_most.max(1));
    let mut acts = model.activations(1, block_size);
    let (mut sum, mut count) = (0.0, 0);
    for (inputs, targets) in data.windows(block_size).step_by(every) {
        if inputs.len() < block_size {
            // The last window may be shorter.
            acts = model.activations(1, inputs.len());
        }
        sum += model.loss(params, (inputs, targets), &mut acts);
        count += inputs.len();
    }
    sum / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;
    use rand::RngExt;
    use stage01_bigram::bigram::{Bigram, CountedBigram};

    /// Letters of an alphabet of four: each is the one after the letter *two* places before,
    /// except that one in ten is any letter. The letter right before says nothing.
    fn every_second(count: usize, seed: u64) -> Vec<u32> {
        let mut rng = generator(seed, Purpose::Other, 0);
        let mut text = vec![0, 0];
        while text.len() < count {
            let anything = rng.random_range(0..4);
            let next = (text[text.len() - 2] + 1) % 4;
            text.push(if rng.random::<f64>() < 0.1 { anything } else { next });
        }
        text
    }

    fn small() -> AttentionModel {
        let config = Config { vocab_size: 4, block_size: 16, n_embd: 16, n_head: 2 };
        AttentionModel::new(config).unwrap()
    }

    fn text() -> (Dataset, Dataset) {
        let part = |count, seed| Dataset::new(every_second(count, seed), 16).unwrap();
        (part(20_000, 1), part(5_000, 2))
    }

    fn run(settings: Settings) -> Result<(Params<f32>, Vec<Point>)> {
        let (train, validation) = text();
        super::train(&small(), (&train, &validation), settings, |_| Ok::<_, Error>(()))
    }

    const QUICK: Settings = Settings {
        batch_size: 16,
        max_iters: 400,
        learning_rate: 0.5,
        eval_interval: 100,
        seed: 1,
    };

    #[test]
    fn attention_learns_a_rule_that_a_bigram_cannot() {
        let (train, validation) = text();
        let bigram = CountedBigram::count(train.tokens(), 4, 1.0).unwrap();
        let floor = bigram.mean_loss(validation.tokens()).unwrap();
        // The letter before says nothing, so a bigram does no better than a uniform guess: ln 4.
        assert!((floor - 4f64.ln()).abs() < 0.01, "{floor}");
        // A model that knows the rule gives the next letter of the rule the probability 0.925.
        let best = -(0.925 * 0.925f64.ln() + 0.075 * 0.025f64.ln());

        let (params, curve) = run(QUICK).unwrap();
        let loss = mean_loss(&small(), &params, &validation, usize::MAX);
        // The first letter of a window of 16 has nothing two places before it.
        let reachable = (15.0 * best + 4f64.ln()) / 16.0;
        assert!(loss < reachable + 0.05, "{loss} where {reachable} can be reached");
        assert!(loss > best, "{loss} is better than possible");
        let points: Vec<usize> = curve.iter().map(|point| point.iter).collect();
        assert_eq!(points, [0, 100, 200, 300, 400]);
        assert!((curve[0].val_loss - 4f64.ln()).abs() < 0.1);
    }

    #[test]
    fn the_same_seed_gives_the_same_result() {
        let short = Settings { max_iters: 20, ..QUICK };
        assert_eq!(run(short).unwrap(), run(short).unwrap());
        let other = Settings { seed: 2, ..short };
        assert_ne!(run(short).unwrap().0, run(other).unwrap().0);
    }

    #[test]
    fn every_part_of_the_text_counts_once_in_the_whole_loss() {
        let (_, validation) = text();
        let model = small();
        let mut rng = generator(1, Purpose::Initialisation, 0);
        let params = Params::initialise(model.layout(), &mut rng);
        let mut sum = 0.0;
        for (x, y) in validation.windows(16) {
            sum += model.loss(&params, (x, y), &mut model.activations(1, x.len()));
        }
        let whole = mean_loss(&model, &params, &validation, usize::MAX);
        assert!((whole - sum / 4999.0).abs() < 1e-9);
        assert_ne!(whole, mean_loss(&model, &params, &validation, 7));
    }

    #[test]
    fn what_cannot_be_trained_is_an_error() {
        let message = |settings| run(settings).unwrap_err().to_string();
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(
                message(Settings { learning_rate: bad, ..QUICK }).starts_with("--learning-rate")
            );
        }
        assert!(message(Settings { batch_size: 0, ..QUICK }).starts_with("--batch-size = 0"));
        assert!(message(Settings { eval_interval: 0, ..QUICK }).starts_with("--eval-interval = 0"));
        let wild = message(Settings { learning_rate: 1e6, ..QUICK });
        assert!(wild.contains("choose a --learning-rate below 1000000"), "{wild}");
        // No steps at all are allowed.
        assert_eq!(run(Settings { max_iters: 0, ..QUICK }).unwrap().1.len(), 1);
    }

    #[test]
    fn a_report_can_end_it() {
        let (train, validation) = text();
        let mut calls = 0;
        let stopped = super::train(&small(), (&train, &validation), QUICK, |point| {
            calls += 1;
            if point.iter == 100 { Err(Error::setting("stop", 1, "enough")) } else { Ok(()) }
        });
        assert!(stopped.is_err());
        assert_eq!(calls, 2);
    }
}
