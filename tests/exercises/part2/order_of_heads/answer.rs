//! Does it matter which head is the first?
//!
//! The heads stand side by side, and the layer `c_proj` mixes them:
//!
//!   Y = [head 0, head 1, ..., head H-1] W_o
//!
//! Put the heads side by side in another order. If the rows of W_o are put in the right order
//! as well, Y does not change at all: the order of heads means nothing. It is your task to find
//! that order of the rows.
//!
//! `order` says which old head stands where: place a holds old head order[a].
//!
//! On paper: two heads of one column, found 3 and 5, and W_o has the rows (1, 0) and (10, 2).
//! So Y = (3 * 1 + 5 * 10, 3 * 0 + 5 * 2) = (53, 10). With the order [1, 0] the heads stand as
//! 5, 3. W_o must have the rows (10, 2) and (1, 0).

use ndarray::Array2;

/// W_o for heads that stand in another order.
///
/// w_o: (C, C), for heads in the order 0, 1, 2, ...; order: each head once. Returns (C, C).
pub fn reordered(w_o: &Array2<f64>, order: &[usize]) -> Array2<f64> {
    // SOLUTION
    let d = w_o.nrows() / order.len();
    Array2::from_shape_fn(w_o.dim(), |(i, j)| w_o[[order[i / d] * d + i % d, j]])
    // STUB
    // todo!()
    // END
}
