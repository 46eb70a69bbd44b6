//! Dropout: during training, some numbers are set to zero at random.
//!
//! A model that must do without a random tenth of its activations at every step cannot rely on a
//! single one. The others are scaled up, so that the mean is unchanged:
//!
//! ```text
//! y = x * dropout_mask,   each entry of the mask 0 with probability p, and 1 / (1 - p) otherwise
//! ```
//!
//! Srivastava and others 2014. The caller decides whether a pass drops anything: a training pass
//! brings generators, an evaluation brings none. There is no hidden training mode.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::dropout::Dropout;
//!
//! let dropout = Dropout::new(0.5)?;
//! let (mut x, mut dropout_mask) = ([1.0; 8], [0.0; 8]);
//! dropout.forward(&mut x, &mut dropout_mask, &mut [generator(1, Purpose::Dropout, 0)]);
//! assert!(x.iter().all(|&x| x == 0.0 || x == 2.0)); // dropped, or scaled by 1 / (1 - p)
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::ArrayViewMut2;
use rand::Rng;
use stage01_bigram::random::Generator;
use stage01_bigram::{Error, Float, Result};

use crate::parallel::each_row;
use crate::profiler::{Region, time};

/// Random numbers drawn at a time: as many as the generator makes at once. They are the same as
/// when drawn one by one, and faster.
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

    /// x = x * dropout_mask, with a new random mask, which the backward pass reads again.
    ///
    /// x and dropout_mask: the same length. rngs: one generator for each sequence of the batch; x
    /// is cut into as many equal parts. So what is dropped from a sequence does not depend on the
    /// other sequences of its batch, or on its thread.
    ///
    /// # Panics
    /// When the parts do not come out equal.
    pub fn forward<T: Float>(&self, x: &mut [T], dropout_mask: &mut [T], rngs: &mut [Generator]) {
        let shape = (rngs.len(), dropout_mask.len() / rngs.len().max(1));
        let x = ArrayViewMut2::from_shape(shape, x).expect("equal parts");
        let dropout_mask = ArrayViewMut2::from_shape(shape, dropout_mask).expect("equal parts");
        each_row(Region::Dropout, (x, dropout_mask, rngs), |(x, dropout_mask, rng)| {
            self.draw(dropout_mask, rng);
            multiply(x, dropout_mask);
        });
    }

    /// Fills `dropout_mask` with 0 or 1 / (1 - p).
    pub fn draw<T: Float>(&self, dropout_mask: &mut [T], rng: &mut Generator) {
        self.each(dropout_mask, rng, |slot, mask| *slot = mask);
    }

    /// Draws 0 or 1 / (1 - p) for each value and calls `change(value, drawn)`.
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

    /// dx = dy * dropout_mask, in place. The same numbers are dropped in the backward pass.
    pub fn backward<T: Float>(&self, dy: &mut [T], dropout_mask: &[T]) {
        time(Region::Dropout, || multiply(dy, dropout_mask));
    }
}

// ANCHOR: multiply
fn multiply<T: Float>(x: &mut [T], dropout_mask: &[T]) {
    for (x, &mask) in x.iter_mut().zip(dropout_mask) {
        *x *= mask;
    }
}
// ANCHOR_END: multiply

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::random::{Purpose, generator};

    #[test]
    fn the_fraction_dropped_is_p_and_the_mean_stays() {
        let dropout = Dropout::new(0.3).unwrap();
        let (mut x, mut dropout_mask) = (vec![1.0f64; 100_000], vec![0.0; 100_000]);
        dropout.forward(&mut x, &mut dropout_mask, &mut [generator(1, Purpose::Dropout, 0)]);
        let dropped = x.iter().filter(|&&x| x == 0.0).count() as f64 / 1e5;
        let mean = x.iter().sum::<f64>() / 1e5;
        assert!((dropped - 0.3).abs() < 0.006, "dropped {dropped}"); // four standard errors
        assert!((mean - 1.0).abs() < 0.009, "mean {mean}");
        assert_eq!(x, dropout_mask);
    }

    /// Drawing many numbers at a time gives the same as drawing them one by one.
    #[test]
    fn the_numbers_are_those_of_the_generator_one_after_another() {
        let dropout = Dropout::new(0.3).unwrap();
        let mut many = generator(4, Purpose::Dropout, 0);
        let mut one = many.clone();
        for length in [1, 3, 63, 64, 65, 1000, 7] {
            let mut dropout_mask = vec![0.0f64; length];
            dropout.draw(&mut dropout_mask, &mut many);
            let fraction = |random: u32| f64::from(random) / 4_294_967_296.0;
            let expected = (0..length).map(|_| fraction(one.next_u32()) >= 0.3);
            assert!(dropout_mask.iter().map(|&mask| mask > 0.0).eq(expected), "{length}");
        }
    }

    #[test]
    fn the_backward_pass_drops_the_same_numbers() {
        let dropout = Dropout::new(0.5).unwrap();
        let (mut x, mut dropout_mask) = (vec![3.0f32; 64], vec![0.0; 64]);
        dropout.forward(&mut x, &mut dropout_mask, &mut [generator(2, Purpose::Dropout, 0)]);
        let mut dy = vec![3.0f32; 64];
        dropout.backward(&mut dy, &dropout_mask);
        assert_eq!(x, dy);
    }

    #[test]
    fn what_is_dropped_from_a_sequence_does_not_depend_on_its_batch() {
        let dropout = Dropout::new(0.5).unwrap();
        let rng = |i| generator(3, Purpose::Dropout, i);
        let (mut both, mut dropout_mask) = (vec![1.0f32; 64], vec![0.0; 64]);
        dropout.forward(&mut both, &mut dropout_mask, &mut [rng(0), rng(1)]);
        let (mut alone, mut dropout_mask) = (vec![1.0f32; 32], vec![0.0; 32]);
        dropout.forward(&mut alone, &mut dropout_mask, &mut [rng(1)]);
        assert_eq!(both[32..], alone);
        assert_ne!(both[..32], alone);
    }

    #[test]
    fn a_probability_out_of_range_is_refused() {
        for p in [-0.1, 1.0, f64::NAN] {
            assert!(Dropout::new(p).unwrap_err().to_string().starts_with("--dropout = "));
        }
    }
}
