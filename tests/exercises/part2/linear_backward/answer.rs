//! The backward pass of a linear layer y = x w + b. Two products, and one sum:
//!
//!   dx = dy w'                              overwritten: it is returned
//!   dw += x' dy                             added to what dw holds
//!   db += the sum of the rows of dy         added to what db holds
//!
//! (w' is w transposed, `w.t()`.) A weight serves all rows and perhaps several batches, so its
//! gradients add up.
//!
//! On paper: x = (1, 2), the rows of w are (1, 0, -1) and (2, 1, 0), dy = (1, -1, 2). Then
//! dx = (-1, 1), the rows of dw are (1, -1, 2) and (2, -2, 4), and db = (1, -1, 2).

use ndarray::{Array1, Array2, Axis};

/// Returns dx, and adds the gradients of the weights to `dw` and `db`.
///
/// x: (rows, inputs); w, dw: (inputs, outputs); dy: (rows, outputs), the gradient of y;
/// db: (outputs). Returns dx: (rows, inputs).
pub fn linear_backward(
    x: &Array2<f64>,
    w: &Array2<f64>,
    dy: &Array2<f64>,
    dw: &mut Array2<f64>,
    db: &mut Array1<f64>,
) -> Array2<f64> {
    // SOLUTION
    *dw += &x.t().dot(dy);
    *db += &dy.sum_axis(Axis(0));
    dy.dot(&w.t())
    // STUB
    // todo!()
    // END
}
