//! The same sums in plain Rust: loops over sixteen lanes, which the compiler turns into the vector
//! instructions that it may use, such as NEON's on ARM.

use stage01_bigram::float16::from_f16;

use super::{BLOCK, Group, LOWER, Numbers, ROWS, Row};
use crate::matmul::blocks::tiles::Words;

pub(super) fn sums<N: Numbers, const R: usize>(group: Group, x: [Row; R]) -> [[f32; ROWS]; R] {
    let mut sums = [[0.0f32; ROWS]; R];
    for (i, (tile, d)) in group.words.chunks_exact(N::WORDS).zip(group.scales).enumerate() {
        let d = d.0.map(from_f16);
        for (sums, x) in sums.iter_mut().zip(&x) {
            let (p, scale) = (&x.q[i], x.scales[i]);
            let mut s = [-N::ZERO_POINT * scale.sum; ROWS];
            for c in 0..BLOCK / 4 {
                let (q, p) = (unsigned::<N>(tile, c), p[c].to_le_bytes());
                for k in 0..4 {
                    let p = i32::from(p[k] as i8);
                    for lane in 0..ROWS {
                        s[lane] += (q[lane] >> (8 * k) & 255) as i32 * p;
                    }
                }
            }
            for lane in 0..ROWS {
                sums[lane] = (d[lane] * scale.d).mul_add(s[lane] as f32, sums[lane]);
            }
            if N::MINIMA {
                let m = group.minima[i].0.map(from_f16);
                for lane in 0..ROWS {
                    sums[lane] = m[lane].mul_add(scale.d * scale.sum as f32, sums[lane]);
                }
            }
        }
    }
    sums
}

/// Words with four numbers each, of word `c` of 8, from the words of a tile.
#[inline(always)]
fn unsigned<N: Numbers>(tile: &[Words], c: usize) -> [u32; ROWS] {
    match N::WORDS {
        8 => tile[c].0,
        _ if c < 4 => tile[c].0.map(|word| word & LOWER),
        _ => tile[c - 4].0.map(|word| word >> 4 & LOWER),
    }
}
