//! Going through a text in windows: shuffled, each once, for ever.
//!
//! Stage 3 draws windows at random, with replacement: after one epoch's worth of draws a third of
//! the text (1/e) was never seen, and other parts three times. With a text of gigabytes and one
//! or two epochs that is a loss. So here an epoch visits every window once, in a shuffled order,
//! before any comes again.
//!
//! Everything follows from one number, the position, which counts windows from the start of the
//! run. There is no state to save but that number, and worker `w` of `n` takes the positions
//! w, w + n, w + 2n, …: disjoint, and complete together.
//!
//! Windows that always begin at multiples of `block_size` would always have the same borders:
//! the first token of a window would be predicted from nothing in every epoch. So each epoch
//! begins its windows at another offset.

use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};

use super::SplitTokens;
use super::permutation::Permutation;

// ANCHOR: sampler
/// Windows of a part of the data in a shuffled order, epoch after epoch. See [`SplitTokens::sampler`].
#[derive(Clone, Copy, Debug)]
pub struct WindowSampler<'a> {
    part: &'a SplitTokens,
    block_size: usize,
    seed: u64,
    windows: u64,
    /// How many places there are where the first window of an epoch may begin.
    offsets: u64,
}

impl<'a> WindowSampler<'a> {
    pub(super) fn new(
        part: &'a SplitTokens,
        block_size: usize,
        seed: u64,
    ) -> Result<WindowSampler<'a>> {
        if block_size == 0 {
            return Err(Error::setting("--block-size", 0, "expected at least 1"));
        }
        let (tokens, block) = (part.len(), block_size as u64);
        if tokens <= block {
            return Err(Error::setting(
                "--block-size",
                block_size,
                format!(
                    "a window and its targets need {} tokens, but the {} part of the data has \
                     {tokens}; give more text, or a smaller block size",
                    block.saturating_add(1),
                    part.which()
                ),
            ));
        }
        // A window covers block_size tokens, and its targets one more. Wherever it begins, a
        // epoch has the same number of windows, so that position / windows is the epoch.
        let examples = tokens - 1;
        let windows = (examples.saturating_sub(block - 1) / block).max(1);
        let offsets = (examples - windows * block + 1).min(block);
        Ok(WindowSampler { part, block_size, seed, windows, offsets })
    }

    /// The number of windows of an epoch.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    // ANCHOR: start
    /// Where the window at a position begins, in tokens.
    pub fn start(&self, position: u64) -> u64 {
        let (epoch, place) = (position / self.windows, position % self.windows);
        let mut rng = generator(self.seed, Purpose::Batch, epoch);
        let permutation = Permutation::new(self.windows, &mut rng);
        let offset = rng.random_range(0..self.offsets);
        offset + permutation.at(place) * self.block_size as u64
    }
    // ANCHOR_END: start

    /// The window at a position: 0, 1, 2, … for ever; an epoch ends every
    /// [`windows`](WindowSampler::windows). Depends on nothing but the data, the block size, the seed and
    /// the position.
    ///
    /// inputs, targets: (block_size); targets\[t\] is the token after inputs\[t\].
    ///
    /// # Errors
    /// As [`SplitTokens::read`].
    ///
    /// # Panics
    /// If `inputs` or `targets` is not `block_size` long.
    pub fn window(&self, position: u64, inputs: &mut [u32], targets: &mut [u32]) -> Result<()> {
        assert_eq!((inputs.len(), targets.len()), (self.block_size, self.block_size));
        let start = self.start(position);
        self.part.read(start, inputs)?;
        self.part.read(start + 1, targets)
    }
}
// ANCHOR_END: sampler

