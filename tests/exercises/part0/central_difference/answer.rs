//! The slope of a function by nudges: a nudge to both sides, and then two pairs of nudges.
//!
//!   central_difference = (f(x + h) - f(x - h)) / (2 h)
//!
//! For x^3 at 1 with h = 1 that is (8 - 0) / 2 = 4, too large by 1. With 2h it is too large by
//! 4. So four times the first and once the second have the same error, and it drops out:
//!
//!   near = central_difference with h,  far = central_difference with 2h
//!   slope = (4 near - far) / 3
//!
//! On paper: (4 * 4 - 7) / 3 = 3, which is the true slope.

/// The central difference of `f` at `x` with the nudge `h`.
pub fn central_difference(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    // SOLUTION
    (f(x + h) - f(x - h)) / (2.0 * h)
    // STUB
    // todo!()
    // END
}

/// The slope of `f` at `x` from two central differences. Hand `f` on as `&f`: it is needed
/// twice.
pub fn slope(f: impl Fn(f64) -> f64, x: f64, h: f64) -> f64 {
    // SOLUTION
    let near = central_difference(&f, x, h);
    let far = central_difference(&f, x, 2.0 * h);
    (4.0 * near - far) / 3.0
    // STUB
    // todo!()
    // END
}
