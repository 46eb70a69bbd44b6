//! AVX2 and FMA: `vpmaddubsw` multiplies 32 unsigned bytes by 32 signed ones and adds neighbours into
//! 16 bits, `vpmaddwd` adds neighbours again, into 32 bits.
//!
//! Sums of 16 bits must not overflow. Numbers of 4 bits are at most 15, and 15 * 127 * 2 * 8 = 30,480
//! fits: all 8 words of a block are added in 16 bits. Of numbers of 8 bits, |q| is multiplied by p with
//! the sign of q: 128 * 127 * 2 = 32,512 fits, and the next pair of products does not.
//!
//! A vector has eight lanes, so a tile is done in two halves.

use std::arch::x86_64::*;

use super::{BLOCK, Group, LOWER, Numbers, ROWS, Row, fetch_ahead};
use crate::matmul::blocks::tiles::{Halves, Words};

/// Lanes of a vector.
const LANES: usize = 8;

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
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

#[target_feature(enable = "avx2,fma,f16c")]
fn sums<N: Numbers, const R: usize>(group: Group, x: [Row; R]) -> [[f32; ROWS]; R] {
    let mut all = [[0.0; ROWS]; R];
    for half in 0..ROWS / LANES {
        let sums: [__m256; R] = eight::<N, R>(group, half, x);
        for (all, sums) in all.iter_mut().zip(sums) {
            let sums: [f32; LANES] = bytemuck::must_cast(sums);
            all[half * LANES..][..LANES].copy_from_slice(&sums);
        }
    }
    all
}

/// The first or the second eight outputs.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn eight<N: Numbers, const R: usize>(group: Group, half: usize, x: [Row; R]) -> [__m256; R] {
    let mut sums = [_mm256_setzero_ps(); R];
    let blocks = group.scales.len();
    let x = x.map(|x| Row { q: &x.q[..blocks], scales: &x.scales[..blocks] });
    for (i, (tile, d)) in group.words.chunks_exact(N::WORDS).zip(group.scales).enumerate() {
        if R == 1 && half == 0 {
            fetch_ahead(tile);
        }
        let d = widen(d, half);
        let m = group.minima.get(i).map(|m| widen(m, half));
        for r in 0..R {
            let (p, scale) = (&x[r].q[i], x[r].scales[i]);
            let s = match N::WORDS {
                8 => products_8(tile, half, p),
                _ => {
                    let zero = _mm256_set1_epi32(N::ZERO_POINT * scale.sum);
                    _mm256_sub_epi32(products_4(tile, half, p), zero)
                }
            };
            let both = _mm256_mul_ps(d, _mm256_set1_ps(scale.d));
            sums[r] = _mm256_fmadd_ps(both, _mm256_cvtepi32_ps(s), sums[r]);
            if let (true, Some(m)) = (N::MINIMA, m) {
                sums[r] = _mm256_fmadd_ps(m, _mm256_set1_ps(scale.d * scale.sum as f32), sums[r]);
            }
        }
    }
    sums
}

/// The sums of q p, of numbers of 8 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn products_8(tile: &[Words], half: usize, p: &[u32; BLOCK / 4]) -> __m256i {
    let (signs, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
    let mut s = _mm256_setzero_si256();
    for c in 0..BLOCK / 4 {
        let q = _mm256_xor_si256(words(&tile[c], half), signs);
        let p = _mm256_sign_epi8(_mm256_set1_epi32(p[c] as i32), q);
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), p);
        s = _mm256_add_epi32(s, _mm256_madd_epi16(pairs, ones));
    }
    s
}

/// The sums of (q + zero point) p, of numbers of 4 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn products_4(tile: &[Words], half: usize, p: &[u32; BLOCK / 4]) -> __m256i {
    let lower = _mm256_set1_epi32(LOWER as i32);
    let mut pairs = _mm256_setzero_si256();
    for c in 0..BLOCK / 8 {
        let words = words(&tile[c], half);
        let first = _mm256_and_si256(words, lower);
        let second = _mm256_and_si256(_mm256_srli_epi32::<4>(words), lower);
        for (q, p) in [(first, p[c]), (second, p[c + BLOCK / 8])] {
            let products = _mm256_maddubs_epi16(q, _mm256_set1_epi32(p as i32));
            pairs = _mm256_add_epi16(pairs, products);
        }
    }
    _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
}

/// Eight words of a row of a tile.
#[target_feature(enable = "avx2")]
#[inline]
fn words(words: &Words, half: usize) -> __m256i {
    bytemuck::must_cast(words.0.as_chunks::<LANES>().0[half])
}

/// Eight float16 as f32.
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn widen(halves: &Halves, half: usize) -> __m256 {
    _mm256_cvtph_ps(bytemuck::must_cast(halves.0.as_chunks::<LANES>().0[half]))
}
