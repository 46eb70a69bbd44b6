//! The matrix product: nearly all the work of a language model is in this one function.
//!
//! `gemm` is the name it has had since 1990 (Dongarra and others, level 3 BLAS). Every entry of the
//! result is a dot product, a row of the left matrix with a column of the right one:
//!
//! ```text
//! c[i, j]  =  alpha * (a[i, 0] b[0, j] + a[i, 1] b[1, j] + ...)  +  beta * c[i, j]
//! ```
//!
//! [`plain`] is that sentence as three loops. [`gemm`] gives the same numbers from the kernels of
//! the `gemm` crate, which cut the matrices into tiles that fit the caches and use the best vector
//! instructions of the processor. Products of transposed matrices need no copy: `a.t()` only swaps
//! two strides.
//!
//! [`gemm`] runs on one thread, [`par_gemm`] on all that are available (`shared.rs`; `gemv.rs` for
//! a single row, which is memory-bound). [`bf16`] holds the same product with inputs rounded to 16
//! bits, for processors that multiply those at twice the speed. [`blocks`] multiplies by quantised
//! weights, and [`pages`] holds what fetching them fast takes: large pages and prefetching.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::matmul::gemm;
//!
//! let (a, b) = (array![[1.0, 2.0], [3.0, 4.0]], array![[5.0], [6.0]]);
//! let mut c = array![[100.0], [100.0]];
//! gemm(1.0, a.view(), b.view(), 1.0, &mut c.view_mut()); // c = a b + c
//! assert_eq!(c, array![[117.0], [139.0]]);
//! ```

#![allow(unsafe_code)] // The kernels take raw pointers; see `call` below.

pub mod bf16;
pub mod blocks;
mod gemv;
pub mod pages;
mod shared;

pub use shared::{Dtype, par_gemm};

use std::any::TypeId;

use gemm_common::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use stage01_bigram::Float;

/// c = alpha a b + beta c.
///
/// a: (m, k); b: (k, n); c: (m, n), any strides. With `beta` zero the old content of `c` is
/// not read, so it may be anything.
///
/// # Panics
/// When the shapes do not fit together: a bug in the calling layer.
pub fn gemm<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    c: &mut ArrayViewMut2<T>,
) {
    let (m, _, n) = sizes(a, b, c);
    if m == 0 || n == 0 {
        return;
    }
    let column_major = c.strides()[0].unsigned_abs() < c.strides()[1].unsigned_abs();
    // The kernels are fastest when the result is stored column by column. Ours are mostly
    // stored row by row, which is the same thing for the transposed equation c' = b' a'.
    if column_major {
        call_packed(alpha, a, b, beta, c.view_mut());
    } else {
        call_packed(alpha, b.t(), a.t(), beta, c.view_mut().reversed_axes());
    }
}

/// m, k and n of a product.
///
/// # Panics
/// When the shapes do not fit together.
fn sizes<T>(a: ArrayView2<T>, b: ArrayView2<T>, c: &ArrayViewMut2<T>) -> (usize, usize, usize) {
    let ((m, k), (k_b, n)) = (a.dim(), b.dim());
    assert!(k == k_b && c.dim() == (m, n), "({m}, {k}) x ({k_b}, {n}) into {:?}", c.dim());
    (m, k, n)
}

/// [`call`], after `a` has been copied column by column (packed) where that is faster.
///
/// The kernels fetch `a` column by column. Where it is stored row by row (the weights, in the
/// backward pass), every entry of a column lies on another cache line. That is slow only where the
/// rows are half a memory page long, or a multiple of that: then all these lines compete for the
/// same few places in the cache, and evict each other before they are used up. So such a matrix is
/// packed beforehand, a whole cache line at a time.
fn call_packed<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    mut beta: T,
    mut c: ArrayViewMut2<T>,
) {
    /// Columns of `a` that are packed at a time; they stay in the cache.
    const COLUMNS: usize = 256;
    /// Half a page of `f32`.
    const HALF_PAGE: isize = 512;
    /// Products with a column or two have kernels of their own.
    const NARROW: usize = 4;
    let [row, column] = [a.strides()[0], a.strides()[1]];
    if column != 1 || row % HALF_PAGE != 0 || b.ncols() < NARROW {
        return call(alpha, a, b, beta, c);
    }
    let mut part = vec![T::zero(); COLUMNS.min(a.ncols()) * a.nrows()];
    for (a, b) in a.axis_chunks_iter(Axis(1), COLUMNS).zip(b.axis_chunks_iter(Axis(0), COLUMNS)) {
        transpose(a, &mut part);
        let packed = ArrayView2::from_shape(a.t().dim(), &part[..a.len()]).expect("its length");
        call(alpha, packed.t(), b, beta, c.view_mut());
        beta = T::one();
    }
}

/// `to` = `from` transposed, in squares of sixteen: a cache line of `f32`.
fn transpose<T: Float>(from: ArrayView2<T>, to: &mut [T]) {
    const SIDE: usize = 16;
    let (height, width) = from.dim();
    let mut square = [[T::zero(); SIDE]; SIDE];
    for (i, rows) in from.axis_chunks_iter(Axis(0), SIDE).enumerate() {
        for j in (0..width).step_by(SIDE) {
            let columns = j..(j + SIDE).min(width);
            for (row, line) in rows.rows().into_iter().zip(&mut square) {
                let row = &row.to_slice().expect("rows are contiguous")[columns.clone()];
                line[..row.len()].copy_from_slice(row);
            }
            for (x, column) in columns.enumerate() {
                let to = &mut to[column * height + i * SIDE..][..rows.nrows()];
                to.iter_mut().zip(&square).for_each(|(to, line)| *to = line[x]);
            }
        }
    }
}

