//! Attention of a single new token, as in decoding token by token.
//!
//! There is one query for each head, and so nothing to gain from matrix products: every key and
//! every value is used once. What counts is to fetch them in the order in which they lie in memory.
//! So this goes through the keys of all heads token by token, then through the values:
//!
//! ```text
//! score[h, j] = q[h] · k[j, h] / sqrt(d)        for every token j, for every head h
//! y[h]       += p[h, j] v[j, h]                 the same way, with p = softmax(score)
//! ```
//!
//! The tokens are cut into chunks for several threads. The chunks do not depend on the number of
//! threads, and their sums are added in order, so the result has the same bits on any number.
//!
//! Where several heads share their keys and values, each key is fetched once for all of them.
//!
//! The same numbers as [`fused`](super::fused) gives for one query; a test compares them.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::attention::single_query::{forward, scratch_len};
//!
//! // One head of one column; the query scores 0 against both keys.
//! let (q, k, v) = (array![[0.0]], array![[1.0], [2.0]], array![[10.0], [20.0]]);
//! let (mut y, mut scratch) = (array![[0.0]], vec![0.0; scratch_len(1, 2, 1)]);
//! forward((1, 1), [q.view(), k.view(), v.view()], &mut scratch, y.view_mut());
//! assert_eq!(y, array![[15.0]]);
//! ```

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::loss::softmax_in_place;
use stage01_bigram::vector::dot;

use crate::matmul::pages::fetch;
use crate::parallel::{each_row_on, threads_to_fetch};
use crate::profiler::{Region, time};

/// Tokens in a chunk.
const CHUNK: usize = 64;

/// Tokens before a key is needed, its fetching is asked for.
const AHEAD: usize = 8;

/// Tokens whose values are added to one head before the next: few, because memory is fastest in order.
const TOGETHER: usize = 16;

/// Length of the scratch that [`forward`] needs.
pub fn scratch_len(heads: usize, keys: usize, n_embd: usize) -> usize {
    2 * heads * keys + keys.div_ceil(CHUNK) * n_embd
}

/// y = softmax(q k' / sqrt(d)) v for all heads, side by side.
///
/// q, y: (1, heads * d); k, v: (keys, kv_heads * d), contiguous; head h uses the keys of head
/// h / (heads / kv_heads). scratch: at least [`scratch_len`] of heads, keys and heads * d.
pub fn forward<T: Float>(
    (heads, kv_heads): (usize, usize),
    [q, k, v]: [ArrayView2<T>; 3],
    scratch: &mut [T],
    mut y: ArrayViewMut2<T>,
) {
    const CONTIGUOUS: &str = "rows are contiguous";
    let (keys, n_embd) = (k.nrows(), q.ncols());
    let (d, group) = (n_embd / heads, heads / kv_heads);
    let scale = T::of(1.0 / (d as f64).sqrt());
    let q = q.row(0).to_slice().expect(CONTIGUOUS);
    // Scores token by token, as they are computed; then head by head, as softmax reads them.
    let (by_token, scratch) = scratch.split_at_mut(heads * keys);
    let (by_head, scratch) = scratch.split_at_mut(heads * keys);
    let sums = &mut scratch[..keys.div_ceil(CHUNK) * n_embd];
    let threads = threads_to_fetch(size_of_val(k.as_slice().expect(CONTIGUOUS)));

    let all_k = k.to_slice().expect(CONTIGUOUS);
    let scores = ArrayViewMut2::from_shape((keys, heads), &mut *by_token).expect("its length");
    each_row_on(
        threads,
        Region::Attention,
        (0..keys, k, scores),
        #[inline(always)]
        |(j, k, scores)| {
            fetch(all_k.get((j + AHEAD) * k.len()..(j + AHEAD + 1) * k.len()).unwrap_or_default());
            // ANCHOR: scores
            let (scores, q) = (scores.chunks_exact_mut(group), q.chunks_exact(group * d));
            for ((scores, q), k) in scores.zip(q).zip(k.chunks_exact(d)) {
                for (score, q) in scores.iter_mut().zip(q.chunks_exact(d)) {
                    *score = scale * dot(q, k);
                }
            }
            // ANCHOR_END: scores
        },
    );

    time(Region::Softmax, || {
        for (h, att) in by_head.chunks_exact_mut(keys).enumerate() {
            let scores = by_token[h..].iter().step_by(heads);
            att.iter_mut().zip(scores).for_each(|(att, &score)| *att = score);
            softmax_in_place(att);
        }
    });

    let chunks = sums.len() / n_embd;
    let (v, width) = (v.to_slice().expect(CONTIGUOUS), v.ncols());
    let parts = ArrayViewMut2::from_shape((chunks, n_embd), &mut *sums).expect("its length");
    each_row_on(
        threads,
        Region::Attention,
        (0..chunks, parts),
        #[inline(always)]
        |(i, y)| {
            // ANCHOR: mixture
            y.fill(T::zero());
            let chunk = i * CHUNK..((i + 1) * CHUNK).min(keys);
            for start in chunk.clone().step_by(TOGETHER) {
                let tokens = start..(start + TOGETHER).min(chunk.end);
                let next = tokens.end * width..(tokens.end + TOGETHER).min(keys) * width;
                fetch(v.get(next).unwrap_or_default());
                for (h, y) in y.chunks_exact_mut(d).enumerate() {
                    let att = &by_head[h * keys..][tokens.clone()];
                    let v = &v[start * kv_heads * d + h / group * d..];
                    add_mixture(att, v, kv_heads * d, y);
                }
            }
            // ANCHOR_END: mixture
        },
    );
    let mut y = y.row_mut(0);
    y.fill(T::zero());
    for part in sums.chunks_exact(n_embd) {
        y.iter_mut().zip(part).for_each(|(y, &part)| *y += part);
    }
}

