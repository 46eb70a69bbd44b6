//! Rotary positions (RoPE): a query or a key is turned by an angle that grows with its position.
//!
//! A head of hs columns is taken as hs / 2 pairs of numbers. Pair c is the columns c and c + hs / 2,
//! an arrow in the plane. In the row at position t it is turned by the angle t w\[c\], where
//!
//! ```text
//! w[c] = theta^(-2 c / hs)       1 for the first pair, nearly 1 / theta for the last
//! ```
//!
//! Where both arrows of a dot product are turned by the same angle, it stays as it is. So the score
//! of a query at position i and a key at position j depends on i - j alone. Queries and keys of
//! every head are turned, after their linear layer and before the KV cache; values are not.
//!
//! Two orders of the columns are in use. Hugging Face's Llama pairs the halves, as this file does.
//! The paper, Meta's own files and GGUF files of Llama pair neighbours, the columns 2 c and 2 c + 1.
//! With the rows of the query and key weights exchanged accordingly, both give the same scores.
//!
//! What this file leaves out: scaled frequencies for contexts longer than those of training.
//!
//! Su and others 2021, *RoFormer*, section 3.4.2; the book's chapter on rotary positions.
//!
//! ```
//! use ndarray::{Array1, Array2, array};
//! use stage03_gpt::plain::llama::rotary::{frequencies, rotate};
//!
//! assert_eq!(frequencies(4, 100.0), [1.0, 0.1]);
//!
//! // The same query in three rows, at the positions 7, 8 and 9. The arrow keeps its length, and two
//! // that lie one position apart have the same dot product wherever they stand.
//! let q: Array2<f64> = array![[3.0, 4.0], [3.0, 4.0], [3.0, 4.0]];
//! let turned = rotate(&q, 7, 10_000.0);
//! let dot = |i: usize, j: usize| turned.row(i).dot(&turned.row(j));
//! assert!((dot(0, 0) - 25.0).abs() < 1e-12);
//! assert!((dot(0, 1) - dot(1, 2)).abs() < 1e-12);
//! ```

use ndarray::Array2;
use stage01_bigram::Float;

/// By how much each pair turns from one position to the next, in radians: `theta^(-2 c / hs)` for
/// pair c. Length: hs / 2.
///
/// head_size: hs, an even number; theta: 10,000 in the paper, `rope_theta` in a `config.json`.
// ANCHOR: frequencies
pub fn frequencies(head_size: usize, theta: f64) -> Vec<f64> {
    (0..head_size / 2).map(|c| theta.powf(-2.0 * c as f64 / head_size as f64)).collect()
}
// ANCHOR_END: frequencies

/// A pair of numbers, turned by an angle (in radians) against the clock:
///
///   (x cos(angle) - y sin(angle),  x sin(angle) + y cos(angle))
// ANCHOR: turn
pub fn turn<T: Float>([x, y]: [T; 2], angle: f64) -> [T; 2] {
    let (cos, sin) = (T::of(angle.cos()), T::of(angle.sin()));
    [x * cos - y * sin, x * sin + y * cos]
}
// ANCHOR_END: turn

/// The queries or the keys of one head, each row turned as its position asks: row i is at position
/// `start` + i.
///
/// x, result: (T, hs); start: 0 in training, the number of tokens in the KV cache when one is used.
///
/// # Panics
/// When hs is odd.
// ANCHOR: rotate
pub fn rotate<T: Float>(x: &Array2<T>, start: usize, theta: f64) -> Array2<T> {
    turn_rows(x, theta, |i| (start + i) as f64)
}
// ANCHOR_END: rotate

/// dx from dy: every gradient turned back, by the same angle with the other sign.
///
/// dy, dx: (T, hs); start, theta: as in [`rotate`].
///
/// # Panics
/// When hs is odd.
// ANCHOR: rotate_backward
pub fn rotate_backward<T: Float>(dy: &Array2<T>, start: usize, theta: f64) -> Array2<T> {
    turn_rows(dy, theta, |i| -((start + i) as f64))
}
// ANCHOR_END: rotate_backward

