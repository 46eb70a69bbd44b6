//! The numeric answers of the quiz about GPUs.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] =
    answers![operations_per_byte_of_a_small_gpu, additions_of_an_h100, thousand_tokens_of_an_h100];

/// What the memory of an H100 delivers, in bytes per second.
const BANDWIDTH: f64 = 3.35e12;

/// The ridge of the roofline, in operations per byte: above it arithmetic is the limit.
pub fn operations_per_byte_of_a_small_gpu() -> f64 {
    let (peak, bandwidth) = (120e12, 0.3e12);
    peak / bandwidth
}

/// One operation for two numbers that are fetched and one that is put back, in TFLOP/s.
pub fn additions_of_an_h100() -> f64 {
    let per_byte = 1.0 / (3 * size_of::<f32>()) as f64;
    67.0f64.min(BANDWIDTH * per_byte / 1e12)
}

/// Every weight is fetched for every token.
pub fn thousand_tokens_of_an_h100() -> f64 {
    BANDWIDTH / (124_000_000 * size_of::<f32>()) as f64 / 1e3
}
