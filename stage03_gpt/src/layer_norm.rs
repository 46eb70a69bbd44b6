//! Layer normalisation: every token's vector gets mean 0 and standard deviation 1.
//!
//! Numbers that pass through many layers drift: some columns grow, others shrink, and the next
//! layer has to follow. Before each layer the vector of every token is therefore shifted and
//! scaled to a standard size, and two learned parameters scale and shift each column again.
//!
//! ```text
//! n = (x - mean) * rstd,    rstd = 1 / sqrt(variance + 1e-5)         of each row x
//! y = n * gamma + beta
//! ```
//!
//! gamma (called `weight` in files) and beta (`bias`): one number for each column.
//! Ba, Kiros and Hinton 2016, equation 4.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::params::{Layout, Params};
//! use stage03_gpt::layer_norm::{LayerNorm, Statistics};
//!
//! let mut layout = Layout::new();
//! let ln_1 = LayerNorm::declare(layout.scope("ln_1"), 2, true);
//! let params = Params { values: vec![1.0, 1.0, 0.0, 10.0] }; // gamma = (1, 1), beta = (0, 10)
//!
//! let x = array![[3.0f64, 5.0]]; // mean 4, variance 1
//! let (mut y, mut statistics) = (x.clone(), Statistics::new(1));
//! ln_1.forward(&params, x.view(), &mut statistics, y.view_mut());
//! assert!((y[[0, 0]] + 1.0).abs() < 1e-5 && (y[[0, 1]] - 11.0).abs() < 1e-5);
//! ```

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::vector::sum;
use stage02_attention::parallel::{add_rows, each_row};
use stage02_attention::params::{Init, Params, Scope, Vector};
use stage02_attention::profiler::Region;
use stage02_attention::weights::Weights;

/// The constant under the square root that keeps a constant row from dividing by zero.
pub(crate) const EPSILON: f64 = 1e-5;

// ANCHOR: normalise
/// One row of the forward pass. Returns its mean and rstd.
#[inline(always)]
fn normalise<T: Float>(x: &[T], gamma: &[T], beta: Option<&[T]>, y: &mut [T]) -> (T, T) {
    let n = T::of(x.len() as f64);
    let mean = sum(x.iter().copied()) / n;
    let variance = sum(x.iter().map(|&x| (x - mean) * (x - mean))) / n;
    let rstd = T::one() / (variance + T::of(EPSILON)).sqrt();
    for ((y, &x), &gamma) in y.iter_mut().zip(x).zip(gamma) {
        *y = (x - mean) * rstd * gamma;
    }
    if let Some(beta) = beta {
        y.iter_mut().zip(beta).for_each(|(y, &beta)| *y += beta);
    }
    (mean, rstd)
}
// ANCHOR_END: normalise

// ANCHOR: normalise_backward
/// One row of the backward pass.
///
/// With g = dy * gamma, the gradient of n:
///
/// ```text
/// dx += rstd (g - mean of g - n * mean of (g * n))
/// ```
#[inline(always)]
fn normalise_backward<T: Float>(
    x: &[T],
    gamma: &[T],
    (mean, rstd): (T, T),
    dy: &[T],
    dx: &mut [T],
) {
    let columns = T::of(x.len() as f64);
    let rows = || dy.iter().zip(gamma).map(|(&dy, &gamma)| dy * gamma).zip(x);
    let mean_g = sum(rows().map(|(g, _)| g)) / columns;
    let mean_gn = sum(rows().map(|(g, &x)| g * ((x - mean) * rstd))) / columns;
    for (dx, (g, &x)) in dx.iter_mut().zip(rows()) {
        let n = (x - mean) * rstd;
        let mut d = g; // term 1: directly, through n
        d -= mean_g; // term 2: through the mean; shifting all of x changes nothing
        d -= n * mean_gn; // term 3: through rstd; scaling all of x changes nothing either
        *dx += rstd * d;
    }
}
// ANCHOR_END: normalise_backward

/// Layer normalisation of every row: y = n * gamma + beta.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    /// The scale of each column. Shape: (n_embd).
    pub(crate) gamma: Vector,
    /// The shift of each column. Shape: (n_embd).
    pub(crate) beta: Option<Vector>,
}

/// The mean and rstd of each row, which the backward pass needs again. Both: (rows).
#[derive(Clone, Debug)]
pub struct Statistics<T> {
    /// Unused by [`RmsNorm`](crate::rms_norm::RmsNorm), which takes no mean away.
    pub(crate) mean: Vec<T>,
    pub(crate) rstd: Vec<T>,
}

impl<T: Float> Statistics<T> {
    /// Statistics of `rows` rows.
    pub fn new(rows: usize) -> Self {
        Statistics { mean: vec![T::zero(); rows], rstd: vec![T::zero(); rows] }
    }
}