/// Turns pair c of row i by `at(i) w[c]`.
// ANCHOR: turn_rows
fn turn_rows<T: Float>(x: &Array2<T>, theta: f64, at: impl Fn(usize) -> f64) -> Array2<T> {
    let head_size = x.ncols();
    assert!(head_size.is_multiple_of(2), "{head_size} columns have no pairs");
    let (half, mut y) = (head_size / 2, x.clone());
    for i in 0..x.nrows() {
        for (c, w) in frequencies(head_size, theta).into_iter().enumerate() {
            let pair = [x[[i, c]], x[[i, c + half]]];
            [y[[i, c]], y[[i, c + half]]] = turn(pair, at(i) * w);
        }
    }
    y
}
// ANCHOR_END: turn_rows

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::layer_check::{Problem, array};
    use stage02_attention::params::fill_normal;

    fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
        let mut x = Array2::zeros((rows, columns));
        let values = x.as_slice_mut().expect("contiguous");
        fill_normal(values, 1.0, &mut generator(seed, Purpose::Other, 0));
        x
    }

    fn near(a: &Array2<f64>, b: &Array2<f64>) -> bool {
        a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn pairs_are_halves_and_the_first_turns_by_one_radian() {
        let x = Array2::from_shape_fn((1, 4), |(_, c)| [1.0, 0.0, 0.0, 1.0][c]);
        let y = rotate(&x, 1, 100.0);
        // Pair 0 is (1, 0) and turns by 1; pair 1 is (0, 1) and turns by a tenth.
        let expected = [1f64.cos(), -(0.1f64.sin()), 1f64.sin(), 0.1f64.cos()];
        assert!(y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-15), "{y}");
    }

    proptest! {
        #[test]
        fn scores_depend_on_the_distance_alone(
            pairs in 1usize..5, i in 0usize..200, j in 0usize..200, by in 0usize..1000, seed: u64,
        ) {
            let (q, k) = (normal(1, 2 * pairs, seed), normal(1, 2 * pairs, seed ^ 1));
            let score = |i, j| rotate(&q, i, 1e4).row(0).dot(&rotate(&k, j, 1e4).row(0));
            prop_assert!((score(i, j) - score(i + by, j + by)).abs() < 1e-9);
        }

        /// And not on nothing at all.
        #[test]
        fn another_distance_gives_another_score(i in 0usize..200, j in 0usize..200, seed: u64) {
            prop_assume!(i != j);
            let q = normal(1, 4, seed);
            let score = |i, j| rotate(&q, i, 1e4).row(0).dot(&rotate(&q, j, 1e4).row(0));
            prop_assert!(score(i, i) - score(i, j) > 1e-9);
        }

        #[test]
        fn rows_may_come_one_by_one(rows in 1usize..6, start in 0usize..50, seed: u64) {
            let x = normal(rows, 6, seed);
            let all = rotate(&x, start, 1e4);
            for i in 0..rows {
                let row = x.slice(s![i..i + 1, ..]).to_owned();
                prop_assert!(near(&rotate(&row, start + i, 1e4), &all.slice(s![i..i + 1, ..]).to_owned()));
            }
        }

        #[test]
        fn turning_back_undoes_it(rows in 1usize..6, pairs in 1usize..5, start in 0usize..50, seed: u64) {
            let x = normal(rows, 2 * pairs, seed);
            prop_assert!(near(&rotate_backward(&rotate(&x, start, 1e4), start, 1e4), &x));
        }

        #[test]
        fn backward_is_the_derivative_of_forward(
            rows in 1usize..4, pairs in 1usize..4, start in 0usize..50, seed: u64,
        ) {
            let columns = 2 * pairs;
            Problem::new(seed, &[rows * columns], |_| ()).check(
                rows * columns,
                |_, _, x, y| {
                    let turned = rotate(&array(&x[0], rows, columns).to_owned(), start, 50.0);
                    y.copy_from_slice(turned.as_slice().expect("contiguous"));
                },
                |_, _, _, dy, dx, _| {
                    let back = rotate_backward(&array(dy, rows, columns).to_owned(), start, 50.0);
                    dx[0].copy_from_slice(back.as_slice().expect("contiguous"));
                },
            );
        }
    }
}
