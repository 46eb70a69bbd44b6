//! The loss of a prediction, cross-entropy, and its gradient.
//!
//! A model gives every possible next token a score, called a **logit**: any number, high for
//! likely. [`softmax`] turns the scores of one position into probabilities:
//!
//! ```text
//! p[i] = exp(logits[i]) / sum over j of exp(logits[j])
//! ```
//!
//! All are above zero, together they are 1, and adding the same number to every logit changes
//! nothing. The **loss** of a prediction is the surprise at the token that came, −ln p\[target\],
//! the negative log-likelihood: 0 when the model was certain and right, ln V for equal
//! probabilities of V tokens, infinite when the target had probability 0. With the natural
//! logarithm its unit is the *nat*; divided by ln 2 it is in *bits*, the length of an optimal code.
//! Its mean over a text is the cross-entropy, and exp of that mean the [`perplexity`]: the number
//! of equally likely tokens that would give the same loss.
//!
//! # The gradient is p − 1
//!
//! Training needs the derivative of the loss with respect to each logit. Written out,
//!
//! ```text
//! loss = −ln p[target] = ln(sum of exp(logits)) − logits[target]
//! ```
//!
//! Raise `logits[i]` by a tiny h. The second term falls by h if i is the target, and is unchanged
//! otherwise. In the first term exp(logits\[i\]) is multiplied by 1 + h. It is the fraction p\[i\]
//! of the sum, so the sum is multiplied by 1 + p\[i\]·h, and its logarithm rises by p\[i\]·h.
//! Divided by h, the derivatives are:
//!
//! ```text
//! target: p − 1        every other token: p
//! ```
//!
//! A step against the gradient raises the target's logit in proportion to 1 − p, lowers every other
//! logit in proportion to its p, and is zero when p of the target is 1.
//!
//! ```
//! use ndarray::array;
//! use stage01_bigram::loss::cross_entropy_backward;
//!
//! // Two tokens with p = 1/2 each; the second came.
//! let mut logits = array![[0.0, 0.0]];
//! let loss = cross_entropy_backward(logits.view_mut(), &[1], 1.0);
//! assert!((loss - 2f64.ln()).abs() < 1e-12);
//! assert_eq!(logits, array![[0.5, -0.5]]); // the gradient, in place of the logits
//! ```
//!
//! [`plain`] is the same for one row, as the equations stand; this file is for many rows and fast.
//! What it leaves out: where the logits come from ([`crate::bigram`] and every later
//! stage), and what to do with the gradient.

pub mod plain;

use ndarray::{ArrayView2, ArrayViewMut2};

use crate::Float;
use crate::vector::{largest, simd_dispatch, sum, sum_of};

/// A target that is none: no loss is asked for at this position. Fine-tuning learns the answers of a
/// conversation and not its questions. The functions of this file are not given such rows: the
/// caller picks the others out first.
pub const IGNORED: u32 = u32::MAX;

/// The logarithms of the probabilities of one row of logits.
///
///   log_p\[i\] = (logits\[i\] − max) − ln(sum over j of exp(logits\[j\] − max))
///
/// logits, log_probabilities: (vocab_size).
///
/// Subtracting the largest logit changes nothing on paper. In a computer it keeps exp from
/// overflowing: the largest term is exp(0) = 1, whatever the size of the logits. A logit of −∞ is a
/// token that cannot come: its log-probability is −∞. A row without any other logit, or with +∞ or
/// NaN, is not a distribution, and the result is NaN.
///
/// # Panics
/// If the two lengths differ.
// ANCHOR: log_softmax
pub fn log_softmax<T: Float>(logits: &[T], log_probabilities: &mut [T]) {
    assert_eq!(logits.len(), log_probabilities.len(), "one log-probability for each logit");
    let (max, sum) = simd_dispatch(
        #[inline(always)]
        || largest_and_sum(logits),
    );
    let lse = T::of(sum.ln());
    for (log_p, &logit) in log_probabilities.iter_mut().zip(logits) {
        *log_p = (logit - max) - lse;
    }
}
// ANCHOR_END: log_softmax

/// The probabilities of one row of logits.
///
///   p\[i\] = exp(logits\[i\] − max) / sum over j of exp(logits\[j\] − max)
///
/// logits, probabilities: (vocab_size). Stable in the sense of [`log_softmax`].
///
/// # Panics
/// If the two lengths differ.
///
/// ```
/// use stage01_bigram::loss::softmax;
/// let mut p = [0.0; 3];
/// softmax(&[0.0, 2f64.ln(), 3f64.ln()], &mut p);
/// assert!((p[0] - 1.0 / 6.0).abs() < 1e-15 && (p[2] - 3.0 / 6.0).abs() < 1e-15);
/// ```
pub fn softmax<T: Float>(logits: &[T], probabilities: &mut [T]) {
    assert_eq!(logits.len(), probabilities.len(), "one probability for each logit");
    probabilities.copy_from_slice(logits);
    softmax_in_place(probabilities);
}

