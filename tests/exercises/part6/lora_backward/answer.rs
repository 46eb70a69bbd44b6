//! The backward pass of a layer with an adapter.
//!
//! Forward: u = x A, y = x W + s u B. W is frozen and gets no gradient. With dy from behind:
//!
//!   dB += s u' dy      du = s dy B'      dA += x' du      dx = dy W' + du A'
//!
//! (The stroke is the transpose.) The gradients of A and B are *added* to what is there already.
//!
//! x: (rows, n_in)   u: (rows, rank)   y: (rows, n_out)
//!
//! On paper: x = (1, 2), W = (1 2; 3 4), A = (1; -1), B = (2, 1), s = 2, dy = (1, -1). Then
//! u = -1, dB = (-2, 2), du = 2, dA = (2; 4), dx = (-1, -1) + (2, -2) = (1, -3).

use ndarray::Array2;

/// An adapter.
pub struct Adapter {
    /// Shape: (n_in, rank).
    pub a: Array2<f64>,
    /// Shape: (rank, n_out).
    pub b: Array2<f64>,
    /// alpha / rank.
    pub s: f64,
}

/// dx, of the shape of x. The gradients of A and B are added to `da` and `db`.
pub fn backward(
    x: &Array2<f64>,
    w: &Array2<f64>,
    adapter: &Adapter,
    dy: &Array2<f64>,
    da: &mut Array2<f64>,
    db: &mut Array2<f64>,
) -> Array2<f64> {
    let Adapter { a, b, s } = adapter;
    let s = *s;
    // SOLUTION
    let u = x.dot(a);
    *db += &(s * u.t().dot(dy));
    let du = s * dy.dot(&b.t());
    *da += &x.t().dot(&du);
    dy.dot(&w.t()) + du.dot(&a.t())
    // STUB
    // todo!()
    // END
}
