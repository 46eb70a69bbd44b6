//! The roofline: how fast can a piece of work be at most?
//!
//!   intensity = operations / bytes
//!   limit = min(peak, bandwidth · intensity)
//!
//! peak: operations per second; bandwidth: bytes per second.
//!
//! The work is a product of `rows` rows with a matrix of n by n. It has a multiplication and an
//! addition for each of the n products of each of the rows · n results. The rows, the matrix
//! and the results are moved once, `size` bytes for each number.
//!
//! Example: 4 rows, n = 4, bf16 (two bytes). 128 operations, 96 bytes: the intensity is 1.33.
//! On an H100 with 989e12 operations and 3.35e12 bytes per second the limit is 4.47e12.

/// Operations per byte of the product.
pub fn intensity(rows: usize, n: usize, size: usize) -> f64 {
    // SOLUTION
    let operations = 2 * rows * n * n;
    let bytes = size * (rows * n + n * n + rows * n);
    operations as f64 / bytes as f64
    // STUB
    // todo!()
    // END
}

/// The most operations per second at this intensity.
pub fn limit(peak: f64, bandwidth: f64, intensity: f64) -> f64 {
    // SOLUTION
    peak.min(bandwidth * intensity)
    // STUB
    // todo!()
    // END
}

/// From how many rows on is the product compute-bound? None if no number of rows up to
/// 1,000,000 is enough: with a small matrix the rows themselves must be moved, too.
///
/// Compute-bound is work whose intensity is at least peak / bandwidth.
pub fn rows_needed(peak: f64, bandwidth: f64, n: usize, size: usize) -> Option<usize> {
    // SOLUTION
    (1..=1_000_000).find(|&rows| intensity(rows, n, size) >= peak / bandwidth)
    // STUB
    // todo!()
    // END
}
