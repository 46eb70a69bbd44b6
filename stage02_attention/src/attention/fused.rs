//! Attention of one head that never holds the whole matrix of attention weights.
//!
//! [`scaled_dot_product`](super::scaled_dot_product) fills a T by T matrix of attention weights for
//! every head and keeps it for the backward pass. At T = 1,024 that is 4 MB per head, 600 MB for a
//! batch of one through GPT-2, all of which travels to the memory and back. Three observations make
//! the matrix unnecessary:
//!
//! 1. A row of attention weights needs only its own query. So the queries are taken in blocks of
//!    64, and scores, softmax and mixture of a block are finished before the next block begins. The
//!    block's scores stay in the cache.
//! 2. A block sees keys up to its own last row. What the mask hides altogether is not computed:
//!    for long texts that is half of everything.
//! 3. The backward pass can recompute the weights from one number per row, the log-sum-exp,
//!
//!    ```text
//!    lse[i] = ln(sum over j of exp(score[i, j])),    p[i, j] = exp(score[i, j] - lse[i])
//!    ```
//!
//!    and recomputing is cheaper than storing.
//!
//! Rabe and Staats 2021; Dao and others 2022 ("FlashAttention"), whose tiles also cut the keys,
//! which a processor with a large cache does not need. Tests compare this file with the plain one.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, s};
use stage01_bigram::Float;
use stage01_bigram::random::Generator;
use stage01_bigram::vector::{self, largest, sum};

use super::Mask;
use crate::dropout::Dropout;
use crate::matmul::gemm;
use crate::parallel::each_row_here;
use crate::profiler::{Region, time};

/// Number of queries in a block.
const BLOCK: usize = 64;

/// Length of the scratch of a [`Pass`] over this number of keys.
pub fn scratch_len(keys: usize) -> usize {
    2 * BLOCK * keys
}

/// Dropout of the attention weights in training: its probability and its generator. The backward
/// pass must bring the generator in the state that it had before the forward pass.
pub type WeightDropout<'a> = Option<(Dropout, &'a mut Generator)>;

/// What the forward pass and the backward pass of a head are both given.
pub struct Pass<'a, T> {
    /// The queries. Shape: (queries, d).
    pub q: ArrayView2<'a, T>,
    /// The keys. Shape: (keys, d).
    pub k: ArrayView2<'a, T>,
    /// The values. Shape: (keys, d).
    pub v: ArrayView2<'a, T>,
    /// Which keys a query sees.
    pub mask: Mask,
    /// Dropout of the attention weights; none in evaluation.
    pub dropout: WeightDropout<'a>,
    /// At least [`scratch_len`] of the number of keys. Nothing in it outlives the pass.
    pub scratch: &'a mut [T],
}

/// The blocks of rows (start, end), each with the number of keys that its last row sees. The last
/// block comes first: it sees all keys, so it writes the gradients to which the others add.
fn blocks(mask: Mask, queries: usize, keys: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    // ANCHOR: blocks
    (0..queries).step_by(BLOCK).rev().map(move |start| {
        let end = (start + BLOCK).min(queries);
        (start, end, mask.visible(end - 1, queries, keys))
    })
    // ANCHOR_END: blocks
}

/// y = (softmax(mask(q k' / sqrt(d))) * dropout_mask) v.
///
/// y: (queries, d), overwritten; lse: (queries), for the backward pass.
pub fn forward<T: Float>(pass: Pass<T>, mut lse: ArrayViewMut1<T>, mut y: ArrayViewMut2<T>) {
    let Pass { q, k, v, mask, mut dropout, scratch } = pass;
    let (queries, keys) = (q.nrows(), k.nrows());
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    for (start, end, seen) in blocks(mask, queries, keys) {
        let mut att = matrix(scratch, end - start, seen);
        let (q, k) = (q.slice(s![start..end, ..]), k.slice(s![..seen, ..]));
        gemm(scale, q, k.t(), T::zero(), &mut att);
        each_row_here(
            Region::Softmax,
            (start..end, att),
            #[inline(always)]
            |(i, row)| {
                let row = hide(row, mask.visible(i, queries, keys));
                let max = largest(row);
                row.iter_mut().for_each(|x| *x = (*x - max).fast_exp());
                let total = sum(row.iter().copied());
                let inv_sum = T::one() / total;
                row.iter_mut().for_each(|p| *p *= inv_sum);
                lse[i] = max + total.ln();
            },
        );
        if let Some((dropout, rng)) = &mut dropout {
            let att = &mut scratch[..(end - start) * seen];
            time(Region::Dropout, || dropout.each(att, rng, |p, mask| *p *= mask));
        }
        let (att, v) = (matrix(scratch, end - start, seen), v.slice(s![..seen, ..]));
        gemm(T::one(), att.view(), v, T::zero(), &mut y.slice_mut(s![start..end, ..]));
    }
}

