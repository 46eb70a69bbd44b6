//! Attention of one head as matrix products, with its derivative.
//!
//! ```text
//! att = softmax(mask(q k' / sqrt(d)))        y = (att * keep) v
//! ```
//!
//! Under a causal mask half of `att` is zero. The rows are therefore worked through in blocks:
//! a block of queries is multiplied only with the keys its last row may see.
//!
//! Where the queries come from, and where `y` goes, is the business of
//! [`multi_head`](super::multi_head) and [`cross`](super::cross).

use ndarray::{ArrayView2, ArrayViewMut2, Zip, s};
use stage01_bigram::Float;
use stage01_bigram::loss::softmax_in_place;
use stage01_bigram::vector::{sum, widest};

use super::Mask;
use crate::matmul::gemm;

/// How many queries are worked on at a time.
const BLOCK: usize = 64;

/// The blocks of rows, each with the number of keys its last row sees.
fn blocks(mask: Mask, queries: usize, keys: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..queries).step_by(BLOCK).map(move |start| {
        let end = (start + BLOCK).min(queries);
        (start, end, mask.visible(end - 1, queries, keys))
    })
}

/// y = (softmax(mask(q k' / sqrt(d))) * keep) v.
///
/// q: (queries, d); k, v: (keys, d). att: (queries, keys), overwritten with the shares, zero
/// where the mask forbids, before `keep`; the backward pass wants it again. keep: what dropout
/// multiplies the shares by, (queries, keys), or none. scratch: (queries, keys), used only
/// with `keep`. y: (queries, d), overwritten.
pub fn forward<T: Float>(
    (q, k, v): (ArrayView2<T>, ArrayView2<T>, ArrayView2<T>),
    mask: Mask,
    keep: Option<ArrayView2<T>>,
    mut att: ArrayViewMut2<T>,
    mut scratch: ArrayViewMut2<T>,
    mut y: ArrayViewMut2<T>,
) {
    let (queries, keys) = att.dim();
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    for (start, end, seen) in blocks(mask, queries, keys) {
        let mut block = att.slice_mut(s![start..end, ..seen]);
        gemm(
            scale,
            q.slice(s![start..end, ..]),
            k.slice(s![..seen, ..]).t(),
            T::zero(),
            &mut block,
        );
        for i in start..end {
            let visible = mask.visible(i, queries, keys);
            let mut row = att.row_mut(i);
            let row = row.as_slice_mut().expect("rows are contiguous");
            softmax_in_place(&mut row[..visible]);
            row[visible..].fill(T::zero());
        }
        let mut y = y.slice_mut(s![start..end, ..]);
        let (att, v) = (att.slice(s![start..end, ..seen]), v.slice(s![..seen, ..]));
        match &keep {
            None => gemm(T::one(), att, v, T::zero(), &mut y),
            Some(keep) => {
                let mut dropped = scratch.slice_mut(s![start..end, ..seen]);
                let keep = keep.slice(s![start..end, ..seen]);
                Zip::from(&mut dropped).and(&att).and(&keep).for_each(|d, &a, &k| *d = a * k);
                gemm(T::one(), dropped.view(), v, T::zero(), &mut y);
            }
        }
    }
}

