//! Quantise weights to 8 bits, block by block.
//!
//! Each `block` weights in a row share a scale d:
//!
//!   d    = (largest size of a weight of the block) / 127
//!   q[i] = the nearest whole number to w[i] / d
//!
//! The size of a weight is the weight without its sign. So the weight of the largest size
//! becomes 127 or -127, and nothing is larger.
//!
//! On paper: the block 0.506, -0.354, 0.128, -1.27 has d = 0.01, and q is 51, -35, 13, -127.
//!
//! A block of zeros has d = 0, and its q are 0. (In Rust, `(0.0 / 0.0) as i64` is 0.) In Rust,
//! `x.round()` is the nearest whole number, and `x as i64` cuts off what is behind the
//! point.

/// The scales of the blocks, and the whole numbers of all weights.
///
/// w: (n), a whole number of blocks. Shapes of the results: (n / block) and (n).
pub fn quantise(w: &[f64], block: usize) -> (Vec<f64>, Vec<i64>) {
    // SOLUTION
    let mut scales = Vec::new();
    let mut numbers = Vec::new();
    for weights in w.chunks(block) {
        let largest = weights.iter().fold(0.0, |largest: f64, w| largest.max(w.abs()));
        let d = largest / 127.0;
        scales.push(d);
        for w in weights {
            numbers.push((w / d).round() as i64);
        }
    }
    (scales, numbers)
    // STUB
    // todo!()
    // END
}

/// The weights, read again: each whole number times the scale of its block. Shape: (n).
pub fn dequantise(scales: &[f64], numbers: &[i64], block: usize) -> Vec<f64> {
    // SOLUTION
    numbers.iter().enumerate().map(|(i, &q)| scales[i / block] * q as f64).collect()
    // STUB
    // todo!()
    // END
}
