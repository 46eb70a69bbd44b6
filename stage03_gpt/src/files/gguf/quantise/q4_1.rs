//! Q4_1: w = d q + m, with q from 0 to 15.

use super::least_squares::{dot, each, sum_of_squares};
use super::{Scale, inverse, pack};
use stage01_bigram::float16::{from_f16, to_f16};

/// The numbers of a block; d and m are float16.
struct Block {
    d: u16,
    m: u16,
    q: [f32; 32],
}

/// One block: two bytes of scale, two of minimum, 16 bytes with two q in each.
pub(super) fn block(scale: Scale) -> impl Fn(&[f32; 32], &mut [u8; 20]) {
    #[inline(always)]
    move |w, to| one(scale, w, to)
}

#[inline(always)]
fn one(scale: Scale, w: &[f32; 32], to: &mut [u8; 20]) {
    let (lowest, highest) = w
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &w| (low.min(w), high.max(w)));
    let d = (highest - lowest) / 15.0;
    let mut best = Block { d: to_f16(d), m: to_f16(lowest), q: nearest(w, inverse(d), lowest) };
    if scale == Scale::LeastSquares {
        improve(&mut best, w, lowest, highest);
    }
    to[..2].copy_from_slice(&best.d.to_le_bytes());
    to[2..4].copy_from_slice(&best.m.to_le_bytes());
    pack(&best.q.map(|q| q as u8), &mut to[4..]);
}

/// The nearest q. A half is rounded up, as in ggml.
#[inline(always)]
fn nearest(w: &[f32; 32], id: f32, m: f32) -> [f32; 32] {
    each(w, |w| (((w - m) * id + 0.5).max(0.0) as i32).min(15) as f32)
}

/// Takes a range that is shorter at either end, if the sum of squared errors becomes smaller.
#[inline(always)]
fn improve(best: &mut Block, w: &[f32; 32], lowest: f32, highest: f32) {
    let mut smallest = error(best, w);
    let range = highest - lowest;
    for (i, j) in (0..6).flat_map(|i| (0..6).map(move |j| (i, j))) {
        let (m, top) = (lowest + 0.03 * i as f32 * range, highest - 0.03 * j as f32 * range);
        let q = nearest(w, inverse((top - m) / 15.0), m);
        let Some((d, m)) = line_through(w, &q) else { continue };
        let (d, m) = (to_f16(d), to_f16(m));
        let q = nearest(w, inverse(from_f16(d)), from_f16(m));
        let block = Block { d, m, q };
        let found = error(&block, w);
        if found < smallest {
            (*best, smallest) = (block, found);
        }
    }
}

/// d and m for given q: the line w = d q + m of least squares. None where all q are the same.
///
/// With means over the block: d = (mean of w q - mean of w · mean of q) / (mean of q² - (mean of q)²),
/// and the line goes through the means.
#[inline(always)]
fn line_through(w: &[f32; 32], q: &[f32; 32]) -> Option<(f32, f32)> {
    let ones = [1.0; 32];
    let (sw, sq, swq, sqq) = (dot(w, &ones), dot(q, &ones), dot(w, q), dot(q, q));
    let spread = 32.0 * sqq - sq * sq;
    if spread == 0.0 {
        return None;
    }
    let d = (32.0 * swq - sw * sq) / spread;
    Some((d, (sw - d * sq) / 32.0))
}

/// The sum of squared errors. A scale that is not finite has none that is smaller than another.
#[inline(always)]
fn error(block: &Block, w: &[f32; 32]) -> f32 {
    let (d, m) = (from_f16(block.d), from_f16(block.m));
    sum_of_squares(w, &each(&block.q, |q| d * q + m))
}
