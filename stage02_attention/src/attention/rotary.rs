//! Rotary position embedding (RoPE): queries and keys are rotated by their position.
//!
//! Attention compares a query with a key by a dot product, which does not know where the two stand.
//! RoPE tells it. The numbers of a head are taken in pairs, each pair as a point in a plane, and the
//! point is turned about the origin by an angle that grows with the position p:
//!
//! ```text
//! angle[p, j] = p * frequency[j],      frequency[j] = theta^(-2 j / hs),    j = 0 .. hs/2
//!
//! y[j]        = x[j] cos(angle) - x[j + hs/2] sin(angle)
//! y[j + hs/2] = x[j] sin(angle) + x[j + hs/2] cos(angle)
//! ```
//!
//! Two points that are turned by the angles a and b have the dot product of the unturned ones with
//! the angle b - a between them. So the score of a query and a key depends on the distance of
//! their positions alone. Low j turn fast and tell neighbours apart; high j turn slowly and still
//! tell thousands of tokens apart.
//!
//! The gradient is turned back, by the negative angle. Nothing is learned here.
//!
//! Su and others 2021 (RoFormer), section 3.2. The pairs are (j, j + hs/2), as in `transformers`;
//! the paper, Meta's own code and llama.cpp's files pair (2 j, 2 j + 1), which is the same with the
//! columns of the weights in another order.
//!
//! ```
//! use stage02_attention::attention::rotary::Rope;
//!
//! let angles = Rope::new(10_000.0).angles::<f64>(2, 10); // heads of 2 numbers: one pair
//! let (mut q, mut k) = ([1.0, 0.0], [1.0, 0.0]);
//! angles.rotate(7, &mut q);
//! angles.rotate(5, &mut k);
//! let score = q[0] * k[0] + q[1] * k[1];
//! assert!((score - 2f64.cos()).abs() < 1e-12); // the distance is 2
//! angles.rotate_back(7, &mut q);
//! assert!((q[0] - 1.0).abs() < 1e-12 && q[1].abs() < 1e-12);
//! ```
//!
//! What this file leaves out: attention itself ([`multi_head`](super::multi_head)).

use std::f64::consts::TAU;

use ndarray::Array2;
use stage01_bigram::{Error, Float, Result};

/// How a model rotates: its base, and how its angles are scaled for a longer context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies. Llama: 10,000; models of longer contexts have larger ones.
    pub theta: f64,
    /// A change of the frequencies, made after a first training to read longer texts.
    pub scaling: Scaling,
}

/// A change of the frequencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// None.
    None,
    /// Position interpolation (Chen and others 2023): all frequencies are divided by the factor.
    Linear {
        /// How many times longer the context became.
        factor: f64,
    },
    /// Llama 3.1's: low frequencies are divided by the factor, high ones stay, and those between
    /// go over from one to the other.
    Llama3 {
        /// What low frequencies are divided by.
        factor: f64,
        /// Up to this number of turns in the original context a frequency is low.
        low_freq_factor: f64,
        /// From this number of turns on it is high.
        high_freq_factor: f64,
        /// The original context, in tokens.
        original_context: f64,
    },
}

impl Rope {
    /// A rotation without scaling.
    pub const fn new(theta: f64) -> Rope {
        Rope { theta, scaling: Scaling::None }
    }

    /// Checks that the angles can be computed for heads of this size.
    ///
    /// # Errors
    /// [`Error::Setting`] for heads of an odd size, which have no pairs, and for numbers that are not
    /// positive.
    pub fn check(&self, head_size: usize) -> Result<()> {
        if !head_size.is_multiple_of(2) {
            let expected = "rotary positions turn pairs of numbers; choose --n-embd and --n-head so \
                            that n_embd / n_head is even";
            return Err(Error::setting("the size of a head", head_size, expected));
        }
        let positive = |setting: &str, value: f64| match value.is_finite() && value > 0.0 {
            true => Ok(()),
            false => Err(Error::setting(setting, value, "it must be a number above 0")),
        };
        if !(1.0..=1e30).contains(&self.theta) {
            let expected = "it must be a number from 1 to 1e30";
            return Err(Error::setting("--rope-theta", self.theta, expected));
        }
        match self.scaling {
            Scaling::None => Ok(()),
            Scaling::Linear { factor } => positive("the factor of the rope scaling", factor),
            Scaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                positive("the factor of the rope scaling", factor)?;
                positive("low_freq_factor of the rope scaling", low_freq_factor)?;
                positive("the original context of the rope scaling", original_context)?;
                if !(high_freq_factor > low_freq_factor && high_freq_factor.is_finite()) {
                    let expected = format!("it must be above low_freq_factor = {low_freq_factor}");
                    let setting = "high_freq_factor of the rope scaling";
                    return Err(Error::setting(setting, high_freq_factor, expected));
                }
                Ok(())
            }
        }
    }

    // ANCHOR: frequencies
    /// The frequencies of the pairs of a head, in radians per position. Length: head_size / 2.
    pub fn frequencies(&self, head_size: usize) -> Vec<f64> {
        let frequency = |j| self.theta.powf(-2.0 * j as f64 / head_size as f64);
        (0..head_size / 2).map(frequency).map(|frequency| self.scaled(frequency)).collect()
    }
    // ANCHOR_END: frequencies

    /// A frequency after the scaling.
    fn scaled(&self, frequency: f64) -> f64 {
        match self.scaling {
            Scaling::None => frequency,
            Scaling::Linear { factor } => frequency / factor,
            Scaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                let turns = original_context * frequency / TAU;
                let high = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                let high = high.clamp(0.0, 1.0); // 0: low, 1: high
                frequency * (high + (1.0 - high) / factor)
            }
        }
    }

    /// Sines and cosines of all angles, for heads of this size at the positions from 0 on.
    ///
    /// An angle is rounded as the numbers of the type `T` are, and so in f32 as in `transformers`:
    /// the weights of a model were trained with these angles.
    pub fn angles<T: Float>(&self, head_size: usize, positions: usize) -> Angles<T> {
        let frequencies: Vec<T> = self.frequencies(head_size).into_iter().map(T::of).collect();
        let angle = |(p, j): (usize, usize)| (T::of(p as f64) * frequencies[j]).f64();
        let shape = (positions, head_size / 2);
        Angles {
            cos: Array2::from_shape_fn(shape, |at| T::of(angle(at).cos())),
            sin: Array2::from_shape_fn(shape, |at| T::of(angle(at).sin())),
        }
    }
}

