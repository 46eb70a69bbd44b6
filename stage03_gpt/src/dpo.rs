//! DPO: learning from pairs of a better and a worse answer.
//!
//! Fine-tuning says what to write. It cannot say what not to write. *Direct preference optimisation*
//! takes a question with two answers, the chosen one c and the rejected one r, and a *reference*: the
//! model as it was at first. With p the log-probability of an answer under the model, and q under the
//! reference, an answer's *reward* is how much likelier the model has made it, times beta:
//!
//! ```text
//! reward(y) = beta (p(y) - q(y))
//! margin    = reward(c) - reward(r)
//! loss      = -ln s(margin),    s(z) = 1 / (1 + exp(-z))
//! ```
//!
//! s(margin) is the probability that the chosen answer is preferred, if each answer is preferred in
//! proportion to the exponential of its reward (the model of Bradley and Terry, 1952). At first p = q,
//! the margin is 0 and the loss ln 2.
//!
//! # The gradient
//!
//! Nudge p(c) by h. The margin moves by beta h, and -ln s(z) has the slope -(1 - s(z)) = -s(-z):
//!
//! ```text
//! dloss / dp(c) = -beta s(-margin)        dloss / dp(r) = +beta s(-margin)
//! ```
//!
//! And p(y) is minus the sum of the losses of the answer's tokens. So a step of DPO is a step of ordinary
//! training in which each token of the chosen answer weighs beta s(-margin), and each of the rejected
//! one as much with the other sign. A pair that the model already orders well weighs little.
//!
//! beta says how far the model may go from the reference: with a small beta a large change of p is
//! needed for the same margin.
//!
//! Rafailov and others 2023, equation 7.
//!
//! ```
//! use stage03_gpt::dpo::Pair;
//!
//! let pair = Pair { policy: [-10.0, -12.0], reference: [-10.0, -12.0], beta: 0.1 };
//! assert!((pair.loss() - 2f64.ln()).abs() < 1e-12); // the model is still the reference
//! let better = Pair { policy: [-5.0, -17.0], ..pair };
//! assert!((better.margin() - 1.0).abs() < 1e-12 && better.loss() < pair.loss());
//! assert!(better.weight() < pair.weight());
//! ```
//!
//! What this file leaves out: the log-probabilities ([`masked_loss`](crate::masked_loss)), and the
//! batches ([`trainer`](crate::trainer)).

/// The log-probabilities of a chosen and a rejected answer, in nats: sums over their tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Under the model: of the chosen answer, and of the rejected one.
    pub policy: [f64; 2],
    /// Under the reference.
    pub reference: [f64; 2],
    /// How strongly the reference holds the model.
    pub beta: f64,
}

impl Pair {
    // ANCHOR: loss
    /// The difference of the two rewards: above 0 where the model prefers the chosen answer more than the
    /// reference did.
    pub fn margin(&self) -> f64 {
        let Pair { policy, reference, beta } = self;
        beta * ((policy[0] - reference[0]) - (policy[1] - reference[1]))
    }

    /// -ln s(margin), without overflow for any margin.
    pub fn loss(&self) -> f64 {
        let z = self.margin();
        // -ln s(z) = ln(1 + exp(-z)); for negative z the exponential would overflow.
        if z >= 0.0 { (-z).exp().ln_1p() } else { z.exp().ln_1p() - z }
    }

    /// What each token of the chosen answer weighs: beta s(-margin). Those of the rejected one weigh as
    /// much with the other sign.
    pub fn weight(&self) -> f64 {
        self.beta / (1.0 + self.margin().exp())
    }
    // ANCHOR_END: loss
}

/// Sums over pairs, for their means.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Of the losses, in nats.
    pub loss: f64,
    /// Of the margins, in nats times beta.
    pub margin: f64,
    /// How many pairs have a margin above 0.
    pub right: usize,
    /// How many pairs there are.
    pub pairs: usize,
}

impl Sums {
    /// Adds a pair.
    pub fn add(&mut self, pair: &Pair) {
        self.loss += pair.loss();
        self.margin += pair.margin();
        self.right += usize::from(pair.margin() > 0.0);
        self.pairs += 1;
    }

    /// Adds the sums over other pairs.
    pub fn merge(&mut self, other: Sums) {
        self.loss += other.loss;
        self.margin += other.margin;
        self.right += other.right;
        self.pairs += other.pairs;
    }

