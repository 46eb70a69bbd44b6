//! Attention of one head as matrix products, with its derivative.
//!
//! ```text
//! att = softmax(mask(q k' / sqrt(d)))        y = att v
//! ```
//!
//! The equation as it stands: one matrix of attention weights for the whole head, kept for the
//! backward pass. [`fused`](super::fused) gives the same numbers without that matrix, and can apply
//! dropout to the weights; [`multi_head`](super::multi_head) calls it. The layers decide where
//! queries come from and where `y` goes.
//!
//! ```
//! use ndarray::{Array2, array};
//! use stage02_attention::attention::{Mask, scaled_dot_product};
//!
//! let (q, k, v) = (array![[1.0], [0.0]], array![[1.0], [2.0]], array![[10.0], [20.0]]);
//! let (mut att, mut y) = (Array2::zeros((2, 2)), Array2::zeros((2, 1)));
//! let qkv = (q.view(), k.view(), v.view());
//! scaled_dot_product::forward(qkv, Mask::Causal, att.view_mut(), y.view_mut());
//! assert_eq!(att, array![[1.0, 0.0], [0.5, 0.5]]); // query 1 scores 0 against both keys
//! assert_eq!(y, array![[10.0], [15.0]]);
//! ```

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::loss::softmax_in_place;
use stage01_bigram::vector::sum;

use super::Mask;
use crate::matmul::gemm;

// ANCHOR: weights
/// att = softmax(mask(q k' / sqrt(d))): the attention weights.
///
/// q: (queries, d); k: (keys, d); att: (queries, keys), overwritten, zero where the mask
/// forbids.
pub fn attention_weights<T: Float>(
    q: ArrayView2<T>,
    k: ArrayView2<T>,
    mask: Mask,
    mut att: ArrayViewMut2<T>,
) {
    let (queries, keys) = att.dim();
    // ANCHOR: scale
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    gemm(scale, q, k.t(), T::zero(), &mut att);
    // ANCHOR_END: scale
    // ANCHOR: mask
    for (i, mut row) in att.rows_mut().into_iter().enumerate() {
        let visible = mask.visible(i, queries, keys);
        let row = row.as_slice_mut().expect("rows are contiguous");
        softmax_in_place(&mut row[..visible]);
        row[visible..].fill(T::zero());
    }
    // ANCHOR_END: mask
}
// ANCHOR_END: weights

// ANCHOR: forward
/// y = softmax(mask(q k' / sqrt(d))) v.
///
/// q: (queries, d); k, v: (keys, d). att: (queries, keys), overwritten with attention weights,
/// which the backward pass reads. y: (queries, d), overwritten.
pub fn forward<T: Float>(
    (q, k, v): (ArrayView2<T>, ArrayView2<T>, ArrayView2<T>),
    mask: Mask,
    mut att: ArrayViewMut2<T>,
    mut y: ArrayViewMut2<T>,
) {
    attention_weights(q, k, mask, att.view_mut());
    gemm(T::one(), att.view(), v, T::zero(), &mut y);
}
// ANCHOR_END: forward

/// The gradients of q, k and v from the gradient of y.
///
/// Three of the four steps are the backward pass of a matrix product. The softmax is the fourth:
/// raising one score raises its own weight and lowers all others of its row, and with p the row of
/// attention weights and dp its gradient that gives
///
/// ```text
/// dscore[j] = p[j] (dp[j] - sum over l of dp[l] p[l])
/// ```
///
/// A key that the mask hides has weight zero, and so gets no gradient.
///
/// q, k, v, att: as in [`forward`]; dy: (queries, d); datt: (queries, keys), scratch; dq, dk, dv:
/// the shapes of q, k, v, overwritten.
pub fn backward<T: Float>(
    (q, k, v): (ArrayView2<T>, ArrayView2<T>, ArrayView2<T>),
    att: ArrayView2<T>,
    dy: ArrayView2<T>,
    mut datt: ArrayViewMut2<T>,
    (mut dq, mut dk, mut dv): (ArrayViewMut2<T>, ArrayViewMut2<T>, ArrayViewMut2<T>),
) {
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());

    // ANCHOR: through_mixture
    // y = att v
    gemm(T::one(), dy, v.t(), T::zero(), &mut datt);
    gemm(T::one(), att.t(), dy, T::zero(), &mut dv);
    // ANCHOR_END: through_mixture

    // ANCHOR: through_softmax
    // att = softmax(scores)
    for (mut dp, p) in datt.rows_mut().into_iter().zip(att.rows()) {
        let dp = dp.as_slice_mut().expect("rows are contiguous");
        let p = p.to_slice().expect("rows are contiguous");
        let mean = sum(dp.iter().zip(p).map(|(&dp, &p)| dp * p));
        for (dp, &p) in dp.iter_mut().zip(p) {
            *dp = p * (*dp - mean);
        }
    }
    // ANCHOR_END: through_softmax

    // ANCHOR: through_scores
    // scores = q k' / sqrt(d)
    gemm(scale, datt.view(), k, T::zero(), &mut dq);
    gemm(scale, datt.t(), q, T::zero(), &mut dk);
    // ANCHOR_END: through_scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer_check::{Problem, array, array_mut};
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(
            queries in 1usize..5, more_keys in 0usize..4, d in 1usize..4, causal: bool, seed: u64,
        ) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let keys = queries + more_keys;
            let run = |x: &[Vec<f64>], y: &mut [f64]| {
                let mut att = Array2::zeros((queries, keys));
                forward(
                    (array(&x[0], queries, d), array(&x[1], keys, d), array(&x[2], keys, d)),
                    mask, att.view_mut(), array_mut(y, queries, d),
                );
                att
            };
            Problem::new(seed, &[queries * d, keys * d, keys * d], |_| ()).check(
                queries * d,
                |_, _, x, y| { run(x, y); },
                |_, _, x, dy, dx, _| {
                    let att = run(x, &mut vec![0.0; queries * d]);
                    let [dq, dk, dv] = dx else { unreachable!() };
                    backward(
                        (array(&x[0], queries, d), array(&x[1], keys, d), array(&x[2], keys, d)),
                        att.view(), array(dy, queries, d), Array2::zeros((queries, keys)).view_mut(),
                        (array_mut(dq, queries, d), array_mut(dk, keys, d), array_mut(dv, keys, d)),
                    );
                },
            );
        }
    }

    #[test]
    fn equals_the_equation_written_out() {
        let (t, d) = (30, 3);
        let mut rng =
            stage01_bigram::random::generator(5, stage01_bigram::random::Purpose::Other, 0);
        let mut matrix = || {
            let mut values = vec![0.0; t * d];
            crate::params::fill_normal(&mut values, 1.0, &mut rng);
            Array2::from_shape_vec((t, d), values).unwrap()
        };
        let (q, k, v) = (matrix(), matrix(), matrix());
        let (mut att, mut y) = (Array2::zeros((t, t)), Array2::zeros((t, d)));
        forward((q.view(), k.view(), v.view()), Mask::Causal, att.view_mut(), y.view_mut());
        for i in 0..t {
            let exps: Vec<f64> =
                (0..=i).map(|j| (q.row(i).dot(&k.row(j)) / (d as f64).sqrt()).exp()).collect();
            let total: f64 = exps.iter().sum();
            for c in 0..d {
                let expected: f64 = (0..=i).map(|j| exps[j] / total * v[[j, c]]).sum();
                assert!((y[[i, c]] - expected).abs() < 1e-12);
            }
            assert!(att.row(i).iter().skip(i + 1).all(|&weight| weight == 0.0));
        }
    }
}