#[cfg(test)]
mod tests {
    use super::super::tests::directory_of;
    use super::super::{Shards, Split};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Tokens 0, 1, 2, …: each says its own place.
    fn counting(tokens: u32, shard_tokens: usize) -> (tempfile::TempDir, Shards) {
        let directory = directory_of(&(0..tokens).collect::<Vec<_>>(), shard_tokens, 4, 1 << 20);
        let shards = Shards::open(directory.path()).unwrap();
        (directory, shards)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn a_pass_visits_every_window_once_across_shard_borders(
            tokens in 2u32..400, block in 1usize..40, shard in 1usize..90, seed: u64, epoch in 0u64..1000,
        ) {
            prop_assume!(tokens as usize > block);
            let (_directory, shards) = counting(tokens, shard);
            let walk = shards.part(Split::Train).sampler(block, seed).unwrap();
            let (mut inputs, mut targets) = (vec![0; block], vec![0; block]);
            let mut starts = BTreeSet::new();
            for place in 0..walk.windows() {
                walk.window(epoch * walk.windows() + place, &mut inputs, &mut targets).unwrap();
                let start = inputs[0];
                prop_assert_eq!(&inputs, &(start..start + block as u32).collect::<Vec<_>>());
                prop_assert_eq!(&targets, &(start + 1..=start + block as u32).collect::<Vec<_>>());
                prop_assert!(starts.insert(start), "{} came twice", start);
            }
            // Side by side, and nothing left where another window would fit on both sides.
            let first = *starts.first().unwrap();
            prop_assert!(starts.iter().zip(0..).all(|(s, i)| *s == first + i * block as u32));
            prop_assert!((first as usize) < block.max(1) * 2);
            let seen = starts.len() * block;
            prop_assert!(tokens as usize - 1 - seen < 2 * block);
        }

        #[test]
        fn workers_share_a_pass_without_gaps(workers in 1u64..7, positions in 1u64..200, seed: u64) {
            let (_directory, shards) = counting(300, 70);
            let walk = shards.part(Split::Train).sampler(8, seed).unwrap();
            let alone: Vec<u64> = (0..positions).map(|p| walk.start(p)).collect();
            let mut shared = vec![u64::MAX; positions as usize];
            for worker in 0..workers {
                for position in (worker..positions).step_by(workers as usize) {
                    shared[position as usize] = walk.start(position);
                }
            }
            prop_assert_eq!(alone, shared);
        }
    }

    #[test]
    fn borders_and_order_move_from_pass_to_pass() {
        let (_directory, shards) = counting(1000, 1000);
        let walk = shards.part(Split::Train).sampler(16, 1).unwrap();
        let offset = |epoch: u64| walk.start(epoch * walk.windows()) % 16;
        assert!((0..50).map(offset).collect::<BTreeSet<_>>().len() > 10);
        let order = |epoch: u64| {
            let starts = epoch * walk.windows()..(epoch + 1) * walk.windows();
            starts.map(|p| walk.start(p) / 16).collect::<Vec<_>>()
        };
        assert_ne!(order(0), order(1));
        let other = shards.part(Split::Train).sampler(16, 2).unwrap();
        assert_ne!(order(0), (0..61).map(|p| other.start(p) / 16).collect::<Vec<_>>());
    }

    #[test]
    fn the_walk_never_changes() {
        let (_directory, shards) = counting(1000, 300);
        let walk = shards.part(Split::Train).sampler(16, 1337).unwrap();
        assert_eq!(walk.windows(), 61);
        let starts: Vec<u64> = [0, 1, 2, 60, 61, 62, 1_000_000].map(|p| walk.start(p)).to_vec();
        assert_eq!(starts, [952, 360, 664, 280, 957, 941, 620]);
    }

    #[test]
    fn a_window_that_does_not_fit_is_refused() {
        let (_directory, shards) = counting(8, 8);
        let part = shards.part(Split::Train);
        assert_eq!(part.sampler(7, 1).unwrap().windows(), 1);
        let error = part.sampler(8, 1).unwrap_err().to_string();
        assert!(error.contains("need 9 tokens") && error.contains("train part"), "{error}");
        assert!(part.sampler(0, 1).is_err() && part.sampler(usize::MAX, 1).is_err());
        let error = shards.part(Split::Validation).sampler(1, 1).unwrap_err().to_string();
        assert!(error.contains("validation part of the data has 0"), "{error}");
    }
}
