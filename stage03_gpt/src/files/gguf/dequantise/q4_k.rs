//! Q4_K: 256 weights in 144 bytes, 4.5 bits per weight.
//!
//! The 256 weights are eight groups of 32. A group has a scale and a minimum of 6 bits each, and
//! these have scales themselves:
//!
//! | bytes | hold |
//! |---|---|
//! | 0 to 1 | d, the scale of the scales, float16 |
//! | 2 to 3 | dmin, the scale of the minima, float16 |
//! | 4 to 15 | scales s and minima m of the groups, 6 bits each |
//! | 16 to 143 | q, from 0 to 15 |
//!
//! ```text
//! w = (d s) q - (dmin m)
//! ```
//!
//! Every 32 bytes of q hold two groups: the first in the lower halves, the second in the upper
//! ones. The sixteen numbers of 6 bits share twelve bytes a to l so, the upper bits left:
//!
//! ```text
//! bytes a to d    s4..s7 bits 5-4 | s0..s3
//! bytes e to h    m4..m7 bits 5-4 | m0..m3
//! bytes i to l    m4..m7 bits 3-0 | s4..s7 bits 3-0
//! ```

use super::scale;

/// One block.
pub(super) fn block(bytes: &[u8; 144], to: &mut [f32; 256]) {
    let (d, dmin) = (scale(bytes), scale(&bytes[2..]));
    let (packed, qs) = bytes[4..].split_at(12);
    for (group, to) in to.chunks_exact_mut(32).enumerate() {
        let (s, m) = scale_and_minimum(packed, group);
        let (d, m) = (d * f32::from(s), dmin * f32::from(m));
        let (pair, shift) = (group / 2, 4 * (group % 2));
        for (w, byte) in to.iter_mut().zip(&qs[32 * pair..]) {
            *w = d * f32::from(byte >> shift & 15) - m;
        }
    }
}

/// The scale and the minimum of a group: s and m, from 0 to 63.
fn scale_and_minimum(packed: &[u8], group: usize) -> (u8, u8) {
    let i = group % 4;
    let (a, e, low) = (packed[i], packed[4 + i], packed[8 + i]);
    match group {
        0..4 => (a & 63, e & 63),
        _ => (low & 15 | a >> 6 << 4, low >> 4 | e >> 6 << 4),
    }
}
