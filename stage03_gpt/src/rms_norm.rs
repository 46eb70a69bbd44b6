//! RMSNorm: every token's vector is divided by its root mean square.
//!
//! Layer norm does two things to a row: it takes away the mean, and it divides by the standard
//! deviation. RMSNorm keeps the second. It divides by the root of the mean square, and leaves the
//! mean where it is; it has a scale for each column and no shift. That is less to compute, and models
//! learn as well with it.
//!
//! ```text
//! n = x * rstd,    rstd = 1 / sqrt(mean of x² + eps)         of each row x
//! y = n * gamma
//! ```
//!
//! gamma is called `weight` in files. Zhang and Sennrich 2019, equation 4; the eps is Llama's.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::params::{Layout, Params};
//! use stage03_gpt::layer_norm::Statistics;
//! use stage03_gpt::rms_norm::RmsNorm;
//!
//! let mut layout = Layout::new();
//! let ln_1 = RmsNorm::declare(layout.scope("ln_1"), 2, 0.0);
//! let params = Params { values: vec![1.0, 10.0] }; // gamma
//!
//! let x = array![[1.0f64, 7.0]]; // mean square 25
//! let (mut y, mut statistics) = (x.clone(), Statistics::new(1));
//! ln_1.forward(&params, x.view(), &mut statistics, y.view_mut());
//! assert!((y[[0, 0]] - 0.2).abs() < 1e-12 && (y[[0, 1]] - 14.0).abs() < 1e-12);
//! ```

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::vector::sum;
use stage02_attention::parallel::{add_rows, each_row};
use stage02_attention::params::{Init, Params, Scope, Vector};
use stage02_attention::profiler::Region;
use stage02_attention::weights::Weights;

use crate::layer_norm::Statistics;

// ANCHOR: normalise
/// One row of the forward pass. Returns its rstd.
#[inline(always)]
fn normalise<T: Float>(x: &[T], gamma: &[T], eps: T, y: &mut [T]) -> T {
    let mean_square = sum(x.iter().map(|&x| x * x)) / T::of(x.len() as f64);
    let rstd = T::one() / (mean_square + eps).sqrt();
    for ((y, &x), &gamma) in y.iter_mut().zip(x).zip(gamma) {
        *y = x * rstd * gamma;
    }
    rstd
}
// ANCHOR_END: normalise

// ANCHOR: normalise_backward
/// One row of the backward pass.
///
/// With g = dy * gamma, the gradient of n:
///
/// ```text
/// dx += rstd (g - n * mean of (g * n))
/// ```
#[inline(always)]
fn normalise_backward<T: Float>(x: &[T], gamma: &[T], rstd: T, dy: &[T], dx: &mut [T]) {
    let columns = T::of(x.len() as f64);
    let rows = || dy.iter().zip(gamma).map(|(&dy, &gamma)| dy * gamma).zip(x);
    let mean_gn = sum(rows().map(|(g, &x)| g * (x * rstd))) / columns;
    for (dx, (g, &x)) in dx.iter_mut().zip(rows()) {
        let mut d = g; // term 1: directly, through n
        d -= x * rstd * mean_gn; // term 2: through rstd; scaling all of x changes nothing
        *dx += rstd * d;
    }
}
// ANCHOR_END: normalise_backward

/// RMSNorm of every row: y = n * gamma.
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm {
    /// The scale of each column. Shape: (n_embd).
    pub(crate) gamma: Vector,
    /// What is added to the mean square under the root.
    pub(crate) eps: f64,
}

impl RmsNorm {
    /// Declares `weight`, which begins at one.
    pub fn declare(mut scope: Scope, n_embd: usize, eps: f64) -> Self {
        RmsNorm { gamma: scope.vector("weight", n_embd, Init::Ones), eps }
    }

