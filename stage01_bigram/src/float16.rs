//! Numbers of 16 bits as f32, and back.
//!
//! | format | sign | exponent | mantissa | largest | source |
//! |---|---|---|---|---|---|
//! | float16 | 1 bit | 5 bits | 10 bits | 65,504 | IEEE 754, binary16 |
//! | bfloat16 | 1 bit | 8 bits | 7 bits | 3.4e38 | the upper half of an f32 |
//!
//! Every number of either format is an f32 as well, so reading is exact.

/// 2^112: the difference between the exponent biases of f32 (127) and float16 (15).
const SCALE: f32 = f32::from_bits((112 + 127) << 23);

/// A float16 as f32.
///
/// Exponent and mantissa are moved to their places in an f32. There the exponent means a power of
/// two that is 2^112 too small, which the product corrects, for subnormal numbers as well.
#[inline(always)]
pub fn from_f16(bits: u16) -> f32 {
    // The sign fills the upper half; only the first of these bits stays.
    let moved = (i32::from(bits as i16) << 13) as u32 & 0x8FFF_E000;
    let value = f32::from_bits(moved) * SCALE;
    // The largest exponent, 31: infinite, or NaN where the mantissa is not zero.
    let full = if value.abs() >= 65_536.0 { 0x7F80_0000 } else { 0 };
    f32::from_bits(value.to_bits() | full)
}

/// The float16 that is nearest to an f32; of two that are equally near, the one whose last bit is
/// zero. From 65,520 on it is infinite.
#[inline(always)]
pub fn to_f16(value: f32) -> u16 {
    let sign = (value.to_bits() >> 31 << 15) as u16;
    let size = value.abs();
    let bits = size.to_bits();
    // All cases are computed, and then one is chosen: without a branch, so that a processor computes
    // many in parallel.
    //
    // Normal: half of the last bit that is kept, or a little less, carries into it.
    let rounded = bits.wrapping_add(0xFFF + (bits >> 13 & 1));
    let normal = (rounded >> 13).wrapping_sub(112 << 10);
    // Subnormal: a multiple of 2^-24, which is the last bit of numbers between 0.5 and 1. So the
    // processor's own addition rounds to it.
    let subnormal = (0.5 + size).to_bits().wrapping_sub(0.5f32.to_bits());
    let finite = if size < 6.103_515_6e-5 { subnormal } else { normal };
    let half = if size >= 65_520.0 { 0x7C00 } else { finite };
    sign | if size.is_nan() { 0x7E00 } else { half } as u16
}

/// A bfloat16 as f32.
pub fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: one bit of sign, five of exponent, ten of mantissa.
    fn plain(bits: u16) -> f32 {
        let (exponent, mantissa) = (bits >> 10 & 31, f32::from(bits & 1023) / 1024.0);
        let size = match exponent {
            // Subnormal: without the implicit leading 1.
            0 => mantissa * 2f32.powi(-14),
            31 if mantissa == 0.0 => f32::INFINITY,
            31 => f32::NAN,
            _ => (1.0 + mantissa) * 2f32.powi(i32::from(exponent) - 15),
        };
        if bits >> 15 == 1 { -size } else { size }
    }

    #[test]
    fn numbers_of_16_bits() {
        for (bits, number) in [
            (0x0000, 0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7BFF, 65504.0),
            (0x0400, 6.103_515_6e-5), // the smallest with a leading 1
            (0x0001, 5.960_464_5e-8),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
        ] {
            assert_eq!(from_f16(bits), number, "{bits:04x}");
        }
        assert!(from_f16(0x8000).is_sign_negative());
        assert!(from_f16(0x7C01).is_nan());
    }

    #[test]
    fn every_float16_is_as_defined_and_comes_back() {
        for bits in 0..=u16::MAX {
            let (value, expected) = (from_f16(bits), plain(bits));
            if expected.is_nan() {
                assert!(value.is_nan() && from_f16(to_f16(value)).is_nan(), "{bits:04x}");
            } else {
                assert_eq!(value.to_bits(), expected.to_bits(), "{bits:04x}");
                assert_eq!(to_f16(value), bits, "{value}");
            }
        }
    }

    #[test]
    fn a_number_becomes_the_nearest_float16_and_a_tie_the_even_one() {
        for bits in 0..0x7BFFu16 {
            let (low, high) = (from_f16(bits), from_f16(bits + 1));
            let middle = (low + high) / 2.0; // exact: an f32 has 13 more bits
            let even = if bits % 2 == 0 { bits } else { bits + 1 };
            assert_eq!(to_f16(middle), even, "{middle}");
            assert_eq!(to_f16(middle.next_down()), bits, "below {middle}");
            assert_eq!(to_f16(-middle.next_up()), (bits + 1) | 0x8000, "above {middle}");
        }
        assert_eq!(to_f16(65_519.996), 0x7BFF);
        assert_eq!(to_f16(65_520.0), 0x7C00);
        assert_eq!(to_f16(f32::NEG_INFINITY), 0xFC00);
        assert_eq!(to_f16(f32::from_bits(1)), 0);
    }

    #[test]
    fn a_bfloat16_is_the_upper_half_of_an_f32() {
        assert_eq!(from_bf16(0x3F80), 1.0);
        assert_eq!(from_bf16(0xC049), -3.140_625);
        assert!(from_bf16(0x7FC0).is_nan());
    }
}
