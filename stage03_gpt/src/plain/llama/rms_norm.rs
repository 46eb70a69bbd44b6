//! RMSNorm: every row is divided by its root mean square.
//!
//! It is a layer norm that subtracts no mean and has no shift. A row of zeros stays zeros, because
//! of the small number under the root. What this file leaves out: the fast version, in
//! [`rms_norm`](crate::rms_norm), which gives the same numbers.
//!
//! ```
//! use ndarray::array;
//! use stage03_gpt::plain::llama::rms_norm::rms_norm;
//!
//! // The mean of the squares is (1 + 25 + 49) / 3 = 25, its root is 5.
//! let y = rms_norm(&array![[1.0, 5.0, 7.0]], &[1.0; 3], 0.0);
//! assert!((y - array![[0.2, 1.0, 1.4]]).iter().all(|d: &f64| d.abs() < 1e-15));
//! ```

use ndarray::Array2;
use stage01_bigram::Float;

/// y = n gamma, where n = x r is the row with the root mean square 1.
///
///   r = 1 / sqrt(mean of x² + eps)
///
/// x, y: (B T, C); gamma: (C). Zhang and Sennrich 2019, equation 4; the small number is added under
/// the root, as Llama does.
// ANCHOR: rms_norm
pub fn rms_norm<T: Float>(x: &Array2<T>, gamma: &[T], eps: T) -> Array2<T> {
    let mut y = normalised(x, eps).0;
    for ((_, j), y) in y.indexed_iter_mut() {
        *y *= gamma[j];
    }
    y
}
// ANCHOR_END: rms_norm

/// dx = r (g - n * mean of (g n)), where g = dy gamma;  dgamma += the sum of dy n over the rows.
///
/// x moves y in two ways, one for each term of dx. x, dy, dx: (B T, C); gamma, dgamma: (C). n and r
/// are computed a second time.
// ANCHOR: rms_norm_backward
pub fn rms_norm_backward<T: Float>(
    x: &Array2<T>,
    gamma: &[T],
    eps: T,
    dy: &Array2<T>,
    dgamma: &mut [T],
) -> Array2<T> {
    let columns = T::of(x.ncols() as f64);
    let (n, r) = normalised(x, eps);
    let mut dx = Array2::zeros(x.raw_dim());
    for i in 0..x.nrows() {
        let g = |j| dy[[i, j]] * gamma[j];
        let gn = (0..x.ncols()).map(|j| g(j) * n[[i, j]]);
        let mean_gn = gn.sum::<T>() / columns;
        for j in 0..x.ncols() {
            let direct = g(j);
            let through_r = n[[i, j]] * mean_gn; // every x is part of r
            dx[[i, j]] = r[i] * (direct - through_r);
        }
    }
    for ((i, j), &dy) in dy.indexed_iter() {
        dgamma[j] += dy * n[[i, j]];
    }
    dx
}
// ANCHOR_END: rms_norm_backward