/// The gradients of q, k and v from the gradient of y.
///
/// With p the attention weights, recomputed from `lse`, and dp = (dy v') * dropout_mask their
/// gradient, the softmax gives (see
/// [`scaled_dot_product::backward`](super::scaled_dot_product::backward))
///
/// ```text
/// dscore[i, j] = p[i, j] (dp[i, j] - D[i]),    D[i] = sum over j of p[i, j] dp[i, j]
/// ```
///
/// and D needs no matrix: the sum over j of p dropout_mask (dy · v) is dy · y, a dot product of two
/// short rows.
///
/// lse, y: as [`forward`] left them; dy: (queries, d); dq, dk, dv: the shapes of q, k, v. dq is
/// overwritten; dk and dv are multiplied by beta first: 0 overwrites them, 1 adds to them, where
/// other heads share these keys.
pub fn backward<T: Float>(
    pass: Pass<T>,
    lse: ArrayView1<T>,
    (y, dy): (ArrayView2<T>, ArrayView2<T>),
    (mut dq, mut dk, mut dv): (ArrayViewMut2<T>, ArrayViewMut2<T>, ArrayViewMut2<T>),
    mut beta: T,
) {
    let Pass { q, k, v, mask, mut dropout, scratch } = pass;
    let (queries, keys) = (q.nrows(), k.nrows());
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    let (p_scratch, d_scratch) = scratch.split_at_mut(scratch_len(keys) / 2);
    // The first block follows beta, the others add.
    for (start, end, seen) in blocks(mask, queries, keys) {
        let (q, dy) = (q.slice(s![start..end, ..]), dy.slice(s![start..end, ..]));
        let (k, v) = (k.slice(s![..seen, ..]), v.slice(s![..seen, ..]));
        gemm(scale, q, k.t(), T::zero(), &mut matrix(p_scratch, end - start, seen));
        gemm(T::one(), dy, v.t(), T::zero(), &mut matrix(d_scratch, end - start, seen));

        let (p, dp) = (matrix(p_scratch, end - start, seen), matrix(d_scratch, end - start, seen));
        let drops = dropout.is_some();
        each_row_here(
            Region::Softmax,
            (start..end, p, dp),
            #[inline(always)]
            |(i, p, dp)| {
                let p = hide(p, mask.visible(i, queries, keys));
                let lse = lse[i];
                p.iter_mut().for_each(|x| *x = (*x - lse).fast_exp());
                if !drops {
                    let mean = dot(y.row(i), dy.row(i - start));
                    let (seen, hidden) = dp.split_at_mut(p.len());
                    for (dp, &p) in seen.iter_mut().zip(&*p) {
                        *dp = p * (*dp - mean);
                    }
                    hidden.fill(T::zero());
                }
            },
        );
        if let Some((dropout, rng)) = &mut dropout {
            let (p, dp) =
                (matrix(p_scratch, end - start, seen), matrix(d_scratch, end - start, seen));
            each_row_here(
                Region::Dropout,
                (start..end, p, dp),
                #[inline(always)]
                |(i, p, dp)| {
                    let (mean, mut dp) = (dot(y.row(i), dy.row(i - start)), dp.iter_mut());
                    dropout.each(p, rng, |p, mask| {
                        let dp = dp.next().expect("one for each weight");
                        *dp = *p * (*dp * mask - mean);
                        *p *= mask;
                    });
                },
            );
        }

        let (p, dscores) =
            (matrix(p_scratch, end - start, seen), matrix(d_scratch, end - start, seen));
        gemm(T::one(), p.t(), dy, beta, &mut dv.slice_mut(s![..seen, ..]));
        gemm(scale, dscores.view(), k, T::zero(), &mut dq.slice_mut(s![start..end, ..]));
        gemm(scale, dscores.t(), q, beta, &mut dk.slice_mut(s![..seen, ..]));
        beta = T::one();
    }
}

/// The part of a row of scores to compute with: the visible scores, and as many hidden ones, set to
/// −∞, as fill the last vector register. The weights of the others are set to zero here.
#[inline(always)]
fn hide<T: Float>(row: &mut [T], visible: usize) -> &mut [T] {
    const REGISTER: usize = 16;
    let (row, hidden) = row.split_at_mut(visible.next_multiple_of(REGISTER).min(row.len()));
    hidden.fill(T::zero());
    row[visible..].fill(T::neg_infinity());
    row
}

/// The dot product of two rows.
#[inline(always)]
fn dot<T: Float>(a: ArrayView1<T>, b: ArrayView1<T>) -> T {
    let contiguous = "rows are contiguous";
    vector::dot(a.to_slice().expect(contiguous), b.to_slice().expect(contiguous))
}

