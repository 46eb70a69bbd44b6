//! Rows: one call runs the kernel of a layer on every row.
//!
//! A layer such as layer norm treats each row (each token) by itself. It states the kernel for one
//! row; [`each_row`] does the rest: an equal part of the rows for each thread, the best vector
//! instructions of the processor, and the profiler. [`add_rows`] is its counterpart for the
//! gradient of a vector that all rows share: there each thread takes some columns, so one thread
//! adds up each sum, from the first row to the last, and the sum has the same bits on any number of
//! threads.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::profiler::Region;
//! use stage02_attention::parallel::{add_rows, each_row};
//!
//! // y = x * gamma in every row, and the largest number of the row beside it.
//! let (x, gamma) = (array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [10.0, 100.0]);
//! let (mut y, mut largest) = (x.clone(), [0.0; 3]);
//! each_row(Region::LayerNorm, (x.view(), y.view_mut(), &mut largest[..]), |(x, y, largest)| {
//!     for ((y, x), gamma) in y.iter_mut().zip(x).zip(gamma) {
//!         *y = x * gamma;
//!     }
//!     *largest = y[1];
//! });
//! assert_eq!(y, array![[10.0, 200.0], [30.0, 400.0], [50.0, 600.0]]);
//! assert_eq!(largest, [200.0, 400.0, 600.0]);
//!
//! // dgamma += the sum over the rows of dy * x.
//! let (dy, mut dgamma) = (array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0; 2]);
//! add_rows(Region::LayerNorm, &mut dgamma, (x.view(), dy.view()), |dgamma, (x, dy)| {
//!     for ((dgamma, x), dy) in dgamma.iter_mut().zip(x).zip(dy) {
//!         *dgamma += dy * x;
//!     }
//! });
//! assert_eq!(dgamma, [1.0 + 5.0, 4.0 + 6.0]);
//! ```

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use stage01_bigram::vector::simd_dispatch;

use super::spin::join;
use super::threads::rows_per_thread;
use crate::profiler::{Region, time};

/// Something that has rows, for [`each_row`]: a matrix to read ([`ArrayView2`], a row is a slice)
/// or to write ([`ArrayViewMut2`]), a vector with one entry for each row (a slice, a row is a
/// reference), the row numbers themselves (a range), or a tuple of up to five of these.
///
/// Matrices must be contiguous, row after row; all members of a tuple have equally many rows.
pub trait Rows: Sized + Send {
    /// What the kernel is given for one row.
    type Row;

    /// The number of rows, and of columns (the most of a tuple's members).
    fn dim(&self) -> (usize, usize);

    /// The rows before `at`, and those from `at` on.
    fn split_at(self, at: usize) -> (Self, Self);

    /// The rows, from the first to the last.
    fn into_rows(self) -> impl Iterator<Item = Self::Row>;

    /// Some columns of a row; what has one entry for each row stays as it is.
    fn columns(row: Self::Row, columns: Range<usize>) -> Self::Row;
}

/// Runs `kernel` for each row, timed as `region`: the rows are cut into equal parts, one for each
/// thread for which there is enough work.
///
/// The kernel is compiled into the loop over the rows, for each kind of vector instructions. The
/// compiler does so by itself for a short one; a long one, and a function that the kernel calls,
/// needs `#[inline(always)]`: otherwise it is compiled once, for the oldest processor.
///
/// # Panics
/// When the members of a tuple have different numbers of rows, or a matrix is not contiguous.
pub fn each_row<R: Rows>(region: Region, rows: R, kernel: impl Fn(R::Row) + Sync) {
    let (n, columns) = rows.dim();
    each_row_on(n.div_ceil(rows_per_thread(n, columns)), region, rows, kernel);
}

/// [`each_row`] on a number of threads that the caller has computed.
pub fn each_row_on<R: Rows>(
    threads: usize,
    region: Region,
    rows: R,
    kernel: impl Fn(R::Row) + Sync,
) {
    let n = rows.dim().0;
    cut(threads.min(n), rows, n, &|rows: R| {
        // A reference to the kernel would be a call that the compiler does not inline.
        #[allow(clippy::redundant_closure, reason = "a closure has the attribute, a reference not")]
        each_row_here(
            region,
            rows,
            #[inline(always)]
            |row| kernel(row),
        )
    });
}

/// [`each_row`] on this thread alone, for what is already a part of divided work.
#[inline]
pub fn each_row_here<R: Rows>(region: Region, rows: R, mut kernel: impl FnMut(R::Row)) {
    time(region, || {
        simd_dispatch(
            #[inline(always)]
            || {
                for row in rows.into_rows() {
                    kernel(row);
                }
            },
        );
    });
}

