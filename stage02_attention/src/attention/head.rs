//! One attention head, written to be read.
//!
//! Every loop of the equation is spelled out: a token i compares its query with the keys of
//! all tokens j it may see, and mixes their values. The backward pass walks the same loops and
//! asks of every line: if this number moves a little, what moves with it?
//!
//! It allocates as it goes and uses no matrix product, so it is slow. [`multi_head`] computes the
//! same numbers fast, and a test compares the two.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::attention::{Mask, head::Head};
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! // Two tokens of one number; q = k = v = x. Scores of token 1: 1 * 2 and 2 * 2.
//! let mut layout = Layout::new();
//! let head = Head::declare(layout.scope("head"), 1, 1, Mask::Causal, Init::Ones);
//! let params = Params { values: vec![1.0f64; 3] };
//! let acts = head.forward(&params, array![[1.0], [2.0]].view());
//! assert_eq!(acts.att.row(0).to_vec(), [1.0, 0.0]); // token 0 sees itself alone
//! assert!((acts.att[[1, 0]] - 0.1192).abs() < 1e-4); // e^2 / (e^2 + e^4)
//! ```
//!
//! [`multi_head`]: super::multi_head

use ndarray::{Array2, ArrayView2};
use stage01_bigram::Float;
use stage01_bigram::loss::softmax_in_place;

use super::Mask;
use crate::linear::Linear;
use crate::params::{Init, Params, Scope};

/// One head: three linear layers from `n_embd` to `head_size`, and a mask.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    query: Linear,
    key: Linear,
    value: Linear,
    head_size: usize,
    mask: Mask,
}

/// What a forward pass of a [`Head`] leaves for the backward pass.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    /// Queries, keys and values. Each: (length, head_size).
    pub q: Array2<T>,
    /// See `q`.
    pub k: Array2<T>,
    /// See `q`.
    pub v: Array2<T>,
    /// The attention weights: row i holds those of token i. Shape: (length, length).
    pub att: Array2<T>,
    /// The result. Shape: (length, head_size).
    pub y: Array2<T>,
}

impl Head {
    // ANCHOR: declare
    /// Declares `query`, `key` and `value`, without biases.
    pub fn declare(
        mut scope: Scope,
        n_embd: usize,
        head_size: usize,
        mask: Mask,
        init: Init,
    ) -> Self {
        let query = Linear::declare(scope.scope("query"), n_embd, head_size, false, init);
        let key = Linear::declare(scope.scope("key"), n_embd, head_size, false, init);
        let value = Linear::declare(scope.scope("value"), n_embd, head_size, false, init);
        Head { query, key, value, head_size, mask }
    }
    // ANCHOR_END: declare

    /// Attention over one sequence.
    ///
    /// x: (length, n_embd).
    pub fn forward<T: Float>(&self, params: &Params<T>, x: ArrayView2<T>) -> Activations<T> {
        let length = x.nrows();
        // ANCHOR: project
        let project = |layer: Linear| {
            let mut y = Array2::zeros((length, self.head_size));
            layer.forward(params, x, y.view_mut());
            y
        };
        let (q, k, v) = (project(self.query), project(self.key), project(self.value));
        // ANCHOR_END: project
        let scale = T::of(1.0 / (self.head_size as f64).sqrt());
        let mut att = Array2::zeros((length, length));
        let mut y = Array2::zeros((length, self.head_size));
        for i in 0..length {
            let visible = self.mask.visible(i, length, length);

            // ANCHOR: scores
            // How well does the query of token i fit the key of token j?
            let mut scores = vec![T::zero(); visible];
            for j in 0..visible {
                for c in 0..self.head_size {
                    scores[j] += q[[i, c]] * k[[j, c]] * scale;
                }
            }
            // ANCHOR_END: scores

            // ANCHOR: weights
            // Scores become attention weights: all above zero, together one.
            softmax_in_place(&mut scores);
            // ANCHOR_END: weights

            // ANCHOR: mixture
            // Multiply every value by its weight, and add up.
            for j in 0..visible {
                att[[i, j]] = scores[j];
                for c in 0..self.head_size {
                    y[[i, c]] += att[[i, j]] * v[[j, c]];
                }
            }
            // ANCHOR_END: mixture
        }
        Activations { q, k, v, att, y }
    }

