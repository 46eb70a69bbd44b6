//! From f32 to the blocks of a quantised tensor: the reverse of `dequantise`.
//!
//! A block of 32 weights w becomes 32 whole numbers q, and a scale d that is stored as float16. Once d is
//! chosen, the best q is the nearest whole number to w / d, and no weight between the ends of the range
//! is off by more than d / 2. So d is what there is to choose:
//!
//! | [`Scale`] | d |
//! |---|---|
//! | `Largest` | such that the weight of the largest size gets the last q; ggml's files have the same bytes |
//! | `LeastSquares` | the one of nine or more with the smallest sum of squared errors |
//!
//! `LeastSquares` has `Largest` among its candidates, so it is never worse. It lets the largest weight
//! be off by more than half a step when 31 others are nearer for it.
//!
//! What this module leaves out: Q4_K and Q6_K, which are only read.
//!
//! Source of `Largest`: `quantize_row_q8_0_ref` and its relatives in ggml (`ggml-quants.c`). Least squares
//! is derived in `least_squares`.

mod least_squares;
mod q4_0;
mod q4_1;
mod q8_0;

use rayon::prelude::*;
use stage01_bigram::vector::simd_dispatch;

use super::tensor_type::TensorType;
use stage01_bigram::float16::to_f16;

/// How the scale of a block is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By the weight of the largest size, as ggml's reference does it.
    Largest,
    /// By the smallest sum of squared errors.
    LeastSquares,
}

/// How many blocks a thread takes at a time.
const BLOCKS: usize = 256;

/// The bytes of whole blocks as a file has them, on all of rayon's threads.
///
/// numbers: finite, one row or several, a whole number of blocks. The result is
/// [`TensorType::bytes_of`] long; its errors are those of the rounding that the module describes.
///
/// # Panics
/// When the numbers are no whole blocks, or the type is none of [`TensorType::WRITABLE`].
pub fn quantise(kind: TensorType, scale: Scale, numbers: &[f32]) -> Vec<u8> {
    let length = kind.bytes_of(numbers.len() as u64).expect("whole blocks") as usize;
    let mut to = vec![0; length];
    let (each, bytes) = (BLOCKS * kind.block_len(), BLOCKS * kind.block_bytes());
    to.par_chunks_mut(bytes).zip(numbers.par_chunks(each)).for_each(|(to, w)| match kind {
        TensorType::F32 => each_block(w, to, |w: &[f32; 1], to| *to = w[0].to_le_bytes()),
        TensorType::F16 => each_block(w, to, |w: &[f32; 1], to| *to = to_f16(w[0]).to_le_bytes()),
        TensorType::Q8_0 => each_block(w, to, q8_0::block(scale)),
        TensorType::Q4_0 => each_block(w, to, q4_0::block(scale)),
        TensorType::Q4_1 => each_block(w, to, q4_1::block(scale)),
        other => unreachable!("{other} is not writable"),
    });
    to
}

/// Block after block: NUMBERS weights become BYTES of the file.
fn each_block<const NUMBERS: usize, const BYTES: usize>(
    numbers: &[f32],
    to: &mut [u8],
    block: impl Fn(&[f32; NUMBERS], &mut [u8; BYTES]),
) {
    let (numbers, _) = numbers.as_chunks::<NUMBERS>();
    let (to, _) = to.as_chunks_mut::<BYTES>();
    simd_dispatch(
        #[inline(always)]
        || {
            numbers.iter().zip(to).for_each(
                #[inline(always)]
                |(numbers, to)| block(numbers, to),
            )
        },
    );
}

/// The largest number that a type can hold where all numbers of a block have its size: the scale is a
/// float16.
pub(super) fn largest(kind: TensorType) -> f32 {
    /// Above it, a number is rounded to the infinity of float16.
    const FLOAT16: f32 = 65_519.996;
    match kind {
        TensorType::F32 => f32::MAX,
        TensorType::Q8_0 => 127.0 * 65_504.0,
        TensorType::Q4_0 => 7.0 * 65_504.0,
        _ => FLOAT16,
    }
}

