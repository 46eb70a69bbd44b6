//! Packing: rounds a block of a matrix to bf16 and copies it into the order of the kernel.
//!
//! The kernel walks along k, two steps at a time, and at each pair of steps reads the entries of 16
//! neighbours (rows of a, columns of b) side by side. In memory they may lie a whole row apart,
//! each in another cache line. So every block is copied once, and then read many times from first
//! to last:
//!
//! ```text
//!             k = 0  1  2  3
//! neighbour 0   [ a  b  c  d ]
//! neighbour 1   [ e  f  g  h ]    ->    ab ef ij ...  |  cd gh kl ...
//! neighbour 2   [ i  j  k  l ]          Pairs 0          Pairs 1
//! ```
//!
//! Where neighbours or steps run out, zeros fill the place; they add nothing to any sum.

use std::arch::x86_64::*;
use std::array;

use ndarray::{ArrayView2, Axis};

/// How many f32, or pairs of bf16, a vector of the processor holds.
pub const LANES: usize = 16;

/// Steps 2q and 2q + 1 of k, for 16 neighbours; the earlier step in the upper half of a number.
///
/// Aligned, so that a vector never lies across two cache lines.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Pairs(pub [u32; LANES]);

/// Types of 64 plain bytes.
///
/// # Safety
/// They are 64 bytes, without padding, and any bits in them are a value.
pub unsafe trait Vector: Copy {}
// SAFETY: 16 numbers of 32 bits each, or 32 of 16 bits; each may have any bits.
unsafe impl Vector for [f32; LANES] {}
// SAFETY: as above.
unsafe impl Vector for Pairs {}
// SAFETY: as above.
unsafe impl Vector for __m512 {}
// SAFETY: as above.
unsafe impl Vector for __m512i {}
// SAFETY: as above.
unsafe impl Vector for __m512bh {}

/// The same 64 bytes, seen as another type.
#[inline(always)]
pub fn cast<A: Vector, B: Vector>(x: A) -> B {
    // SAFETY: both are 64 bytes of which any are valid; that is what `Vector` promises.
    unsafe { std::mem::transmute_copy(&x) }
}

/// Packs x into panels, one after the other.
///
/// x: (neighbours, k), that is a or b'. A panel holds `width` vectors of 16 neighbours, the last
/// one as many as are left; within a panel all vectors of a pair of steps come before the next.
/// `buffer` grows to the largest block it has seen and is used again.
#[target_feature(enable = "avx512bf16")]
pub fn pack<'a>(x: ArrayView2<f32>, width: usize, buffer: &'a mut Vec<Pairs>) -> &'a [Pairs] {
    let (vectors, pairs) = (x.dim().0.div_ceil(LANES), x.dim().1.div_ceil(2));
    if buffer.len() < vectors * pairs {
        buffer.resize(vectors * pairs, Pairs([0; LANES]));
    }
    let panels = &mut buffer[..vectors * pairs];
    if x.strides()[0] == 1 {
        pack_columns(x, width, panels);
    } else {
        pack_rows(x, width, panels);
    }
    panels
}

/// Neighbours are neighbours in memory too: two columns of x are read in parallel.
#[target_feature(enable = "avx512bf16")]
fn pack_columns(x: ArrayView2<f32>, width: usize, panels: &mut [Pairs]) {
    let (vectors, pairs) = (x.dim().0.div_ceil(LANES), x.dim().1.div_ceil(2));
    // Takes number l of the second column and number l of the first, which lies 16 further on.
    let zip = cast(Pairs(array::from_fn(|l| (l | (LANES + l) << 16) as u32)));
    for (q, columns) in x.axis_chunks_iter(Axis(1), 2).enumerate() {
        let column = |i| columns.index_axis_move(Axis(1), i).to_slice().expect("stride 1");
        let first = column(0);
        let second = if columns.dim().1 == 2 { column(1) } else { &[] };
        for (p, panel) in panels.chunks_mut(width * pairs).enumerate() {
            let width_here = width.min(vectors - p * width);
            let out = &mut panel[q * width_here..][..width_here];
            for (v, out) in out.iter_mut().enumerate() {
                let at = (p * width + v) * LANES;
                let both = round(load(second, at), load(first, at));
                *out = cast(_mm512_permutexvar_epi16(zip, both));
            }
        }
    }
}

/// Steps of k are neighbours in memory, or nothing is: 16 rows of 32 steps at a time are read,
/// then transposed.
#[target_feature(enable = "avx512bf16")]
fn pack_rows(x: ArrayView2<f32>, width: usize, panels: &mut [Pairs]) {
    let pairs = x.dim().1.div_ceil(2);
    let blocks = x.axis_chunks_iter(Axis(0), width * LANES);
    for (panel, block) in panels.chunks_mut(width * pairs).zip(blocks) {
        let width_here = block.dim().0.div_ceil(LANES);
        for (v, rows) in block.axis_chunks_iter(Axis(0), LANES).enumerate() {
            for (s, square) in rows.axis_chunks_iter(Axis(1), 2 * LANES).enumerate() {
                let mut vectors = [_mm512_setzero_si512(); LANES];
                for (vector, row) in vectors.iter_mut().zip(square.rows()) {
                    let mut copy = [0.0; 2 * LANES];
                    let row = row.to_slice().unwrap_or_else(|| {
                        copy.iter_mut().zip(row).for_each(|(copy, &x)| *copy = x);
                        &copy
                    });
                    // Steps in order are pairs already, with the earlier step in the lower half.
                    *vector = _mm512_rol_epi32::<16>(round(load(row, 0), load(row, LANES)));
                }
                let out = panel[s * LANES * width_here..].iter_mut().skip(v).step_by(width_here);
                for (out, vector) in out.zip(transpose(vectors)) {
                    *out = cast(vector);
                }
            }
        }
    }
}

/// 16 numbers from place `at` on; zeros after the end of the slice.
#[target_feature(enable = "avx512bf16")]
#[inline]
fn load(x: &[f32], at: usize) -> __m512 {
    let x = x.get(at..).unwrap_or_default();
    if let Some(x) = x.first_chunk::<LANES>() {
        return cast(*x);
    }
    let mut copy = [0.0; LANES];
    copy[..x.len()].copy_from_slice(x);
    cast(copy)
}

/// 32 numbers as bf16, to the nearest, ties to even (see [`super::round`]).
#[target_feature(enable = "avx512bf16")]
#[inline]
fn round(first: __m512, then: __m512) -> __m512i {
    cast(_mm512_cvtne2ps_pbh(then, first))
}

/// Exchanges rows and columns of a square of 16 rows of 16 numbers, in four rounds.
///
/// Round `step` exchanges, in every square of 2 `step` rows and columns, the upper right quarter
/// with the lower left one: first single numbers, at last 8 x 8 of them.
#[target_feature(enable = "avx512bf16")]
#[inline]
fn transpose(mut rows: [__m512i; LANES]) -> [__m512i; LANES] {
    for step in [1, 2, 4, 8] {
        // Which number goes where: below 16 one of the upper row, from 16 on one of the lower.
        let pick = |even: usize, odd: usize| -> __m512i {
            cast(Pairs(array::from_fn(|l| (l + if l & step == 0 { even } else { odd }) as u32)))
        };
        let (upper, lower) = (pick(0, LANES - step), pick(step, LANES));
        for i in (0..LANES).filter(|i| i & step == 0) {
            let (x, y) = (rows[i], rows[i + step]);
            rows[i] = _mm512_permutex2var_epi32(x, upper, y);
            rows[i + step] = _mm512_permutex2var_epi32(x, lower, y);
        }
    }
    rows
}
