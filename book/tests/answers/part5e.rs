//! The numeric answers of the quiz on quantisation.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use stage03_gpt::files::gguf::{Scale, TensorType, quantise};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    scale_of_four_weights,
    stored_in_q4_0,
    six_bits_for_eight,
    best_scale_of_two,
    neighbours_of_an_outlier,
];

/// The bytes of a block that begins with these weights; the others are 0.
fn block(kind: TensorType, first: &[f32]) -> Vec<u8> {
    let mut w = [0.0; 32];
    w[..first.len()].copy_from_slice(first);
    quantise(kind, Scale::Largest, &w)
}

/// The scale of (0.3, -2.54, 1, 0.02) in Q8_0: what the whole number of the second weight is
/// multiplied by.
pub fn scale_of_four_weights() -> f64 {
    let bytes = block(TensorType::Q8_0, &[0.3, -2.54, 1.0, 0.02]);
    let q = bytes[2..6].iter().map(|&byte| f64::from(byte as i8));
    assert_eq!(q.collect::<Vec<_>>(), [15.0, -127.0, 50.0, 1.0]);
    2.54 / 127.0
}

/// The first weight is 4, the second 1.1: the lower half of the second byte behind the scale.
pub fn stored_in_q4_0() -> f64 {
    f64::from(block(TensorType::Q4_0, &[4.0, 1.1])[3] & 15)
}

/// The ratio of the steps, as a whole number.
pub fn six_bits_for_eight() -> f64 {
    ((2f64.powi(8) - 1.0) / (2f64.powi(6) - 1.0)).round()
}

/// The scale with the smallest squared error among a million, for (1, 5) and (1, 4).
pub fn best_scale_of_two() -> f64 {
    let error = |d: f64| (1.0 - d).powi(2) + (5.0 - 4.0 * d).powi(2);
    let scales = (0..1_000_000).map(|i| 1.0 + f64::from(i) * 1e-6);
    scales.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap()
}

/// How many of 64 weights change when the first becomes a hundred times as large, itself left out.
pub fn neighbours_of_an_outlier() -> f64 {
    let before: Vec<f32> = (0..64).map(|i| (i as f32 + 1.0).sin() + 1.5).collect();
    let mut after = before.clone();
    after[0] *= 100.0;
    let [before, after] = [before, after].map(|w| quantise(TensorType::Q8_0, Scale::Largest, &w));
    // The bytes of q: those of the first block, and of the second.
    let differ = |from: usize| (from..from + 32).filter(|&i| before[i] != after[i]).count();
    (differ(2) - usize::from(before[2] != after[2]) + differ(36)) as f64
}
