//! Rotary positions: each pair of columns is turned by an angle that grows with the position.
//!
//! A head has d columns. Pair c is the columns c and c + d/2, and there are d/2 pairs. In the row at
//! position t, pair c is turned by the angle t * w(c), where w(c) = 10,000^(-2 c / d):
//!
//!   x' = x cos(angle) - y sin(angle)        x is column c of the row
//!   y' = x sin(angle) + y cos(angle)        y is column c + d/2
//!
//! Row 0 stands at position `start`, row 1 at start + 1, and so on.
//!
//! Backward: a gradient is turned back, by the same angle with the other sign.
//!
//! On paper: d = 2, so there is one pair, and w(0) is 1. The row (1, 0) at position 0 stays as it
//! is. At position 1 it becomes (cos 1, sin 1) = (0.540, 0.841).
//!
//! In Rust, `10_000f64.powf(e)` is 10,000 to the power of e, and x.cos() is the cosine of x.

use ndarray::Array2;

/// The queries or keys of one head, turned.
///
/// x: (T, d), and d is even; start: the position of row 0. Returns (T, d).
pub fn rotate(x: &Array2<f64>, start: usize) -> Array2<f64> {
    // SOLUTION
    let (length, d) = x.dim();
    let (half, mut turned) = (d / 2, x.clone());
    for t in 0..length {
        for c in 0..half {
            let frequency = 10_000f64.powf(-2.0 * c as f64 / d as f64);
            let angle = (start + t) as f64 * frequency;
            let (cos, sin) = (angle.cos(), angle.sin());
            let (first, second) = (x[[t, c]], x[[t, c + half]]);
            turned[[t, c]] = first * cos - second * sin;
            turned[[t, c + half]] = first * sin + second * cos;
        }
    }
    turned
    // STUB
    // todo!()
    // END
}

/// The gradient of x from that of the turned rows.
///
/// dy: (T, d); start: the position of row 0, as it was forward. Returns (T, d).
pub fn rotate_backward(dy: &Array2<f64>, start: usize) -> Array2<f64> {
    // SOLUTION
    let (length, d) = dy.dim();
    let (half, mut dx) = (d / 2, dy.clone());
    for t in 0..length {
        for c in 0..half {
            let back = (start + t) as f64 * 10_000f64.powf(-2.0 * c as f64 / d as f64);
            let (dfirst, dsecond) = (dy[[t, c]], dy[[t, c + half]]);
            dx[[t, c]] = dfirst * back.cos() + dsecond * back.sin();
            dx[[t, c + half]] = dsecond * back.cos() - dfirst * back.sin();
        }
    }
    dx
    // STUB
    // todo!()
    // END
}
