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
//! [`gemm`] runs on one thread. [`par_gemm`] cuts the result among all hands that stand ready
//! (see [`hands`](crate::hands)): each computes some of its columns, or some of its rows.
//! [`bf16`] holds the same product with inputs rounded to 16 bits, for processors that multiply
//! those at twice the speed.

#![allow(unsafe_code)] // The kernels take raw pointers; see `call` below.

pub mod bf16;

use std::any::TypeId;

use gemm_common::Parallelism;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};
use rayon::prelude::*;
use stage01_bigram::Float;

use crate::clock::{Part, time};
use crate::hands::{FETCHED, each, hands_for, hands_to_fetch};

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
        turned(alpha, a, b, beta, c.view_mut());
    } else {
        turned(alpha, b.t(), a.t(), beta, c.view_mut().reversed_axes());
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

/// [`call`], after `a` has been turned where that is quicker.
///
/// The kernels fetch `a` column by column. Where it is stored row by row (the weights, on the
/// way back), every number of a column lies on another cache line. That is bearable, unless the
/// rows are as long as a half or a whole memory page or several: then all these lines compete
/// for the same few places in the cache, and drive each other out before they are used up. So
/// such a table is turned beforehand, a whole line at a time.
fn turned<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    mut beta: T,
    mut c: ArrayViewMut2<T>,
) {
    /// So many columns of `a` are turned at a time; they stay in the cache.
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
        turn(a, &mut part);
        let turned = ArrayView2::from_shape(a.t().dim(), &part[..a.len()]).expect("its length");
        call(alpha, turned.t(), b, beta, c.view_mut());
        beta = T::one();
    }
}

/// `to` = `from` with rows and columns exchanged, in squares of sixteen: a cache line of `f32`.
fn turn<T: Float>(from: ArrayView2<T>, to: &mut [T]) {
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

/// How exactly a layer multiplies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// With all digits of the numbers it is given.
    #[default]
    Full,
    /// With the inputs of each product rounded to bf16, where they are `f32`: see [`bf16`].
    Bf16,
}

/// [`gemm`] on all threads that stand ready for this layer, as exactly as `products` says.
///
/// A single row times a large `b` is always multiplied in full: there each number of `b` is used
/// once, and rounding it would cost more than multiplying by it.
///
/// # Panics
/// As [`gemm`].
pub fn par_gemm<T: Float>(
    products: Products,
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    c: &mut ArrayViewMut2<T>,
) {
    if a.nrows() == 1 && b.len() >= 2 * FETCHED {
        return one_row(alpha, a, b, beta, c.view_mut());
    }
    let hands = hands_for(a.nrows() * a.ncols() * b.ncols());
    cut(hands, products, alpha, a, b, beta, c.view_mut());
}

