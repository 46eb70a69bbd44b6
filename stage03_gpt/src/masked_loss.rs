//! The loss of some rows only: fine-tuning learns the answers of a conversation, not its questions.
//!
//! ```text
//! row       | <user> What is a token ? <assistant> A piece of text . <end>
//! target      -      -    -  - -     -  A           piece of text . <end> -
//! ```
//!
//! A row without a target ([`IGNORED`]) has no loss and no gradient of its own logits. So its logits
//! are not computed at all: the output layer, with a column for each token of the vocabulary, is a
//! large part of a small model. The rows with a target are gathered, [`ROWS`] at a time, which also
//! bounds the memory of the logits:
//!
//! ```text
//! logits = normed[rows] lm_head'        loss += cross-entropy(logits, targets[rows])
//! dnormed[rows] = dlogits lm_head       dlm_head += dlogits' normed[rows]
//! ```
//!
//! The blocks below compute all rows: an answer attends to its question.
//!
//! [`Gpt::forward`] and [`Gpt::backward`] are the same for rows that all have a target; a test
//! compares them.
//!
//! What this file leaves out: where targets come from (`stage04_training::finetune`).

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use stage01_bigram::Float;
use stage01_bigram::loss::{IGNORED, cross_entropy};
use stage01_bigram::random::Generator;
use stage02_attention::backward::Backward;
use stage02_attention::matmul::par_gemm;
use stage02_attention::parallel::threads_for;
use stage02_attention::params::Params;

use crate::gpt::{self, Activations, Gpt, cross_entropy_backward};

/// How many rows of logits are computed at a time.
pub const ROWS: usize = 256;

/// Buffers for [`ROWS`] rows of logits.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    /// Shape: (ROWS, n_embd).
    normed: Array2<T>,
    dnormed: Array2<T>,
    /// Shape: (ROWS, vocab_size).
    logits: Array2<T>,
    /// The rows that have a target, and the targets.
    rows: Vec<usize>,
    targets: Vec<u32>,
    /// What the loss of each such row is multiplied by.
    scales: Vec<T>,
}

/// How many targets there are.
pub fn count(targets: &[u32]) -> usize {
    targets.iter().filter(|&&target| target != IGNORED).count()
}

impl<T: Float> Scratch<T> {
    /// Buffers for passes of up to `rows` rows.
    pub fn new(gpt: &Gpt, rows: usize) -> Self {
        let (n, config) = (rows.min(ROWS), gpt.config());
        let matrix = |columns| Array2::zeros((n, columns));
        Scratch {
            normed: matrix(config.n_embd),
            dnormed: matrix(config.n_embd),
            logits: matrix(config.vocab_size),
            rows: Vec::with_capacity(rows),
            targets: Vec::with_capacity(rows),
            scales: Vec::with_capacity(rows),
        }
    }

    // ANCHOR: gather
    /// Notes which rows have a target.
    fn gather(&mut self, targets: &[u32]) {
        self.rows.clear();
        self.targets.clear();
        self.scales.clear();
        for (row, &target) in targets.iter().enumerate().filter(|(_, t)| **t != IGNORED) {
            self.rows.push(row);
            self.targets.push(target);
        }
    }
    // ANCHOR_END: gather
}

/// The loss of the last [`forward`] pass: the sum of -ln p(target) over the rows that have a target, in
/// nats.
///
/// targets: the token that follows, for each row, or [`IGNORED`].
pub fn loss<T: Float>(
    gpt: &Gpt,
    params: &Params<T>,
    targets: &[u32],
    acts: &Activations<T>,
    scratch: &mut Scratch<T>,
) -> f64 {
    let mut sum = 0.0;
    each_part(gpt, params, targets, acts, scratch, |_, logits, targets| {
        sum += cross_entropy(logits, targets);
    });
    sum
}

/// ln p(target) of every row of the last [`forward`] pass, and 0 of rows without a target.
pub fn log_probabilities<T: Float>(
    gpt: &Gpt,
    params: &Params<T>,
    targets: &[u32],
    acts: &Activations<T>,
    scratch: &mut Scratch<T>,
) -> Vec<f64> {
    let mut all = vec![0.0; targets.len()];
    each_part(gpt, params, targets, acts, scratch, |rows, logits, targets| {
        for ((&row, logits), &target) in rows.iter().zip(logits.rows()).zip(targets) {
            all[row] = -cross_entropy(logits.insert_axis(Axis(0)), &[target]);
        }
    });
    all
}

