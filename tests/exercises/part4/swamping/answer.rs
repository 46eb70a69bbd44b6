//! Swamping: an experiment with sums that are rounded.
//!
//! A sum begins at START, and ADDEND is added to it again and again. After each addition it is
//! rounded to BITS significant bits (to the nearest, ties to even). bf16 has 8, f16 has 11, f32
//! has 24.
//!
//! Run the check: it prints the sum after some additions, and where it stops to grow. Change
//! the settings until you can answer, then replace the `todo!()`s. Try BITS 4, 5, 6 first, with
//! START 0 and ADDEND 1: which rule do you see?

pub const BITS: u32 = 4;
pub const START: f64 = 0.0;
pub const ADDEND: f64 = 1.0;

/// START 0, ADDEND 1: where does a sum of 11 significant bits stop, as f16 has them?
pub fn counting_in_11_bits() -> u64 {
    // SOLUTION
    2048
    // STUB
    // todo!()
    // END
}

/// A program counts tokens in an f32, 24 significant bits, one after another. Where does it
/// stop?
pub fn counting_in_24_bits() -> u64 {
    // SOLUTION
    16_777_216
    // STUB
    // todo!()
    // END
}

/// BITS 8, START 0: where does a sum of ADDEND 0.25 stop?
pub fn quarters_in_8_bits() -> f64 {
    // SOLUTION
    64.0
    // STUB
    // todo!()
    // END
}

/// Why does it stop?
///
/// - 'a': the largest number of the format is reached.
/// - 'b': the errors of all roundings have added up to as much as the sum.
/// - 'c': the neighbours of the sum lie so far apart that the addend is half of the distance or
///   less, and is rounded away.
/// - 'd': the addend itself has no exact number in the format.
pub fn why() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}
