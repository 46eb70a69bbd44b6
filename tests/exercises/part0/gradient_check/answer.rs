//! A gradient check: is a rule for slopes right? Nudge every weight, and compare.
//!
//! How far two slopes are apart is measured against their size, because 0.01 is much for a
//! slope of 0.02, and little for one of 1000:
//!
//!   relative_error = |analytic - numeric| / the larger of |analytic| and |numeric|
//!
//! The analytic slope comes from the rule, the numeric one from the nudge. The error is 0 if
//! both are 0. Of -3 and -6 it is 3 / 6 = 0.5. In Rust, the size of a is a.abs(), and the
//! larger of a and b is a.max(b).
//!
//! `gradient_check` goes through the weights. It nudges one of them by h = 0.001 to both sides,
//! and leaves the others alone:
//!
//!   numeric = (loss with w[i] + h  -  loss with w[i] - h) / (2 h)
//!
//! Its result is the largest of all relative errors. Afterwards the weights are what they were.

/// How far the two slopes are apart, measured against the larger one.
pub fn relative_error(analytic: f64, numeric: f64) -> f64 {
    // SOLUTION
    let size = analytic.abs().max(numeric.abs());
    if size == 0.0 { 0.0 } else { (analytic - numeric).abs() / size }
    // STUB
    // todo!()
    // END
}

/// The largest relative error of a gradient of `loss` at `w`. w, gradient: (n).
pub fn gradient_check(w: &mut [f64], gradient: &[f64], loss: impl Fn(&[f64]) -> f64) -> f64 {
    let h = 0.001;
    // SOLUTION
    let mut largest: f64 = 0.0;
    for i in 0..w.len() {
        let old = w[i];
        w[i] = old + h;
        let above = loss(w);
        w[i] = old - h;
        let below = loss(w);
        w[i] = old;
        let numeric = (above - below) / (2.0 * h);
        largest = largest.max(relative_error(gradient[i], numeric));
    }
    largest
    // STUB
    // todo!()
    // END
}
