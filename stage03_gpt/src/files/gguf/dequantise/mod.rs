//! From the bytes of a tensor to f32: each type of numbers in a file of its own.
//!
//! A quantised weight is a small whole number q. The weights of a block share a scale d, and some
//! types add a minimum m:
//!
//! ```text
//! w = d q          Q8_0, Q4_0, Q6_K
//! w = d q + m      Q4_1
//! w = d q - m      Q4_K
//! ```
//!
//! The arithmetic is f32, in the order that is written here, so the results are equal to those of
//! ggml and of its Python package `gguf` bit by bit.
//!
//! What this module leaves out: finding d and q for given weights, which is `quantise`.

mod floats;
mod q4;
mod q4_k;
mod q6_k;
mod q8_0;

use rayon::prelude::*;

use super::tensor_type::TensorType;

/// How many blocks a thread takes at a time, for blocks of at most 256 numbers: 64 KB of them.
const BLOCKS: usize = 64;

/// Writes the numbers of whole blocks as f32, on all of rayon's threads. Returns whether all of
/// them are finite.
///
/// # Panics
/// When the bytes are not those of so many numbers, or the type is not readable.
pub(super) fn dequantise(kind: TensorType, bytes: &[u8], to: &mut [f32]) -> bool {
    let blocks = BLOCKS * (256 / kind.block_len());
    let (numbers, of_bytes) = (blocks * kind.block_len(), blocks * kind.block_bytes());
    assert_eq!(Some(bytes.len() as u64), kind.bytes_of(to.len() as u64), "whole blocks of {kind}");
    let chunks = to.par_chunks_mut(numbers).zip(bytes.par_chunks(of_bytes));
    let finite = chunks.map(|(to, bytes)| {
        match kind {
            TensorType::F32 => blocks_of(bytes, to, floats::f32),
            TensorType::F16 => blocks_of(bytes, to, floats::f16),
            TensorType::BF16 => blocks_of(bytes, to, floats::bf16),
            TensorType::Q8_0 => blocks_of(bytes, to, q8_0::block),
            TensorType::Q4_0 => blocks_of(bytes, to, q4::block_0),
            TensorType::Q4_1 => blocks_of(bytes, to, q4::block_1),
            TensorType::Q4_K => blocks_of(bytes, to, q4_k::block),
            TensorType::Q6_K => blocks_of(bytes, to, q6_k::block),
            other => unreachable!("{other} is not readable"),
        }
        // Without an early end the processor compares many numbers at once.
        to.iter().fold(true, |finite, number| finite & number.is_finite())
    });
    // All, not the first that is false: every number is written.
    finite.reduce(|| true, |a, b| a & b)
}

/// Block after block: BYTES of the file become NUMBERS weights.
fn blocks_of<const BYTES: usize, const NUMBERS: usize>(
    bytes: &[u8],
    to: &mut [f32],
    block: impl Fn(&[u8; BYTES], &mut [f32; NUMBERS]),
) {
    let (bytes, _) = bytes.as_chunks::<BYTES>();
    let (to, _) = to.as_chunks_mut::<NUMBERS>();
    to.iter_mut().zip(bytes).for_each(|(to, bytes)| block(bytes, to));
}

/// The float16 in the first two bytes: most scales are one.
fn scale(bytes: &[u8]) -> f32 {
    stage01_bigram::float16::from_f16(u16::from_le_bytes([bytes[0], bytes[1]]))
}