/// The gradients of q, k and v from the gradient of y.
///
/// Three of the five steps are the backward pass of a matrix product. The softmax is the
/// fourth: raising one score raises its own share and lowers all others of its row, and
/// with p the row of shares and dp its gradient that gives
///
/// ```text
/// dscore[j] = p[j] (dp[j] - sum over l of dp[l] p[l])
/// ```
///
/// Dropout is the fifth: dp = datt * keep.
///
/// q, k, v, att, keep: as in [`forward`]; dy: (queries, d); datt and scratch: (queries, keys),
/// used on the way; dq, dk, dv: the shapes of q, k, v, overwritten.
pub fn backward<T: Float>(
    (q, k, v): (ArrayView2<T>, ArrayView2<T>, ArrayView2<T>),
    mask: Mask,
    keep: Option<ArrayView2<T>>,
    att: ArrayView2<T>,
    dy: ArrayView2<T>,
    (mut datt, mut scratch): (ArrayViewMut2<T>, ArrayViewMut2<T>),
    (mut dq, mut dk, mut dv): (ArrayViewMut2<T>, ArrayViewMut2<T>, ArrayViewMut2<T>),
) {
    let (queries, keys) = att.dim();
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    dk.fill(T::zero());
    dv.fill(T::zero());
    for (start, end, seen) in blocks(mask, queries, keys) {
        let (q, dy) = (q.slice(s![start..end, ..]), dy.slice(s![start..end, ..]));
        let (k, v) = (k.slice(s![..seen, ..]), v.slice(s![..seen, ..]));
        let att = att.slice(s![start..end, ..seen]);
        let keep = keep.as_ref().map(|keep| keep.slice(s![start..end, ..seen]));
        let mut datt = datt.slice_mut(s![start..end, ..seen]);
        let mut dv = dv.slice_mut(s![..seen, ..]);

        // y = (att * keep) v
        gemm(T::one(), dy, v.t(), T::zero(), &mut datt);
        match &keep {
            None => gemm(T::one(), att.t(), dy, T::one(), &mut dv),
            Some(keep) => {
                let mut dropped = scratch.slice_mut(s![start..end, ..seen]);
                Zip::from(&mut dropped).and(&att).and(keep).for_each(|d, &a, &k| *d = a * k);
                gemm(T::one(), dropped.t(), dy, T::one(), &mut dv);
                datt *= keep;
            }
        }

        // att = softmax(scores); what the mask hides has no share and gets no gradient.
        for (mut dp, p) in datt.rows_mut().into_iter().zip(att.rows()) {
            let dp = dp.as_slice_mut().expect("rows are contiguous");
            let p = p.to_slice().expect("rows are contiguous");
            widest(#[inline(always)] || {
                let mean = sum(dp.iter().zip(p).map(|(&dp, &p)| dp * p));
                for (dp, &p) in dp.iter_mut().zip(p) {
                    *dp = p * (*dp - mean);
                }
            });
        }

        // scores = q k' / sqrt(d)
        gemm(scale, datt.view(), k, T::zero(), &mut dq.slice_mut(s![start..end, ..]));
        gemm(scale, datt.t(), q, T::one(), &mut dk.slice_mut(s![..seen, ..]));
    }
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
            queries in 1usize..5, more_keys in 0usize..4, d in 1usize..4,
            causal: bool, dropout: bool, seed: u64,
        ) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let keys = queries + more_keys;
            let keep = Array2::from_shape_fn((queries, keys), |(i, j)| [0.0, 2.0, 1.5][(i + j) % 3]);
            let keep = || dropout.then(|| keep.view());
            let run = |x: &[Vec<f64>], y: &mut [f64]| {
                let mut att = Array2::zeros((queries, keys));
                forward(
                    (array(&x[0], queries, d), array(&x[1], keys, d), array(&x[2], keys, d)),
                    mask, keep(), att.view_mut(), Array2::zeros((queries, keys)).view_mut(),
                    array_mut(y, queries, d),
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
                        mask, keep(), att.view(), array(dy, queries, d),
                        (Array2::zeros((queries, keys)).view_mut(), Array2::zeros((queries, keys)).view_mut()),
                        (array_mut(dq, queries, d), array_mut(dk, keys, d), array_mut(dv, keys, d)),
                    );
                },
            );
        }
    }

    #[test]
    fn blocks_cover_all_rows_and_change_no_number() {
        // Three blocks against the equation written out.
        let (t, d) = (2 * BLOCK + 17, 3);
        let mut rng =
            stage01_bigram::random::generator(5, stage01_bigram::random::Purpose::Other, 0);
        let mut table = || {
            let mut values = vec![0.0; t * d];
            crate::params::fill_normal(&mut values, 1.0, &mut rng);
            Array2::from_shape_vec((t, d), values).unwrap()
        };
        let (q, k, v) = (table(), table(), table());
        let (mut att, mut y) = (Array2::zeros((t, t)), Array2::zeros((t, d)));
        let none = Array2::zeros((0, 0));
        forward(
            (q.view(), k.view(), v.view()),
            Mask::Causal,
            None,
            att.view_mut(),
            none.clone().view_mut(),
            y.view_mut(),
        );
        for i in 0..t {
            let exps: Vec<f64> =
                (0..=i).map(|j| (q.row(i).dot(&k.row(j)) / (d as f64).sqrt()).exp()).collect();
            let total: f64 = exps.iter().sum();
            for c in 0..d {
                let expected: f64 = (0..=i).map(|j| exps[j] / total * v[[j, c]]).sum();
                assert!((y[[i, c]] - expected).abs() < 1e-12);
            }
            assert!(att.row(i).iter().skip(i + 1).all(|&share| share == 0.0));
        }
    }
}
