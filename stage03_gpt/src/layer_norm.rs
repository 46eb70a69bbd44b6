//! Layer normalisation: give every token's vector mean 0 and spread 1.
//!
//! Numbers that pass through many layers drift: some columns grow, others shrink, and the next
//! layer must chase them. Before each layer the vector of every token is therefore shifted and
//! scaled to a standard size, and the model may choose a new size and shift for each column.

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::vector::{sum, widest};
use stage02_attention::params::{Init, Params, Scope, Vector};

/// The constant under the square root that keeps a constant row from dividing by zero.
const EPSILON: f64 = 1e-5;

/// Layer normalisation of every row.
///
/// ```text
/// y = (x - mean) * rstd * gamma + beta,    rstd = 1 / sqrt(variance + 1e-5)
/// ```
///
/// gamma (called `weight` in files) and beta (`bias`): one number for each column.
/// Ba, Kiros and Hinton 2016, equation 4; the book's chapter on layer norm.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    gamma: Vector,
    beta: Option<Vector>,
}

/// What the backward pass wants to know again about each row. Both: (rows).
#[derive(Clone, Debug)]
pub struct Statistics<T> {
    mean: Vec<T>,
    rstd: Vec<T>,
}

impl<T: Float> Statistics<T> {
    /// Room for a number of rows.
    pub fn new(rows: usize) -> Self {
        Statistics { mean: vec![T::zero(); rows], rstd: vec![T::zero(); rows] }
    }
}

impl LayerNorm {
    /// Declares `weight`, which begins at one, and where asked for `bias`, which begins at zero.
    pub fn declare(mut scope: Scope, n_embd: usize, bias: bool) -> Self {
        let gamma = scope.vector("weight", n_embd, Init::Ones);
        let beta = bias.then(|| scope.vector("bias", n_embd, Init::Zeros));
        LayerNorm { gamma, beta }
    }

    /// y = (x - mean) * rstd * gamma + beta.
    ///
    /// x, y: (rows, n_embd); y is overwritten; statistics: of at least as many rows.
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        statistics: &mut Statistics<T>,
        mut y: ArrayViewMut2<T>,
    ) {
        let n = T::of(x.ncols() as f64);
        let gamma = params.vector(self.gamma);
        let beta = self.beta.map(|beta| params.vector(beta));
        for (i, (x, mut y)) in x.rows().into_iter().zip(y.rows_mut()).enumerate() {
            let x = x.to_slice().expect("rows are contiguous");
            let y = y.as_slice_mut().expect("rows are contiguous");
            let (mean, rstd) = widest(#[inline(always)] || {
                let mean = sum(x.iter().copied()) / n;
                let variance = sum(x.iter().map(|&x| (x - mean) * (x - mean))) / n;
                let rstd = T::one() / (variance + T::of(EPSILON)).sqrt();
                for ((y, &x), &gamma) in y.iter_mut().zip(x).zip(gamma) {
                    *y = (x - mean) * rstd * gamma;
                }
                (mean, rstd)
            });
            if let Some(beta) = beta {
                for (y, &beta) in y.iter_mut().zip(beta) {
                    *y += beta;
                }
            }
            (statistics.mean[i], statistics.rstd[i]) = (mean, rstd);
        }
    }

    /// dx += the gradient of x;  dgamma += sum of dy * n;  dbeta += sum of dy.
    ///
    /// With n = (x - mean) * rstd, the normalised row, and g = dy * gamma, the gradient of n:
    ///
    /// ```text
    /// dx = rstd (g - mean of g - n * mean of (g * n))
    /// ```
    ///
    /// The first subtraction is there because moving all of x together moves nothing, the
    /// second because stretching x moves nothing either. dx is *added to*: a layer norm stands
    /// beside a residual connection, which has brought its own gradient already.
    ///
    /// x, statistics: as in the forward pass; dy, dx: (rows, n_embd).
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        statistics: &Statistics<T>,
        dy: ArrayView2<T>,
        mut dx: ArrayViewMut2<T>,
        grads: &mut Params<T>,
    ) {
        let columns = T::of(x.ncols() as f64);
        let gamma = params.vector(self.gamma);
        for (i, ((x, dy), mut dx)) in
            x.rows().into_iter().zip(dy.rows()).zip(dx.rows_mut()).enumerate()
        {
            let x = x.to_slice().expect("rows are contiguous");
            let dy = dy.to_slice().expect("rows are contiguous");
            let dx = dx.as_slice_mut().expect("rows are contiguous");
            let (mean, rstd) = (statistics.mean[i], statistics.rstd[i]);
            let n = |x: T| (x - mean) * rstd;

            let dgamma = grads.vector_mut(self.gamma);
            widest(#[inline(always)] || {
                let g = || dy.iter().zip(gamma).map(|(&dy, &gamma)| dy * gamma);
                let mean_g = sum(g()) / columns;
                let mean_gn = sum(g().zip(x).map(|(g, &x)| g * n(x))) / columns;
                for ((dx, g), &x) in dx.iter_mut().zip(g()).zip(x) {
                    *dx += rstd * (g - mean_g - n(x) * mean_gn);
                }
                for ((dgamma, &dy), &x) in dgamma.iter_mut().zip(dy).zip(x) {
                    *dgamma += dy * n(x);
                }
            });
            if let Some(beta) = self.beta {
                for (dbeta, &dy) in grads.vector_mut(beta).iter_mut().zip(dy) {
                    *dbeta += dy;
                }
            }
        }
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
