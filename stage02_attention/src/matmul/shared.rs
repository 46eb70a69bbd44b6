//! The matrix product on many threads, in the precision that a layer asks for.
//!
//! [`par_gemm`] divides the result among all available threads (see [`crate::parallel`]): each
//! computes some of its columns, or some of its rows. A single row is divided in another way, which
//! [`gemv`](super::gemv) explains.

use std::any::TypeId;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use stage01_bigram::Float;

use super::gemv::gemv;
use super::{bf16, gemm};
use crate::parallel::{join, threads_for};
use crate::profiler::{Region, time};

/// Precision of the matrix products of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dtype {
    /// Full precision: that of the numbers it is given.
    #[default]
    Float32,
    /// The inputs of each product are rounded to bf16, where they are `f32`: see [`bf16`].
    Bfloat16,
}

/// [`gemm`] on all available threads, in the precision `dtype`.
///
/// A single row times a large `b` is always multiplied in full precision: there each entry of `b`
/// is used once, and rounding it would cost more than multiplying by it.
///
/// # Panics
/// As [`gemm`].
pub fn par_gemm<T: Float>(
    dtype: Dtype,
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    c: &mut ArrayViewMut2<T>,
) {
    /// Entries of a matrix whose fetching is worth dividing. The bits of the result depend on it.
    const FETCHED: usize = 1 << 17;
    let straight = b.strides().contains(&1);
    if a.nrows() == 1 && b.len() >= FETCHED && straight {
        return gemv(alpha, a, b, beta, c.view_mut());
    }
    let threads = threads_for(a.nrows() * a.ncols() * b.ncols());
    cut(threads, a, b, c.view_mut(), &|a, b, mut c| match dtype {
        Dtype::Float32 => gemm(alpha, a, b, beta, &mut c),
        Dtype::Bfloat16 => rounded(alpha, a, b, beta, c),
    });
}

/// Halves the result `c` along its longer side until there is a part for each thread, and computes
/// each part by `product`. (For small parts the kernels add in another order, so the last bits
/// depend on the number of threads.)
fn cut<T: Float>(
    threads: usize,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    c: ArrayViewMut2<T>,
    product: &(impl Fn(ArrayView2<T>, ArrayView2<T>, ArrayViewMut2<T>) + Sync),
) {
    /// Parts are cut where the kernels cut their own tiles.
    const TILE: usize = 64;
    let (m, n) = c.dim();
    let (axis, length) = if n >= m { (Axis(1), n) } else { (Axis(0), m) };
    let at = (length * (threads / 2) / threads).next_multiple_of(TILE);
    if threads < 2 || at >= length {
        return time(Region::MatrixProducts, || product(a, b, c));
    }
    let (half, (c_1, c_2)) = (threads / 2, c.split_at(axis, at));
    let ((a_1, a_2), (b_1, b_2)) = if axis == Axis(1) {
        ((a, a), b.split_at(axis, at))
    } else {
        (a.split_at(axis, at), (b, b))
    };
    join(|| cut(half, a_1, b_1, c_1, product), || cut(threads - half, a_2, b_2, c_2, product));
}

/// [`bf16::gemm`] for `f32`, and the usual product for other numbers.
fn rounded<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    mut c: ArrayViewMut2<T>,
) {
    if TypeId::of::<T>() != TypeId::of::<f32>() {
        return gemm(alpha, a, b, beta, &mut c);
    }
    // SAFETY: T is f32, so these are the same views under the name of their type.
    let (a, b, mut c) = unsafe {
        (
            a.raw_view().cast().deref_into_view(),
            b.raw_view().cast().deref_into_view(),
            c.raw_view_mut().cast().deref_into_view_mut(),
        )
    };
    bf16::gemm(alpha.f64() as f32, a, b, beta.f64() as f32, &mut c);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matmul::tests::random;
    use ndarray::Array2;

    #[test]
    fn any_number_of_threads_gives_the_same_matrix() {
        for (m, k, n) in [(200, 300, 400), (700, 129, 131), (65, 300, 65), (64, 64, 64)] {
            let (a, b, mut alone) = (random(m, k, 1), random(k, n, 2), random(m, n, 3));
            let old = alone.clone();
            gemm(0.5, a.view(), b.view(), 2.0, &mut alone.view_mut());
            for threads in [1, 2, 3, 7] {
                let mut together = old.clone();
                cut(threads, a.view(), b.view(), together.view_mut(), &|a, b, mut c| {
                    gemm(0.5, a, b, 2.0, &mut c);
                });
                for (x, y) in together.iter().zip(&alone) {
                    assert!((x - y).abs() < 1e-12, "{threads} threads: {x} {y}");
                }
            }
        }
    }

    #[test]
    fn rounded_products_round_f32_and_leave_f64_alone() {
        let (a, b) = (random(70, 80, 1), random(80, 90, 2));
        let (a32, b32) = (a.mapv(|x| x as f32), b.mapv(|x| x as f32));
        let mut full = Array2::zeros((70, 90));
        gemm(1.0, a.view(), b.view(), 0.0, &mut full.view_mut());
        let mut rounded = full.clone();
        par_gemm(Dtype::Bfloat16, 1.0, a.view(), b.view(), 0.0, &mut rounded.view_mut());
        assert_eq!(full, rounded);
        let (mut expected, mut rounded) = (Array2::zeros((70, 90)), Array2::zeros((70, 90)));
        bf16::gemm(1.0, a32.view(), b32.view(), 0.0, &mut expected.view_mut());
        par_gemm(Dtype::Bfloat16, 1.0, a32.view(), b32.view(), 0.0, &mut rounded.view_mut());
        assert_eq!(expected, rounded);
        assert!(full.iter().zip(&rounded).any(|(x, y)| (x - f64::from(*y)).abs() > 1e-4));
    }
}
