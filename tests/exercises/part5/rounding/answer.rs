//! Find the bug.
//!
//! A program quantises weights to 8 bits. With this file its errors are 0.85 % of normal weights,
//! where the chapter has 0.54 %. Positive weights are never off by more than half a step. Among
//! the negative ones many are off by nearly a whole step.
//!
//! `nearest` should give the nearest whole number; of two that are equally near, the even one:
//!
//!   x         2.4   2.5   2.6   3.5   -0.4   -0.6   -1.5   -2.5
//!   nearest   2     2     3     4      0     -1     -2     -2
//!
//! Find the mistake and mend it. (`floor` is the next whole number below, `trunc` cuts off what
//! is behind the point.)

/// The nearest whole number to x; of two that are equally near, the even one.
pub fn nearest(x: f64) -> i64 {
    let below = x.floor();
    let rest = x - below;
    let is_odd = below % 2.0 != 0.0;
    let up = rest > 0.5 || (rest == 0.5 && is_odd);
    below as i64 + i64::from(up)
}
