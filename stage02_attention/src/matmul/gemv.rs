//! A single row times a matrix, as in decoding token by token.
//!
//! Every entry of the matrix is used once, so fetching it from memory is all the work, and memory
//! is fastest when it is read in order. So each thread gets whole rows of b where those are
//! contiguous, and otherwise whole columns.
//!
//! The chunks do not depend on the number of threads, and their sums are added in order, so the
//! result has the same bits on any number.

use ndarray::{ArrayView2, ArrayViewMut2, s};
use stage01_bigram::Float;
use stage01_bigram::vector::dot;

use super::gemm;
use crate::parallel::{each_row_on, threads_to_fetch};
use crate::profiler::Region;

/// c = alpha a b + beta c for a single row of c.
///
/// a: (1, k); b: (k, n), whose rows or columns are contiguous; c: (1, n).
pub(super) fn gemv<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    mut c: ArrayViewMut2<T>,
) {
    /// Rows of b in a chunk.
    const ROWS: usize = 128;
    let (k, n) = b.dim();
    let threads = threads_to_fetch(b.len() * size_of::<T>());
    let by_rows = b.strides()[1] == 1;
    let mut results = vec![T::zero(); if by_rows { k.div_ceil(ROWS) * n } else { n }];
    if by_rows {
        let chunks = k.div_ceil(ROWS);
        let sums = ArrayViewMut2::from_shape((chunks, n), &mut results[..]).expect("its length");
        each_row_on(threads, Region::MatrixProducts, (0..chunks, sums), |(i, sums)| {
            let rows = i * ROWS..((i + 1) * ROWS).min(k);
            let (a, b) = (a.slice(s![.., rows.clone()]), b.slice(s![rows, ..]));
            let mut sums = ArrayViewMut2::from_shape((1, n), sums).expect("one row");
            gemm(alpha, a, b, T::zero(), &mut sums);
        });
    } else {
        let a: Vec<T> = a.iter().map(|&a| alpha * a).collect();
        each_row_on(threads, Region::MatrixProducts, (0..n, &mut results[..]), |(j, product)| {
            *product = dot(&a, b.column(j).to_slice().expect("columns are contiguous"));
        });
    }
    match beta == T::zero() {
        true => c.fill(T::zero()),
        false => c.iter_mut().for_each(|c| *c *= beta),
    }
    for part in results.chunks_exact(n) {
        c.iter_mut().zip(part).for_each(|(c, &part)| *c += part);
    }
}

#[cfg(test)]
mod tests {
    use crate::matmul::tests::random;
    use crate::matmul::{Dtype, par_gemm, plain};

    #[test]
    fn the_result_has_the_same_bits_on_any_number_of_threads() {
        let (a, matrix, old) = (random(1, 1000, 1), random(1000, 2200, 2), random(1, 2200, 3));
        for b in [matrix.view(), random(2200, 1000, 2).t()] {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (mut c, full) = (old.clone(), Dtype::Float32);
                pool.install(|| par_gemm(full, 0.5, a.view(), b, 2.0, &mut c.view_mut()));
                c
            };
            let alone = run(1);
            for threads in [2, 3, 7] {
                assert_eq!(alone, run(threads));
            }
            let mut slow = old.clone();
            plain(0.5, a.view(), b, 2.0, &mut slow.view_mut());
            for (x, y) in alone.iter().zip(&slow) {
                assert!((x - y).abs() < 1e-12, "{x} {y}");
            }
        }
    }
}
