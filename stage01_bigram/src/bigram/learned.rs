//! The bigram model, trained by gradient descent.
//!
//! A matrix holds logits instead of counts: row a has the score of every token that may follow a,
//! and softmax makes probabilities of it. At first all logits are 0, all tokens are equally likely,
//! and the loss is ln V. Then, in each step: look up the rows of some examples, compute the
//! gradient of the loss ([`crate::loss`]: p − 1 for the token that came, p for the others), and
//! move the logits a small step against it. That is *gradient descent* (Cauchy 1847); with other
//! examples at each step, *stochastic* (Robbins and Monro 1951).
//!
//! The minimum is known in advance. The gradient of row a is zero when the probabilities of the
//! row, summed over the examples, are equal to the counts: those of [`super::CountedBigram`]
//! without smoothing. For a bigram, gradient descent is a roundabout way of counting. For larger
//! models nothing can be counted, and gradient descent remains.

use ndarray::{Array1, Array2};

use super::{Bigram, check_tokens};
use crate::loss::{cross_entropy_backward, log_softmax};
use crate::{Error, Float, Result};

/// A vocabulary larger than this would need a matrix of more than 64 MiB in `f32`.
const LARGEST_VOCABULARY: usize = 4096;

/// A matrix of logits. Shape: (vocab_size, vocab_size); row = the last token, column = the next
/// one.
#[derive(Clone, Debug)]
pub struct LearnedBigram<T> {
    logits: Array2<T>,
    /// Scratch: the gradient of the logits, and a batch of their rows.
    gradient: Array2<T>,
    rows: Array2<T>,
}

impl<T: Float> LearnedBigram<T> {
    /// All logits zero: every token is equally likely.
    ///
    /// # Errors
    /// [`Error::Setting`] when the matrix would be empty or unreasonably large.
    pub fn new(vocab_size: usize) -> Result<Self> {
        if !(1..=LARGEST_VOCABULARY).contains(&vocab_size) {
            return Err(Error::setting(
                "the vocabulary",
                vocab_size,
                format!(
                    "expected 1 to {LARGEST_VOCABULARY} tokens for a matrix that has a logit for \
                     each pair of them; choose a smaller vocabulary"
                ),
            ));
        }
        let zeros = Array2::zeros((vocab_size, vocab_size));
        Ok(Self { gradient: zeros.clone(), logits: zeros, rows: Array2::zeros((0, vocab_size)) })
    }

    /// The logits as one slice, row after row: for tests and figures.
    pub fn logits_mut(&mut self) -> &mut [T] {
        self.logits.as_slice_mut().expect("an owned matrix is contiguous")
    }

    /// Forward and backward pass: the mean loss of some examples, and its gradient.
    ///
    ///   loss = mean over i of −log softmax(logits\[inputs\[i\]\])\[targets\[i\]\]
    ///
    /// inputs, targets: (examples). Returns (loss in nats, gradient of the logits).
    ///
    /// A row is looked up once for every example that starts with its token, so its gradient is the
    /// sum over those examples; that of the other rows is zero.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that does not exist.
    ///
    /// # Panics
    /// If there are no examples, or not one target for each input.
    // ANCHOR: loss_and_gradient
    pub fn loss_and_gradient(&mut self, inputs: &[u32], targets: &[u32]) -> Result<(f64, &[T])> {
        assert!(!inputs.is_empty(), "a loss needs an example");
        check_tokens(inputs, self.vocab_size())?;
        check_tokens(targets, self.vocab_size())?;
        let examples = inputs.len();
        if self.rows.nrows() != examples {
            self.rows = Array2::zeros((examples, self.vocab_size()));
        }
        for (mut row, &a) in self.rows.rows_mut().into_iter().zip(inputs) {
            row.assign(&self.logits.row(a as usize));
        }
        let scale = T::of(1.0 / examples as f64);
        let loss = cross_entropy_backward(self.rows.view_mut(), targets, scale) / examples as f64;
        self.gradient.fill(T::zero());
        for (row, &a) in self.rows.rows().into_iter().zip(inputs) {
            self.gradient.row_mut(a as usize).scaled_add(T::one(), &row);
        }
        Ok((loss, self.gradient.as_slice().expect("an owned matrix is contiguous")))
    }
    // ANCHOR_END: loss_and_gradient

    /// One step of gradient descent on the mean loss of some examples; returns that loss, as it
    /// was before the step.
    ///
    ///   logits ← logits − learning_rate · gradient
    ///
    /// The mean makes the gradient of each row small: a row for one example in fifty gets a
    /// fiftieth of the gradient. So useful learning rates are far above 1 here.
    ///
    /// # Errors
    /// As [`LearnedBigram::loss_and_gradient`].
    // ANCHOR: step
    pub fn step(&mut self, inputs: &[u32], targets: &[u32], learning_rate: T) -> Result<f64> {
        let (loss, _) = self.loss_and_gradient(inputs, targets)?;
        self.logits.scaled_add(-learning_rate, &self.gradient);
        Ok(loss)
    }
    // ANCHOR_END: step
}

impl<T: Float> Bigram for LearnedBigram<T> {
    fn vocab_size(&self) -> usize {
        self.logits.ncols()
    }