// ANCHOR: softmax
/// [`softmax`] that overwrites the logits by their probabilities.
pub fn softmax_in_place<T: Float>(row: &mut [T]) {
    simd_dispatch(
        #[inline(always)]
        || {
            let (_, sum) = exponentials_in_place(row);
            let inv_sum = T::of(1.0 / sum);
            row.iter_mut().for_each(|p| *p *= inv_sum);
        },
    );
}
// ANCHOR_END: softmax

/// The surprise at every target, summed over the rows, in nats.
///
///   sum over rows of  ln(sum over j of exp(logits\[row, j\])) − logits\[row, targets\[row\]\]
///
/// logits: (rows, vocab_size); targets: (rows), each below vocab_size.
///
/// A sum and not a mean, because a batch may be cut into slices and a text into windows of
/// different lengths: sums add up to that of the whole, means do not. Accumulated in f64.
///
/// # Panics
/// If there is not one target for each row, a target is not below vocab_size, or the rows
/// are not contiguous in memory.
// ANCHOR: cross_entropy
pub fn cross_entropy<T: Float>(logits: ArrayView2<'_, T>, targets: &[u32]) -> f64 {
    assert_eq!(logits.nrows(), targets.len(), "one target for each row of logits");
    let mut loss = 0.0;
    for (row, &target) in logits.rows().into_iter().zip(targets) {
        let row = row.to_slice().expect("contiguous rows");
        let (max, sum) = simd_dispatch(
            #[inline(always)]
            || largest_and_sum(row),
        );
        loss += sum.ln() - (row[target as usize] - max).f64();
    }
    loss
}
// ANCHOR_END: cross_entropy

/// [`cross_entropy`], and in place of the logits their gradient.
///
///   logits\[row, j\]  ←  scale · (softmax(logits\[row\])\[j\] − (1 if j is the target, else 0))
///
/// logits: (rows, vocab_size); targets: (rows). The returned sum, in nats, is exactly that
/// of [`cross_entropy`] and is not scaled. With `scale` = 1 / (targets in the whole batch)
/// the gradient is that of the mean loss. Nothing is allocated.
///
/// # Panics
/// As [`cross_entropy`].
// ANCHOR: cross_entropy_backward
pub fn cross_entropy_backward<T: Float>(
    mut logits: ArrayViewMut2<'_, T>,
    targets: &[u32],
    scale: T,
) -> f64 {
    assert_eq!(logits.nrows(), targets.len(), "one target for each row of logits");
    let mut loss = 0.0;
    for (row, &target) in logits.rows_mut().into_iter().zip(targets) {
        let row = row.into_slice().expect("contiguous rows");
        let target = target as usize;
        let logit = row[target];
        simd_dispatch(
            #[inline(always)]
            || {
                let (max, sum) = exponentials_in_place(row);
                loss += sum.ln() - (logit - max).f64();
                let coeff = T::of(scale.f64() / sum);
                row.iter_mut().for_each(|p| *p *= coeff);
            },
        );
        row[target] -= scale;
    }
    loss
}
// ANCHOR_END: cross_entropy_backward

// ANCHOR: units
/// Nats converted to bits: one bit is ln 2 = 0.693 nats.
pub fn bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

/// Bits per byte of a text.
///
/// `sum_nats`: the loss summed over all tokens; `bytes`: the length of that text. Losses per
/// token cannot be compared between tokenizers, because one token of one may be five of the
/// other; losses per byte can.
pub fn bits_per_byte(sum_nats: f64, bytes: usize) -> f64 {
    bits(sum_nats) / bytes as f64
}

/// exp of the mean loss in nats: the number of equally likely tokens that would give the same
/// loss. The uniform baseline for V tokens has perplexity V, a perfect model 1.
pub fn perplexity(mean_nats: f64) -> f64 {
    mean_nats.exp()
}
// ANCHOR_END: units

// ANCHOR: exponentials
/// row\[i\] ← exp(row\[i\] − max); returns (max, sum of the new row).
#[inline(always)]
fn exponentials_in_place<T: Float>(row: &mut [T]) -> (T, f64) {
    let max = largest(row);
    row.iter_mut().for_each(|x| *x = (*x - max).fast_exp());
    (max, sum(row.iter().copied()).f64())
}
// ANCHOR_END: exponentials