/// Passes the rows that have a target, their logits and their targets, some at a time.
fn each_part<T: Float>(
    gpt: &Gpt,
    params: &Params<T>,
    targets: &[u32],
    acts: &Activations<T>,
    scratch: &mut Scratch<T>,
    mut pass: impl FnMut(&[usize], ArrayView2<T>, &[u32]),
) {
    scratch.gather(targets);
    let Scratch { normed, logits, rows, targets, .. } = scratch;
    for (rows, targets) in rows.chunks(ROWS).zip(targets.chunks(ROWS)) {
        let part = s![..rows.len(), ..];
        let (normed, mut logits) = (normed.slice_mut(part), logits.slice_mut(part));
        compute_logits(gpt, params, acts, rows, normed, &mut logits);
        pass(rows, logits.view(), targets);
    }
}

/// normed = the numbers of these rows;  logits = normed lm_head'.
fn compute_logits<T: Float>(
    gpt: &Gpt,
    params: &Params<T>,
    acts: &Activations<T>,
    rows: &[usize],
    mut normed: ArrayViewMut2<T>,
    logits: &mut ArrayViewMut2<T>,
) {
    for (mut to, &row) in normed.rows_mut().into_iter().zip(rows) {
        to.assign(&acts.normed.row(row));
    }
    let lm_head = params.matrix(gpt.lm_head);
    par_gemm(gpt.dtype, T::one(), normed.view(), lm_head.t(), T::zero(), logits);
}

/// The forward pass of all rows up to the output layer.
///
/// tokens, rngs: as of [`Gpt::forward`]; acts: of [`Gpt::activations`], whose logits are not written.
pub fn forward<T: Float>(
    gpt: &Gpt,
    params: &Params<T>,
    tokens: &[u32],
    acts: &mut Activations<T>,
    rngs: Option<&mut [Generator]>,
) {
    gpt.forward_normed(params, tokens, acts, rngs);
}

/// The loss of the last [`forward`] pass, and its gradient for every weight that is trained, added to
/// `grads`.
///
/// targets: the token that follows, for each row, or [`IGNORED`]; the others as of
/// [`Gpt::backward`]. Returns the unscaled sum over the targets, in nats: 0 where there are none.
pub fn backward<T: Float>(
    gpt: &Gpt,
    batch: (&[u32], &[u32]),
    scale: T,
    acts: &Activations<T>,
    pass: Backward<T, gpt::Scratch<T>>,
    scratch: &mut Scratch<T>,
) -> f64 {
    backward_scaled(gpt, batch, |_| scale, acts, pass, scratch)
}

