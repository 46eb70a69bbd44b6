//! Attention of a single new token, as in decoding token by token.
//!
//! There is one query for each head, and so nothing to gain from products of large matrices: every key
//! and every value is used once. What counts is to fetch them in the order in which they lie in memory,
//! to divide them among all threads once, and to use each for all heads that share it.
//!
//! The [`cache`](super::cache) has tiles of 64 tokens. A tile is finished before the next one, with what
//! softmax can know there: the largest of its own scores.
//!
//! ```text
//! score[j] = q · k[j] / sqrt(d)          for every token j of the tile, for every head of a group
//! m        = max of score[j]             the largest of the tile
//! p[j]     = exp(score[j] - m)
//! s        = sum of p[j],    u = sum of p[j] v[j]
//! ```
//!
//! Softmax over all tiles has the largest score of all, M, in place of m. So each tile's sums are
//! multiplied by exp(m - M), and the result is
//!
//! ```text
//! y = sum of exp(m - M) u / sum of exp(m - M) s          over all tiles
//! ```
//!
//! (Milakov and Gimelshein 2018; Dao and others 2022.) The tiles do not depend on the number of threads,
//! and their sums are added in order, so the result has the same bits on any number.
//!
//! The same numbers as [`fused`](super::fused) gives for one query; a test compares them.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::attention::cache::{Cache, Numbers};
//! use stage02_attention::attention::single_query::{forward, scratch_len};
//!
//! // One head of one column; the query scores 0 against both keys.
//! let mut cache = Cache::new(Numbers::Full, 2, (1, 1));
//! cache.write(0, array![[1.0], [2.0]].view(), array![[10.0], [20.0]].view());
//! let (mut y, mut scratch) = ([0.0], vec![0.0; scratch_len(1, 2, 1)]);
//! forward(1, &[0.0], (&cache, 2), &mut scratch, &mut y);
//! assert_eq!(y, [15.0]);
//! ```
//!
//! What this file leaves out: the products (`few_rows`).

use ndarray::ArrayViewMut2;
use stage01_bigram::Float;
use stage01_bigram::vector::{largest, sum};

use super::cache::{Cache, Stored, TILE, Tiles};
use super::few_rows::add_product;
use crate::parallel::{each_row_on, threads_to_fetch};
use crate::profiler::Region;

/// Length of the scratch that [`forward`] needs.
pub fn scratch_len(heads: usize, tokens: usize, n_embd: usize) -> usize {
    tokens.div_ceil(TILE) * (heads * (TILE + 2) + n_embd)
}

/// y = softmax(q k' / sqrt(d)) v for all heads, side by side, over the first `tokens` tokens of a
/// cache.
///
/// q, y: (heads * d). A cache of fewer heads than `heads` serves a group of these with each of its own.
/// scratch: at least [`scratch_len`] of heads, tokens and heads * d.
pub fn forward<T: Float>(
    heads: usize,
    q: &[T],
    (cache, tokens): (&Cache<T>, usize),
    scratch: &mut [T],
    y: &mut [T],
) {
    match cache {
        Cache::Full(tiles) => forward_tiles(heads, q, (tiles, tokens), scratch, y),
        Cache::Half(tiles) => forward_tiles(heads, q, (tiles, tokens), scratch, y),
    }
}

/// [`forward`] with numbers of one kind.
fn forward_tiles<T: Float, S: Stored<T>>(
    heads: usize,
    q: &[T],
    (cache, tokens): (&Tiles<S>, usize),
    scratch: &mut [T],
    y: &mut [T],
) {
    let (d, kv_heads) = (q.len() / heads, cache.heads());
    let (tiles, group) = (tokens.div_ceil(TILE) * kv_heads, heads / kv_heads);
    let len = group * (TILE + 2 + d);
    let scratch = &mut scratch[..tiles * len];
    let parts = ArrayViewMut2::from_shape((tiles, len), &mut *scratch).expect("its length");
    each_row_on(
        threads_to_fetch(2 * tiles * TILE * d * size_of::<S>()),
        Region::Attention,
        (0..tiles, parts),
        #[inline(always)]
        |(tile, part)| {
            let q = &q[tile % kv_heads * group * d..][..group * d];
            let n = TILE.min(tokens - tile / kv_heads * TILE);
            attend(q, (cache.keys(tile), cache.values(tile), n), Part::new(part, group));
        },
    );
    let parts: Vec<_> = scratch.chunks_exact_mut(len).map(|part| Part::new(part, group)).collect();
    for (h, y) in y.chunks_exact_mut(d).enumerate() {
        combine(parts[h / group..].iter().step_by(kv_heads), h % group, y);
    }
}

/// What the heads of a group find in one tile.
struct Part<'a, T> {
    /// The scores, then p. Shape: (group, 64).
    att: &'a mut [T],
    /// m and s of each head.
    max: &'a mut [T],
    sum: &'a mut [T],
    /// u. Shape: (group, d).
    u: &'a mut [T],
}

impl<'a, T> Part<'a, T> {
    /// Cuts group * (64 + 2 + d) numbers.
    #[inline(always)]
    fn new(numbers: &'a mut [T], group: usize) -> Self {
        let (att, rest) = numbers.split_at_mut(group * TILE);
        let (max, rest) = rest.split_at_mut(group);
        let (sum, u) = rest.split_at_mut(group);
        Part { att, max, sum, u }
    }
}

