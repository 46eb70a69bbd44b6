//! Attention of a single new token, as in writing token by token.
//!
//! There is one query for each head, and so nothing to gain from matrix products: every key and
//! every value is used once. What counts is to fetch them in the order in which they lie in the
//! memory. So this goes through the keys of all its heads token by token, then through the
//! values:
//!
//! ```text
//! score[h, j] = q[h] · k[j, h] / sqrt(d)        for every token j, for every head h
//! y[h]       += p[h, j] v[j, h]                 the same way, with p = softmax(score)
//! ```
//!
//! The same numbers as [`fused`](super::fused) gives for one query; a test compares them.

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage01_bigram::loss::softmax_in_place;
use stage01_bigram::vector::{sum, widest};

/// y = softmax(q k' / sqrt(d)) v for some heads, side by side.
///
/// q, y: (1, heads * d); k, v: (keys, heads * d). scores: room for heads * keys numbers.
pub fn forward<T: Float>(
    heads: usize,
    (q, k, v): (ArrayView2<T>, ArrayView2<T>, ArrayView2<T>),
    scores: &mut [T],
    mut y: ArrayViewMut2<T>,
) {
    const CONTIGUOUS: &str = "rows are contiguous";
    let (keys, d) = (k.nrows(), q.ncols() / heads);
    let scale = T::of(1.0 / (d as f64).sqrt());
    let q = q.row(0).to_slice().expect(CONTIGUOUS);
    let mut y = y.row_mut(0);
    let y = y.as_slice_mut().expect(CONTIGUOUS);
    let scores = &mut scores[..heads * keys];
    widest(
        #[inline(always)]
        || {
            for (j, k) in k.rows().into_iter().enumerate() {
                let k = k.to_slice().expect(CONTIGUOUS);
                for (h, (q, k)) in q.chunks_exact(d).zip(k.chunks_exact(d)).enumerate() {
                    scores[h * keys + j] = scale * sum(q.iter().zip(k).map(|(&q, &k)| q * k));
                }
            }
        },
    );
    scores.chunks_exact_mut(keys).for_each(softmax_in_place);
    y.fill(T::zero());
    widest(
        #[inline(always)]
        || {
            for (j, v) in v.rows().into_iter().enumerate() {
                let v = v.to_slice().expect(CONTIGUOUS);
                for (h, (y, v)) in y.chunks_exact_mut(d).zip(v.chunks_exact(d)).enumerate() {
                    let share = scores[h * keys + j];
                    y.iter_mut().zip(v).for_each(|(y, &v)| *y += share * v);
                }
            }
        },
    );
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
        fn equals_fused(heads in 1usize..5, keys in 1usize..150, d in 1usize..40, seed: u64) {
            let mut rng = generator(seed, Purpose::Other, 0);
            let mut table = |rows| {
                let mut table = Array2::<f64>::zeros((rows, heads * d));
                fill_normal(table.as_slice_mut().unwrap(), 1.0, &mut rng);
                table
            };
            let (q, k, v) = (table(1), table(keys), table(keys));
            let (mut y, mut expected) = (table(1), table(1));
            // What lies in the room must not matter.
            let mut room = vec![f64::NAN; fused::room(keys).max(heads * keys)];
            forward(heads, (q.view(), k.view(), v.view()), &mut room, y.view_mut());
            for h in 0..heads {
                let part = s![.., h * d..(h + 1) * d];
                fused::forward(
                    (q.slice(part), k.slice(part), v.slice(part)), Mask::Causal, None, &mut room,
                    Array1::zeros(1).view_mut(), expected.slice_mut(part),
                );
            }
            for (a, b) in y.iter().zip(&expected) {
                prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }
}