/// [`backward`] with a scale for each row: the loss whose gradient is taken is the sum over the rows of
/// scale(row) times the row's loss.
pub fn backward_scaled<T: Float>(
    gpt: &Gpt,
    (tokens, targets): (&[u32], &[u32]),
    scale: impl Fn(usize) -> T,
    acts: &Activations<T>,
    pass: Backward<T, gpt::Scratch<T>>,
    scratch: &mut Scratch<T>,
) -> f64 {
    let Backward { params, grads, scratch: gpt_scratch } = pass;
    scratch.gather(targets);
    let Scratch { normed, dnormed, logits, rows, targets, scales } = scratch;
    scales.extend(rows.iter().map(|&row| scale(row)));
    let (one, zero, lm_head) = (T::one(), T::zero(), params.matrix(gpt.lm_head));
    gpt_scratch.dnormed.fill(zero);
    let mut sum = 0.0;
    let parts = rows.chunks(ROWS).zip(targets.chunks(ROWS)).zip(scales.chunks(ROWS));
    for ((rows, targets), scales) in parts {
        let part = s![..rows.len(), ..];
        let (mut normed, mut logits) = (normed.slice_mut(part), logits.slice_mut(part));
        compute_logits(gpt, params, acts, rows, normed.view_mut(), &mut logits);
        let mut start = 0;
        for same in scales.chunk_by(|a, b| a == b) {
            let end = start + same.len();
            let logits = logits.slice_mut(s![start..end, ..]);
            let threads = threads_for(logits.len());
            sum += cross_entropy_backward(threads, logits, &targets[start..end], same[0]);
            start = end;
        }

        let mut dnormed = dnormed.slice_mut(part);
        par_gemm(gpt.dtype, one, logits.view(), lm_head, zero, &mut dnormed);
        for (from, &row) in dnormed.rows().into_iter().zip(rows) {
            gpt_scratch.dnormed.row_mut(row).assign(&from);
        }
        if grads.trains(gpt.lm_head.offset()) {
            let dlm_head = &mut grads.matrix_mut(gpt.lm_head);
            par_gemm(gpt.dtype, one, logits.t(), normed.view(), one, dlm_head);
        }
    }
    gpt.backward_normed(tokens, acts, Backward { params, grads, scratch: gpt_scratch });
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use crate::gpt::tests::heads_and_architecture;
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::params::fill_normal;

    fn model(n_head: usize, arch: crate::architecture::Architecture) -> (Gpt, Params<f64>) {
        let config = GptConfig {
            vocab_size: 11,
            block_size: 8,
            n_layer: 2,
            n_head,
            n_embd: 4 * n_head,
            dropout: 0.0,
            bias: true,
            arch,
        };
        let gpt = Gpt::new(config).unwrap();
        let mut params = Params::zeros(gpt.layout());
        fill_normal(&mut params.values, 0.3, &mut generator(3, Purpose::Other, 0));
        (gpt, params)
    }

    /// The loss and the gradient of these targets, with the rows cut into documents.
    fn run(
        gpt: &Gpt,
        params: &Params<f64>,
        (tokens, targets): (&[u32], &[u32]),
        documents: &[Vec<usize>],
    ) -> (f64, Vec<f64>) {
        let (batch, length) = (documents.len(), tokens.len() / documents.len());
        let mut acts = gpt.activations_without_logits(batch, length);
        acts.set_documents(documents);
        let (mut scratch, mut head) = (gpt.scratch(batch, length), Scratch::new(gpt, tokens.len()));
        let mut grads = Params::zeros(gpt.layout());
        forward(gpt, params, tokens, &mut acts, None);
        let pass = Backward { params, grads: &mut grads, scratch: &mut scratch };
        let sum = backward(gpt, (tokens, targets), 0.1, &acts, pass, &mut head);
        assert_eq!(sum, loss(gpt, params, targets, &acts, &mut head));
        (sum, grads.values)
    }

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * (1.0 + a.abs()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Targets on all rows: the ordinary passes. A target less: its row's loss less.
        #[test]
        fn equals_the_ordinary_loss((n_head, arch) in heads_and_architecture(), seed: u64) {
            let (gpt, params) = model(n_head, arch);
            let rng = &mut generator(seed, Purpose::Other, 0);
            let mut draw = || (0..12).map(|_| rng.random_range(0..11u32)).collect::<Vec<_>>();
            let (x, mut y) = (draw(), draw());
            let whole = [vec![6], vec![6]];

            let (mut acts, mut scratch) = (gpt.activations(2, 6), gpt.scratch(2, 6));
            let mut grads = Params::zeros(gpt.layout());
            gpt.forward(&params, &x, &mut acts, None);
            let rows = gpt.loss(&y, &acts);
            let last = cross_entropy(acts.logits.slice(s![11.., ..]), &y[11..]);
            let pass = Backward { params: &params, grads: &mut grads, scratch: &mut scratch };
            gpt.backward(&x, &y, 0.1, &mut acts, pass);
            let (sum, gradient) = run(&gpt, &params, (&x, &y), &whole);
            prop_assert!((sum - rows).abs() < 1e-10 && near(&gradient, &grads.values));

            y[11] = IGNORED;
            let (sum, gradient) = run(&gpt, &params, (&x, &y), &whole);
            prop_assert!((sum - (rows - last)).abs() < 1e-10 && !near(&gradient, &grads.values));
        }

        /// The gradient of a row of two documents is the sum of the gradients of two rows with one
        /// each. So nothing passes from one document to another.
        #[test]
        fn no_gradient_passes_between_documents(
            (n_head, arch) in heads_and_architecture(), first in 1usize..7, seed: u64,
        ) {
            let (gpt, params) = model(n_head, arch);
            let rng = &mut generator(seed, Purpose::Other, 0);
            let mut draw = || (0..8).map(|_| rng.random_range(0..11u32)).collect::<Vec<_>>();
            let (x, mut y) = (draw(), draw());
            y[first - 1] = IGNORED;
            let (sum, gradient) = run(&gpt, &params, (&x, &y), &[vec![first, 8 - first]]);
            let a = run(&gpt, &params, (&x[..first], &y[..first]), &[vec![first]]);
            let b = run(&gpt, &params, (&x[first..], &y[first..]), &[vec![8 - first]]);
            prop_assert!((sum - a.0 - b.0).abs() < 1e-10);
            let sums: Vec<_> = a.1.iter().zip(&b.1).map(|(a, b)| a + b).collect();
            prop_assert!(near(&gradient, &sums));
            // As one document they are something else, so that the test can fail.
            let joined = run(&gpt, &params, (&x, &y), &[vec![8]]);
            prop_assert!((joined.0 - sum).abs() > 1e-9);
        }
    }

    #[test]
    fn without_a_target_nothing_is_learned_and_nothing_is_nan() {
        let (gpt, params) = model(2, crate::architecture::Architecture::LLAMA);
        let (sum, gradient) = run(&gpt, &params, (&[1; 8], &[IGNORED; 8]), &[vec![8]]);
        assert!(sum == 0.0 && gradient.iter().all(|&g| g == 0.0));
    }
}