/// Attention of a group of heads to the first n tokens of a tile.
///
/// q: (group, d); keys: (d, 64), values: (64, d), each followed by the next tiles.
#[inline(always)]
fn attend<T: Float, S: Stored<T>>(
    q: &[T],
    (keys, values, n): (&[S], &[S], usize),
    Part { att, max, sum: s, u }: Part<T>,
) {
    let d = q.len() / max.len();
    // ANCHOR: scores
    att.fill(T::zero());
    add_product((q, d), (keys, d), (att, TILE));
    // ANCHOR_END: scores
    // ANCHOR: softmax
    let scale = T::of(1.0 / (d as f64).sqrt());
    for ((att, max), s) in att.chunks_exact_mut(TILE).zip(max).zip(s) {
        let att = &mut att[..n];
        att.iter_mut().for_each(|score| *score *= scale);
        *max = largest(att);
        att.iter_mut().for_each(|score| *score = (*score - *max).fast_exp());
        *s = sum(att.iter().copied());
    }
    // ANCHOR_END: softmax
    // ANCHOR: mixture
    u.fill(T::zero());
    add_product((att, TILE), (values, n), (u, d));
    // ANCHOR_END: mixture
}

/// y of one head from all of its tiles. at: its place in the group.
fn combine<'a, T: Float>(
    parts: impl Iterator<Item = &'a Part<'a, T>> + Clone,
    at: usize,
    y: &mut [T],
) {
    let max = parts.clone().map(|part| part.max[at]).fold(T::neg_infinity(), T::max);
    let (mut total, d) = (T::zero(), y.len());
    y.fill(T::zero());
    for part in parts {
        let coeff = (part.max[at] - max).fast_exp();
        total += coeff * part.sum[at];
        y.iter_mut().zip(&part.u[at * d..]).for_each(|(y, &u)| *y += coeff * u);
    }
    y.iter_mut().for_each(|y| *y /= total);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::cache::Numbers;
    use crate::attention::{Mask, fused};
    use crate::params::fill_normal;
    use ndarray::{Array1, Array2, ArrayView2, s};
    use proptest::prelude::*;
    use stage01_bigram::float16::{from_f16, to_f16};
    use stage01_bigram::random::{Purpose, generator};

    fn normal<T: Float>(seed: u64, (rows, columns): (usize, usize)) -> Array2<T> {
        let mut matrix = Array2::zeros((rows, columns));
        let mut rng = generator(seed, Purpose::Other, 0);
        fill_normal(matrix.as_slice_mut().unwrap(), 1.0, &mut rng);
        matrix
    }

    /// y of a cache with these keys and values.
    fn run<T: Float>(
        (heads, kv_heads): (usize, usize),
        [q, k, v]: [&Array2<T>; 3],
        numbers: Numbers,
    ) -> Array2<T> {
        let (tokens, n_embd) = (k.nrows(), q.ncols());
        let mut cache = Cache::new(numbers, tokens + 70, (kv_heads, n_embd / heads));
        // What stood there before must not matter, neither in the cache nor in the scratch.
        let old = Array2::from_elem((tokens + 70, k.ncols()), T::nan());
        cache.write(0, old.view(), old.view());
        cache.write(0, k.view(), v.view());
        let mut scratch = vec![T::nan(); scratch_len(heads, tokens, n_embd)];
        let mut y = Array2::from_elem((1, n_embd), T::nan());
        let (q, y_row) = (q.as_slice().unwrap(), y.as_slice_mut().unwrap());
        forward(heads, q, (&cache, tokens), &mut scratch, y_row);
        y
    }

    proptest! {
        #[test]
        fn equals_fused(
            kv_heads in 1usize..4, group in 1usize..6, keys in 1usize..150, d in 1usize..80, seed: u64,
        ) {
            let heads = kv_heads * group;
            let q = normal::<f64>(seed, (1, heads * d));
            let (k, v) = (normal(seed + 1, (keys, kv_heads * d)), normal(seed + 2, (keys, kv_heads * d)));
            let y = run((heads, kv_heads), [&q, &k, &v], Numbers::Full);
            let mut expected = y.clone();
            let mut scratch = vec![f64::NAN; fused::scratch_len(keys)];
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

        /// Keys and values in float16 are the nearest numbers of that kind, and nothing else is rounded.
        #[test]
        fn half_is_full_precision_with_rounded_keys_and_values(
            group in 1usize..4, keys in 1usize..150, d in 1usize..80, seed: u64,
        ) {
            let q = normal::<f32>(seed, (1, 2 * group * d));
            let [k, v] = [1, 2].map(|i| normal::<f32>(seed + i, (keys, 2 * d)));
            let half = run((2 * group, 2), [&q, &k, &v], Numbers::Half);
            let round = |x: &Array2<f32>| x.mapv(|x| from_f16(to_f16(x)));
            let full = run((2 * group, 2), [&q, &round(&k), &round(&v)], Numbers::Full);
            prop_assert_eq!(half, full);
        }
    }

    #[test]
    fn the_result_has_the_same_bits_on_any_number_of_threads() {
        let (q, k, v) =
            (normal::<f32>(1, (1, 384)), normal(2, (1500, 192)), normal(3, (1500, 192)));
        for numbers in [Numbers::Full, Numbers::Half] {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| run((6, 3), [&q, &k, &v], numbers))
            };
            let alone = on(1);
            assert!(alone.iter().all(|y| y.is_finite()));
            for threads in [2, 3, 7] {
                assert_eq!(alone, on(threads));
            }
        }
    }

    #[test]
    fn scores_far_apart_in_different_tiles() {
        // The first tile scores -1000, the second one 1000: exp of neither is a number.
        let k = Array2::from_shape_fn((128, 1), |(j, _)| if j < 64 { -1000.0 } else { 1000.0 });
        let v = Array2::from_shape_fn((128, 1), |(j, _)| if j < 64 { 1.0 } else { 7.0 });
        let y = run::<f32>((1, 1), [&ArrayView2::from(&[[1.0]]).to_owned(), &k, &v], Numbers::Full);
        assert_eq!(y[[0, 0]], 7.0);
    }
}
