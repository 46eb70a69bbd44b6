//! Gradient checks: compare every derivative with finite differences.
//!
//! The gradient says, for each number that the loss depends on, how fast the loss rises when that
//! number rises. So it can be tested without understanding it: change one number a little, up and
//! down, compute the loss again, and compare. Every backward pass of the course is checked this
//! way, in `f64`.
//!
//! The central difference (L(x + h) − L(x − h)) / 2h has an error of about h², because the loss is
//! not linear. A second one at 2h, combined with the first so that this error cancels, leaves an
//! error of about h⁴ (Richardson's extrapolation):
//!
//! ```text
//! dL/dx ≈ (8·(L(x + h) − L(x − h)) − (L(x + 2h) − L(x − 2h))) / 12h
//! ```
//!
//! h is 2⁻¹² ≈ 0.00024, times |x| where that is above 1. Smaller is not better: L has only 16
//! significant digits, and its rounding error is divided by h.
//!
//! # The error of a derivative
//!
//! ```text
//! error = |analytic − numeric| / max(|analytic|, |numeric|, 0.01·R, 0.0001·max(1, |L|))
//! ```
//!
//! R is the root mean square of the whole analytic gradient. The first two terms make the error
//! relative to the derivative itself. The third gives less weight to a derivative a hundred times
//! smaller than the others, and the fourth accounts for the rounding error of the loss: without
//! them, a derivative of zero would be compared with rounding noise. At a tolerance of 1e-6 the
//! noise is then some hundred times smaller than the tolerance.
//!
//! What this file cannot do: check a loss at a kink (such as that of |x| at 0), or one that
//! is random. Give dropout the same generator for every call.

use std::fmt;

use rand::RngExt;

use crate::random::{Purpose, generator};

/// A gradient that agrees with the finite differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Number of derivatives that were compared.
    pub checked: usize,
    /// The largest error, as the module's documentation defines it.
    pub error: f64,
    /// The index of that derivative.
    pub index: usize,
}

/// The derivative with the largest error, where one exceeds the tolerance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// Its index.
    pub index: usize,
    /// The derivative under test.
    pub analytic: f64,
    /// The finite difference.
    pub numeric: f64,
    /// The error, as the module's documentation defines it; infinite where it would be NaN.
    pub error: f64,
    /// The error that was allowed.
    pub tolerance: f64,
    /// Number of derivatives with a larger error.
    pub wrong: usize,
    /// Number of derivatives that were compared.
    pub checked: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { index, analytic, numeric, error, tolerance, wrong, checked } = self;
        write!(
            f,
            "the derivative with respect to value {index} is {analytic:.9e}, but nudging it \
             gives {numeric:.9e}: an error of {error:.1e} where {tolerance:.0e} is allowed; \
             {wrong} of the {checked} derivatives checked are wrong"
        )
    }
}

impl std::error::Error for Mismatch {}

/// Compares every derivative in `gradient` with finite differences of `loss`.
///
/// values, gradient: the numbers that the loss depends on, and the gradient under test there.
/// `tolerance`: the largest error allowed; 1e-6 suits a whole model, 1e-8 a single formula. `loss`
/// is called 4 times for each value, and once at the start; `values` are unchanged at the end.
///
/// # Errors
/// [`Mismatch`], which names the worst derivative.
///
/// # Panics
/// If the two lengths differ.
///
/// ```
/// use stage01_bigram::gradcheck::check_gradient;
/// let area = |x: &[f64]| x[0] * x[1];
/// assert!(check_gradient(&mut [3.0, 5.0], &[5.0, 3.0], 1e-9, area).is_ok());
/// let mismatch = check_gradient(&mut [3.0, 5.0], &[5.0, 5.0], 1e-9, area).unwrap_err();
/// assert_eq!(mismatch.index, 1);
/// ```
pub fn check_gradient(
    values: &mut [f64],
    gradient: &[f64],
    tolerance: f64,
    loss: impl FnMut(&[f64]) -> f64,
) -> Result<Agreement, Mismatch> {
    check_gradient_at(0..values.len(), values, gradient, tolerance, loss)
}

/// [`check_gradient`] for some of the values: a large model has too many to check them all. See
/// [`some_indices`].
///
/// # Errors
/// [`Mismatch`], which names the worst derivative.
///
/// # Panics
/// If the two lengths differ, or an index is not below them.
pub fn check_gradient_at(
    indices: impl IntoIterator<Item = usize>,
    values: &mut [f64],
    gradient: &[f64],
    tolerance: f64,
    mut loss: impl FnMut(&[f64]) -> f64,
) -> Result<Agreement, Mismatch> {
    assert_eq!(values.len(), gradient.len(), "one derivative for each value");
    let squares: f64 = gradient.iter().map(|g| g * g).sum();
    let root_mean_square = (squares / gradient.len().max(1) as f64).sqrt();
    let floor = (0.01 * root_mean_square).max(1e-4 * loss(values).abs().max(1.0));

    let (mut checked, mut wrong) = (0, 0);
    let mut worst: Option<Mismatch> = None;
    for index in indices {
        let analytic = gradient[index];
        let numeric = derivative(values, index, &mut loss);
        let size = analytic.abs().max(numeric.abs()).max(floor);
        let mut error = (analytic - numeric).abs() / size;
        if error.is_nan() {
            error = f64::INFINITY;
        }
        checked += 1;
        wrong += usize::from(error > tolerance);
        if worst.is_none_or(|w| error > w.error) {
            worst = Some(Mismatch { index, analytic, numeric, error, tolerance, wrong, checked });
        }
    }
    match worst {
        Some(worst) if wrong > 0 => Err(Mismatch { wrong, checked, ..worst }),
        Some(worst) => Ok(Agreement { checked, error: worst.error, index: worst.index }),
        None => Ok(Agreement { checked: 0, error: 0.0, index: 0 }),
    }
}