    /// Mean loss, mean margin, and the fraction of pairs with a margin above 0.
    pub fn means(&self) -> (f64, f64, f64) {
        let n = self.pairs.max(1) as f64;
        (self.loss / n, self.margin / n, self.right as f64 / n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adamw::AdamW;
    use crate::config::GptConfig;
    use crate::gpt::Gpt;
    use crate::schedule::Schedule;
    use crate::trainer::{PackedBatch, PreferenceBatch, Settings, Trainer};
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::gradcheck::{check_gradient_at, some_indices};
    use stage01_bigram::loss::IGNORED;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::params::{Params, fill_normal};

    proptest! {
        #[test]
        fn gradient(
            policy in prop::array::uniform2(-50.0..0.0), reference in prop::array::uniform2(-50.0..0.0),
            beta in 0.01..2.0,
        ) {
            let pair = Pair { policy, reference, beta };
            let h = 1e-5;
            for (i, sign) in [(0, -1.0), (1, 1.0)] {
                let nudged = |by: f64| {
                    let mut policy = policy;
                    policy[i] += by;
                    Pair { policy, ..pair }.loss()
                };
                let slope = (nudged(h) - nudged(-h)) / (2.0 * h);
                prop_assert!((slope - sign * pair.weight()).abs() < 1e-6, "{slope} {}", pair.weight());
            }
        }
    }

    /// Two sequences of nine tokens: one pair and some padding; two pairs.
    const DOCUMENTS: [&[usize]; 2] = [&[4, 3, 2], &[2, 2, 2, 3]];

    fn trainer(threads: usize, seed: u64) -> Trainer<f64> {
        let (vocab_size, block_size, n_layer, n_head, n_embd) = (11, 9, 2, 2, 8);
        let config =
            GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, ..GptConfig::default() };
        let gpt = Gpt::new(config).unwrap();
        let mut params = Params::zeros(gpt.layout());
        fill_normal(&mut params.values, 0.3, &mut generator(seed, Purpose::Other, 0));
        let adamw = AdamW { weight_decay: 0.0, grad_clip: 0.0, ..AdamW::default() };
        let schedule = Schedule::constant(1e-3);
        let settings = Settings { batch_size: 2, schedule, adamw, threads, ..Settings::default() };
        Trainer::for_packed(gpt, params, settings).unwrap()
    }

    /// Tokens, and targets of which the first of each document is ignored.
    fn tokens(seed: u64) -> (Vec<u32>, Vec<u32>, Vec<Vec<usize>>) {
        let rng = &mut generator(seed, Purpose::Other, 1);
        let mut draw = || (0..18).map(|_| rng.random_range(0..11u32)).collect::<Vec<_>>();
        let (x, mut y) = (draw(), draw());
        let documents: Vec<Vec<usize>> = DOCUMENTS.iter().map(|d| d.to_vec()).collect();
        let mut at = 0;
        for length in documents.iter().flatten() {
            y[at] = IGNORED;
            at += length;
        }
        y[7..9].fill(IGNORED); // the padding
        (x, y, documents)
    }

    #[test]
    fn the_gradient_of_a_model_is_that_of_its_pairs() {
        for seed in 0..4 {
            let (x, y, documents) = tokens(seed);
            let references = vec![vec![[-3.0, -5.0]], vec![[-2.0, -2.5], [-6.0, -4.0]]];
            let packed =
                PackedBatch { inputs: &x, targets: &y, documents: &documents, targets_of_step: 1 };
            let batch =
                PreferenceBatch { packed, references: &references, beta: 0.5, pairs_of_step: 3 };
            let mut trainer = trainer(2, seed);
            let sums = trainer.accumulate_preferences(&batch);
            assert_eq!((sums, sums.pairs), (trainer.evaluate_preferences(&batch), 3));
            let gradient = trainer.gradient().values;
            let mut values = trainer.weights.values.clone();
            let indices = some_indices(values.len(), 60, seed);
            let checked = check_gradient_at(indices, &mut values, &gradient, 1e-6, |values| {
                trainer.weights.values.copy_from_slice(values);
                trainer.evaluate_preferences(&batch).loss / 3.0
            });
            assert!(checked.is_ok(), "{}", checked.unwrap_err());
        }
    }

    #[test]
    fn margins_rise_from_the_reference() {
        let (x, y, documents) = tokens(1);
        let packed =
            PackedBatch { inputs: &x, targets: &y, documents: &documents, targets_of_step: 1 };
        let run = |threads| {
            let mut trainer = trainer(threads, 1);
            let references: Vec<Vec<[f64; 2]>> = trainer
                .log_probabilities(&packed)
                .iter()
                .map(|sums| sums.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect())
                .collect();
            assert_eq!(references.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
            let batch =
                PreferenceBatch { packed, references: &references, beta: 0.5, pairs_of_step: 3 };
            let before = trainer.evaluate_preferences(&batch).means();
            assert!((before.0 - 2f64.ln()).abs() < 1e-9 && before.1.abs() < 1e-9);
            for _ in 0..60 {
                trainer.accumulate_preferences(&batch);
                let step = trainer.step().unwrap();
                assert!(step.loss < 0.7);
            }
            let (loss, margin, right) = trainer.evaluate_preferences(&batch).means();
            assert!(loss < 0.5 && margin > 0.4 && right == 1.0, "{loss} {margin} {right}");
            trainer.weights.values
        };
        let (one, two) = (run(1), run(2));
        assert!(one.iter().zip(&two).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn no_margin_overflows() {
        for (margin, loss) in [(-1e4, 1e4), (1e4, 0.0), (-800.0, 800.0), (800.0, 0.0)] {
            let pair = Pair { policy: [margin, 0.0], reference: [0.0; 2], beta: 1.0 };
            assert!((pair.loss() - loss).abs() < 1e-9);
            assert!(pair.weight().is_finite() && (0.0..=1.0).contains(&pair.weight()));
        }
    }
}
