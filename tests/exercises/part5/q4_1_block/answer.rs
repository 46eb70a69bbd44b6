//! Read a block of Q4_1.
//!
//! A block has 20 bytes and holds 32 weights:
//!
//!   bytes 0 and 1    the scale, in float16
//!   bytes 2 and 3    the minimum, in float16
//!   byte 4 + i       in its lower half number i, in its upper half number i + 16;  i from 0 to 15
//!
//!   weight = scale * number + minimum
//!
//! On paper: the bytes 00 34 00 c0 are the scale 0.25 and the minimum -2. If byte 4 is f0, the numbers
//! 0 and 16 are 0 and 15, and the weights -2 and 1.75.
//!
//! `half` reads a float16, the lower byte first. In Rust, `byte & 15` is the lower half of a byte, and
//! `byte >> 4` the upper one. `f64::from(byte)` is a byte as a number.

/// The number in two bytes: a sign, five bits of exponent, ten of mantissa. (Zero and very small numbers
/// have the exponent 0.)
pub fn half(low: u8, high: u8) -> f64 {
    let sign = if high >> 7 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(high >> 2 & 31);
    let mantissa = f64::from(u16::from(high & 3) << 8 | u16::from(low)) / 1024.0;
    match exponent {
        0 => sign * mantissa * 2f64.powi(-14),
        _ => sign * (1.0 + mantissa) * 2f64.powi(exponent - 15),
    }
}

/// The 32 weights of a block.
pub fn weights(block: &[u8; 20]) -> Vec<f64> {
    // SOLUTION
    let scale = half(block[0], block[1]);
    let minimum = half(block[2], block[3]);
    let mut weights = vec![0.0; 32];
    for i in 0..16 {
        let byte = block[4 + i];
        weights[i] = scale * f64::from(byte & 15) + minimum;
        weights[i + 16] = scale * f64::from(byte >> 4) + minimum;
    }
    weights
    // STUB
    // todo!()
    // END
}