    /// y = n * gamma.
    ///
    /// x, y: (rows, n_embd); y is overwritten; statistics: of at least as many rows.
    pub fn forward<T: Float>(
        &self,
        params: &dyn Weights<T>,
        x: ArrayView2<T>,
        statistics: &mut Statistics<T>,
        y: ArrayViewMut2<T>,
    ) {
        let (gamma, eps) = (params.vector(self.gamma), T::of(self.eps));
        let rstd = &mut statistics.rstd[..x.nrows()];
        each_row(Region::LayerNorm, (x, y, rstd), |(x, y, rstd)| {
            *rstd = normalise(x, gamma, eps, y);
        });
    }

    /// dx += the gradient of x;  dgamma += sum of dy * n.
    ///
    /// The gradient is *added* to dx, as by
    /// [`LayerNorm::backward`](crate::layer_norm::LayerNorm::backward).
    ///
    /// x, statistics: as in the forward pass; dy, dx: (rows, n_embd).
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        statistics: &Statistics<T>,
        dy: ArrayView2<T>,
        dx: ArrayViewMut2<T>,
        grads: &mut Params<T>,
    ) {
        let (gamma, rstd) = (params.vector(self.gamma), &statistics.rstd[..x.nrows()]);
        each_row(Region::LayerNorm, (x, rstd, dy, dx), |(x, &rstd, dy, dx)| {
            normalise_backward(x, gamma, rstd, dy, dx);
        });
        if !grads.trains(self.gamma.offset()) {
            return; // frozen
        }
        let (dgamma, rows) = (grads.vector_mut(self.gamma), (x, rstd, dy));
        add_rows(Region::LayerNorm, dgamma, rows, |dgamma, (x, &rstd, dy)| {
            for ((dgamma, &x), &dy) in dgamma.iter_mut().zip(x).zip(dy) {
                *dgamma += dy * (x * rstd);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage02_attention::layer_check::{Problem, array, array_mut};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..5, n_embd in 1usize..7, seed: u64) {
            Problem::new(seed, &[rows * n_embd], |layout| {
                RmsNorm::declare(layout.scope("ln"), n_embd, 1e-2)
            })
            .check(
                rows * n_embd,
                |norm, params, x, y| {
                    let (x, y) = (array(&x[0], rows, n_embd), array_mut(y, rows, n_embd));
                    norm.forward(params, x, &mut Statistics::new(rows), y);
                },
                |norm, params, x, dy, dx, grads| {
                    let (x, dy) = (array(&x[0], rows, n_embd), array(dy, rows, n_embd));
                    let mut statistics = Statistics::new(rows);
                    norm.forward(params, x, &mut statistics, x.to_owned().view_mut());
                    let dx = &mut dx[0];
                    dx.fill(0.0);
                    norm.backward(params, x, &statistics, dy, array_mut(dx, rows, n_embd), grads);
                },
            );
        }

        /// And has the mean square 1, but for the eps.
        #[test]
        fn the_scale_of_a_row_changes_nothing(scale in 0.1f64..100.0, n_embd in 1usize..50, seed: u64) {
            use stage01_bigram::random::{Purpose, generator};
            let mut layout = stage02_attention::params::Layout::new();
            let norm = RmsNorm::declare(layout.scope("ln"), n_embd, 0.0);
            let params = Params { values: vec![1.0; n_embd] };
            let mut x = ndarray::Array2::<f64>::zeros((2, n_embd));
            let rng = &mut generator(seed, Purpose::Other, 0);
            stage02_attention::params::fill_normal(x.as_slice_mut().unwrap(), 1.0, rng);
            let scaled = &x.row(0) * scale;
            x.row_mut(1).assign(&scaled);
            let mut y = x.clone();
            norm.forward(&params, x.view(), &mut Statistics::new(2), y.view_mut());
            prop_assert!(y.row(0).iter().zip(y.row(1)).all(|(a, b)| (a - b).abs() < 1e-12));
            let mean_square = y.row(0).iter().map(|y| y * y).sum::<f64>() / n_embd as f64;
            prop_assert!((mean_square - 1.0).abs() < 1e-12);
        }
    }
}