/// sums += the contribution of each row: `add(sums, row)` adds it.
///
/// sums: one for each column. Each thread takes some columns: `add` is given those of `sums` and of
/// the row.
///
/// # Panics
/// As [`each_row`].
pub fn add_rows<T: Send, R: Rows + Copy + Sync>(
    region: Region,
    sums: &mut [T],
    rows: R,
    add: impl Fn(&mut [T], R::Row) + Sync,
) {
    let n = sums.len();
    let threads = n.div_ceil(rows_per_thread(n, rows.dim().0));
    cut(threads, Columns { first: 0, sums }, n, &|Columns { first, sums }| {
        let columns = first..first + sums.len();
        time(region, || {
            simd_dispatch(
                #[inline(always)]
                || {
                    for row in rows.into_rows() {
                        add(sums, R::columns(row, columns.clone()));
                    }
                },
            );
        });
    });
}

/// Halves what can be split until there is a part for each thread.
fn cut<S: Split>(threads: usize, all: S, n: usize, work: &(impl Fn(S) + Sync)) {
    if threads < 2 {
        return work(all);
    }
    // ANCHOR: cut
    let (half, at) = (threads / 2, n * (threads / 2) / threads);
    let (first, second) = all.split(at);
    join(|| cut(half, first, at, work), || cut(threads - half, second, n - at, work));
    // ANCHOR_END: cut
}

/// What [`cut`] cuts.
trait Split: Send + Sized {
    fn split(self, at: usize) -> (Self, Self);
}

impl<R: Rows> Split for R {
    fn split(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

/// Some of the sums, and the index of the first.
struct Columns<'a, T> {
    first: usize,
    sums: &'a mut [T],
}

impl<T: Send> Split for Columns<'_, T> {
    fn split(self, at: usize) -> (Self, Self) {
        let (a, b) = self.sums.split_at_mut(at);
        (Columns { first: self.first, sums: a }, Columns { first: self.first + at, sums: b })
    }
}

const CONTIGUOUS: &str = "whole rows are contiguous";

impl<'a, T: Sync> Rows for ArrayView2<'a, T> {
    type Row = &'a [T];

    fn dim(&self) -> (usize, usize) {
        self.dim()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        self.split_at(Axis(0), at)
    }

    #[inline(always)]
    fn into_rows(self) -> impl Iterator<Item = &'a [T]> {
        self.to_slice().expect(CONTIGUOUS).chunks_exact(self.ncols().max(1))
    }

    #[inline(always)]
    fn columns(row: &'a [T], columns: Range<usize>) -> &'a [T] {
        &row[columns]
    }
}

impl<'a, T: Send> Rows for ArrayViewMut2<'a, T> {
    type Row = &'a mut [T];

    fn dim(&self) -> (usize, usize) {
        self.dim()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        self.split_at(Axis(0), at)
    }

    #[inline(always)]
    fn into_rows(self) -> impl Iterator<Item = &'a mut [T]> {
        let columns = self.ncols().max(1);
        self.into_slice().expect(CONTIGUOUS).chunks_exact_mut(columns)
    }

    #[inline(always)]
    fn columns(row: &'a mut [T], columns: Range<usize>) -> &'a mut [T] {
        &mut row[columns]
    }
}

impl<'a, T: Sync> Rows for &'a [T] {
    type Row = &'a T;

    fn dim(&self) -> (usize, usize) {
        (self.len(), 1)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }

    #[inline(always)]
    fn into_rows(self) -> impl Iterator<Item = &'a T> {
        self.iter()
    }

    #[inline(always)]
    fn columns(row: &'a T, _: Range<usize>) -> &'a T {
        row
    }
}

impl<'a, T: Send> Rows for &'a mut [T] {
    type Row = &'a mut T;

    fn dim(&self) -> (usize, usize) {
        (self.len(), 1)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }

    #[inline(always)]
    fn into_rows(self) -> impl Iterator<Item = &'a mut T> {
        self.iter_mut()
    }

    #[inline(always)]
    fn columns(row: &'a mut T, _: Range<usize>) -> &'a mut T {
        row
    }
}

impl Rows for Range<usize> {
    type Row = usize;

    fn dim(&self) -> (usize, usize) {
        (self.len(), 1)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let middle = self.start + at;
        (self.start..middle, middle..self.end)
    }

    #[inline(always)]
    fn into_rows(self) -> impl Iterator<Item = usize> {
        self
    }

    #[inline(always)]
    fn columns(row: usize, _: Range<usize>) -> usize {
        row
    }
}

