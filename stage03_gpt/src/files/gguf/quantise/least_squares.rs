//! The scale of the smallest squared error, for types without a minimum: w = d q.
//!
//! A candidate for d gives the nearest q. For these q, the best d is that of least squares, because the
//! derivative of the error is 0 there:
//!
//! ```text
//! error = sum (w - d q)²       d error / d d = -2 sum q (w - d q) = 0       d = sum w q / sum q²
//! ```
//!
//! That d is rounded to float16, as the file has it, and the nearest q are taken once more. The smallest
//! error of all candidates wins.

use stage01_bigram::float16::{from_f16, to_f16};

/// The numbers of a block: d as float16, and q with its sign.
pub(super) struct Block {
    pub d: u16,
    pub q: [f32; 32],
}

// ANCHOR: nearest
/// The nearest whole number to each w / d, by id = 1 / d; of two, the even one.
///
/// Around 1.5 · 2^23 the numbers of f32 are the whole ones, so adding that rounds. It is right
/// up to 2^22, and what is larger is cut off to the range.
#[inline(always)]
fn nearest(w: &[f32; 32], id: f32, lowest: f32, highest: f32) -> [f32; 32] {
    const WHOLE: f32 = 12_582_912.0;
    each(w, |w| ((w * id + WHOLE) - WHOLE).max(lowest).min(highest))
}
// ANCHOR_END: nearest

impl Block {
    // ANCHOR: improved
    /// This block, or a better one with a scale that begins at one of these.
    #[inline(always)]
    pub fn improved(
        mut self,
        w: &[f32; 32],
        scales: impl Iterator<Item = f32>,
        [lowest, highest]: [f32; 2],
    ) -> Self {
        let mut smallest = self.error(w);
        for d in scales.filter(|d| *d != 0.0) {
            let q = nearest(w, 1.0 / d, lowest, highest);
            let d = to_f16(dot(w, &q) / dot(&q, &q));
            let q = nearest(w, 1.0 / from_f16(d), lowest, highest);
            let block = Block { d, q };
            let error = block.error(w);
            // NaN, which comes from a scale of 0, is never smaller.
            if error < smallest {
                (self, smallest) = (block, error);
            }
        }
        self
    }
    // ANCHOR_END: improved

    /// The sum of squared errors.
    #[inline(always)]
    fn error(&self, w: &[f32; 32]) -> f32 {
        let d = from_f16(self.d);
        sum_of_squares(w, &each(&self.q, |q| d * q))
    }
}

/// A function of every number. (`array::map` is not compiled into vector instructions.)
#[inline(always)]
pub(super) fn each(w: &[f32; 32], f: impl Fn(f32) -> f32) -> [f32; 32] {
    let mut to = [0.0; 32];
    for (to, w) in to.iter_mut().zip(w) {
        *to = f(*w);
    }
    to
}

/// The sum of products, in eight sums at once.
#[inline(always)]
pub(super) fn dot(a: &[f32; 32], b: &[f32; 32]) -> f32 {
    let mut sums = [0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// The sum of squared differences.
#[inline(always)]
pub(super) fn sum_of_squares(a: &[f32; 32], b: &[f32; 32]) -> f32 {
    let mut off = *a;
    for (off, b) in off.iter_mut().zip(b) {
        *off -= b;
    }
    dot(&off, &off)
}