/// (max, sum of exp(row\[i\] − max)), as [`exponentials_in_place`] returns them, with the row
/// unchanged. The sum is added in the same order.
#[inline(always)]
fn largest_and_sum<T: Float>(row: &[T]) -> (T, f64) {
    let max = largest(row);
    (
        max,
        sum_of(
            row,
            #[inline(always)]
            |x| (x - max).fast_exp(),
        )
        .f64(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::check_gradient;
    use approx::assert_relative_eq;
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Rows of logits of ordinary size, with a target for each.
    fn logits_and_targets() -> impl Strategy<Value = (Array2<f64>, Vec<u32>)> {
        (1..6usize, 1..9usize).prop_flat_map(|(rows, vocab)| {
            (
                prop::collection::vec(-6.0..6.0, rows * vocab),
                prop::collection::vec(0..vocab as u32, rows),
            )
                .prop_map(move |(x, t)| (Array2::from_shape_vec((rows, vocab), x).unwrap(), t))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_gradient_agrees_with_finite_differences((logits, targets) in logits_and_targets()) {
            let scale = 0.7;
            let shape = logits.raw_dim();
            let mut gradient = logits.clone();
            cross_entropy_backward(gradient.view_mut(), &targets, scale);
            let mut values = logits.into_raw_vec_and_offset().0;
            check_gradient(&mut values, gradient.as_slice().unwrap(), 1e-8, |x| {
                scale * cross_entropy(ArrayView2::from_shape(shape, x).unwrap(), &targets)
            })
            .unwrap();
        }

        #[test]
        fn both_passes_return_the_same_bits((logits, targets) in logits_and_targets()) {
            let mut single = logits.mapv(|x| x as f32);
            let forward = cross_entropy(single.view(), &targets);
            prop_assert_eq!(forward, cross_entropy_backward(single.view_mut(), &targets, 1.0));
            let double = cross_entropy(logits.view(), &targets);
            prop_assert!((forward - double).abs() <= 1e-5 * (1.0 + double));
        }

        #[test]
        fn probabilities_are_positive_and_sum_to_one(
            logits in prop::collection::vec(-50.0..50.0f64, 1..40), shift in -1e3..1e3f64,
        ) {
            let (mut p, mut log_p, mut shifted) =
                (logits.clone(), logits.clone(), vec![0.0; logits.len()]);
            softmax_in_place(&mut p);
            log_softmax(&logits, &mut log_p);
            softmax(&logits.iter().map(|x| x + shift).collect::<Vec<_>>(), &mut shifted);
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for i in 0..p.len() {
                prop_assert!(p[i] > 0.0);
                prop_assert!((log_p[i] - p[i].ln()).abs() < 1e-10);
                prop_assert!((shifted[i] - p[i]).abs() < 1e-10);
            }
        }

        #[test]
        fn logits_of_any_size_are_safe(
            mut logits in prop::collection::vec(
                prop_oneof![Just(1e30f32), Just(-1e30), Just(f32::MAX), Just(f32::MIN),
                            Just(f32::NEG_INFINITY), -1.0..1.0f32], 1..10),
            place in any::<prop::sample::Index>(),
        ) {
            let place = place.index(logits.len());
            logits[place] = 2.0; // at least one finite
            let mut log_p = vec![0.0; logits.len()];
            log_softmax(&logits, &mut log_p);
            prop_assert!(log_p.iter().all(|x| *x <= 0.0), "{log_p:?}");
            let mut row = Array2::from_shape_vec((1, logits.len()), logits.clone()).unwrap();
            let target = logits.iter().position(|x| *x == largest(&logits)).unwrap();
            let loss = cross_entropy_backward(row.view_mut(), &[target as u32], 1.0);
            prop_assert!(loss.is_finite() && loss >= 0.0);
            prop_assert!(row.iter().all(|g| g.is_finite() && g.abs() <= 1.0));
            prop_assert!(row.sum().abs() < 1e-5);
        }
    }

    #[test]
    fn the_example_for_paper() {
        let mut logits = ndarray::arr2(&[[0.0, 2f64.ln(), 3f64.ln()]]);
        let loss = cross_entropy_backward(logits.view_mut(), &[2], 1.0);
        assert_relative_eq!(loss, 2f64.ln(), epsilon = 1e-15); // −ln(3/6)
        let by_hand = [1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0 - 1.0];
        assert_relative_eq!(logits.as_slice().unwrap(), &by_hand[..], epsilon = 1e-15);
    }

    #[test]
    fn the_uniform_baseline_has_loss_ln_v() {
        let loss = cross_entropy(Array2::<f32>::from_elem((3, 65), -7.0).view(), &[0, 30, 64]);
        assert_relative_eq!(loss, 3.0 * 65f64.ln(), epsilon = 1e-12);
        assert_relative_eq!(perplexity(loss / 3.0), 65.0, epsilon = 1e-9);
        assert_relative_eq!(bits_per_byte(8.0 * 2f64.ln(), 4), 2.0, epsilon = 1e-15);
    }

    #[test]
    fn an_impossible_target_costs_infinity_and_nan_is_not_hidden() {
        let inf = f64::INFINITY;
        assert_eq!(cross_entropy(ndarray::arr2(&[[0.0, -inf]]).view(), &[1]), inf);
        for bad in [[-inf, -inf], [inf, 0.0], [f64::NAN, 0.0]] {
            assert!(cross_entropy(ndarray::arr2(&[bad]).view(), &[1]).is_nan(), "{bad:?}");
            let mut p = bad;
            softmax_in_place(&mut p);
            assert!(p.iter().any(|x| x.is_nan()));
        }
    }

    #[test]
    #[should_panic(expected = "one target for each row")]
    fn a_missing_target_is_a_bug() {
        cross_entropy(Array2::<f32>::zeros((2, 3)).view(), &[1]);
    }
}
