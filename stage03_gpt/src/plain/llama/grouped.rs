//! Grouped-query attention: several query heads share one key/value head.
//!
//! There are `n_head` query heads and `n_kv_head` heads of keys and values, cut from columns as in
//! multi-head attention. The query heads are numbered in groups of `n_head / n_kv_head` that stand
//! side by side, and each group reads the key/value head of its number:
//!
//! ```text
//! query head       0  1  2    3  4  5    6  7  8       n_head = 9
//! key/value head      0          1          2          n_kv_head = 3
//! ```
//!
//! n_kv_head = n_head is multi-head attention, and n_kv_head = 1 is multi-query attention. What
//! becomes smaller is the KV cache, by the factor n_kv_head / n_head.
//!
//! Shapes: T tokens; nh = n_head, nkv = n_kv_head; hs columns per head.
//!
//! What this file leaves out: the linear layers on both sides, and rotary positions, which turn q
//! and k before they come here ([`rotary`](super::rotary)).
//!
//! Ainslie and others 2023, *GQA*; Shazeer 2019, *Fast Transformer Decoding*; the book's chapter on
//! grouped-query attention.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::matmul;
//! use stage03_gpt::plain::llama::grouped::{grouped_attention, kv_head};
//!
//! assert_eq!([0, 1, 2, 3].map(|h| kv_head(h, 4, 2)), [0, 0, 1, 1]);
//!
//! // Two query heads over one key/value head, one column each. All queries are zero, so each token
//! // takes the mean of the values that it sees, in both heads.
//! let (q, k, v) = (array![[0.0, 0.0], [0.0, 0.0]], array![[1.0], [2.0]], array![[4.0], [8.0]]);
//! let (att, y) = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], 2, 1);
//! assert_eq!(y, array![[4.0, 4.0], [6.0, 6.0]]);
//! assert_eq!(att[1], array![[1.0, 0.0], [0.5, 0.5]]);
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use stage01_bigram::Float;

use super::super::Product;
use super::super::layers::{attention, attention_backward};

/// The key/value head that query head `h` reads.
///
/// # Panics
/// When `n_head` is not a multiple of `n_kv_head`.
// ANCHOR: kv_head
pub fn kv_head(h: usize, n_head: usize, n_kv_head: usize) -> usize {
    assert!(n_head.is_multiple_of(n_kv_head), "{n_head} heads, {n_kv_head} groups");
    let group = n_head / n_kv_head;
    h / group
}
// ANCHOR_END: kv_head

/// Causal attention of every query head on the keys and values of its group.
///
/// Returns the attention weights of each head, and what the heads found, side by side. The queries
/// belong to the last of the tokens whose keys are given, as in [`attention`].
///
/// q, y: (queries, nh hs); k, v: (T, nkv hs); each of att: (queries, T).
///
/// # Panics
/// When `n_head` is not a multiple of `n_kv_head`.
// ANCHOR: grouped_attention
pub fn grouped_attention<T: Float>(
    product: Product<T>,
    [q, k, v]: [ArrayView2<T>; 3],
    n_head: usize,
    n_kv_head: usize,
) -> (Vec<Array2<T>>, Array2<T>) {
    let (mut att, mut y) = (Vec::new(), Array2::zeros(q.dim()));
    for h in 0..n_head {
        let own = columns(h, q.ncols() / n_head);
        let shared = columns(kv_head(h, n_head, n_kv_head), q.ncols() / n_head);
        let (k, v) = (k.slice(s![.., shared.clone()]), v.slice(s![.., shared]));
        let (weights, found) = attention(product, [q.slice(s![.., own.clone()]), k, v], None);
        y.slice_mut(s![.., own]).assign(&found);
        att.push(weights);
    }
    (att, y)
}
// ANCHOR_END: grouped_attention

/// The gradients of q, k and v from the gradient of y.
///
/// A key/value head is used once by each query head of its group, so its gradient is the sum of
/// those that they give.
///
/// q, dy, dq: (T, nh hs); k, v, dk, dv: (T, nkv hs); att: as [`grouped_attention`] returned it.
///
/// # Panics
/// When `n_head` is not a multiple of `n_kv_head`.
// ANCHOR: grouped_attention_backward
pub fn grouped_attention_backward<T: Float>(
    product: Product<T>,
    [q, k, v]: [ArrayView2<T>; 3],
    att: &[Array2<T>],
    dy: ArrayView2<T>,
    n_kv_head: usize,
) -> [Array2<T>; 3] {
    let n_head = att.len();
    let [mut dq, mut dk, mut dv] = [&q, &k, &v].map(|x| Array2::zeros(x.dim()));
    for (h, att) in att.iter().enumerate() {
        let own = columns(h, q.ncols() / n_head);
        let shared = columns(kv_head(h, n_head, n_kv_head), q.ncols() / n_head);
        let head = [
            q.slice(s![.., own.clone()]),
            k.slice(s![.., shared.clone()]),
            v.slice(s![.., shared.clone()]),
        ];
        let dy = dy.slice(s![.., own.clone()]);
        let [dq_h, dk_h, dv_h] = attention_backward(product, head, (att, None), dy);
        dq.slice_mut(s![.., own]).assign(&dq_h);
        let mut dk = dk.slice_mut(s![.., shared.clone()]);
        dk += &dk_h;
        let mut dv = dv.slice_mut(s![.., shared]);
        dv += &dv_h;
    }
    [dq, dk, dv]
}
// ANCHOR_END: grouped_attention_backward