/// The beginning of the scratch as a matrix.
fn matrix<T>(scratch: &mut [T], rows: usize, cols: usize) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, cols), &mut scratch[..rows * cols]).expect("its length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::scaled_dot_product as plain;
    use crate::layer_check::{Problem, array, array_mut};
    use crate::params::fill_normal;
    use ndarray::{Array1, Array2};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    type Matrices<'a> = (ArrayView2<'a, f64>, ArrayView2<'a, f64>, ArrayView2<'a, f64>);

    /// y and lse.
    fn run((q, k, v): Matrices, mask: Mask, dropout: WeightDropout) -> (Array2<f64>, Array1<f64>) {
        let (mut y, mut lse) = (Array2::zeros((q.nrows(), v.ncols())), Array1::zeros(q.nrows()));
        let scratch = &mut unread_scratch(k.nrows());
        forward(Pass { q, k, v, mask, dropout, scratch }, lse.view_mut(), y.view_mut());
        (y, lse)
    }

    /// The old content of the scratch must not matter.
    fn unread_scratch(keys: usize) -> Vec<f64> {
        vec![f64::NAN; scratch_len(keys)]
    }

    fn normal(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
        let mut matrix = Array2::zeros((rows, cols));
        let rng = &mut generator(seed, Purpose::Other, 0);
        fill_normal(matrix.as_slice_mut().unwrap(), 1.0, rng);
        matrix
    }

    fn qkv(x: &[Vec<f64>], (queries, keys, d): (usize, usize, usize)) -> Matrices<'_> {
        (array(&x[0], queries, d), array(&x[1], keys, d), array(&x[2], keys, d))
    }

    fn weight_dropout(dropout: bool) -> (Option<Dropout>, Generator) {
        (dropout.then(|| Dropout::new(0.4).unwrap()), generator(3, Purpose::Dropout, 0))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(
            queries in 1usize..5, more_keys in 0usize..4, d in 1usize..4,
            causal: bool, dropout: bool, seed: u64,
        ) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let keys = queries + more_keys;
            let sizes = (queries, keys, d);
            let run = |x: &[Vec<f64>]| {
                let (dropout, mut rng) = weight_dropout(dropout);
                run(qkv(x, sizes), mask, dropout.map(|d| (d, &mut rng)))
            };
            Problem::new(seed, &[queries * d, keys * d, keys * d], |_| ()).check(
                queries * d,
                |_, _, x, y| y.copy_from_slice(run(x).0.as_slice().unwrap()),
                |_, _, x, dy, dx, _| {
                    let (y, lse) = run(x);
                    let [dq, dk, dv] = dx else { unreachable!() };
                    let (dropout, mut rng) = weight_dropout(dropout);
                    let dropout = dropout.map(|d| (d, &mut rng));
                    let ((q, k, v), scratch) = (qkv(x, sizes), &mut unread_scratch(keys));
                    backward(
                        Pass { q, k, v, mask, dropout, scratch },
                        lse.view(), (y.view(), array(dy, queries, d)),
                        (array_mut(dq, queries, d), array_mut(dk, keys, d), array_mut(dv, keys, d)),
                        0.0,
                    );
                },
            );
        }

        /// Several blocks, the last one short, against the version that keeps its matrix.
        #[test]
        fn equals_the_plain_version(
            queries in 1usize..200, more_keys in 0usize..100, d in 1usize..9, causal: bool, seed: u64,
        ) {
            let mask = if causal { Mask::Causal } else { Mask::None };
            let keys = queries + more_keys;
            let (q, k, v) = (normal(queries, d, seed), normal(keys, d, seed ^ 1), normal(keys, d, seed ^ 2));
            let (qkv, dy) = ((q.view(), k.view(), v.view()), normal(queries, d, seed ^ 3));
            let none = || (normal(queries, d, 0), normal(keys, d, 0), normal(keys, d, 0));

            let (y, lse) = run(qkv, mask, None);
            let (mut plain_y, mut att) = (Array2::zeros((queries, d)), Array2::zeros((queries, keys)));
            plain::forward(qkv, mask, att.view_mut(), plain_y.view_mut());
            let ((mut dq, mut dk, mut dv), (mut pq, mut pk, mut pv)) = (none(), none());
            let ((q, k, v), scratch) = (qkv, &mut unread_scratch(keys));
            backward(
                Pass { q, k, v, mask, dropout: None, scratch },
                lse.view(), (y.view(), dy.view()), (dq.view_mut(), dk.view_mut(), dv.view_mut()), 0.0,
            );
            let mut datt = Array2::zeros((queries, keys));
            plain::backward(
                qkv, att.view(), dy.view(), datt.view_mut(),
                (pq.view_mut(), pk.view_mut(), pv.view_mut()),
            );
            for (fast, plain) in [(&y, &plain_y), (&dq, &pq), (&dk, &pk), (&dv, &pv)] {
                for (a, b) in fast.iter().zip(plain) {
                    prop_assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} {b}");
                }
            }
        }
    }
}