/// A tuple has the rows of its members side by side.
macro_rules! side_by_side {
    ($(($member:ident $row:ident $rest:ident)),+) => {
        impl<$($member: Rows),+> Rows for ($($member,)+) {
            type Row = ($($member::Row,)+);

            fn dim(&self) -> (usize, usize) {
                #[allow(non_snake_case)]
                let ($($member,)+) = self;
                let dims = [$($member.dim()),+];
                let rows = dims[0].0;
                assert!(dims.iter().all(|dim| dim.0 == rows), "rows and columns {dims:?}");
                (rows, dims.iter().map(|dim| dim.1).max().unwrap_or(0))
            }

            fn split_at(self, at: usize) -> (Self, Self) {
                #[allow(non_snake_case)]
                let ($($member,)+) = self;
                $(let ($row, $rest) = $member.split_at(at);)+
                (($($row,)+), ($($rest,)+))
            }

            #[inline(always)]
            fn into_rows(self) -> impl Iterator<Item = Self::Row> {
                #[allow(non_snake_case)]
                let ($($member,)+) = self;
                $(let mut $row = $member.into_rows();)+
                std::iter::from_fn(
                    #[inline(always)]
                    move || Some(($($row.next()?,)+)),
                )
            }

            #[inline(always)]
            fn columns(row: Self::Row, columns: Range<usize>) -> Self::Row {
                let ($($row,)+) = row;
                ($($member::columns($row, columns.clone()),)+)
            }
        }
    };
}

side_by_side!((A a a_rest), (B b b_rest));
side_by_side!((A a a_rest), (B b b_rest), (C c c_rest));
side_by_side!((A a a_rest), (B b b_rest), (C c c_rest), (D d d_rest));
side_by_side!((A a a_rest), (B b b_rest), (C c c_rest), (D d d_rest), (E e e_rest));

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    fn on<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(work)
    }

    #[test]
    fn the_kernel_runs_once_for_every_row() {
        // Wide enough for several threads, and numbers of rows that do not come out even.
        for threads in [1, 2, 3, 7] {
            for rows in [0, 1, 2, 5, 61] {
                let x = Array2::from_shape_fn((rows, 1 << 14), |(i, j)| (i * 100_000 + j) as f64);
                let (mut y, mut firsts) = (Array2::<f64>::zeros(x.raw_dim()), vec![0.0; rows]);
                let mut seen = vec![None; rows];
                on(threads, || {
                    let all = (0..rows, x.view(), y.view_mut(), &mut firsts[..], &mut seen[..]);
                    each_row(Region::LayerNorm, all, |(i, x, y, first, seen)| {
                        assert_eq!(*seen, None, "row {i} again");
                        *seen = Some(i);
                        *first = x[0];
                        y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                    });
                });
                assert_eq!(x, y);
                assert!(seen.iter().enumerate().all(|(i, &seen)| seen == Some(i)));
                assert!(firsts.iter().enumerate().all(|(i, &x)| x == (i * 100_000) as f64));
            }
        }
    }

    #[test]
    fn sums_of_columns_have_the_same_bits_on_any_number_of_threads() {
        let x = Array2::from_shape_fn((300, 517), |(i, j)| 1.0 / (1 + i + 3 * j) as f32);
        let factor: Vec<f32> = (0..300).map(|i| (i as f32).sin()).collect();
        let run = |threads| {
            let mut sums = vec![0.5f32; 517];
            on(threads, || {
                let rows = (x.view(), &factor[..]);
                add_rows(Region::LayerNorm, &mut sums, rows, |sums, (x, &factor)| {
                    sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += factor * x);
                });
            });
            sums
        };
        let expected: Vec<f32> =
            (0..517).map(|j| (0..300).fold(0.5, |sum, i| sum + factor[i] * x[[i, j]])).collect();
        for threads in [1, 2, 3, 7] {
            assert_eq!(run(threads), expected, "{threads} threads");
        }
    }

    #[test]
    fn no_thread_is_left_idle_because_the_rows_are_odd() {
        for threads in 1..20 {
            for rows in threads..200 {
                let parts = std::sync::Mutex::new(Vec::new());
                cut(threads, 0..rows, rows, &|part: Range<usize>| parts.lock().unwrap().push(part));
                let mut parts = parts.into_inner().unwrap();
                parts.sort_by_key(|part| part.start);
                assert_eq!(parts.len(), threads, "{rows} rows for {threads}");
                assert!(parts.iter().all(|part| !part.is_empty()));
                assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert_eq!((parts[0].start, parts[threads - 1].end), (0, rows));
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows and columns")]
    fn matrices_of_different_heights_are_refused() {
        let x = Array2::<f32>::zeros((3, 2));
        each_row(Region::LayerNorm, (x.view(), x.slice(s![..2, ..])), |_| ());
    }
}