/// The same equation as three loops: slow, short, and the reference for the fast one.
///
/// # Panics
/// As [`gemm`].
pub fn plain<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    c: &mut ArrayViewMut2<T>,
) {
    let (m, k, n) = sizes(a, b, c);
    // ANCHOR: plain
    for i in 0..m {
        for j in 0..n {
            let mut sum = T::zero();
            for l in 0..k {
                sum += a[[i, l]] * b[[l, j]];
            }
            let old = if beta == T::zero() { T::zero() } else { beta * c[[i, j]] };
            c[[i, j]] = alpha * sum + old;
        }
    }
    // ANCHOR_END: plain
}

/// Calls the kernel of the number type.
fn call<T: Float>(alpha: T, a: ArrayView2<T>, b: ArrayView2<T>, beta: T, mut c: ArrayViewMut2<T>) {
    let ((m, k), n) = (a.dim(), b.dim().1);
    let (a_strides, b_strides) =
        ([a.strides()[0], a.strides()[1]], [b.strides()[0], b.strides()[1]]);
    let c_strides = [c.strides()[0], c.strides()[1]];
    macro_rules! kernel {
        ($kernel:path, $t:ty) => {
            // SAFETY: T is $t (checked by the caller of this macro). Pointers and strides come
            // from live views whose shapes `gemm` has checked, so every entry the kernel
            // touches lies inside them; `c` is borrowed mutably, so nothing else sees it.
            unsafe {
                $kernel()(
                    m,
                    n,
                    k,
                    c.as_mut_ptr().cast::<$t>(),
                    c_strides[1],
                    c_strides[0],
                    beta != T::zero(),
                    a.as_ptr().cast::<$t>(),
                    a_strides[1],
                    a_strides[0],
                    b.as_ptr().cast::<$t>(),
                    b_strides[1],
                    b_strides[0],
                    beta.f64() as $t,
                    alpha.f64() as $t,
                    false,
                    false,
                    false,
                    Parallelism::None,
                )
            }
        };
    }
    if TypeId::of::<T>() == TypeId::of::<f32>() {
        kernel!(gemm_f32::gemm::f32::get_gemm_fn, f32)
    } else if TypeId::of::<T>() == TypeId::of::<f64>() {
        kernel!(gemm_f64::gemm::f64::get_gemm_fn, f64)
    } else {
        unreachable!("Float is implemented for f32 and f64 alone")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ndarray::{Array2, s};
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::random::{Purpose, generator};

    pub(crate) fn random(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
        let mut rng = generator(seed, Purpose::Other, 0);
        Array2::from_shape_simple_fn((rows, cols), || rng.random::<f64>() - 0.5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn equals_the_three_loops(
            m in 1usize..20, n in 1usize..20, k in 0usize..20, seed: u64,
            transposed in any::<[bool; 3]>(), alpha in -2.0..2.0, beta in 0usize..3,
        ) {
            let beta = [0.0, 1.0, -0.5][beta];
            // Matrices inside larger ones, as the heads of attention are, and transposed ones.
            let place = |rows: usize, cols: usize, flip: bool, seed| {
                if flip { random(cols + 1, rows + 2, seed).reversed_axes() }
                else { random(rows + 2, cols + 1, seed) }
            };
            let a = place(m, k, transposed[0], seed);
            let b = place(k, n, transposed[1], seed ^ 1);
            let mut fast = place(m, n, transposed[2], seed ^ 2);
            let mut slow = fast.clone();
            let (a, b) = (a.slice(s![2.., 1..]), b.slice(s![2.., 1..]));
            gemm(alpha, a, b, beta, &mut fast.slice_mut(s![2.., 1..]));
            plain(alpha, a, b, beta, &mut slow.slice_mut(s![2.., 1..]));
            for (x, y) in fast.iter().zip(&slow) {
                prop_assert!((x - y).abs() < 1e-12, "{x} {y}");
            }
        }
    }

    #[test]
    fn packed_matrices_give_the_same_numbers() {
        // b' has rows of 1,024 numbers: the first products are packed, in parts of unequal length,
        // the last one is not.
        for (m, k, n, width) in
            [(9, 300, 37, 1024), (5, 1024, 100, 1024), (3, 40, 50, 512), (9, 300, 37, 1000)]
        {
            let (a, wide) = (random(m, k, 1), random(n, width, 2));
            let b = wide.slice(s![.., ..k]).reversed_axes();
            let mut fast = random(m, n, 3);
            let mut slow = fast.clone();
            gemm(0.5, a.view(), b, 2.0, &mut fast.view_mut());
            plain(0.5, a.view(), b, 2.0, &mut slow.view_mut());
            for (x, y) in fast.iter().zip(&slow) {
                assert!((x - y).abs() < 1e-12, "{x} {y}");
            }
        }
    }

    #[test]
    fn with_beta_zero_the_old_content_does_not_matter() {
        let (a, b) = (random(3, 4, 1), random(4, 5, 2));
        let mut c = Array2::from_elem((3, 5), f64::NAN);
        gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
        assert!(c.iter().all(|x| x.is_finite()));
    }
}
