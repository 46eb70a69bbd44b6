//! Numbers for checks: tables made by a formula, the nudge, and whether two rows differ.

use ndarray::{Array2, ArrayView1};

/// Numbers between -1 and 1, made by a formula; another seed gives other ones.
pub fn table(rows: usize, cols: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(i, j)| ((i * 7 + j * 3 + seed * 11 + 1) as f64).sin())
}

/// The derivative of `loss` with respect to each number of `x`, by nudging it up and down
/// by 0.0001.
pub fn nudged(x: &Array2<f64>, loss: impl Fn(&Array2<f64>) -> f64) -> Array2<f64> {
    Array2::from_shape_fn(x.dim(), |place| {
        let at = |h: f64| {
            let mut x = x.clone();
            x[place] += h;
            loss(&x)
        };
        (at(1e-4) - at(-1e-4)) / 2e-4
    })
}

/// Whether two rows differ by more than rounding.
pub fn differ(a: ArrayView1<f64>, b: ArrayView1<f64>) -> bool {
    a.len() != b.len() || a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-9)
}
