//! Four bits with a minimum, as Q4_1 has them.
//!
//!   m = the smallest weight of the block
//!   d = (largest weight - m) / 15
//!   q[i] = the nearest whole number to (w[i] - m) / d, from 0 to 15
//!
//! and back: w[i] is about d * q[i] + m.
//!
//! On paper: the block 0.8, -0.35, 0.12, -1.6 has m = -1.6 and d = 2.4 / 15 = 0.16. (0.8 + 1.6)
//! / 0.16 is 15, so q is 15, 8, 11, 0, and the weights come back as 0.8, -0.32, 0.16, -1.6.
//!
//! Where all weights are the same, d is 0 and every q is 0. (In Rust, `(0.0 / 0.0) as i64` is
//! 0.)

/// The scale d, the minimum m and the whole numbers q of one block. Shapes of w and q: (n).
pub fn quantise(w: &[f64]) -> (f64, f64, Vec<i64>) {
    // SOLUTION
    let m = w.iter().fold(f64::INFINITY, |m, &w| m.min(w));
    let top = w.iter().fold(f64::NEG_INFINITY, |top, &w| top.max(w));
    let d = (top - m) / 15.0;
    (d, m, w.iter().map(|w| ((w - m) / d).round() as i64).collect())
    // STUB
    // todo!()
    // END
}

/// The weights of the block, read again. Shape: (n).
pub fn dequantise(d: f64, m: f64, q: &[i64]) -> Vec<f64> {
    // SOLUTION
    q.iter().map(|&q| d * q as f64 + m).collect()
    // STUB
    // todo!()
    // END
}

/// The q, not rounded, that would be read as the weight 0: the zero point of a block.
pub fn zero_point(d: f64, m: f64) -> f64 {
    // SOLUTION
    -m / d
    // STUB
    // todo!()
    // END
}
