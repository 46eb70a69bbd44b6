//! Dropout: during training, forget some numbers at random.
//!
//! A model that must do without a random tenth of its numbers at every step cannot rely on
//! one of them alone. What stays is scaled up, so that the average stays what it was:
//!
//! ```text
//! y = x * keep,    keep = 1 / (1 - p) with probability 1 - p,  and 0 with probability p
//! ```
//!
//! Srivastava and others 2014. Whether a pass drops anything is said by its caller: a training
//! pass brings generators, an evaluation brings none. There is no hidden mode to forget.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::dropout::Dropout;
//!
//! let dropout = Dropout::new(0.5)?;
//! let (mut x, mut keep) = ([1.0; 8], [0.0; 8]);
//! dropout.forward(&mut x, &mut keep, &mut [generator(1, Purpose::Dropout, 0)]);
//! assert!(x.iter().all(|&x| x == 0.0 || x == 2.0)); // dropped, or scaled by 1 / (1 - p)
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::ArrayViewMut2;
use rand::Rng;
use stage01_bigram::random::Generator;
use stage01_bigram::{Error, Float, Result};

use crate::parallel::each_row;
use crate::profiler::{Region, time};

/// How many random numbers are drawn at a time: as many as the generator makes at once. They are
/// the same ones as one by one, and sooner there.
const DRAWN: usize = 64;

/// The probability of dropping a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// Dropout with probability `p`, from 0 (nothing is dropped) to below 1.
    ///
    /// # Errors
    /// [`Error::Setting`] for any other `p`.
    pub fn new(p: f64) -> Result<Self> {
        if (0.0..1.0).contains(&p) {
            Ok(Dropout { p })
        } else {
            Err(Error::setting("--dropout", p, "choose at least 0 and less than 1, such as 0.1"))
        }
    }

    /// Whether it ever drops anything.
    pub fn is_active(&self) -> bool {
        self.p > 0.0
    }

    /// x = x * keep, with a new random `keep` which the backward pass will want again.
    ///
    /// x and keep: the same length. rngs: one generator for each sequence of the batch; x is
    /// cut into as many equal parts. So what a sequence forgets does not depend on which
    /// others share its batch, or its thread.
    ///
    /// # Panics
    /// When the parts do not come out equal.
    pub fn forward<T: Float>(&self, x: &mut [T], keep: &mut [T], rngs: &mut [Generator]) {
        let shape = (rngs.len(), keep.len() / rngs.len().max(1));
        let x = ArrayViewMut2::from_shape(shape, x).expect("equal parts");
        let keep = ArrayViewMut2::from_shape(shape, keep).expect("equal parts");
        each_row(Region::Dropout, (x, keep, rngs), |(x, keep, rng)| {
            self.draw(keep, rng);
            multiply(x, keep);
        });
    }

    /// Fills `keep` with 0 or 1 / (1 - p).
    pub fn draw<T: Float>(&self, keep: &mut [T], rng: &mut Generator) {
        self.each(keep, rng, |slot, keep| *slot = keep);
    }

    /// Draws 0 or 1 / (1 - p) for each of some numbers, and says what becomes of the two.
    pub fn each<T: Float>(
        &self,
        values: &mut [T],
        rng: &mut Generator,
        mut change: impl FnMut(&mut T, T),
    ) {
        // ANCHOR: each
        let scale = T::of(1.0 / (1.0 - self.p));
        // A 32-bit number is below p 2^32 with probability p.
        let threshold = (self.p * 4_294_967_296.0) as u32;
        let mut random = [0; 4 * DRAWN];
        for values in values.chunks_mut(DRAWN) {
            let random = &mut random[..4 * values.len()];
            rng.fill_bytes(random);
            for (value, bytes) in values.iter_mut().zip(random.as_chunks().0) {
                let dropped = u32::from_le_bytes(*bytes) < threshold;
                change(value, if dropped { T::zero() } else { scale });
            }
        }
        // ANCHOR_END: each
    }

    /// dx = dy * keep, in place. The same numbers are dropped in the backward pass.
    pub fn backward<T: Float>(&self, dy: &mut [T], keep: &[T]) {
        time(Region::Dropout, || multiply(dy, keep));
    }
}

// ANCHOR: multiply
fn multiply<T: Float>(x: &mut [T], keep: &[T]) {
    for (x, &keep) in x.iter_mut().zip(keep) {
        *x *= keep;
    }
}
// ANCHOR_END: multiply

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::random::{Purpose, generator};

    #[test]
    fn drops_the_share_it_promises_and_keeps_the_mean() {
        let dropout = Dropout::new(0.3).unwrap();
        let (mut x, mut keep) = (vec![1.0f64; 100_000], vec![0.0; 100_000]);
        dropout.forward(&mut x, &mut keep, &mut [generator(1, Purpose::Dropout, 0)]);
        let dropped = x.iter().filter(|&&x| x == 0.0).count() as f64 / 1e5;
        let mean = x.iter().sum::<f64>() / 1e5;
        assert!((dropped - 0.3).abs() < 0.006, "dropped {dropped}"); // four standard errors
        assert!((mean - 1.0).abs() < 0.009, "mean {mean}");
        assert_eq!(x, keep);
    }

    /// Whether many are drawn at a time or each by itself makes no difference.
    #[test]
    fn the_numbers_are_those_of_the_generator_one_after_another() {
        let dropout = Dropout::new(0.3).unwrap();
        let mut many = generator(4, Purpose::Dropout, 0);
        let mut one = many.clone();
        for length in [1, 3, 63, 64, 65, 1000, 7] {
            let mut keep = vec![0.0f64; length];
            dropout.draw(&mut keep, &mut many);
            let share = |random: u32| f64::from(random) / 4_294_967_296.0;
            let expected = (0..length).map(|_| share(one.next_u32()) >= 0.3);
            assert!(keep.iter().map(|&keep| keep > 0.0).eq(expected), "{length}");
        }
    }

    #[test]
    fn the_way_back_drops_the_same_numbers() {
        let dropout = Dropout::new(0.5).unwrap();
        let (mut x, mut keep) = (vec![3.0f32; 64], vec![0.0; 64]);
        dropout.forward(&mut x, &mut keep, &mut [generator(2, Purpose::Dropout, 0)]);
        let mut dy = vec![3.0f32; 64];
        dropout.backward(&mut dy, &keep);
        assert_eq!(x, dy);
    }

    #[test]
    fn a_sequence_forgets_the_same_whoever_stands_beside_it() {
        let dropout = Dropout::new(0.5).unwrap();
        let rng = |i| generator(3, Purpose::Dropout, i);
        let (mut both, mut keep) = (vec![1.0f32; 64], vec![0.0; 64]);
        dropout.forward(&mut both, &mut keep, &mut [rng(0), rng(1)]);
        let (mut single_threaded, mut keep) = (vec![1.0f32; 32], vec![0.0; 32]);
        dropout.forward(&mut single_threaded, &mut keep, &mut [rng(1)]);
        assert_eq!(both[32..], single_threaded);
        assert_ne!(both[..32], single_threaded);
    }

    #[test]
    fn a_probability_that_is_none_is_refused() {
        for p in [-0.1, 1.0, f64::NAN] {
            assert!(Dropout::new(p).unwrap_err().to_string().starts_with("--dropout = "));
        }
    }
}
