//! Embeddings: tokens become vectors, rows of a matrix with one row for every token or position.
//!
//! A token's number says nothing by itself: token 7 is not "more" than token 6. So each token gets
//! a row of `n_embd` numbers, all of them learned, and looking a token up means copying its row.
//! GPT-2 adds a second matrix for positions (0, 1, 2, ...), because attention by itself cannot tell
//! the order of the words.
//!
//! ```
//! use ndarray::{Array2, array};
//! use stage02_attention::embedding::Embedding;
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! let mut layout = Layout::new();
//! let wte = Embedding::declare(layout.scope("wte"), 3, 2, Init::Zeros); // three tokens
//! let params = Params { values: vec![0.0, 0.1, 1.0, 1.1, 2.0, 2.1] };
//! let mut x = Array2::zeros((2, 2));
//! wte.forward(&params, [2, 0].into_iter(), x.view_mut());
//! assert_eq!(x, array![[2.0, 2.1], [0.0, 0.1]]);
//! ```

use ndarray::{Array1, ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;

use crate::params::{Init, Matrix, Params, Scope};
use crate::weights::Weights;

/// A matrix with one vector (a row) for each index.
#[derive(Clone, Copy, Debug)]
pub struct Embedding {
    /// The matrix. Shape: (number of indices, n_embd). Public, because GPT-2 uses that of the
    /// tokens a second time, as the weights of its output layer.
    pub weight: Matrix,
}

impl Embedding {
    // ANCHOR: declare
    /// Declares `weight` with a row of `n_embd` numbers for each of `n` indices.
    pub fn declare(mut scope: Scope, n: usize, n_embd: usize, init: Init) -> Self {
        Embedding { weight: scope.matrix("weight", n, n_embd, init) }
    }
    // ANCHOR_END: declare

    // ANCHOR: forward
    /// `x[i] = weight[index i]`: copies the row of every index.
    ///
    /// indices: one for each row, all below n; x: (rows, n_embd), overwritten.
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        indices: impl Iterator<Item = usize>,
        mut x: ArrayViewMut2<T>,
    ) {
        let weight = params.matrix(self.weight);
        for (mut row, index) in x.rows_mut().into_iter().zip(indices) {
            row.assign(&weight.row(index));
        }
    }
    // ANCHOR_END: forward

    /// `x[i] += weight[index i]`: as [`Embedding::forward`], added to what is there.
    pub fn forward_add<T: Float>(
        &self,
        params: &Params<T>,
        indices: impl Iterator<Item = usize>,
        mut x: ArrayViewMut2<T>,
    ) {
        let weight = params.matrix(self.weight);
        for (mut row, index) in x.rows_mut().into_iter().zip(indices) {
            row += &weight.row(index);
        }
    }

    /// [`Embedding::forward`] in inference, of weights that may be quantised.
    pub fn infer<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        indices: impl Iterator<Item = usize>,
        mut x: ArrayViewMut2<T>,
    ) {
        for (mut row, index) in x.rows_mut().into_iter().zip(indices) {
            weights.row(self.weight, index, row.as_slice_mut().expect("rows are contiguous"));
        }
    }

    /// [`Embedding::forward_add`] in inference, of weights that may be quantised.
    pub fn infer_add<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        indices: impl Iterator<Item = usize>,
        mut x: ArrayViewMut2<T>,
    ) {
        let mut vector = Array1::zeros(x.ncols());
        for (mut row, index) in x.rows_mut().into_iter().zip(indices) {
            weights.row(self.weight, index, vector.as_slice_mut().expect("contiguous"));
            row += &vector;
        }
    }

    // ANCHOR: backward
    /// `dweight[index i] += dx[i]`: a row that was copied three times gets three gradients.
    ///
    /// indices: as in the forward pass; dx: (rows, n_embd).
    pub fn backward<T: Float>(
        &self,
        indices: impl Iterator<Item = usize>,
        dx: ArrayView2<T>,
        grads: &mut Params<T>,
    ) {
        if !grads.trains(self.weight.offset()) {
            return; // frozen
        }
        let mut weight = grads.matrix_mut(self.weight);
        for (row, index) in dx.rows().into_iter().zip(indices) {
            let mut target = weight.row_mut(index);
            target += &row;
        }
    }
    // ANCHOR_END: backward
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer_check::{Problem, array, array_mut};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(tokens in prop::collection::vec(0usize..4, 1..8), n_embd in 1usize..4, seed: u64) {
            let rows = tokens.len();
            Problem::new(seed, &[], |layout| {
                let wte = Embedding::declare(layout.scope("wte"), 4, n_embd, Init::Normal(1.0));
                let wpe = Embedding::declare(layout.scope("wpe"), 8, n_embd, Init::Normal(1.0));
                (wte, wpe)
            })
            .check(
                rows * n_embd,
                |(wte, wpe), params, _, x| {
                    wte.forward(params, tokens.iter().copied(), array_mut(x, rows, n_embd));
                    wpe.forward_add(params, 0..rows, array_mut(x, rows, n_embd));
                },
                |(wte, wpe), _, _, dx, _, grads| {
                    wte.backward(tokens.iter().copied(), array(dx, rows, n_embd), grads);
                    wpe.backward(0..rows, array(dx, rows, n_embd), grads);
                },
            );
        }
    }
}
