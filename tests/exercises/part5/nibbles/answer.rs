//! Two whole numbers in a byte, as Q4_0 has them.
//!
//! A block has 32 numbers from -8 to 7. A half of a byte (a nibble) holds 0 to 15, so 8 is
//! added to each. Byte i holds number i in its lower half, and number i + 16 in its upper half;
//! i runs from 0 to 15.
//!
//! On paper: number 0 is -8 and number 16 is 7. With 8 added they are 0 and 15. Byte 0 is f0 in
//! base 16: 15 in the upper half, 0 in the lower.
//!
//! In Rust: `byte & 15` is the lower half, `byte >> 4` the upper one. `upper << 4` moves a
//! number to the upper half, and `lower | upper` puts both together. `as u8` makes a byte of a
//! number, `i64::from(byte)` a number of a byte.

/// The 16 bytes of 32 numbers from -8 to 7.
pub fn pack(q: &[i64]) -> Vec<u8> {
    // SOLUTION
    let nibble = |i: usize| (q[i] + 8) as u8;
    (0..16).map(|i| nibble(i) | nibble(i + 16) << 4).collect()
    // STUB
    // todo!()
    // END
}

/// The 32 numbers of 16 bytes.
pub fn unpack(bytes: &[u8]) -> Vec<i64> {
    // SOLUTION
    let mut q = vec![0; 32];
    for (i, byte) in bytes.iter().enumerate() {
        q[i] = i64::from(byte & 15) - 8;
        q[i + 16] = i64::from(byte >> 4) - 8;
    }
    q
    // STUB
    // todo!()
    // END
}
