//! A block of a GPT, forward and backward. Its two equations:
//!
//!   x1 = x  + attention(norm_1(x))
//!   x2 = x1 + mlp(norm_2(x1))
//!
//! The four layers are given to you as closures: call `attention(&x)` and you get a new table
//! of the same shape. (A `Layer` is a closure that is lent. `dyn` says that it may be any
//! closure that takes a table and returns one.)
//!
//! In `block_backward` the closures of the same names are the *backward passes* of the layers:
//! each turns the gradient of its output into the gradient of its input. A plus hands the
//! gradient on to both of its sides, unchanged.
//!
//! Example with a table of one number: let both norms multiply by 1, attention by 2 and mlp by
//! 3. Then x = 1 becomes x1 = 1 + 2 = 3 and x2 = 3 + 9 = 12. Backward, dx2 = 1 becomes
//! dx1 = 1 + 3 = 4 and dx = 4 + 8 = 12.
//!
//! In Rust, `&a + &b` adds two tables number by number.

use ndarray::Array2;

/// A layer, forward or backward. Both tables have the shape (rows, C).
pub type Layer<'a> = &'a mut dyn FnMut(&Array2<f64>) -> Array2<f64>;

/// x2 from x. Shape of both: (rows, C).
pub fn block(
    x: &Array2<f64>,
    ln_1: Layer,
    attention: Layer,
    ln_2: Layer,
    mlp: Layer,
) -> Array2<f64> {
    // SOLUTION
    let x1 = x + &attention(&ln_1(x));
    &x1 + &mlp(&ln_2(&x1))
    // STUB
    // todo!()
    // END
}

/// dx from dx2. Shape of both: (rows, C). The closures are the backward passes.
pub fn block_backward(
    dx2: &Array2<f64>,
    ln_1: Layer,
    attention: Layer,
    ln_2: Layer,
    mlp: Layer,
) -> Array2<f64> {
    // SOLUTION
    let dx1 = dx2 + &ln_2(&mlp(dx2));
    &dx1 + &ln_1(&attention(&dx1))
    // STUB
    // todo!()
    // END
}
