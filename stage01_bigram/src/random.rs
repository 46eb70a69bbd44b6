//! Random numbers that can be reproduced.
//!
//! Everything random in the course (initial weights, batches, dropout, sampling) takes its
//! generator as an argument; nothing reads a hidden global one. A generator is determined by three
//! numbers: the user's `seed`, a [`Purpose`], and an `index` within that purpose (the iteration,
//! say). So the batch of iteration 700 is known without drawing the 699 before it, and a run that
//! is stopped and resumed continues exactly as if nothing had happened: the RNG state of a run is
//! the seed and the iteration.
//!
//! The generator is ChaCha with 8 rounds (Bernstein 2008): the same stream on every platform
//! and in every version, and any number of independent streams for one seed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator of the whole course.
pub type Generator = ChaCha8Rng;

// ANCHOR: purpose
/// What a stream of random numbers is for. Different purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The initial weights of a model.
    Initialisation = 0,
    /// Which windows of the text make a training batch; one index for each step.
    Batch = 1,
    /// Which windows of the text make an evaluation.
    Evaluation = 2,
    /// Which numbers inside a model are dropped in training; one index for each sequence.
    Dropout = 3,
    /// Which token is drawn from the probabilities.
    Sampling = 4,
    /// Anything else: examples, experiments, tests.
    Other = 5,
    /// Which inputs of a low-rank adapter are dropped in training; one index for each row of each
    /// layer.
    AdapterDropout = 6,
}
// ANCHOR_END: purpose

/// The generator for one purpose and one index of a run that has this seed.
///
/// ```
/// use rand::Rng;
/// use stage01_bigram::random::{Purpose, generator};
/// let (mut a, mut b) = (generator(1, Purpose::Batch, 7), generator(1, Purpose::Batch, 7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// assert_ne!(a.next_u64(), generator(1, Purpose::Batch, 8).next_u64());
/// ```
// ANCHOR: generator
pub fn generator(seed: u64, purpose: Purpose, index: u64) -> Generator {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    // The top byte is the purpose; 2^56 indices remain for each.
    generator.set_stream((purpose as u64) << 56 | index & ((1 << 56) - 1));
    generator
}
// ANCHOR_END: generator
