//! The feed-forward layer, forward and backward, of plain matrix products.
//!
//!   h = x W1 + b1,    g = gelu(h),    y = g W2 + b2
//!
//! Backward, from the last line to the first. Each `+=` adds to what is there, and a bias gets
//! the sum of the rows:
//!
//!   dW2 += g' dy,    db2 += sum of the rows of dy,    dg = dy W2'
//!   dh[i, j] = dg[i, j] * gelu'(h[i, j])
//!   dW1 += x' dh,    db1 += sum of the rows of dh,    dx = dh W1'
//!
//! (A ' behind a matrix is its transpose. Behind gelu it is the derivative.) `gelu` and
//! `gelu_derivative` are given, as the chapter has them.
//!
//! On paper: with C = 1 and only one hidden unit, x = 2, w1 = 0.5, b1 = 0, w2 = 3 and b2 = 1
//! give h = 1, g = 0.8412 and y = 3.5236.
//!
//! In Rust, `a.dot(&b)` multiplies two matrices and `a.t()` is the transpose. `&a + &b` adds b
//! to every row of a, `h.mapv(gelu)` applies a function to every number, `&a * &b` multiplies
//! number by number, and `a.sum_axis(Axis(0))` is the sum of the rows of a.

use super::given::gelu::{gelu, gelu_derivative};
use ndarray::{Array1, Array2, Axis};

/// The weights of the layer, or their gradients. With C columns and H hidden units:
pub struct Mlp {
    /// Shape: (C, H).
    pub w1: Array2<f64>,
    /// Shape: (H).
    pub b1: Array1<f64>,
    /// Shape: (H, C).
    pub w2: Array2<f64>,
    /// Shape: (C).
    pub b2: Array1<f64>,
}

/// h, g and y: the hidden units before and after gelu, and the result.
///
/// Shapes: x and y (rows, C); h and g (rows, H).
pub fn forward(mlp: &Mlp, x: &Array2<f64>) -> [Array2<f64>; 3] {
    // SOLUTION
    let h = x.dot(&mlp.w1) + &mlp.b1;
    let g = h.mapv(gelu);
    let y = g.dot(&mlp.w2) + &mlp.b2;
    [h, g, y]
    // STUB
    // todo!()
    // END
}

/// dx from dy. Adds the gradients of the weights to `grads`.
///
/// Shapes: x, dy and the result (rows, C); h, g (rows, H), as `forward` gave them.
pub fn backward(
    mlp: &Mlp,
    x: &Array2<f64>,
    h: &Array2<f64>,
    g: &Array2<f64>,
    dy: &Array2<f64>,
    grads: &mut Mlp,
) -> Array2<f64> {
    // SOLUTION
    grads.w2 += &g.t().dot(dy);
    grads.b2 += &dy.sum_axis(Axis(0));
    let dg = dy.dot(&mlp.w2.t());
    let dh = dg * h.mapv(gelu_derivative);
    grads.w1 += &x.t().dot(&dh);
    grads.b1 += &dh.sum_axis(Axis(0));
    dh.dot(&mlp.w1.t())
    // STUB
    // todo!()
    // END
}