impl LayerNorm {
    /// Declares `weight`, which begins at one, and with `bias` the vector `bias`, which begins at
    /// zero.
    pub fn declare(mut scope: Scope, n_embd: usize, bias: bool) -> Self {
        let gamma = scope.vector("weight", n_embd, Init::Ones);
        let beta = bias.then(|| scope.vector("bias", n_embd, Init::Zeros));
        LayerNorm { gamma, beta }
    }

    /// y = n * gamma + beta.
    ///
    /// x, y: (rows, n_embd); y is overwritten; statistics: of at least as many rows.
    pub fn forward<T: Float>(
        &self,
        params: &dyn Weights<T>,
        x: ArrayView2<T>,
        statistics: &mut Statistics<T>,
        y: ArrayViewMut2<T>,
    ) {
        let gamma = params.vector(self.gamma);
        let beta = self.beta.map(|beta| params.vector(beta));
        let mean = &mut statistics.mean[..x.nrows()];
        let rstd = &mut statistics.rstd[..x.nrows()];
        each_row(Region::LayerNorm, (x, y, mean, rstd), |(x, y, mean, rstd)| {
            (*mean, *rstd) = normalise(x, gamma, beta, y);
        });
    }

    /// dx += the gradient of x;  dgamma += sum of dy * n;  dbeta += sum of dy.
    ///
    /// The gradient is *added* to dx: a layer norm stands beside a residual connection, whose
    /// gradient is in dx already.
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
        let gamma = params.vector(self.gamma);
        let (mean, rstd) = (&statistics.mean[..x.nrows()], &statistics.rstd[..x.nrows()]);
        each_row(Region::LayerNorm, (x, mean, rstd, dy, dx), |(x, &mean, &rstd, dy, dx)| {
            normalise_backward(x, gamma, (mean, rstd), dy, dx);
        });

        if !grads.trains(self.gamma.offset()) {
            return; // frozen
        }
        // ANCHOR: columns
        // The gradients of gamma and beta: sums over the rows, column by column.
        let (dgamma, rows) = (grads.vector_mut(self.gamma), (x, mean, rstd, dy));
        add_rows(Region::LayerNorm, dgamma, rows, |dgamma, (x, &mean, &rstd, dy)| {
            for ((dgamma, &x), &dy) in dgamma.iter_mut().zip(x).zip(dy) {
                *dgamma += dy * ((x - mean) * rstd);
            }
        });
        // ANCHOR_END: columns
        let Some(beta) = self.beta else { return };
        add_rows(Region::LayerNorm, grads.vector_mut(beta), dy, |dbeta, dy| {
            dbeta.iter_mut().zip(dy).for_each(|(dbeta, &dy)| *dbeta += dy);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;
    use stage02_attention::layer_check::{Problem, array, array_mut};
    use stage02_attention::params::Layout;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..5, n_embd in 2usize..40, bias: bool, seed: u64) {
            Problem::new(seed, &[rows * n_embd], |layout| {
                LayerNorm::declare(layout.scope("ln_1"), n_embd, bias)
            })
            .check(
                rows * n_embd,
                |norm, params, x, y| {
                    let (x, y) = (array(&x[0], rows, n_embd), array_mut(y, rows, n_embd));
                    norm.forward(params, x, &mut Statistics::new(rows), y);
                },
                |norm, params, x, dy, dx, grads| {
                    let (x, dy) = (array(&x[0], rows, n_embd), array(dy, rows, n_embd));
                    let mut y = vec![0.0; rows * n_embd];
                    let mut statistics = Statistics::new(rows);
                    norm.forward(params, x, &mut statistics, array_mut(&mut y, rows, n_embd));
                    // It adds to dx: begin at one and take the one away again.
                    dx[0].fill(1.0);
                    let view = array_mut(&mut dx[0], rows, n_embd);
                    norm.backward(params, x, &statistics, dy, view, grads);
                    dx[0].iter_mut().for_each(|dx| *dx -= 1.0);
                },
            );
        }
    }

    #[test]
    fn worked_example_of_the_book() {
        // Mean 2, variance (1 + 0 + 1) / 3; a constant row becomes zero, not NaN.
        let mut layout = Layout::new();
        let norm = LayerNorm::declare(layout.scope("ln_1"), 3, true);
        let params = Params { values: vec![1.0f64, 1.0, 1.0, 0.0, 0.0, 0.0] };
        let mut y = ndarray::Array2::zeros((2, 3));
        let x = array![[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]];
        norm.forward(&params, x.view(), &mut Statistics::new(2), y.view_mut());
        for (y, expected) in y.iter().zip([-1.224_735_6, 0.0, 1.224_735_6, 0.0, 0.0, 0.0]) {
            assert!((y - expected).abs() < 1e-6, "{y} {expected}");
        }
    }
}
