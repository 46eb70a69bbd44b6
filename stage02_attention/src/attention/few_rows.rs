//! The product of a few rows with a tile of the KV cache, as a decode step needs it.
//!
//! ```text
//! c += a b            a: (rows, inner), b: (inner, columns), c: (rows, columns)
//! ```
//!
//! The rows are the query heads of a group: few. b is a tile of keys or of values, which all of them
//! share, in the numbers that the cache stores. General matrix products pack b first, which pays when
//! many rows use it. Here each number of b is loaded once for three rows, and the sums stay in
//! registers while the rows of b go by, in the order in which they lie in memory.
//!
//! Every sum adds its products from the first row of b to the last, so its bits do not depend on how
//! the work is cut.
//!
//! What this file leaves out: threads and vector instructions, which the caller brings.

use std::array::from_fn;

use stage01_bigram::Float;

use super::cache::Stored;
use crate::matmul::pages::fetch;

/// c += a b.
///
/// a: one row after another, of `stride` numbers each, of which `inner` are used. b: begins with
/// `inner` rows; what follows is fetched in advance. c: its rows, of `columns` each.
#[inline(always)]
pub(super) fn add_product<T: Float, S: Stored<T>>(
    (a, stride): (&[T], usize),
    (b, inner): (&[S], usize),
    (c, columns): (&mut [T], usize),
) {
    /// The sums of 32 columns of so many rows fit into the registers of AVX2.
    const ROWS: usize = 3;
    for (a, c) in a.chunks(ROWS * stride).zip(c.chunks_mut(ROWS * columns)) {
        match c.len() / columns {
            ROWS => add_rows::<T, S, ROWS>((a, stride), (b, inner), (c, columns)),
            2 => add_rows::<T, S, 2>((a, stride), (b, inner), (c, columns)),
            _ => add_rows::<T, S, 1>((a, stride), (b, inner), (c, columns)),
        }
    }
}

/// [`add_product`] for R rows.
#[inline(always)]
fn add_rows<T: Float, S: Stored<T>, const R: usize>(
    (a, stride): (&[T], usize),
    (b, inner): (&[S], usize),
    (c, columns): (&mut [T], usize),
) {
    let a: [&[T]; R] = from_fn(|r| &a[r * stride..][..inner]);
    let mut first = 0;
    while first < columns {
        let c = (&mut *c, columns, first);
        first += match columns - first {
            32.. => add_columns::<T, S, R, 32>(a, b, c),
            8.. => add_columns::<T, S, R, 8>(a, b, c),
            _ => add_columns::<T, S, R, 1>(a, b, c),
        };
    }
}

/// [`add_rows`] for N columns, from `first` on. Returns N.
#[inline(always)]
fn add_columns<T: Float, S: Stored<T>, const R: usize, const N: usize>(
    a: [&[T]; R],
    b: &[S],
    (c, columns, first): (&mut [T], usize, usize),
) -> usize {
    // ANCHOR: sums
    let mut sums = [[T::zero(); N]; R];
    for (i, row) in b.chunks_exact(columns).take(a[0].len()).enumerate() {
        fetch_ahead(b, i * columns + first, N);
        let row: &[S; N] = row[first..].first_chunk().expect("N columns");
        let mut loaded = [T::zero(); N];
        for l in 0..N {
            loaded[l] = row[l].load();
        }
        for r in 0..R {
            for l in 0..N {
                sums[r][l] += a[r][i] * loaded[l];
            }
        }
    }
    // ANCHOR_END: sums
    for (c, sums) in c.chunks_exact_mut(columns).zip(sums) {
        let c: &mut [T; N] = c[first..].first_chunk_mut().expect("N columns");
        for l in 0..N {
            c[l] += sums[l];
        }
    }
    N
}

/// Asks for the numbers that lie a page further on: the processor by itself does not look beyond a
/// page of 4 KB.
#[inline(always)]
fn fetch_ahead<S>(b: &[S], at: usize, n: usize) {
    let at = at + 4096 / size_of::<S>();
    fetch(b.get(at..at + n).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matmul::plain;
    use crate::matmul::tests::random;
    use ndarray::s;
    use proptest::prelude::*;

    proptest! {
        /// What lies behind the numbers that are used does not matter.
        #[test]
        fn equals_the_plain_product(
            rows in 1usize..8, inner in 1usize..70, columns in 1usize..110, gap in 0usize..5, seed: u64,
        ) {
            let mut a = random(rows, inner + gap, seed);
            let mut b = random(inner + gap, columns, seed + 1);
            let mut expected = random(rows, columns, seed + 2);
            let mut c = expected.clone();
            a.slice_mut(s![.., inner..]).fill(f64::NAN);
            b.slice_mut(s![inner.., ..]).fill(f64::NAN);
            let (used_a, used_b) = (a.slice(s![.., ..inner]), b.slice(s![..inner, ..]));
            plain(1.0, used_a, used_b, 1.0, &mut expected.view_mut());
            let (a, b) = (a.as_slice().unwrap(), b.as_slice().unwrap());
            add_product((a, inner + gap), (b, inner), (c.as_slice_mut().unwrap(), columns));
            for (c, expected) in c.iter().zip(&expected) {
                prop_assert!((c - expected).abs() < 1e-12, "{c} {expected}");
            }
        }
    }
}