// ANCHOR: derivative
/// The derivative of the loss with respect to `values[index]`, from two central differences.
fn derivative(values: &mut [f64], index: usize, loss: &mut impl FnMut(&[f64]) -> f64) -> f64 {
    let x = values[index];
    let h = x.abs().max(1.0) / 4096.0;
    let mut at = |nudged: f64| {
        values[index] = nudged;
        loss(values)
    };
    let near = at(x + h) - at(x - h);
    let far = at(x + 2.0 * h) - at(x - 2.0 * h);
    values[index] = x;
    (8.0 * near - far) / (12.0 * h)
}
// ANCHOR_END: derivative

/// `count` of the indices below `len`, in order, drawn without repetition; all of them where
/// there are no more. The same seed gives the same ones.
pub fn some_indices(len: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = generator(seed, Purpose::Other, 0);
    let mut open = count.min(len);
    // Knuth's selection sampling: every set of indices is equally likely.
    let mut taken = Vec::with_capacity(open);
    for index in 0..len {
        if rng.random_range(0..(len - index) as u64) < open as u64 {
            taken.push(index);
            open -= 1;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A curved loss of three numbers and its gradient.
    fn loss(x: &[f64]) -> f64 {
        x[0].sin() * x[1].exp() + x[2].powi(3)
    }
    fn gradient(x: &[f64]) -> [f64; 3] {
        [x[0].cos() * x[1].exp(), x[0].sin() * x[1].exp(), 3.0 * x[2] * x[2]]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_right_gradient_passes_and_values_come_back(x in prop::array::uniform3(-2.0..2.0)) {
            let mut values = x;
            let agreement = check_gradient(&mut values, &gradient(&x), 1e-8, loss).unwrap();
            prop_assert_eq!(agreement.checked, 3);
            prop_assert!(agreement.error <= 1e-8);
            prop_assert_eq!(values, x);
        }

        #[test]
        fn one_derivative_off_by_a_hundred_thousandth_is_found(
            x in prop::array::uniform3(0.5..1.5), index in 0..3usize,
        ) {
            let mut wrong = gradient(&x);
            wrong[index] *= 1.0 + 1e-5;
            let mismatch = check_gradient(&mut x.clone(), &wrong, 1e-6, loss).unwrap_err();
            prop_assert_eq!((mismatch.index, mismatch.wrong, mismatch.checked), (index, 1, 3));
            prop_assert_eq!(mismatch.analytic, wrong[index]);
            prop_assert!((mismatch.numeric - gradient(&x)[index]).abs() < 1e-8);
        }

        #[test]
        fn some_indices_are_distinct_and_in_range(len in 0..60usize, count in 0..70usize) {
            let chosen = some_indices(len, count, 1);
            prop_assert_eq!(chosen.len(), count.min(len));
            prop_assert!(chosen.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(chosen.iter().all(|&i| i < len));
        }
    }

    #[test]
    fn a_derivative_of_zero_is_no_trouble() {
        // At its minimum x^4 has derivative 0; the constant does not depend on x at all.
        check_gradient(&mut [0.0], &[0.0], 1e-9, |x| x[0].powi(4)).unwrap();
        check_gradient(&mut [0.3, 0.7], &[0.0, 0.0], 1e-9, |_| 4.17).unwrap();
        check_gradient(&mut [0.0], &[1e-6], 1e-6, |x| x[0].powi(4)).unwrap_err();
    }

    #[test]
    fn nonsense_never_passes() {
        assert!(check_gradient(&mut [1.0], &[f64::NAN], 1.0, |x| x[0]).is_err());
        assert!(check_gradient(&mut [1.0], &[1.0], 1.0, |_| f64::NAN).is_err());
        let mismatch = check_gradient(&mut [1.0], &[2.0], 1e-6, |x| x[0]).unwrap_err();
        assert_eq!(
            mismatch.to_string(),
            "the derivative with respect to value 0 is 2.000000000e0, but nudging it gives \
             1.000000000e0: an error of 5.0e-1 where 1e-6 is allowed; 1 of the 1 derivatives \
             checked are wrong"
        );
    }

    #[test]
    fn only_the_chosen_ones_are_checked() {
        let wrong = [1.0, 99.0, 1.0];
        let sum = |x: &[f64]| x.iter().sum();
        assert_eq!(check_gradient_at([0, 2], &mut [0.0; 3], &wrong, 1e-9, sum).unwrap().checked, 2);
        assert!(check_gradient_at([1], &mut [0.0; 3], &wrong, 1e-9, sum).is_err());
    }
}
