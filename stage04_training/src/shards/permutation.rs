//! A shuffle that is computed and not stored.
//!
//! A list of all windows of a text could be shuffled. For ten billion tokens that list has ten
//! million entries, must be made again for every epoch, and must be the same on every machine of a
//! run. A keyed permutation needs no list: it is a function from the place in the order to the
//! window, with each window at exactly one place.
//!
//! It is built like a cipher (Luby and Rackoff 1988; Black and Rogaway 2002 for any size):
//!
//! 1. A Feistel network. Split the number into two halves of b bits, and repeat
//!    `(left, right) → (right, left XOR f(right))`. For any `f` this step is invertible, so no two
//!    numbers become equal.
//! 2. Cycle walking. The network permutes 0..4^b, but there are fewer windows. If the result is too
//!    large, apply the network again, until it is not. The result is again a permutation, because a
//!    permutation consists of cycles, and a cycle without some of its elements is still a cycle.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage04_training::shards::Permutation;
//!
//! let epoch = Permutation::new(10, &mut generator(1337, Purpose::Batch, 0));
//! let mut order: Vec<u64> = (0..10).map(|place| epoch.at(place)).collect();
//! assert_eq!(order, [5, 3, 6, 0, 2, 4, 1, 7, 9, 8]);
//! order.sort();
//! assert_eq!(order, Vec::from_iter(0..10)); // each number exactly once
//! ```
//! What this file leaves out: secrecy. Six rounds of a mixing function are a good shuffle and a
//! bad cipher.

use rand::Rng;
use stage01_bigram::random::Generator;

/// The number of rounds of the network.
const ROUNDS: usize = 6;

// ANCHOR: permutation
/// A permutation of the numbers below `size`.
#[derive(Clone, Debug)]
pub struct Permutation {
    size: u64,
    /// The number of bits of a half.
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation with keys from this generator. size: from 1 to 2^62.
    pub fn new(size: u64, rng: &mut Generator) -> Permutation {
        assert!((1..=1 << 62).contains(&size), "no order of {size} numbers");
        // The least b with 4^b >= size, and at least one bit in each half.
        let bits = u64::BITS - (size - 1).leading_zeros();
        Permutation {
            size,
            half_bits: bits.div_ceil(2).max(1),
            keys: std::array::from_fn(|_| rng.next_u64()),
        }
    }

    // ANCHOR: at
    /// The number at a place of the order. place: below `size`.
    pub fn at(&self, place: u64) -> u64 {
        assert!(place < self.size, "place {place} of {}", self.size);
        let mut number = self.network(place);
        while number >= self.size {
            number = self.network(number);
        }
        number
    }
    // ANCHOR_END: at

    // ANCHOR: network
    /// The Feistel network: a permutation of all numbers of 2 · `half_bits` bits.
    fn network(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
    // ANCHOR_END: network
}
// ANCHOR_END: permutation

/// Mixes the bits of a number: the last step of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    fn order(size: u64, seed: u64, epoch: u64) -> Vec<u64> {
        let permutation = Permutation::new(size, &mut generator(seed, Purpose::Batch, epoch));
        (0..size).map(|place| permutation.at(place)).collect()
    }

    proptest! {
        #[test]
        fn every_number_comes_exactly_once(size in 1u64..3000, seed: u64, epoch in 0u64..1 << 40) {
            let mut order = order(size, seed, epoch);
            order.sort_unstable();
            prop_assert_eq!(order, (0..size).collect::<Vec<_>>());
        }

        #[test]
        fn large_sizes_stay_inside(bits in 32u32..=62, seed: u64, place: u64) {
            let size = 1u64 << bits;
            let permutation = Permutation::new(size, &mut generator(seed, Purpose::Batch, 0));
            prop_assert!(permutation.at(place % size) < size);
        }
    }

    #[test]
    fn sizes_around_powers_of_two_are_permuted() {
        for size in (1..=6u32).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]) {
            let mut order = order(size, 1, 2);
            order.sort_unstable();
            assert_eq!(order, (0..size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn it_is_a_shuffle_and_not_a_pattern() {
        // Over 1,000 epochs of ten windows, each comes first about a hundred times, and each
        // comes right after its neighbour about as often as after any other.
        let (mut first, mut steps) = ([0; 10], 0);
        for epoch in 0..1000 {
            let order = order(10, 7, epoch);
            first[order[0] as usize] += 1;
            steps += order.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
        }
        assert!(first.iter().all(|times| (60..140).contains(times)), "{first:?}");
        assert!((750..1050).contains(&steps), "{steps}: expected about 900");
        // In a large order the mean distance of neighbours is a third of the size.
        let order = order(100_000, 3, 0);
        let jumps: u64 = order.windows(2).map(|pair| pair[0].abs_diff(pair[1])).sum();
        let mean = jumps as f64 / 99_999.0 / 100_000.0;
        assert!((0.32..0.347).contains(&mean), "{mean}");
    }

    #[test]
    fn the_order_is_stable_across_versions() {
        // A resumed run continues in this order, so it is part of the file format.
        assert_eq!(order(10, 1337, 0), [5, 3, 6, 0, 2, 4, 1, 7, 9, 8]);
        assert_eq!(order(10, 1337, 1), [5, 7, 6, 0, 1, 2, 9, 4, 3, 8]);
        assert_eq!(order(1_000_000, 1, 0)[..5], [492_135, 469_956, 202_177, 740_007, 703_256]);
    }
}