/// n = x r for every row, and its r = 1 / sqrt(mean of x² + eps). x, n: (B T, C); r: (B T).
// ANCHOR: normalised
fn normalised<T: Float>(x: &Array2<T>, eps: T) -> (Array2<T>, Vec<T>) {
    let (mut n, mut rs) = (x.clone(), Vec::new());
    let columns = T::of(x.ncols() as f64);
    for mut row in n.rows_mut() {
        let mean_square = row.iter().map(|&x| x * x).sum::<T>() / columns;
        let r = T::one() / (mean_square + eps).sqrt();
        row.iter_mut().for_each(|x| *x *= r);
        rs.push(r);
    }
    (n, rs)
}
// ANCHOR_END: normalised

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Axis, array};
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::layer_check::{Problem, array, array_mut};
    use stage02_attention::params::{Init, Layout, Params, fill_normal};

    use crate::layer_norm::Statistics;
    use crate::rms_norm::RmsNorm;

    /// The root mean square of each row.
    fn rms(x: &Array2<f64>) -> Vec<f64> {
        x.mapv(|x| x * x).mean_axis(Axis(1)).expect("columns").mapv(f64::sqrt).to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..5, n_embd in 1usize..20, seed: u64) {
            Problem::new(seed, &[rows * n_embd], |layout: &mut Layout| {
                layout.scope("norm").vector("weight", n_embd, Init::Ones)
            })
            .check(
                rows * n_embd,
                |&gamma, params, x, y| {
                    let x = array(&x[0], rows, n_embd).to_owned();
                    let result = rms_norm(&x, params.vector(gamma), 1e-5);
                    array_mut(y, rows, n_embd).assign(&result);
                },
                |&gamma, params, x, dy, dx, grads| {
                    let x = array(&x[0], rows, n_embd).to_owned();
                    let dy = array(dy, rows, n_embd).to_owned();
                    let dgamma = grads.vector_mut(gamma);
                    let result = rms_norm_backward(&x, params.vector(gamma), 1e-5, &dy, dgamma);
                    array_mut(&mut dx[0], rows, n_embd).assign(&result);
                },
            );
        }

        /// Every row comes out with the root mean square 1, and making it longer changes nothing.
        #[test]
        fn the_size_of_a_row_is_gone(row in prop::collection::vec(0.1f64..9.0, 1..20), by in 0.1f64..99.0) {
            let x = Array2::from_shape_vec((1, row.len()), row).unwrap();
            let ones = vec![1.0; x.ncols()];
            let y = rms_norm(&x, &ones, 0.0);
            prop_assert!((rms(&y)[0] - 1.0).abs() < 1e-12);
            let longer = rms_norm(&(&x * by), &ones, 0.0);
            prop_assert!((longer - y).iter().all(|d| d.abs() < 1e-12));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_fast_one_is_the_same(rows in 1usize..5, n_embd in 1usize..40, seed: u64) {
            let (mut layout, mut rng) = (Layout::new(), generator(seed, Purpose::Other, 0));
            let fast = RmsNorm::declare(layout.scope("norm"), n_embd, 1e-5);
            let mut values = |n: usize| {
                let mut values = vec![0.0f64; n];
                fill_normal(&mut values, 1.0, &mut rng);
                values
            };
            let params = Params { values: values(n_embd) };
            let gamma = &params.values;
            let [x, dy, mut dx] = [(); 3]
                .map(|()| Array2::from_shape_vec((rows, n_embd), values(rows * n_embd)).unwrap());
            let mut grads = Params { values: values(n_embd) };

            let (before, mut dgamma) = (dx.clone(), grads.values.clone());
            let (mut y, mut statistics) = (x.clone(), Statistics::new(rows));
            fast.forward(&params, x.view(), &mut statistics, y.view_mut());
            let view = dx.view_mut();
            fast.backward(&params, x.view(), &statistics, dy.view(), view, &mut grads);

            let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
            let plain = rms_norm(&x, gamma, 1e-5);
            prop_assert!(same(y.as_slice().unwrap(), plain.as_slice().unwrap()));
            // The fast one adds to dx, which stands beside a residual connection.
            let plain = before + rms_norm_backward(&x, gamma, 1e-5, &dy, &mut dgamma);
            prop_assert!(same(dx.as_slice().unwrap(), plain.as_slice().unwrap()));
            prop_assert!(same(&grads.values, &dgamma));
        }
    }

    #[test]
    fn the_small_number_stands_under_the_root() {
        // The mean square is eps itself, so the row is divided by sqrt(2 eps).
        let y = rms_norm(&array![[1e-3, -1e-3], [0.0, 0.0]], &[1.0, 2.0], 1e-6);
        let expected = array![[0.5f64.sqrt(), -2.0 * 0.5f64.sqrt()], [0.0, 0.0]];
        assert!((y - expected).iter().all(|d: &f64| d.abs() < 1e-12));
    }
}
