//! Samples the windows of a text without replacement, in a shuffled order per epoch.
//!
//! Stage 3 draws windows at random, with replacement: after one epoch's worth of draws a third of
//! the text (1/e) was never seen, and other parts three times. With gigabytes of text and one or
//! two epochs that wastes data. So here an epoch visits every window once, in a shuffled order.
//!
//! The order is a function of one number, the position, which counts windows from the start of the
//! run. It is the only state to save, and worker `w` of `n` takes the positions w, w + n, w + 2n,
//! …, which are disjoint and together complete.
//!
//! If windows always began at multiples of `block_size`, the same tokens would be the first of
//! their window, without context, in every epoch. So each epoch begins at another offset.
//!
//! ```
//! # use stage04_training::prepare::{Settings, prepare};
//! # use stage04_training::progress::Silent;
//! #
//! # let directory = tempfile::tempdir().unwrap();
//! # let input = directory.path().join("text.txt");
//! # let sentence = "In the beginning God created the heaven and the earth. ";
//! # std::fs::write(&input, sentence.repeat(20)).unwrap();
//! # let settings = Settings {
//! #     input: vec![input],
//! #     out: directory.path().join("tokens"),
//! #     tokenizer: "char".parse()?,
//! #     ..Settings::default()
//! # };
//! # prepare(&settings, &Silent)?;
//! use stage04_training::shards::{Shards, Split};
//!
//! let shards = Shards::open(&settings.out)?;
//! let sampler = shards.part(Split::Train).sampler(8, 1337)?; // windows of eight tokens
//! let mut starts: Vec<u64> = (0..sampler.windows()).map(|place| sampler.start(place)).collect();
//! starts.sort();
//! // An epoch: one window after another, without a gap, and none twice.
//! assert!(starts.windows(2).all(|pair| pair[1] == pair[0] + 8));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};

use super::SplitTokens;
use super::permutation::Permutation;

// ANCHOR: sampler
/// Windows of a part of the data in a shuffled order, epoch after epoch. See
/// [`SplitTokens::sampler`].
#[derive(Clone, Copy, Debug)]
pub struct WindowSampler<'a> {
    part: &'a SplitTokens,
    block_size: usize,
    seed: u64,
    windows: u64,
    /// The number of possible offsets of the first window of an epoch.
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
        // A window covers block_size tokens, and its targets one more. An epoch has the same number
        // of windows at every offset, so that position / windows is the epoch.
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
    /// The first token of the window at a position.
    pub fn start(&self, position: u64) -> u64 {
        let (epoch, place) = (position / self.windows, position % self.windows);
        let mut rng = generator(self.seed, Purpose::Batch, epoch);
        let permutation = Permutation::new(self.windows, &mut rng);
        let offset = rng.random_range(0..self.offsets);
        offset + permutation.at(place) * self.block_size as u64
    }
    // ANCHOR_END: start

    /// The window at a position 0, 1, 2, …; each [`windows`](WindowSampler::windows) positions are
    /// an epoch. Depends only on the data, the block size, the seed and the position.
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

    /// Tokens 0, 1, 2, …: each is its own position.
    fn counting(tokens: u32, shard_tokens: usize) -> (tempfile::TempDir, Shards) {
        let directory = directory_of(&(0..tokens).collect::<Vec<_>>(), shard_tokens, 4, 1 << 20);
        let shards = Shards::open(directory.path()).unwrap();
        (directory, shards)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn an_epoch_visits_every_window_once_across_shard_borders(
            tokens in 2u32..400, block in 1usize..40, shard in 1usize..90, seed: u64, epoch in 0u64..1000,
        ) {
            prop_assume!(tokens as usize > block);
            let (_directory, shards) = counting(tokens, shard);
            let sampler = shards.part(Split::Train).sampler(block, seed).unwrap();
            let (mut inputs, mut targets) = (vec![0; block], vec![0; block]);
            let mut starts = BTreeSet::new();
            for place in 0..sampler.windows() {
                sampler.window(epoch * sampler.windows() + place, &mut inputs, &mut targets).unwrap();
                let start = inputs[0];
                prop_assert_eq!(&inputs, &(start..start + block as u32).collect::<Vec<_>>());
                prop_assert_eq!(&targets, &(start + 1..=start + block as u32).collect::<Vec<_>>());
                prop_assert!(starts.insert(start), "{} came twice", start);
            }
            // Adjacent, and less than two windows of tokens left.
            let first = *starts.first().unwrap();
            prop_assert!(starts.iter().zip(0..).all(|(s, i)| *s == first + i * block as u32));
            prop_assert!((first as usize) < block.max(1) * 2);
            let seen = starts.len() * block;
            prop_assert!(tokens as usize - 1 - seen < 2 * block);
        }

        #[test]
        fn workers_divide_the_positions_without_gaps(workers in 1u64..7, positions in 1u64..200, seed: u64) {
            let (_directory, shards) = counting(300, 70);
            let sampler = shards.part(Split::Train).sampler(8, seed).unwrap();
            let single: Vec<u64> = (0..positions).map(|p| sampler.start(p)).collect();
            let mut divided = vec![u64::MAX; positions as usize];
            for worker in 0..workers {
                for position in (worker..positions).step_by(workers as usize) {
                    divided[position as usize] = sampler.start(position);
                }
            }
            prop_assert_eq!(single, divided);
        }
    }

    #[test]
    fn borders_and_order_change_from_epoch_to_epoch() {
        let (_directory, shards) = counting(1000, 1000);
        let sampler = shards.part(Split::Train).sampler(16, 1).unwrap();
        let offset = |epoch: u64| sampler.start(epoch * sampler.windows()) % 16;
        assert!((0..50).map(offset).collect::<BTreeSet<_>>().len() > 10);
        let order = |epoch: u64| {
            let starts = epoch * sampler.windows()..(epoch + 1) * sampler.windows();
            starts.map(|p| sampler.start(p) / 16).collect::<Vec<_>>()
        };
        assert_ne!(order(0), order(1));
        let other = shards.part(Split::Train).sampler(16, 2).unwrap();
        assert_ne!(order(0), (0..61).map(|p| other.start(p) / 16).collect::<Vec<_>>());
    }

    #[test]
    fn the_windows_are_stable_across_versions() {
        let (_directory, shards) = counting(1000, 300);
        let sampler = shards.part(Split::Train).sampler(16, 1337).unwrap();
        assert_eq!(sampler.windows(), 61);
        let starts: Vec<u64> = [0, 1, 2, 60, 61, 62, 1_000_000].map(|p| sampler.start(p)).to_vec();
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