/// The cosine and the sine of every angle. Shape of each: (positions, hs / 2).
#[derive(Clone, Debug)]
pub struct Angles<T> {
    cos: Array2<T>,
    sin: Array2<T>,
}

impl<T: Float> Angles<T> {
    /// Rotates the vector of one head, in place. x: (hs).
    #[inline(always)]
    pub fn rotate(&self, position: usize, x: &mut [T]) {
        let (cos, sin) = self.at(position);
        // ANCHOR: rotate
        let (first, second) = x.split_at_mut(cos.len());
        for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
        // ANCHOR_END: rotate
    }

    /// The backward pass of [`Angles::rotate`]: turns the gradient of one head back. dx: (hs).
    #[inline(always)]
    pub fn rotate_back(&self, position: usize, dx: &mut [T]) {
        let (cos, sin) = self.at(position);
        let (first, second) = dx.split_at_mut(cos.len());
        for (((a, b), &cos), &sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
            (*a, *b) = (*a * cos + *b * sin, *b * cos - *a * sin);
        }
    }

    /// The cosines and sines of a position.
    #[inline(always)]
    fn at(&self, position: usize) -> (&[T], &[T]) {
        const CONTIGUOUS: &str = "owned matrices are contiguous";
        let row = position * self.cos.ncols()..(position + 1) * self.cos.ncols();
        let [cos, sin] = [&self.cos, &self.sin].map(|all| all.as_slice().expect(CONTIGUOUS));
        (&cos[row.clone()], &sin[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::fill_normal;
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage01_bigram::vector::dot;

    proptest! {
        #[test]
        fn a_score_depends_on_the_distance_alone(
            half in 1usize..20, p in 0usize..50, distance in 0usize..50, shift in 0usize..100, seed: u64,
        ) {
            let angles = Rope::new(10_000.0).angles::<f64>(2 * half, 200);
            let mut qk = vec![0.0; 4 * half];
            fill_normal(&mut qk, 1.0, &mut generator(seed, Purpose::Other, 0));
            let score = |query: usize, key: usize| {
                let (mut q, mut k) = (qk[..2 * half].to_vec(), qk[2 * half..].to_vec());
                angles.rotate(query, &mut q);
                angles.rotate(key, &mut k);
                dot(&q, &k)
            };
            let (here, there) = (score(p + distance, p), score(p + distance + shift, p + shift));
            prop_assert!((here - there).abs() < 1e-10, "{here} {there}");
        }

        #[test]
        fn turning_back_undoes_it_and_is_its_gradient(half in 1usize..9, p in 0usize..30, seed: u64) {
            let angles = Rope::new(100.0).angles::<f64>(2 * half, 30);
            let mut both = vec![0.0; 4 * half];
            fill_normal(&mut both, 1.0, &mut generator(seed, Purpose::Other, 0));
            let (x, dy) = both.split_at(2 * half);
            let mut there_and_back = x.to_vec();
            angles.rotate(p, &mut there_and_back);
            let mut dx = dy.to_vec();
            angles.rotate_back(p, &mut dx);
            // A linear map and its transpose: y · dy = x · dx.
            prop_assert!((dot(&there_and_back, dy) - dot(x, &dx)).abs() < 1e-11);
            angles.rotate_back(p, &mut there_and_back);
            prop_assert!(x.iter().zip(&there_and_back).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn llama_3_scales_slow_turns_alone() {
        let plain = Rope::new(500_000.0);
        let scaling = Scaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_context: 8192.0,
        };
        let (before, after) = (plain.frequencies(128), Rope { scaling, ..plain }.frequencies(128));
        for (&before, &after) in before.iter().zip(&after) {
            match 8192.0 * before / TAU {
                turns if turns >= 4.0 => assert_eq!(before, after),
                turns if turns <= 1.0 => assert_eq!(before / 8.0, after),
                _ => assert!(before > after && after > before / 8.0),
            }
        }
        assert_eq!((before[0], after[63] * 8.0), (1.0, before[63]));
    }

    #[test]
    fn heads_of_an_odd_size_and_senseless_numbers_are_refused() {
        let message = Rope::new(10_000.0).check(7).unwrap_err().to_string();
        assert!(message.contains("pairs"), "{message}");
        for theta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Rope::new(theta).check(8).is_err());
        }
        let scaling = Scaling::Linear { factor: 0.0 };
        assert!(Rope { scaling, ..Rope::new(1e4) }.check(8).is_err());
    }
}