/// The columns of a head.
fn columns(h: usize, head_size: usize) -> Range<usize> {
    h * head_size..(h + 1) * head_size
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{array, concatenate};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::layer_check::{self, Problem};
    use stage02_attention::matmul;
    use stage02_attention::params::fill_normal;

    fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let mut x = Array2::zeros((rows, columns));
        let values = x.as_slice_mut().expect("contiguous");
        fill_normal(values, 1.0, &mut generator(seed, Purpose::Other, 0));
        x
    }

    fn near(a: &Array2<f64>, b: &Array2<f64>) -> bool {
        a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    /// Each head `times` times, one copy beside the other.
    fn repeated(x: &Array2<f64>, heads: usize, times: usize) -> Array2<f64> {
        let size = x.ncols() / heads;
        Array2::from_shape_fn((x.nrows(), heads * times * size), |(t, c)| {
            x[[t, c / size / times * size + c % size]]
        })
    }

    #[test]
    fn groups_stand_side_by_side() {
        let heads = |n_head, n_kv_head| (0..n_head).map(move |h| kv_head(h, n_head, n_kv_head));
        assert!(heads(9, 3).eq([0, 0, 0, 1, 1, 1, 2, 2, 2]));
        assert!(heads(4, 4).eq(0..4));
        assert!(heads(4, 1).eq([0; 4]));
    }

    proptest! {
        /// As if every query head had a copy of its group's keys and values.
        #[test]
        fn it_is_multi_head_attention_on_repeated_keys_and_values(
            kv in 1usize..4, group in 1usize..4, size in 1usize..4, t in 1usize..6, seed: u64,
        ) {
            let n_head = kv * group;
            let [q, k, v] = [n_head, kv, kv].map(|heads| normal(t, heads * size, seed ^ heads as u64));
            let (att, y) = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], n_head, kv);
            let (k, v) = (repeated(&k, kv, group), repeated(&v, kv, group));
            for (h, weights) in att.iter().enumerate() {
                let head = [&q, &k, &v].map(|x| x.slice(s![.., columns(h, size)]));
                let (expected, found) = attention(matmul::plain, head, None);
                prop_assert!(near(weights, &expected));
                prop_assert!(near(&y.slice(s![.., columns(h, size)]).to_owned(), &found));
            }
        }

        /// The last row alone finds what it finds in the whole text, as with a KV cache.
        #[test]
        fn fewer_queries_belong_to_the_last_tokens(t in 1usize..6, seed: u64) {
            let [q, k, v] = [6, 2, 2].map(|columns| normal(t, columns, seed ^ columns as u64));
            let all = grouped_attention(matmul::plain, [q.view(), k.view(), v.view()], 6, 2).1;
            let last = q.slice(s![t - 1.., ..]);
            let one = grouped_attention(matmul::plain, [last, k.view(), v.view()], 6, 2).1;
            prop_assert!(near(&one, &all.slice(s![t - 1.., ..]).to_owned()));
        }

        #[test]
        fn backward_is_the_derivative_of_forward(
            kv in 1usize..3, group in 1usize..4, size in 1usize..3, t in 1usize..5, seed: u64,
        ) {
            let (wide, narrow) = (kv * group * size, kv * size);
            let forward = |x: &[Vec<f64>]| {
                let [q, k, v] = views(x, t, wide, narrow);
                grouped_attention(matmul::plain, [q, k, v], kv * group, kv)
            };
            Problem::new(seed, &[t * wide, t * narrow, t * narrow], |_| ()).check(
                t * wide,
                |_, _, x, y| y.copy_from_slice(forward(x).1.as_slice().expect("contiguous")),
                |_, _, x, dy, dx, _| {
                    let (parts, dy) = (views(x, t, wide, narrow), layer_check::array(dy, t, wide));
                    let d = grouped_attention_backward(matmul::plain, parts, &forward(x).0, dy, kv);
                    for (dx, d) in dx.iter_mut().zip(d) {
                        dx.copy_from_slice(d.as_slice().expect("contiguous"));
                    }
                },
            );
        }
    }

    fn views(x: &[Vec<f64>], t: usize, wide: usize, narrow: usize) -> [ArrayView2<'_, f64>; 3] {
        let columns = [wide, narrow, narrow];
        [0, 1, 2].map(|part| layer_check::array(&x[part], t, columns[part]))
    }

    #[test]
    fn repeating_copies_whole_heads() {
        let x = array![[1.0, 2.0, 3.0, 4.0]];
        assert_eq!(repeated(&x, 2, 2), array![[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]]);
        let twice = concatenate![ndarray::Axis(1), x, x];
        assert_eq!(repeated(&x, 1, 2), twice);
    }
}
