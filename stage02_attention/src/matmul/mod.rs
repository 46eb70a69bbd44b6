//! The matrix product: nearly all the work of a language model is in this one function.
//!
//! `gemm` is the name it has had since 1990 (Dongarra and others, level 3 BLAS). Every entry
//! of the result is a dot product, a row of the left table with a column of the right one:
//!
//! ```text
//! c[i, j]  =  alpha * (a[i, 0] b[0, j] + a[i, 1] b[1, j] + ...)  +  beta * c[i, j]
//! ```
//!
//! [`plain`] is that sentence as three loops. [`gemm`] gives the same numbers from the
//! kernels of the `gemm` crate, which cut the tables into tiles that fit the caches and use
//! the widest vector instructions the processor has. Products of transposed tables need no
//! copy: `a.t()` only swaps two strides.
//!
//! [`bf16`] holds the same product with inputs rounded to 16 bits, for processors that multiply
//! those at twice the speed.
//!
//! One call runs on one thread; the trainer gives each thread its own part of the batch.

#![allow(unsafe_code)] // The kernels take raw pointers; see `call` below.

pub mod bf16;

use std::any::TypeId;

use gemm_common::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2};
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
    let ((m, k), (k_b, n)) = (a.dim(), b.dim());
    assert!(k == k_b && c.dim() == (m, n), "({m}, {k}) x ({k_b}, {n}) into {:?}", c.dim());
    if m == 0 || n == 0 {
        return;
    }
    let column_major = c.strides()[0].unsigned_abs() < c.strides()[1].unsigned_abs();
    // The kernels are fastest when the result is stored column by column. Ours are mostly
    // stored row by row, which is the same thing for the transposed equation c' = b' a'.
    if column_major {
        call(alpha, a, b, beta, c.view_mut());
    } else {
        call(alpha, b.t(), a.t(), beta, c.view_mut().reversed_axes());
    }
}

/// The same equation as three loops: slow, short, and the measure of the fast one.
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
    let ((m, k), (k_b, n)) = (a.dim(), b.dim());
    assert!(k == k_b && c.dim() == (m, n), "({m}, {k}) x ({k_b}, {n}) into {:?}", c.dim());
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
}

/// Hands three tables to the kernel of their number type.
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
mod tests {
    use super::*;
    use ndarray::{Array2, s};
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::random::{Purpose, generator};

    fn random(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
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
            // Tables inside larger ones, as the heads of attention are, and transposed ones.
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
    fn with_beta_zero_the_old_content_does_not_matter() {
        let (a, b) = (random(3, 4, 1), random(4, 5, 2));
        let mut c = Array2::from_elem((3, 5), f64::NAN);
        gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
        assert!(c.iter().all(|x| x.is_finite()));
    }
}