/// The number 1 / d, or 0 where the block is 0.
fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// Puts two numbers of 4 bits into each byte: weight i in the lower half, weight i + 16 in the upper.
fn pack(q: &[u8; 32], to: &mut [u8]) {
    let (lower, upper) = q.split_at(16);
    for ((to, lower), upper) in to.iter_mut().zip(lower).zip(upper) {
        *to = lower | upper << 4;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dequantise::dequantise;
    use super::*;

    /// The weights as they are read again.
    fn round_trip(kind: TensorType, scale: Scale, w: &[f32]) -> Vec<f32> {
        let mut read = vec![0.0; w.len()];
        assert!(dequantise(kind, &quantise(kind, scale, w), &mut read), "{kind} {scale:?} {w:?}");
        read
    }

    fn squared_error(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    /// The types with blocks, and the number of steps from the one end of a block to the other.
    const TYPES: [(TensorType, f32); 3] =
        [(TensorType::Q8_0, 254.0), (TensorType::Q4_0, 15.0), (TensorType::Q4_1, 15.0)];

    fn blocks(sizes: [f32; 4]) -> impl Strategy<Value = Vec<f32>> {
        (proptest::sample::select(sizes.to_vec()), proptest::collection::vec(-1.0f32..1.0, 64))
            .prop_map(|(size, mut w)| {
                w.iter_mut().for_each(|w| *w *= size);
                w
            })
    }

    proptest! {
        /// No weight is off by more than a step of the largest range that the block can have.
        #[test]
        fn what_is_read_is_near(w in blocks([1.0, 1e-3, 1e3, 1e-6])) {
            for (kind, steps) in TYPES {
                let read = round_trip(kind, Scale::Largest, &w);
                for (w, read) in w.chunks(32).zip(read.chunks(32)) {
                    let size = w.iter().fold(0f32, |size, w| size.max(w.abs()));
                    // A float16 below 6e-5 has fewer digits; below 3e-8 it is 0.
                    let step = 2.0 * size / steps * 1.001 + steps * 6e-8;
                    for (w, read) in w.iter().zip(read) {
                        // Q4_0 has a step less on one side, so a weight there may be off by a whole one.
                        // A scale that is rounded to 11 bits moves the last of 127 steps by a 16th.
                        let off = if kind == TensorType::Q4_0 { 1.1 } else { 0.58 };
                        prop_assert!((w - read).abs() <= off * step, "{kind}: {w} became {read}");
                    }
                }
            }
        }

        /// Least squares is never worse.
        #[test]
        fn the_smallest_error_is_not_larger(w in blocks([1.0, 1e-3, 1e3, 1e-6])) {
            for (kind, _) in TYPES {
                let largest = round_trip(kind, Scale::Largest, &w);
                let best = round_trip(kind, Scale::LeastSquares, &w);
                let (of_largest, of_best) = (squared_error(&w, &largest), squared_error(&w, &best));
                prop_assert!(of_best <= of_largest * 1.00001 + 1e-30, "{kind}: {of_best} {of_largest}");
            }
        }

        /// What comes from a file goes back into it without a change.
        #[test]
        fn quantised_again_nothing_changes(w in blocks([1.0, 0.1, 10.0, 1e3])) {
            for scale in [Scale::Largest, Scale::LeastSquares] {
                // Q4_1 rounds its minimum, so only the scales of the other types can be found again.
                for kind in [TensorType::Q8_0, TensorType::Q4_0] {
                    let once = round_trip(kind, scale, &w);
                    let twice = round_trip(kind, scale, &once);
                    let error = squared_error(&once, &twice);
                    prop_assert!(error <= 1e-6 * squared_error(&once, &[0.0; 64]), "{kind} {error}");
                }
            }
        }
    }

    #[test]
    fn normal_weights_gain_by_least_squares() {
        // Sums of twelve uniform numbers are nearly normal.
        let mut state = 1u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let w: Vec<f32> =
            (0..32 * 1000).map(|_| (0..12).map(|_| uniform()).sum::<f32>() - 6.0).collect();
        // The error as a part of the weights, with both scales; and how much least squares must gain.
        for (kind, gain) in
            [(TensorType::Q8_0, 0.99), (TensorType::Q4_0, 0.9), (TensorType::Q4_1, 0.9)]
        {
            let of = |scale| squared_error(&w, &round_trip(kind, scale, &w));
            let (largest, best) = (of(Scale::Largest), of(Scale::LeastSquares));
            println!("{kind}: {:.4} {:.4}", (largest / 32e3).sqrt(), (best / 32e3).sqrt());
            assert!(best < gain * largest, "{kind}: {best} against {largest}");
        }
    }

    #[test]
    fn zeros_and_single_weights_stay() {
        for scale in [Scale::Largest, Scale::LeastSquares] {
            for (kind, _) in TYPES {
                assert_eq!(round_trip(kind, scale, &[0.0; 32]), [0.0; 32], "{kind} {scale:?}");
                let mut w = [0.0; 32];
                for one in [1.0, -1.0, 0.5] {
                    w[7] = one;
                    let read = round_trip(kind, scale, &w);
                    let near = read.iter().zip(&w).all(|(read, w)| (read - w).abs() < 0.001);
                    assert!(near, "{kind} {scale:?} {read:?}");
                }
            }
        }
    }

    #[test]
    fn the_largest_numbers_stay_finite() {
        for (kind, _) in TYPES {
            let size = largest(kind);
            for scale in [Scale::Largest, Scale::LeastSquares] {
                // `round_trip` checks that all are finite.
                round_trip(kind, scale, &[size; 32]);
                round_trip(kind, scale, &[-size; 32]);
                let mut both = [size; 32];
                both[3] = -size;
                round_trip(kind, scale, &both);
                round_trip(kind, scale, &[f32::MIN_POSITIVE / 8.0; 32]);
            }
        }
    }
}
