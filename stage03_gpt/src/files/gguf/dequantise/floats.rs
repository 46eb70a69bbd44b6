//! Floating-point numbers, which are blocks of one: F32, F16, BF16.

use stage01_bigram::float16::{from_bf16, from_f16};

/// F32: four bytes, little-endian.
pub(super) fn f32(bytes: &[u8; 4], to: &mut [f32; 1]) {
    *to = [f32::from_le_bytes(*bytes)];
}

/// F16: two bytes, IEEE 754.
pub(super) fn f16(bytes: &[u8; 2], to: &mut [f32; 1]) {
    *to = [from_f16(u16::from_le_bytes(*bytes))];
}

/// BF16: the two upper bytes of an f32.
pub(super) fn bf16(bytes: &[u8; 2], to: &mut [f32; 1]) {
    *to = [from_bf16(u16::from_le_bytes(*bytes))];
}
