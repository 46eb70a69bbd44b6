//! `f32` and `f64` under one trait, [`Float`], and a fast exp.
//!
//! Training runs in `f32`: half the memory, twice the speed. Every derivative is checked in `f64`,
//! where rounding is small enough to tell a wrong formula from a right one. Each layer is written
//! once, for any [`Float`], so the code that is checked is the code that trains.
//!
//! ```
//! use stage01_bigram::Float;
//! fn third<T: Float>() -> T {
//!     T::of(1.0) / T::of(3.0)
//! }
//! assert_eq!((third::<f32>(), third::<f64>()), (1.0 / 3.0, 1.0 / 3.0));
//! assert!((1f32.fast_exp() - std::f32::consts::E).abs() < 1e-6);
//! ```

use ndarray::NdFloat;

/// A floating-point number: `f32` or `f64`.
pub trait Float: NdFloat + std::iter::Sum + Default + 'static {
    /// The nearest number of this type to `x`. Used for constants and settings.
    fn of(x: f64) -> Self;

    /// This number as an `f64`. Exact for both types.
    fn f64(self) -> f64;

    /// A fast exp(x): with a relative error below 2e-7 for `f32`, the standard exp for `f64`.
    ///
    /// A model computes millions of these in every step, for the softmax and the activation
    /// function of its feed-forward layers. See [`exp_f32`] for the method.
    fn fast_exp(self) -> Self;
}

impl Float for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn fast_exp(self) -> Self {
        exp_f32(self)
    }
}

impl Float for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn fast_exp(self) -> Self {
        self.exp()
    }
}

/// exp(x) for `f32`, by arithmetic alone: without a library call and without a branch, so that a
/// processor computes sixteen in parallel.
///
/// x is split into n ln 2 + r with a whole n and a small r, so that
///
/// ```text
/// exp(x) = 2^n exp(r),    exp(r) = 1 + r + r²/2! + ... + r⁷/7!,    |r| < 0.35
/// ```
///
/// The first term left out, r⁸/8!, is below 6e-9: less than the precision of an `f32`. 2^n needs no
/// computation: n is written into the exponent of a float. Below -87.3 the result is 0 and above
/// 88.3 it is ∞, where the true values leave the range of ordinary `f32`.
#[inline(always)]
pub fn exp_f32(x: f32) -> f32 {
    const LOWEST: f32 = -87.3;
    // Adding this to a small number rounds it: no significand bits remain for a fraction.
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    // ln 2 in two parts: n times the first is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;

    let inside = x.clamp(LOWEST, 89.0);
    let rounded = inside * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = inside - n * LN_2_HIGH - n * LN_2_LOW;
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + coefficient;
    }
    // The last bits of `rounded` are n; 127 is the exponent field of 2^0.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x < LOWEST { 0.0 } else { series * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_as_close_as_it_says_everywhere() {
        let mut worst = 0.0f64;
        // Every 1024th float between -87.3 and 88.
        for bits in (0..0x42b0_0000u32).step_by(1024) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                if (-87.3..88.0).contains(&x) {
                    let truth = f64::from(x).exp();
                    worst = worst.max((f64::from(exp_f32(x)) - truth).abs() / truth);
                }
            }
        }
        assert!(worst < 2e-7, "{worst:e}");
    }

    #[test]
    fn exp_of_the_extremes() {
        assert_eq!(exp_f32(0.0), 1.0);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_f32(-1e30), 0.0);
        assert_eq!(exp_f32(-87.31), 0.0);
        assert_eq!(exp_f32(1e30), f32::INFINITY);
        assert_eq!(exp_f32(f32::INFINITY), f32::INFINITY);
        assert!(exp_f32(f32::NAN).is_nan());
    }
}
