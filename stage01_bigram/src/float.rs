//! The two kinds of numbers the course computes with, under one name.
//!
//! Training runs in `f32`: half the memory, twice the speed. Every derivative is checked in
//! `f64`, where rounding is small enough to tell a wrong formula from a right one. Writing
//! each layer once, for any [`Float`], makes sure that the code which is checked is the code
//! which trains.

use ndarray::NdFloat;

/// A floating-point number: `f32` or `f64`.
pub trait Float: NdFloat + std::iter::Sum + Default + 'static {
    /// The nearest number of this type to `x`. Used for constants and settings.
    fn of(x: f64) -> Self;

    /// This number as an `f64`. Exact for both types.
    fn f64(self) -> f64;

    /// exp(x), quickly: within 2e-7 of the truth for `f32`, the usual exp for `f64`.
    ///
    /// A model computes millions of these in every step, for the softmax and the bend of its
    /// feed-forward layers. See [`vector`](crate::vector) for how it becomes quick.
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
        crate::vector::exp_f32(self)
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
