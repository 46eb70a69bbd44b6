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
}

impl Float for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn f64(self) -> f64 {
        f64::from(self)
    }
}

impl Float for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn f64(self) -> f64 {
        self
    }
}
