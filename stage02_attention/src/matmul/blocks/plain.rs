//! Quantised blocks as a file has them, and their dot product: the definition that every kernel is
//! held to.
//!
//! Source of the formats: ggml (`ggml-quants.c`), which GGUF files follow.

use stage01_bigram::float16::from_f16;

use super::{Activations, BLOCK, BlockType};

// ANCHOR: block
/// A block of 32 weights: w_i = d q_i + m.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The scale.
    pub d: f32,
    /// The minimum: 0 in the types that have none.
    pub m: f32,
    /// The whole numbers, with their sign.
    pub q: [i8; BLOCK],
}
// ANCHOR_END: block

impl Block {
    // ANCHOR: read
    /// Reads a block from its bytes.
    ///
    /// # Panics
    /// When there are fewer than [`BlockType::bytes`].
    pub fn read(kind: BlockType, bytes: &[u8]) -> Block {
        let half = |at: usize| from_f16(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        match kind {
            BlockType::Q8_0 => Block { d: half(0), m: 0.0, q: signed(&bytes[2..]) },
            BlockType::Q4_0 => Block { d: half(0), m: 0.0, q: nibbles(&bytes[2..], 8) },
            BlockType::Q4_1 => Block { d: half(0), m: half(2), q: nibbles(&bytes[4..], 0) },
        }
    }
    // ANCHOR_END: read
}

/// 32 bytes as numbers from -128 to 127.
fn signed(bytes: &[u8]) -> [i8; BLOCK] {
    std::array::from_fn(|i| bytes[i] as i8)
}

// ANCHOR: nibbles
/// 32 numbers of 4 bits, minus a zero point. Byte i has number i in its lower half and number
/// i + 16 in its upper half.
fn nibbles(bytes: &[u8], zero_point: i8) -> [i8; BLOCK] {
    std::array::from_fn(|i| {
        let byte = bytes[i % 16];
        let q = if i < 16 { byte & 15 } else { byte >> 4 };
        q as i8 - zero_point
    })
}
// ANCHOR_END: nibbles

/// A row of weights times a row of activations.
///
/// ```text
/// sum over the blocks of  d d' (sum of q_i p_i)  +  m d' (sum of p_i)
/// ```
///
/// row: the bytes of the blocks of one row; x: row `i` of some activations, of as many blocks. The
/// sums of whole numbers are exact; each product with a scale is added with one rounding
/// (`mul_add`).
// ANCHOR: dot
pub fn dot(kind: BlockType, row: &[u8], x: &Activations, i: usize) -> f32 {
    let mut sum = 0.0f32;
    for (bytes, x) in row.chunks_exact(kind.bytes()).zip(x.row(i)) {
        let w = Block::read(kind, bytes);
        let mut products = 0i32;
        for k in 0..BLOCK {
            products += i32::from(w.q[k]) * i32::from(x.q[k]);
        }
        sum = (w.d * x.d).mul_add(products as f32, sum);
        if kind == BlockType::Q4_1 {
            sum = w.m.mul_add(x.d * x.sum as f32, sum);
        }
    }
    sum
}
// ANCHOR_END: dot
