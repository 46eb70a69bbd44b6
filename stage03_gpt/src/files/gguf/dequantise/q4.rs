//! Q4_0 and Q4_1: 32 weights of 4 bits, two in a byte.
//!
//! | Q4_0: 18 bytes | Q4_1: 20 bytes | hold |
//! |---|---|---|
//! | 0 to 1 | 0 to 1 | the scale d, float16 |
//! | | 2 to 3 | the minimum m, float16 |
//! | 2 to 17 | 4 to 19 | q, from 0 to 15 |
//!
//! Byte i of the last 16 holds q of weight i in its lower half, and q of weight i + 16 in its upper
//! half.
//!
//! ```text
//! Q4_0   w = d (q - 8)    d may be negative: the weight of the largest size is -8 d
//! Q4_1   w = d q + m      the smallest weight is m, the largest 15 d + m
//! ```

use super::scale;

/// One block of Q4_0.
pub(super) fn block_0(bytes: &[u8; 18], to: &mut [f32; 32]) {
    let d = scale(bytes);
    halves(&bytes[2..], to, |q| d * f32::from(q as i8 - 8));
}

// ANCHOR: q4_1
/// One block of Q4_1.
pub(super) fn block_1(bytes: &[u8; 20], to: &mut [f32; 32]) {
    let (d, m) = (scale(bytes), scale(&bytes[2..]));
    halves(&bytes[4..], to, |q| d * f32::from(q) + m);
}

/// The weights of 16 bytes, from q to w.
fn halves(bytes: &[u8], to: &mut [f32; 32], weight: impl Fn(u8) -> f32) {
    let (lower, upper) = to.split_at_mut(16);
    for (i, byte) in bytes.iter().enumerate() {
        lower[i] = weight(byte & 15);
        upper[i] = weight(byte >> 4);
    }
}
// ANCHOR_END: q4_1
