//! The linear layer: every output is a weighted sum of all inputs.
//!
//! It is where a model keeps most of what it knows, and the only layer that mixes the columns of a
//! row. Rows never mix here: each token is treated by itself.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::linear::Linear;
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! let mut layout = Layout::new();
//! let linear = Linear::declare(layout.scope("c_fc"), 2, 1, true, Init::Zeros);
//! let params = Params { values: vec![3.0, 4.0, 100.0] }; // W = (3, 4)', b = 100
//! let (x, mut y) = (array![[1.0, 10.0], [2.0, 20.0]], array![[0.0], [0.0]]);
//! linear.forward(&params, x.view(), y.view_mut());
//! assert_eq!(y, array![[143.0], [186.0]]);
//! ```

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;

use crate::lora::Lora;
use crate::matmul::{Dtype, par_gemm};
use crate::parallel::{add_rows, each_row};
use crate::params::{Init, Matrix, Params, Scope, Vector};
use crate::profiler::Region;

/// y = x W + b for every row x.
///
/// W: (n_in, n_out), the orientation of GPT-2's files; b: (n_out), or no b at all.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// W. Shape: (n_in, n_out).
    pub weight: Matrix,
    /// b. Shape: (n_out).
    pub bias: Option<Vector>,
    /// Precision of the matrix products.
    pub dtype: Dtype,
    /// Low-rank adapters beside W, if it has any.
    pub lora: Option<Lora>,
}

impl Linear {
    // ANCHOR: declare
    /// Declares `weight` and, where `bias` says so, `bias` (which begins at zero).
    pub fn declare(mut scope: Scope, n_in: usize, n_out: usize, bias: bool, init: Init) -> Self {
        let weight = scope.matrix("weight", n_in, n_out, init);
        let bias = bias.then(|| scope.vector("bias", n_out, Init::Zeros));
        Linear { weight, bias, dtype: Dtype::Float32, lora: None }
    }
    // ANCHOR_END: declare

    // ANCHOR: forward
    /// y = x W + b.
    ///
    /// x: (rows, n_in); y: (rows, n_out), overwritten.
    pub fn forward<T: Float>(&self, params: &Params<T>, x: ArrayView2<T>, mut y: ArrayViewMut2<T>) {
        let bias = self.bias.map(|bias| params.vector(bias));
        if let Some(bias) = bias {
            each_row(Region::MatrixProducts, y.view_mut(), |y| y.copy_from_slice(bias));
        }
        let beta = if bias.is_some() { T::one() } else { T::zero() };
        par_gemm(self.dtype, T::one(), x, params.matrix(self.weight), beta, &mut y);
        if let Some(lora) = &self.lora {
            lora.forward(self.dtype, params, x, y);
        }
    }
    // ANCHOR_END: forward

    // ANCHOR: backward
    /// dx = dy W';  dW += x' dy;  db += the sum of the rows of dy. (A' is A transposed.)
    ///
    /// Nudge x[i, k] by h: every y[i, j] moves by h W[k, j], so the loss moves by
    /// h times the sum over j of dy[i, j] W[k, j]. That sum is dx[i, k]; the others follow in
    /// the same way.
    ///
    /// x: (rows, n_in), as given to `forward`; dy: (rows, n_out); dx: (rows, n_in),
    /// overwritten; the gradient of the weights is added to `grads`.
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        dy: ArrayView2<T>,
        mut dx: ArrayViewMut2<T>,
        grads: &mut Params<T>,
    ) {
        par_gemm(self.dtype, T::one(), dy, params.matrix(self.weight).t(), T::zero(), &mut dx);
        self.backward_weights(x, dy, grads);
        if let Some(lora) = &self.lora {
            lora.backward(self.dtype, params, x, dy, dx, grads);
        }
    }
    // ANCHOR_END: backward

    // ANCHOR: backward_weights
    /// The gradient of W and b alone, where that of x is not needed.
    pub fn backward_weights<T: Float>(
        &self,
        x: ArrayView2<T>,
        dy: ArrayView2<T>,
        grads: &mut Params<T>,
    ) {
        if !grads.trains(self.weight.offset()) {
            return; // frozen
        }
        par_gemm(self.dtype, T::one(), x.t(), dy, T::one(), &mut grads.matrix_mut(self.weight));
        let Some(bias) = self.bias else { return };
        add_rows(Region::MatrixProducts, grads.vector_mut(bias), dy, |db, dy| {
            db.iter_mut().zip(dy).for_each(|(db, &dy)| *db += dy);
        });
    }
    // ANCHOR_END: backward_weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer_check::{Problem, array, array_mut};
    use proptest::prelude::*;

    // ANCHOR: check
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..5, n_in in 1usize..6, n_out in 1usize..6, bias: bool, seed: u64) {
            Problem::new(seed, &[rows * n_in], |layout| {
                Linear::declare(layout.scope("c_fc"), n_in, n_out, bias, Init::Normal(0.5))
            })
            .check(
                rows * n_out,
                |linear, params, x, y| {
                    linear.forward(params, array(&x[0], rows, n_in), array_mut(y, rows, n_out));
                },
                |linear, params, x, dy, dx, grads| {
                    let (x, dy) = (array(&x[0], rows, n_in), array(dy, rows, n_out));
                    let dx = array_mut(&mut dx[0], rows, n_in);
                    linear.backward(params, x, dy, dx, grads);
                },
            );
        }
    }
    // ANCHOR_END: check

    #[test]
    fn worked_example_of_the_book() {
        // Two inputs, three outputs: y = (1, 2) W + b.
        let mut layout = crate::params::Layout::new();
        let linear = Linear::declare(layout.scope("c_fc"), 2, 3, true, Init::Zeros);
        let mut params = Params::zeros(&layout);
        params.values = vec![1., 0., -1., 2., 1., 0., 10., 20., 30.];
        let x = ndarray::array![[1.0, 2.0]];
        let mut y = ndarray::Array2::zeros((1, 3));
        linear.forward(&params, x.view(), y.view_mut());
        assert_eq!(y, ndarray::array![[15.0, 22.0, 29.0]]);
    }
}
