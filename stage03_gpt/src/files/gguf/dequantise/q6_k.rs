//! Q6_K: 256 weights in 210 bytes, 6.5625 bits per weight.
//!
//! The 256 weights are sixteen groups of 16, each with a scale of 8 bits:
//!
//! | bytes | hold |
//! |---|---|
//! | 0 to 127 | the lower 4 bits of q |
//! | 128 to 191 | the upper 2 bits of q |
//! | 192 to 207 | the scales s of the groups, -128 to 127 |
//! | 208 to 209 | d, the scale of the scales, float16 |
//!
//! ```text
//! w = (d s) (q - 32),    q from 0 to 63
//! ```
//!
//! Each half of the block, 128 weights, has 64 bytes of lower bits and 32 bytes of upper bits. Of
//! the four runs of 32 weights in a half, run 0 has its lower bits in the lower halves of the first
//! 32 bytes, run 1 in those of the next 32; runs 2 and 3 have the upper halves of the same bytes.
//! The upper bits of weight j of the four runs are the four pairs of bits of byte j, the lowest
//! pair first.

use super::scale;

/// One block.
pub(super) fn block(bytes: &[u8; 210], to: &mut [f32; 256]) {
    let (lower, rest) = bytes.split_at(128);
    let (upper, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = scale(d);
    for (run, to) in to.chunks_exact_mut(32).enumerate() {
        let (half, run_of_half) = (run / 4, run % 4);
        let lower = &lower[64 * half + 32 * (run_of_half % 2)..];
        let lower_shift = 4 * (run_of_half / 2);
        let upper = &upper[32 * half..];
        for (j, w) in to.iter_mut().enumerate() {
            let s = d * f32::from(scales[2 * run + j / 16] as i8);
            let q = lower[j] >> lower_shift & 15 | (upper[j] >> (2 * run_of_half) & 3) << 4;
            *w = s * f32::from(q as i8 - 32);
        }
    }
}
