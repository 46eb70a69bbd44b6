//! Q8_0: 32 weights in 34 bytes, 8.5 bits per weight.
//!
//! | bytes | hold |
//! |---|---|
//! | 0 to 1 | the scale d, float16 |
//! | 2 to 33 | q, a whole number from -128 to 127 for each weight |
//!
//! w = d q

use super::scale;

/// One block.
pub(super) fn block(bytes: &[u8; 34], to: &mut [f32; 32]) {
    let d = scale(bytes);
    for (w, &q) in to.iter_mut().zip(&bytes[2..]) {
        *w = d * f32::from(q as i8);
    }
}
