//! Q4_0: w = d (q - 8), with q from 0 to 15.
//!
//! There are eight steps on one side of zero and seven on the other. The weight of the largest size
//! takes the side with eight, so d has the sign that makes it -8 d.

use super::least_squares::Block;
use super::{Scale, inverse, pack};
use stage01_bigram::float16::to_f16;

/// One block: two bytes of scale, 16 bytes with two q in each.
pub(super) fn block(scale: Scale) -> impl Fn(&[f32; 32], &mut [u8; 18]) {
    #[inline(always)]
    move |w, to| one(scale, w, to)
}

#[inline(always)]
fn one(scale: Scale, w: &[f32; 32], to: &mut [u8; 18]) {
    let far = w.iter().fold(0f32, |far, &w| if w.abs() > far.abs() { w } else { far });
    let d = far / -8.0;
    // ggml rounds a half up, and not away from zero.
    let id = inverse(d);
    let q = w.map(|w| (((w * id + 8.5) as i32).min(15) - 8) as f32);
    let largest = Block { d: to_f16(d), q };
    let Block { d, q } = match scale {
        Scale::Largest => largest,
        // Seven steps to nine for the largest weight, on the side with eight; and on the other.
        Scale::LeastSquares => {
            let steps = (0..=20).flat_map(|i| [-7.0 - 0.1 * i as f32, 6.0 + 0.1 * i as f32]);
            largest.improved(w, steps.map(|steps| far / steps), [-8.0, 7.0])
        }
    };
    to[..2].copy_from_slice(&d.to_le_bytes());
    pack(&q.map(|q| (q + 8.0) as u8), &mut to[2..]);
}