    /// The gradient of x, and of the three layers, from the gradient of y.
    ///
    /// x: as in the forward pass; dy: (length, head_size); returns dx: (length, n_embd).
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        dy: ArrayView2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let Activations { q, k, v, att, .. } = acts;
        let length = x.nrows();
        let scale = T::of(1.0 / (self.head_size as f64).sqrt());
        let zeros = || Array2::zeros((length, self.head_size));
        let (mut dq, mut dk, mut dv) = (zeros(), zeros(), zeros());
        for i in 0..length {
            let visible = self.mask.visible(i, length, length);

            // ANCHOR: back_through_mixture
            // y[i] = sum over j of att[i, j] v[j]
            let mut datt = vec![T::zero(); visible];
            for j in 0..visible {
                for c in 0..self.head_size {
                    datt[j] += dy[[i, c]] * v[[j, c]];
                    dv[[j, c]] += dy[[i, c]] * att[[i, j]];
                }
            }
            // ANCHOR_END: back_through_mixture

            // ANCHOR: back_through_softmax
            // The softmax: a weight can only grow by what the others lose.
            let mean: T = (0..visible).map(|j| datt[j] * att[[i, j]]).sum();
            let dscores: Vec<T> = (0..visible).map(|j| att[[i, j]] * (datt[j] - mean)).collect();
            // ANCHOR_END: back_through_softmax

            // ANCHOR: back_through_scores
            // scores[j] = q[i] . k[j] / sqrt(head_size)
            for j in 0..visible {
                for c in 0..self.head_size {
                    dq[[i, c]] += dscores[j] * k[[j, c]] * scale;
                    dk[[j, c]] += dscores[j] * q[[i, c]] * scale;
                }
            }
            // ANCHOR_END: back_through_scores
        }

        // ANCHOR: back_through_layers
        // x went into three layers, so its gradient is the sum of three.
        let mut dx = Array2::zeros(x.raw_dim());
        let mut part = Array2::zeros(x.raw_dim());
        for (layer, dy) in [(self.query, dq), (self.key, dk), (self.value, dv)] {
            layer.backward(params, x, dy.view(), part.view_mut(), grads);
            dx += &part;
        }
        dx
        // ANCHOR_END: back_through_layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer_check::{Problem, array};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(
            length in 1usize..6, n_embd in 1usize..5, head_size in 1usize..4,
            causal: bool, seed: u64,
        ) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            Problem::new(seed, &[length * n_embd], |layout| {
                Head::declare(layout.scope("head"), n_embd, head_size, mask, Init::Normal(0.5))
            })
            .check(
                length * head_size,
                |head, params, x, y| {
                    let acts = head.forward(params, array(&x[0], length, n_embd));
                    y.copy_from_slice(acts.y.as_slice().unwrap());
                },
                |head, params, x, dy, dx, grads| {
                    let x = array(&x[0], length, n_embd);
                    let acts = head.forward(params, x);
                    let d = head.backward(params, x, &acts, array(dy, length, head_size), grads);
                    dx[0].copy_from_slice(d.as_slice().unwrap());
                },
            );
        }
    }

    // ANCHOR: worked_example
    #[test]
    fn worked_example_of_the_book() {
        // Two tokens, one number each; q = k = v = x. Token 1 scores 1*2 = 2 against token 0
        // and 2*2 = 4 against itself, so its weights are e^2 and e^4 over their sum.
        let mut layout = crate::params::Layout::new();
        let head = Head::declare(layout.scope("head"), 1, 1, Mask::Causal, Init::Ones);
        let params = Params { values: vec![1.0f64; 3] };
        let acts = head.forward(&params, array(&[1.0, 2.0], 2, 1));
        assert_eq!(acts.att.row(0).to_vec(), [1.0, 0.0]);
        assert!((acts.att[[1, 0]] - 0.119_202_922).abs() < 1e-9);
        assert!((acts.y[[1, 0]] - 1.880_797_078).abs() < 1e-9);
    }
    // ANCHOR_END: worked_example
}