/// [`par_gemm`] of a single row, as in writing token by token.
///
/// Here every number of b is used once, and fetching it is all the work. That goes fastest
/// where it goes straight on: each hand gets whole rows of b where those are contiguous, and
/// else whole columns. The pieces are the same whatever the number of hands, and sums of pieces
/// are added in order, so it changes no bit.
fn one_row<T: Float>(
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    mut c: ArrayViewMut2<T>,
) {
    /// So many rows of b make a piece, or columns.
    const ROWS: usize = 128;
    const COLUMNS: usize = 512;
    let (k, n) = b.dim();
    let hands = hands_to_fetch(b.len());
    let by_rows = b.strides()[1] == 1;
    let mut results = vec![T::zero(); if by_rows { k.div_ceil(ROWS) * n } else { n }];
    if by_rows {
        let fewest = k.div_ceil(ROWS).div_ceil(hands);
        let pieces = results.par_chunks_mut(n).enumerate().with_min_len(fewest);
        each(pieces, |(i, part)| {
            let rows = i * ROWS..((i + 1) * ROWS).min(k);
            row_times(alpha, a.slice(s![.., rows.clone()]), b.slice(s![rows, ..]), part);
        });
    } else {
        let fewest = n.div_ceil(COLUMNS).div_ceil(hands);
        let pieces = results.par_chunks_mut(COLUMNS).enumerate().with_min_len(fewest);
        each(pieces, |(i, part)| {
            let columns = i * COLUMNS..i * COLUMNS + part.len();
            row_times(alpha, a, b.slice(s![.., columns]), part);
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

/// A piece of [`one_row`].
fn row_times<T: Float>(alpha: T, a: ArrayView2<T>, b: ArrayView2<T>, result: &mut [T]) {
    let mut result = ArrayViewMut2::from_shape((1, b.ncols()), result).expect("one row");
    time(Part::MatrixProducts, || gemm(alpha, a, b, T::zero(), &mut result));
}

/// Halves the result along its longer side until there is a piece for each hand. (For small
/// pieces the kernels add in another order, so the last bits depend on the number of hands.)
fn cut<T: Float>(
    hands: usize,
    products: Products,
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
    beta: T,
    mut c: ArrayViewMut2<T>,
) {
    /// Pieces are cut where the kernels cut their own tiles.
    const TILE: usize = 64;
    let (m, n) = c.dim();
    let (axis, length) = if n >= m { (Axis(1), n) } else { (Axis(0), m) };
    let at = (length * (hands / 2) / hands).next_multiple_of(TILE);
    if hands < 2 || at >= length {
        return time(Part::MatrixProducts, || match products {
            Products::Full => gemm(alpha, a, b, beta, &mut c),
            Products::Bf16 => rounded(alpha, a, b, beta, c),
        });
    }
    let (half, (c_1, c_2)) = (hands / 2, c.split_at(axis, at));
    let ((a_1, a_2), (b_1, b_2)) = if axis == Axis(1) {
        ((a, a), b.split_at(axis, at))
    } else {
        (a.split_at(axis, at), (b, b))
    };
    rayon::join(
        || cut(half, products, alpha, a_1, b_1, beta, c_1),
        || cut(hands - half, products, alpha, a_2, b_2, beta, c_2),
    );
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
    let (m, k, n) = sizes(a, b, c);
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
    use ndarray::Array2;
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
    fn turned_tables_give_the_same_numbers() {
        // b' has rows of 1,024 numbers: the first products are turned, in parts that do not
        // come out even, the last ones are not.
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
    fn any_number_of_hands_gives_the_same_table() {
        for (m, k, n) in [(200, 300, 400), (700, 129, 131), (65, 300, 65), (64, 64, 64)] {
            let (a, b, mut alone) = (random(m, k, 1), random(k, n, 2), random(m, n, 3));
            let old = alone.clone();
            gemm(0.5, a.view(), b.view(), 2.0, &mut alone.view_mut());
            for hands in [1, 2, 3, 7] {
                let (mut together, full) = (old.clone(), Products::Full);
                cut(hands, full, 0.5, a.view(), b.view(), 2.0, together.view_mut());
                for (x, y) in together.iter().zip(&alone) {
                    assert!((x - y).abs() < 1e-12, "{hands} hands: {x} {y}");
                }
            }
        }
    }

    #[test]
    fn one_row_gives_the_same_bits_with_any_number_of_hands() {
        let (a, table, old) = (random(1, 1000, 1), random(1000, 2200, 2), random(1, 2200, 3));
        for b in [table.view(), random(2200, 1000, 2).t()] {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (mut c, full) = (old.clone(), Products::Full);
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

    #[test]
    fn rounded_products_round_f32_and_leave_f64_alone() {
        let (a, b) = (random(70, 80, 1), random(80, 90, 2));
        let (a32, b32) = (a.mapv(|x| x as f32), b.mapv(|x| x as f32));
        let mut full = Array2::zeros((70, 90));
        gemm(1.0, a.view(), b.view(), 0.0, &mut full.view_mut());
        let mut rounded = full.clone();
        par_gemm(Products::Bf16, 1.0, a.view(), b.view(), 0.0, &mut rounded.view_mut());
        assert_eq!(full, rounded);
        let (mut expected, mut rounded) = (Array2::zeros((70, 90)), Array2::zeros((70, 90)));
        bf16::gemm(1.0, a32.view(), b32.view(), 0.0, &mut expected.view_mut());
        par_gemm(Products::Bf16, 1.0, a32.view(), b32.view(), 0.0, &mut rounded.view_mut());
        assert_eq!(expected, rounded);
        assert!(full.iter().zip(&rounded).any(|(x, y)| (x - f64::from(*y)).abs() > 1e-4));
    }

    #[test]
    fn with_beta_zero_the_old_content_does_not_matter() {
        let (a, b) = (random(3, 4, 1), random(4, 5, 2));
        let mut c = Array2::from_elem((3, 5), f64::NAN);
        gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
        assert!(c.iter().all(|x| x.is_finite()));
    }
}
