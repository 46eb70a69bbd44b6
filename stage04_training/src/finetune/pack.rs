//! Packs examples into rows of equal length.
//!
//! A batch is a rectangle, and examples have different lengths. With one example in a row, most of a
//! batch would be padding. So a row holds several, and attention stays inside of each. Which examples
//! share a row is a *bin packing* problem, for which *best fit decreasing* is a good rule (Johnson
//! 1974): take the examples from the longest to the shortest, and put each where the least space is
//! left in which it fits.
//!
//! Examples of the same length are exchanged at random, and so are the rows. The number of rows depends
//! on the lengths alone, and is the same in every epoch.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use stage01_bigram::random::Generator;

/// The rows of an epoch: the indices of the examples in each.
///
/// lengths: of the examples, each at most `block_size`.
///
/// # Panics
/// If an example is longer.
// ANCHOR: pack
pub fn pack(lengths: &[usize], block_size: usize, rng: &mut Generator) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(rng);
    order.sort_by_key(|&example| std::cmp::Reverse(lengths[example])); // stable
    let mut rows: Vec<Vec<usize>> = Vec::new();
    // The rows by the space that they have left.
    let mut open: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for example in order {
        let length = lengths[example];
        let best = open.range_mut(length..).next();
        let (row, space) = match best {
            Some((&space, with_space)) => {
                let row = with_space.pop().expect("no list is empty");
                if with_space.is_empty() {
                    open.remove(&space);
                }
                (row, space)
            }
            None => {
                rows.push(Vec::new());
                (rows.len() - 1, block_size)
            }
        };
        rows[row].push(example);
        let left = space.checked_sub(length).expect("an example fits into a row");
        open.entry(left).or_default().push(row);
    }
    rows.shuffle(rng);
    rows
}
// ANCHOR_END: pack

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    fn packed(lengths: &[usize], block_size: usize, epoch: u64) -> Vec<Vec<usize>> {
        pack(lengths, block_size, &mut generator(1, Purpose::Batch, epoch))
    }

    proptest! {
        #[test]
        fn every_example_is_in_one_row_and_the_rows_are_as_many_in_every_epoch(
            lengths in prop::collection::vec(1usize..=20, 1..60), epoch: u64,
        ) {
            let rows = packed(&lengths, 20, epoch);
            let mut all = rows.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
            let filled = |row: &Vec<usize>| row.iter().map(|&i| lengths[i]).sum::<usize>();
            prop_assert!(rows.iter().all(|row| !row.is_empty() && filled(row) <= 20));
            prop_assert_eq!(rows.len(), packed(&lengths, 20, epoch ^ 1).len());
            // No two rows would fit into one, so more than half of all is filled.
            let mut sums: Vec<usize> = rows.iter().map(filled).collect();
            sums.sort_unstable();
            prop_assert!(sums.len() < 2 || sums[0] + sums[1] > 20);
        }
    }

    #[test]
    fn the_best_row_is_taken() {
        let sorted = |mut rows: Vec<Vec<usize>>| {
            rows.sort();
            rows
        };
        // 7 leaves 3, 6 leaves 4: the 4 goes to the 6, the 3 to the 7.
        assert_eq!(sorted(packed(&[3, 4, 6, 7], 10, 0)), [vec![2, 1], vec![3, 0]]);
        // The 2 fits beside the 7 as well, and fills up the row of the 8.
        assert_eq!(sorted(packed(&[2, 7, 8], 10, 0)), [vec![1], vec![2, 0]]);
    }

    #[test]
    fn an_epoch_has_an_order_of_its_own() {
        let lengths = [5; 40];
        assert_eq!(packed(&lengths, 10, 0), packed(&lengths, 10, 0));
        assert_ne!(packed(&lengths, 10, 0), packed(&lengths, 10, 1));
    }
}
