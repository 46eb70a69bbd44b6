//! AVX-512 VNNI: `vpdpbusd` multiplies 64 unsigned bytes by 64 signed ones and adds the products,
//! four to a lane, to sixteen sums of 32 bits.
//!
//! A row of activations is broadcast: the same four numbers meet the four weights of sixteen rows.

use std::arch::x86_64::*;

use super::{BLOCK, Group, LOWER, Numbers, ROWS, Row, fetch_ahead};
use crate::matmul::blocks::tiles::{Halves, Words};

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
}

/// [`sums`], on a processor that has the instructions.
///
/// # Panics
/// On any other.
#[inline]
pub(super) fn call<N: Numbers, const R: usize>(group: Group, x: [Row; R]) -> [[f32; ROWS]; R] {
    assert!(is_available());
    // SAFETY: the processor has the instructions that this function was compiled for.
    unsafe { sums::<N, R>(group, x) }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn sums<N: Numbers, const R: usize>(group: Group, x: [Row; R]) -> [[f32; ROWS]; R] {
    let mut sums = [_mm512_setzero_ps(); R];
    let blocks = group.scales.len();
    let x = x.map(|x| Row { q: &x.q[..blocks], scales: &x.scales[..blocks] });
    let tiles = group.words.chunks_exact(N::WORDS);
    for (i, (tile, d)) in tiles.zip(group.scales).enumerate() {
        if R == 1 {
            fetch_ahead(tile);
        }
        let q = weights::<N>(tile);
        let d = widen(d);
        let m = group.minima.get(i).map(|m| widen(m));
        for r in 0..R {
            let (p, scale) = (&x[r].q[i], x[r].scales[i]);
            let mut s = _mm512_set1_epi32(-N::ZERO_POINT * scale.sum);
            for c in 0..BLOCK / 4 {
                s = _mm512_dpbusd_epi32(s, q[c], _mm512_set1_epi32(p[c] as i32));
            }
            let both = _mm512_mul_ps(d, _mm512_set1_ps(scale.d));
            sums[r] = _mm512_fmadd_ps(both, _mm512_cvtepi32_ps(s), sums[r]);
            if let (true, Some(m)) = (N::MINIMA, m) {
                sums[r] = _mm512_fmadd_ps(m, _mm512_set1_ps(scale.d * scale.sum as f32), sums[r]);
            }
        }
    }
    sums.map(bytemuck::must_cast)
}

/// The numbers of a tile, four of each row in each of 8 vectors, counted from 0.
#[target_feature(enable = "avx512f")]
#[inline]
fn weights<N: Numbers>(tile: &[Words]) -> [__m512i; BLOCK / 4] {
    let lower = _mm512_set1_epi32(LOWER as i32);
    let mut q = [_mm512_setzero_si512(); BLOCK / 4];
    for c in 0..N::WORDS {
        let words = bytemuck::must_cast(tile[c].0);
        if N::WORDS == BLOCK / 4 {
            q[c] = words;
        } else {
            q[c] = _mm512_and_si512(words, lower);
            q[c + N::WORDS] = _mm512_and_si512(_mm512_srli_epi32::<4>(words), lower);
        }
    }
    q
}

/// Sixteen float16 as f32.
#[target_feature(enable = "avx512f")]
#[inline]
fn widen(halves: &Halves) -> __m512 {
    _mm512_cvtph_ps(bytemuck::must_cast(halves.0))
}
