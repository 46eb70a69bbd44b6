//! Sums, maxima and dot products of rows, in a form that SIMD instructions can compute.
//!
//! A processor can add sixteen pairs of `f32` as fast as one, if the sixteen do not depend on each
//! other. Two operations of a language model do depend on each other when they are written as a
//! plain loop, and this file is about them:
//!
//! - a **sum** adds every number to the one total before it: [`sum`] keeps sixteen totals;
//! - the **maximum** of a row compares every number with the largest so far: [`largest`] keeps
//!   sixteen of those.
//!
//! Which instructions the processor has is known only at run time. [`simd_dispatch`] runs code that
//! was compiled for the best of them.
//!
//! The order of all additions is fixed by the code, so the same row gives the same bits every
//! time.
//!
//! ```
//! use stage01_bigram::vector::{add_scaled, dot, largest, sum};
//! let (x, mut y) = ([1.0, 2.0, 3.0], [0.0, 0.0, 1.0]);
//! assert_eq!(sum(x.iter().copied()), 6.0);
//! assert_eq!(largest(&x), 3.0);
//! add_scaled(&mut y, 2.0, &x);
//! assert_eq!(y, [2.0, 4.0, 7.0]);
//! assert_eq!(dot(&x, &y), 31.0);
//! ```
//!
//! What this file leaves out: a fast exp, which is [`exp_f32`](crate::float::exp_f32).

use std::hint::black_box;

use crate::Float;

/// Numbers computed in parallel: sixteen `f32` fill the largest register.
const LANES: usize = 16;

/// Runs `work` with the best vector instructions of this processor.
///
/// `work` is compiled once for each instruction set, and the version that fits is chosen here. The
/// functions that it calls must be inlined for that.
#[inline(always)]
// ANCHOR: simd_dispatch
pub fn simd_dispatch<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
// ANCHOR_END: simd_dispatch

/// The sum of some numbers, with sixteen running totals instead of one.
#[inline(always)]
// ANCHOR: sum
pub fn sum<T: Float>(mut values: impl ExactSizeIterator<Item = T>) -> T {
    let mut totals = [T::zero(); LANES];
    for _ in 0..values.len() / LANES {
        for total in &mut totals {
            *total += values.next().expect("as many as `len` said");
        }
    }
    values.fold(together(totals), |sum, value| sum + value)
}
// ANCHOR_END: sum

/// The sum of a function of some numbers: [`sum`] of the values, in the same order, where the
/// function is more than a multiplication.
///
/// Sixteen values are computed before they are added, otherwise the compiler would compute them one
/// by one.
#[inline(always)]
pub fn sum_of<T: Float>(values: &[T], function: impl Fn(T) -> T) -> T {
    let mut totals = [T::zero(); LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        let mut results = [T::zero(); LANES];
        for (result, &value) in results.iter_mut().zip(chunk) {
            *result = function(value);
        }
        for (total, result) in totals.iter_mut().zip(results) {
            *total += result;
        }
    }
    rest.iter().fold(together(totals), |sum, &value| sum + function(value))
}

/// The dot product of two rows of equal length: [`sum`] of the products, in the same order.
#[inline(always)]
pub fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut totals = [T::zero(); LANES];
    for (a, b) in a.iter().zip(b) {
        let products = lanes(|l| a[l] * b[l]);
        totals = lanes(|l| totals[l] + products[l]);
    }
    // Without this the compiler sees that they are added in pairs, and keeps pairs, in eight
    // registers instead of one.
    let totals = black_box(totals);
    a_rest.iter().zip(b_rest).fold(together(totals), |sum, (&a, &b)| sum + a * b)
}

/// y += a x, for rows of equal length.
#[inline(always)]
pub fn add_scaled<T: Float>(y: &mut [T], a: T, x: &[T]) {
    let ((y, y_rest), (x, x_rest)) = (y.as_chunks_mut::<LANES>(), x.as_chunks::<LANES>());
    for (y, x) in y.iter_mut().zip(x) {
        let products = lanes(|l| a * x[l]);
        *y = lanes(|l| y[l] + products[l]);
    }
    y_rest.iter_mut().zip(x_rest).for_each(|(y, &x)| *y += a * x);
}

/// A function of each lane. All are computed before any is stored: otherwise the compiler has to
/// fear that storing one changes the next, and computes them one by one.
#[inline(always)]
fn lanes<T: Float>(of: impl Fn(usize) -> T) -> [T; LANES] {
    let mut results = [T::zero(); LANES];
    for l in 0..LANES {
        results[l] = of(l);
    }
    results
}

/// The sum of all totals.
#[inline(always)]
fn together<T: Float>(mut totals: [T; LANES]) -> T {
    // Halves are added to halves, so the last additions are parallel as well.
    let mut n = LANES;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            totals[i] += totals[i + n];
        }
    }
    totals[0]
}

/// The largest of some numbers; −∞ for none. NaN is passed over.
#[inline(always)]
pub fn largest<T: Float>(values: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut best = [T::neg_infinity(); LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (best, &value) in best.iter_mut().zip(chunk) {
            *best = larger(*best, value);
        }
    }
    best.iter().chain(rest).fold(T::neg_infinity(), |best, &value| larger(best, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::exp_f32;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_sum_is_the_sum(values in prop::collection::vec(-1e3..1e3, 0..100)) {
            let expected: f64 = values.iter().sum();
            prop_assert!((sum(values.into_iter()) - expected).abs() < 1e-9);
        }

        #[test]
        fn the_sum_of_a_function_adds_in_the_order_of_the_sum(
            values in prop::collection::vec(-20f32..20.0, 0..100),
        ) {
            let one_by_one = sum(values.iter().map(|&x| exp_f32(x)));
            prop_assert_eq!(sum_of(&values, exp_f32), one_by_one);
        }

        #[test]
        fn the_dot_product_adds_in_the_order_of_the_sum(
            rows in prop::collection::vec((-20f32..20.0, -20f32..20.0), 0..100),
        ) {
            let (a, b): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
            let one_by_one = sum(a.iter().zip(&b).map(|(&a, &b)| a * b));
            prop_assert_eq!(dot(&a, &b), one_by_one);
        }

        #[test]
        fn adding_a_multiple_adds_it(
            rows in prop::collection::vec((-20.0..20.0, -20.0..20.0), 0..100), a in -3.0..3.0,
        ) {
            let (mut y, x): (Vec<f64>, Vec<f64>) = rows.iter().copied().unzip();
            add_scaled(&mut y, a, &x);
            let expected: Vec<f64> = rows.iter().map(|(y, x)| y + a * x).collect();
            prop_assert_eq!(y, expected);
        }

        #[test]
        fn the_largest_is_the_largest(values in prop::collection::vec(any::<f32>(), 0..100)) {
            let expected = values.iter().copied().filter(|x| !x.is_nan()).fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(largest(&values), expected);
        }

        #[test]
        fn wide_instructions_change_no_bit(values in prop::collection::vec(-20f32..20.0, 0..100)) {
            let exps = || values.iter().map(|&x| exp_f32(x)).collect::<Vec<_>>();
            prop_assert_eq!(exps(), simd_dispatch(exps));
        }
    }
}
