//! A shuffle that is not stored: a Feistel network.
//!
//! A number of 2 · bits bits has two halves: left = number >> bits, right = the lowest `bits`
//! bits. A round, for each key in turn:
//!
//!   (left, right) = (right, left ^ f(right, key)),   of f the lowest `bits` bits
//!
//! `^` is the exclusive or. At the end the halves are one number again: left << bits | right.
//!
//! Example: bits 2 and the keys 1, 3, 2, as in the chapter. Place 0 has the halves 0, 0; they
//! become 0, 1, then 1, 0, then 0, 3. The number is 3.
//!
//! With ten windows, numbers from 10 to 15 lead outside. Then go through the network once more,
//! with the number that came out, until you are inside.
//!
//! `(1 << bits) - 1` has the lowest `bits` bits set, and `x & mask` keeps those of x.

/// The function of a round.
pub fn f(half: u64, key: u64) -> u64 {
    half * half + key
}

/// What the network makes of a number below 2^(2 bits). Another number below 2^(2 bits).
pub fn network(number: u64, bits: u32, keys: &[u64]) -> u64 {
    // SOLUTION
    let mask = (1 << bits) - 1;
    let (mut left, mut right) = (number >> bits, number & mask);
    for &key in keys {
        (left, right) = (right, left ^ (f(right, key) & mask));
    }
    left << bits | right
    // STUB
    // todo!()
    // END
}

/// The way back: the number of which `network` makes this one.
pub fn back(number: u64, bits: u32, keys: &[u64]) -> u64 {
    // SOLUTION
    let mask = (1 << bits) - 1;
    let (mut left, mut right) = (number >> bits, number & mask);
    for &key in keys.iter().rev() {
        (left, right) = (right ^ (f(left, key) & mask), left);
    }
    left << bits | right
    // STUB
    // todo!()
    // END
}

/// The window at a place of the order. place: below `size`, and so is the result.
pub fn at(place: u64, size: u64, bits: u32, keys: &[u64]) -> u64 {
    // SOLUTION
    let mut number = network(place, bits, keys);
    while number >= size {
        number = network(number, bits, keys);
    }
    number
    // STUB
    // todo!()
    // END
}
