//! The blocked matrix product: keeping the arithmetic fed.
//!
//! One instruction of the processor, `vdpbf16ps`, takes 16 sums, adds a product of two bf16 to each
//! and then a second one: 32 multiplications and 32 additions, every cycle. Memory cannot deliver
//! two new vectors every cycle, so each number that is loaded must be used many times. The product
//! is cut three times to make that so (Goto and van de Geijn 2008, "Anatomy of High-Performance
//! Matrix Multiplication"):
//!
//! - **Registers.** A tile of c, 8 rows by 48 columns, is summed in 24 of the 32 vector
//!   registers. A pair of steps of k needs 3 vectors of b and 8 pairs of a, and feeds 24
//!   instructions: every vector of b is used 8 times and every pair of a 48 times.
//! - **Caches.** 512 steps of k at a time: the 48 columns of b that a tile needs are then 48 KiB,
//!   and stay close while the tile moves down the rows of a. 256 rows of a are 256 KiB and stay in
//!   the L2 cache; 1536 columns of b are 1.5 MiB, for the L3 cache.
//! - **Order.** What is read again and again is first copied into the order of reading
//!   ([`pack`]). The copy is rounded to bf16 on the way. m n k multiplications pay for copying
//!   m k + k n numbers.
//!
//! The instruction adds the upper pair of halves first, rounds to the nearest f32 (ties to even)
//! after each of its two additions, and counts numbers below 2^-126 as zero, whatever the
//! settings of the thread are. So a tile's sums are plain f32 sums from left to right.

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::iter::zip;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

use super::pack::{LANES, Pairs, cast, pack};

/// Rows of a tile; a vector of a packed block of `a` serves two tiles.
const TILE_ROWS: usize = LANES / 2;
/// Vectors in a row of a tile.
const TILE_VECTORS: usize = 3;
/// Steps of k that are summed before c is touched. The results depend on it.
pub const DEPTH: usize = 512;
/// Rows of a that are packed together.
const BLOCK_ROWS: usize = 256;
/// Columns of b that are packed together.
const BLOCK_COLUMNS: usize = 32 * TILE_VECTORS * LANES;

thread_local! {
    /// The packed blocks of a and b.
    static PACKED: RefCell<[Vec<Pairs>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// c = alpha a b + beta c; as [`super::gemm`], which has checked the shapes.
///
/// None of m, k and n is zero; rows of c are best contiguous.
#[target_feature(enable = "avx512bf16")]
pub fn gemm(
    alpha: f32,
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    beta: f32,
    mut c: ArrayViewMut2<f32>,
) {
    let [columns, depth, rows] = [BLOCK_COLUMNS, DEPTH, BLOCK_ROWS];
    PACKED.with_borrow_mut(|[a_packed, b_packed]| {
        let c_columns = c.axis_chunks_iter_mut(Axis(1), columns);
        for (b, mut c) in zip(b.axis_chunks_iter(Axis(1), columns), c_columns) {
            let mut beta = beta;
            let steps = zip(a.axis_chunks_iter(Axis(1), depth), b.axis_chunks_iter(Axis(0), depth));
            for (a, b) in steps {
                let b = pack(b.reversed_axes(), TILE_VECTORS, b_packed);
                let c_rows = c.axis_chunks_iter_mut(Axis(0), rows);
                for (a, c) in zip(a.axis_chunks_iter(Axis(0), rows), c_rows) {
                    let pairs = a.dim().1.div_ceil(2);
                    block(alpha, pack(a, 1, a_packed), b, pairs, beta, c);
                }
                beta = 1.0; // The next steps are added to what these have left in c.
            }
        }
    });
}

/// c = alpha a b + beta c for packed blocks of `a` and `b`, strip by strip of 48 columns.
#[target_feature(enable = "avx512bf16")]
fn block(alpha: f32, a: &[Pairs], b: &[Pairs], pairs: usize, beta: f32, mut c: ArrayViewMut2<f32>) {
    let strips = c.axis_chunks_iter_mut(Axis(1), TILE_VECTORS * LANES);
    for (c, b) in zip(strips, b.chunks(TILE_VECTORS * pairs)) {
        match c.dim().1.div_ceil(LANES) {
            1 => strip::<1>(alpha, a, b, beta, c),
            2 => strip::<2>(alpha, a, b, beta, c),
            _ => strip::<TILE_VECTORS>(alpha, a, b, beta, c),
        }
    }
}

/// One panel of b and every row of a: tile after tile, downwards.
#[target_feature(enable = "avx512bf16")]
fn strip<const V: usize>(
    alpha: f32,
    a: &[Pairs],
    b: &[Pairs],
    beta: f32,
    mut c: ArrayViewMut2<f32>,
) {
    let (b, _) = b.as_chunks::<V>();
    for (i, mut c) in c.axis_chunks_iter_mut(Axis(0), TILE_ROWS).enumerate() {
        fetch(&c);
        let a = &a[i / 2 * b.len()..][..b.len()];
        let sums = tile(a, i % 2, b);
        for (mut c, sums) in zip(c.rows_mut(), sums) {
            write(alpha, sums.map(cast), beta, &mut c);
        }
    }
}

/// The sums of a tile: upper (`half` 0) or lower 8 rows of a panel of `a`, and a panel of `b`.
///
/// The two inner loops have fixed lengths; the compiler writes them out, and `sums` lives in
/// registers.
#[target_feature(enable = "avx512bf16")]
#[inline]
fn tile<const V: usize>(a: &[Pairs], half: usize, b: &[[Pairs; V]]) -> [[__m512; V]; TILE_ROWS] {
    let mut sums = [[_mm512_setzero_ps(); V]; TILE_ROWS];
    for (a, b) in zip(a, b) {
        let a = &a.0.as_chunks::<TILE_ROWS>().0[half];
        for i in 0..TILE_ROWS {
            let a = cast(_mm512_set1_epi32(a[i] as i32));
            for j in 0..V {
                sums[i][j] = _mm512_dpbf16_ps(sums[i][j], a, cast(b[j]));
            }
        }
    }
    sums
}

/// Asks for a tile of c ahead of time: it comes from memory while the sums are made.
#[target_feature(enable = "avx512bf16")]
#[inline]
#[allow(unused_unsafe)] // Newer compilers know that a hint is harmless; 1.90 does not.
fn fetch(c: &ArrayViewMut2<f32>) {
    for row in c.rows() {
        for entry in row.to_slice().unwrap_or_default().iter().step_by(LANES) {
            // SAFETY: a hint about an address that we hold a reference to; it changes no value.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>((&raw const *entry).cast()) };
        }
    }
}

/// c = alpha sums + beta c for a row of a tile; what lies beyond the end of c is dropped.
#[target_feature(enable = "avx512bf16")]
#[inline]
fn write<const V: usize>(
    alpha: f32,
    sums: [[f32; LANES]; V],
    beta: f32,
    c: &mut ndarray::ArrayViewMut1<f32>,
) {
    let update = |(c, &sum): (&mut f32, &f32)| {
        *c = alpha * sum + if beta == 0.0 { 0.0 } else { beta * *c };
    };
    match c.as_slice_mut() {
        Some(c) => {
            let (whole, rest) = c.as_chunks_mut::<LANES>();
            let rest_sums = &sums.as_flattened()[whole.len() * LANES..];
            // A length known to the compiler is a vector operation without a loop.
            zip(whole, &sums).for_each(|(c, sums)| zip(c, sums).for_each(update));
            zip(rest, rest_sums).for_each(update);
        }
        None => zip(c, sums.as_flattened()).for_each(update),
    }
}