    fn log_probabilities(&self, previous: u32, row: &mut [f64]) -> Result<()> {
        check_tokens(&[previous], self.vocab_size())?;
        let logits: Array1<f64> = self.logits.row(previous as usize).mapv(T::f64);
        log_softmax(logits.as_slice().expect("contiguous"), row);
        Ok(())
    }

    fn sum_loss(&self, tokens: &[u32]) -> Result<f64> {
        check_tokens(tokens, self.vocab_size())?;
        // A text has more tokens than the matrix has rows: compute every row once, then look up.
        let mut log_p = Array2::zeros(self.logits.raw_dim());
        for (a, mut row) in (0..).zip(log_p.rows_mut()) {
            self.log_probabilities(a, row.as_slice_mut().expect("contiguous"))?;
        }
        let surprise = |pair: &[u32]| -> f64 { -log_p[[pair[0] as usize, pair[1] as usize]] };
        Ok(tokens.windows(2).map(surprise).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bigram::CountedBigram;
    use crate::gradcheck::check_gradient;
    use proptest::prelude::*;

    fn examples(vocab: u32) -> impl Strategy<Value = Vec<(u32, u32)>> {
        prop::collection::vec((0..vocab, 0..vocab), 1..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_gradient_agrees_with_finite_differences(
            examples in examples(4), logits in prop::collection::vec(-2.0..2.0f64, 16),
        ) {
            let (inputs, targets): (Vec<u32>, Vec<u32>) = examples.into_iter().unzip();
            let mut model = LearnedBigram::new(4).unwrap();
            model.logits_mut().copy_from_slice(&logits);
            let gradient = model.loss_and_gradient(&inputs, &targets).unwrap().1.to_vec();
            // The loss by another way: rows of log_softmax.
            check_gradient(&mut logits.clone(), &gradient, 1e-8, |logits| {
                model.logits_mut().copy_from_slice(logits);
                let mut row = [0.0; 4];
                let surprise = |(&a, &b): (&u32, &u32)| {
                    model.log_probabilities(a, &mut row).unwrap();
                    -row[b as usize]
                };
                inputs.iter().zip(&targets).map(surprise).sum::<f64>() / inputs.len() as f64
            })
            .unwrap();
        }

        #[test]
        fn a_small_step_lowers_the_loss(examples in examples(5)) {
            let (inputs, targets): (Vec<u32>, Vec<u32>) = examples.into_iter().unzip();
            let mut model = LearnedBigram::<f64>::new(5).unwrap();
            let before = model.step(&inputs, &targets, 0.1).unwrap();
            let after = model.step(&inputs, &targets, 0.1).unwrap();
            prop_assert!((before - 5f64.ln()).abs() < 1e-12);
            prop_assert!(after < before);
        }
    }

    #[test]
    fn its_loss_falls_to_that_of_the_counted_one() {
        let text = "a rose is a rose is a rose, said she; is it so? i see no other rose";
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        let tokens: Vec<u32> =
            text.chars().map(|c| letters.binary_search(&c).unwrap() as u32).collect();
        let floor = CountedBigram::count(&tokens, letters.len(), 0.0).unwrap();
        let floor = floor.mean_loss(&tokens).unwrap();

        let mut model = LearnedBigram::<f32>::new(letters.len()).unwrap();
        let (inputs, targets) = (&tokens[..tokens.len() - 1], &tokens[1..]);
        assert!((model.mean_loss(&tokens).unwrap() - (letters.len() as f64).ln()).abs() < 1e-6);
        for _ in 0..4000 {
            model.step(inputs, targets, 20.0).unwrap();
        }
        let loss = model.mean_loss(&tokens).unwrap();
        assert!(loss >= floor - 1e-6, "{loss} is below the floor {floor}");
        assert!(loss < floor + 5e-4, "{loss} has not reached the floor {floor}");
    }

    #[test]
    fn only_rows_that_were_looked_up_have_a_gradient() {
        let mut model = LearnedBigram::<f32>::new(3).unwrap();
        let (loss, gradient) = model.loss_and_gradient(&[1, 1], &[0, 2]).unwrap();
        assert!((loss - 3f64.ln()).abs() < 1e-6);
        // Each target came once in two: p − 1/2 = −1/6 for those two, p = 1/3 for the other.
        let by_hand = [0.0, 0.0, 0.0, -1.0 / 6.0, 1.0 / 3.0, -1.0 / 6.0, 0.0, 0.0, 0.0];
        approx::assert_relative_eq!(gradient, &by_hand[..], epsilon = 1e-6);
    }

    #[test]
    fn what_cannot_be_learned_is_an_error() {
        for bad in [0, LARGEST_VOCABULARY + 1, usize::MAX] {
            let message = LearnedBigram::<f32>::new(bad).unwrap_err().to_string();
            assert!(message.contains("1 to 4096"), "{message}");
        }
        let mut model = LearnedBigram::<f32>::new(3).unwrap();
        assert!(model.step(&[3], &[0], 1.0).is_err());
        assert!(model.step(&[0], &[3], 1.0).is_err());
        assert!(model.mean_loss(&[0]).is_err());
        assert!(model.sum_loss(&[0, 7]).is_err());
    }
}
