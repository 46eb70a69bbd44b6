//! From f32 to bf16 and back.
//!
//! A bf16 is the upper half of an f32, its upper 16 bits. It is rounded to the nearest; of two
//! equally near, the one whose last bit is 0 is taken ("to even").
//!
//!   cut off less than half (below 0x8000):  down
//!   more than half:                         up
//!   exactly half (0x8000):                  to the even neighbour
//!
//! Example: 1.0 is 0x3f800000, so its bf16 is 0x3f80. 1 + 1/256 is 0x3f808000, exactly half
//! way: 0x3f80 is even and stays. 1 + 3/256 is 0x3f818000, half way above the odd 0x3f81:
//! 0x3f82.
//!
//! NaN stays NaN: its upper half, with the bit 0x0040 set, so that some bit of the mantissa is.
//! (NaN has all bits of the exponent set and a mantissa that is not zero. Rounding up as above
//! would carry into the sign, or make it infinity.)
//!
//! `x.to_bits()` are the 32 bits of an f32, `f32::from_bits(bits)` goes back; `bits >> 16` is
//! the upper half, and `as u16` keeps the lower 16 bits of a number.

/// The bf16 nearest to x.
pub fn to_bf16(x: f32) -> u16 {
    // SOLUTION
    let bits = x.to_bits();
    if x.is_nan() {
        return (bits >> 16) as u16 | 0x0040;
    }
    let last_kept = bits >> 16 & 1;
    ((bits + 0x7fff + last_kept) >> 16) as u16
    // STUB
    // todo!()
    // END
}

/// The f32 that a bf16 is.
pub fn from_bf16(x: u16) -> f32 {
    // SOLUTION
    f32::from_bits(u32::from(x) << 16)
    // STUB
    // todo!()
    // END
}
