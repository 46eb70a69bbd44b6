//! The types of numbers that the tensors of a GGUF file have.
//!
//! A *quantised* type stores blocks: a few numbers of full precision (scales), and for each weight
//! a small whole number. A row of a matrix is a whole number of blocks.
//!
//! The table has every type of the format, so that a file with any of them can be listed and
//! checked. Read are the plain floating-point types and five of the quantised ones: see
//! [`TensorType::is_readable`].
//!
//! Source: `enum ggml_type` and the block structures of ggml (`ggml.h`, `ggml-common.h`).

use std::fmt;

/// The type of the numbers of a tensor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TensorType {
    number: u32,
    name: &'static str,
    block_len: usize,
    block_bytes: usize,
}

/// A line of the table.
const fn line(number: u32, name: &'static str, block_len: usize, block_bytes: usize) -> TensorType {
    TensorType { number, name, block_len, block_bytes }
}

#[allow(non_upper_case_globals, reason = "the field writes the K of these names small")]
impl TensorType {
    /// Floating-point numbers of 32 bits.
    pub const F32: TensorType = line(0, "F32", 1, 4);
    /// Floating-point numbers of 16 bits, IEEE 754.
    pub const F16: TensorType = line(1, "F16", 1, 2);
    /// The upper halves of f32.
    pub const BF16: TensorType = line(30, "BF16", 1, 2);
    /// 4 bits per weight, and a scale for 32: 4.5 bits.
    pub const Q4_0: TensorType = line(2, "Q4_0", 32, 2 + 16);
    /// 4 bits per weight, a scale and a minimum for 32: 5 bits.
    pub const Q4_1: TensorType = line(3, "Q4_1", 32, 2 + 2 + 16);
    /// 8 bits per weight, and a scale for 32: 8.5 bits.
    pub const Q8_0: TensorType = line(8, "Q8_0", 32, 2 + 32);
    /// 4 bits per weight, 8 scales and minima of 6 bits for 256: 4.5 bits.
    pub const Q4_K: TensorType = line(12, "Q4_K", 256, 2 + 2 + 12 + 128);
    /// 6 bits per weight, 16 scales of 8 bits for 256: 6.5625 bits.
    pub const Q6_K: TensorType = line(14, "Q6_K", 256, 128 + 64 + 16 + 2);
}

/// Every type of the format, by number. Numbers that are missing belong to types that the format
/// has given up.
const TYPES: &[TensorType] = &[
    TensorType::F32,
    TensorType::F16,
    TensorType::Q4_0,
    TensorType::Q4_1,
    line(6, "Q5_0", 32, 22),
    line(7, "Q5_1", 32, 24),
    TensorType::Q8_0,
    line(9, "Q8_1", 32, 36),
    line(10, "Q2_K", 256, 84),
    line(11, "Q3_K", 256, 110),
    TensorType::Q4_K,
    line(13, "Q5_K", 256, 176),
    TensorType::Q6_K,
    line(15, "Q8_K", 256, 292),
    line(16, "IQ2_XXS", 256, 66),
    line(17, "IQ2_XS", 256, 74),
    line(18, "IQ3_XXS", 256, 98),
    line(19, "IQ1_S", 256, 50),
    line(20, "IQ4_NL", 32, 18),
    line(21, "IQ3_S", 256, 110),
    line(22, "IQ2_S", 256, 82),
    line(23, "IQ4_XS", 256, 136),
    line(24, "I8", 1, 1),
    line(25, "I16", 1, 2),
    line(26, "I32", 1, 4),
    line(27, "I64", 1, 8),
    line(28, "F64", 1, 8),
    line(29, "IQ1_M", 256, 56),
    TensorType::BF16,
    line(34, "TQ1_0", 256, 54),
    line(35, "TQ2_0", 256, 66),
    line(39, "MXFP4", 32, 17),
    line(40, "NVFP4", 64, 36),
    line(41, "Q1_0", 128, 18),
];

impl TensorType {
    /// The types whose numbers are read here.
    pub const READABLE: [TensorType; 8] = [
        TensorType::F32,
        TensorType::F16,
        TensorType::BF16,
        TensorType::Q8_0,
        TensorType::Q4_0,
        TensorType::Q4_1,
        TensorType::Q4_K,
        TensorType::Q6_K,
    ];

    /// The types whose numbers are written here.
    pub const WRITABLE: [TensorType; 5] =
        [TensorType::F32, TensorType::F16, TensorType::Q8_0, TensorType::Q4_0, TensorType::Q4_1];

    /// The type of this number; none where the format has no such type, or gave it up.
    pub fn from_number(number: u32) -> Option<TensorType> {
        TYPES.iter().copied().find(|kind| kind.number == number)
    }

    /// Its number in a file.
    pub fn number(self) -> u32 {
        self.number
    }

    /// Its name, such as `Q4_K`.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// How many numbers a block holds: 1 where the type has no blocks.
    pub fn block_len(self) -> usize {
        self.block_len
    }

    /// How many bytes a block takes.
    pub fn block_bytes(self) -> usize {
        self.block_bytes
    }

    /// Whether its numbers are written here.
    pub fn is_writable(self) -> bool {
        TensorType::WRITABLE.contains(&self)
    }

    /// Whether its numbers are read here.
    pub fn is_readable(self) -> bool {
        TensorType::READABLE.contains(&self)
    }

    // ANCHOR: bytes_of
    /// How many bytes so many numbers take; none where they are no whole number of blocks, or too
    /// many to count.
    pub fn bytes_of(self, numbers: u64) -> Option<u64> {
        let block_len = self.block_len as u64;
        if !numbers.is_multiple_of(block_len) {
            return None;
        }
        (numbers / block_len).checked_mul(self.block_bytes as u64)
    }
    // ANCHOR_END: bytes_of
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Debug for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_type() {
        for (i, kind) in TYPES.iter().enumerate() {
            assert_eq!(TensorType::from_number(kind.number), Some(*kind));
            assert!(TYPES[..i].iter().all(|other| other.number < kind.number), "{kind}");
            assert!(TYPES[..i].iter().all(|other| other.name != kind.name), "{kind}");
        }
        assert_eq!(TensorType::from_number(4), None);
        assert_eq!(TensorType::from_number(u32::MAX), None);
    }

    #[test]
    fn bytes_are_counted_in_whole_blocks() {
        assert_eq!(TensorType::Q4_1.bytes_of(64), Some(40));
        assert_eq!(TensorType::Q4_1.bytes_of(33), None);
        assert_eq!(TensorType::F32.bytes_of(u64::MAX), None);
        assert_eq!(TensorType::Q6_K.bytes_of(0), Some(0));
    }
}