/// y += the sum over the tokens of att\[j\] v\[j\].
///
/// v: begins at the columns of the head in the first token; those of the next one are `stride` numbers
/// behind. The sums of 64 columns stay in registers while the tokens go by.
#[inline(always)]
fn add_mixture<T: Float>(att: &[T], v: &[T], stride: usize, y: &mut [T]) {
    let (wide, rest) = y.as_chunks_mut::<64>();
    let (narrow, single) = rest.as_chunks_mut::<8>();
    let mut first = 0;
    for y in wide {
        *y = columns(*y, att, &v[first..], stride);
        first += y.len();
    }
    for y in narrow {
        *y = columns(*y, att, &v[first..], stride);
        first += y.len();
    }
    for y in single {
        [*y] = columns([*y], att, &v[first..], stride);
        first += 1;
    }
}

/// The first N columns of [`add_mixture`].
#[inline(always)]
fn columns<T: Float, const N: usize>(
    mut sums: [T; N],
    att: &[T],
    v: &[T],
    stride: usize,
) -> [T; N] {
    for (&att, v) in att.iter().zip(v.chunks(stride)) {
        let v: &[T; N] = v.first_chunk().expect("the columns of a token");
        for l in 0..N {
            sums[l] += att * v[l];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Mask, fused};
    use crate::params::fill_normal;
    use ndarray::{Array1, Array2, s};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    proptest! {
        #[test]
        fn equals_fused(
            kv_heads in 1usize..4, group in 1usize..4, keys in 1usize..150, d in 1usize..40, seed: u64,
        ) {
            let heads = kv_heads * group;
            let mut rng = generator(seed, Purpose::Other, 0);
            let mut normal = |rows, heads| {
                let mut matrix = Array2::<f64>::zeros((rows, heads * d));
                fill_normal(matrix.as_slice_mut().unwrap(), 1.0, &mut rng);
                matrix
            };
            let (q, k, v) = (normal(1, heads), normal(keys, kv_heads), normal(keys, kv_heads));
            let (mut y, mut expected) = (normal(1, heads), normal(1, heads));
            // The old content of the scratch must not matter.
            let len = fused::scratch_len(keys).max(scratch_len(heads, keys, heads * d));
            let mut scratch = vec![f64::NAN; len];
            forward((heads, kv_heads), [q.view(), k.view(), v.view()], &mut scratch, y.view_mut());
            for h in 0..heads {
                let part = s![.., h * d..(h + 1) * d];
                let shared = s![.., h / group * d..(h / group + 1) * d];
                let (q, k, v) = (q.slice(part), k.slice(shared), v.slice(shared));
                let (mask, scratch) = (Mask::Causal, &mut scratch[..]);
                let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
                fused::forward(pass, Array1::zeros(1).view_mut(), expected.slice_mut(part));
            }
            for (a, b) in y.iter().zip(&expected) {
                prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }
}
