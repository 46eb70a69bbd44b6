//! Q8_0: w = d q, with q from -127 to 127.

use super::least_squares::Block;
use super::{Scale, inverse};
use stage01_bigram::float16::to_f16;

/// One block: two bytes of scale, 32 bytes of q.
pub(super) fn block(scale: Scale) -> impl Fn(&[f32; 32], &mut [u8; 34]) {
    #[inline(always)]
    move |w, to| one(scale, w, to)
}

// ANCHOR: q8_0
#[inline(always)]
fn one(scale: Scale, w: &[f32; 32], to: &mut [u8; 34]) {
    let size = w.iter().fold(0f32, |size, w| size.max(w.abs()));
    let d = size / 127.0;
    // A half is rounded away from zero, as in ggml.
    let id = inverse(d);
    let largest = Block { d: to_f16(d), q: w.map(|w| (w * id).round().clamp(-127.0, 127.0)) };
    let Block { d, q } = match scale {
        Scale::Largest => largest,
        // 126 to 128 steps for the largest weight.
        Scale::LeastSquares => {
            let steps = (0..=8).map(|i| 126.0 + 0.25 * i as f32);
            largest.improved(w, steps.map(|steps| size / steps), [-127.0, 127.0])
        }
    };
    to[..2].copy_from_slice(&d.to_le_bytes());
    for (to, q) in to[2..].iter_mut().zip(q) {
        *to = q as i8 as u8;
    }
}
// ANCHOR_END: q8_0
