//! Layer normalisation: give every token's vector mean 0 and spread 1.
//!
//! Numbers that pass through many layers drift: some columns grow, others shrink, and the next
//! layer must chase them. Before each layer the vector of every token is therefore shifted and
//! scaled to a standard size, and the model may choose a new size and shift for each column.

use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;
use stage01_bigram::Float;
use stage01_bigram::vector::{simd_dispatch, sum};
use stage02_attention::linear::add_rows;
use stage02_attention::parallel::{self, rows_per_thread};
use stage02_attention::params::{Init, Params, Scope, Vector};
use stage02_attention::profiler::{Region, time};

/// The constant under the square root that keeps a constant row from dividing by zero.
pub(crate) const EPSILON: f64 = 1e-5;

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
    /// By what each column is scaled. Shape: (n_embd).
    pub(crate) gamma: Vector,
    /// By what each column is shifted. Shape: (n_embd).
    pub(crate) beta: Option<Vector>,
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
        let cols = x.ncols();
        let gamma = params.vector(self.gamma);
        let beta = self.beta.map(|beta| params.vector(beta));
        let each = rows_per_thread(x.nrows(), cols);
        let (x, y) = (flat(x), y.as_slice_mut().expect("whole rows are contiguous"));
        let statistics =
            statistics.mean.par_chunks_mut(each).zip(statistics.rstd.par_chunks_mut(each));
        let rows = x.par_chunks(each * cols).zip(y.par_chunks_mut(each * cols)).zip(statistics);
        parallel::each(rows, |((x, y), (mean, rstd))| {
            quickly(
                #[inline(always)]
                || {
                    let rows = x.chunks_exact(cols).zip(y.chunks_exact_mut(cols));
                    for ((x, y), (mean, rstd)) in rows.zip(mean.iter_mut().zip(rstd)) {
                        (*mean, *rstd) = normalise(x, gamma, beta, y);
                    }
                },
            );
        });
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
        let (rows, cols) = x.dim();
        let gamma = params.vector(self.gamma);
        let Statistics { mean, rstd } = statistics;
        let (dy_rows, x, dy) = (dy, flat(x), flat(dy));
        let dx = dx.as_slice_mut().expect("whole rows are contiguous");
        // The gradient of x: every row alone.
        let each = rows_per_thread(rows, cols);
        let tables = x.par_chunks(each * cols).zip(dy.par_chunks(each * cols));
        let statistics = mean.par_chunks(each).zip(rstd.par_chunks(each));
        let pieces = dx.par_chunks_mut(each * cols).zip(tables).zip(statistics);
        parallel::each(pieces, |((dx, (x, dy)), (mean, rstd))| {
            quickly(
                #[inline(always)]
                || {
                    let tables = x.chunks_exact(cols).zip(dy.chunks_exact(cols));
                    let rows = dx.chunks_exact_mut(cols).zip(tables);
                    for ((dx, (x, dy)), (&mean, &rstd)) in rows.zip(mean.iter().zip(rstd)) {
                        normalise_backward(x, gamma, (mean, rstd), dy, dx);
                    }
                },
            );
        });

        // ANCHOR: columns
        // The gradients of gamma and beta: every column alone, down all rows.
        let each = rows_per_thread(cols, rows);
        let dgamma = grads.vector_mut(self.gamma).par_chunks_mut(each).enumerate();
        parallel::each(dgamma, |(i, dgamma)| {
            let columns = i * each..i * each + dgamma.len();
            quickly(
                #[inline(always)]
                || {
                    let tables = x.chunks_exact(cols).zip(dy.chunks_exact(cols));
                    for ((x, dy), (&mean, &rstd)) in tables.zip(mean.iter().zip(rstd)) {
                        let (x, dy) = (&x[columns.clone()], &dy[columns.clone()]);
                        for ((dgamma, &x), &dy) in dgamma.iter_mut().zip(x).zip(dy) {
                            *dgamma += dy * ((x - mean) * rstd);
                        }
                    }
                },
            );
        });
        // ANCHOR_END: columns
        let Some(beta) = self.beta else { return };
        let dbeta = grads.vector_mut(beta).par_chunks_mut(each).enumerate();
        parallel::each(dbeta, |(i, dbeta)| {
            time(Region::LayerNorm, || add_rows(dy_rows, i * each, dbeta));
        });
    }
}

/// Runs some work with the widest instructions, and on the clock.
#[inline(always)]
fn quickly<R>(work: impl FnOnce() -> R) -> R {
    time(Region::LayerNorm, || simd_dispatch(work))
}

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
/// One row of dx.
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
        *dx += rstd * (g - mean_g - (x - mean) * rstd * mean_gn);
    }
}
// ANCHOR_END: normalise_backward

/// All numbers of a table, row after row.
fn flat<'a, T>(table: ArrayView2<'a, T>) -> &'a [T] {
    table.to_slice().expect("whole rows are contiguous")
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
