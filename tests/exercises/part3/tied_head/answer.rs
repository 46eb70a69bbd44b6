//! The smallest model with a tied embedding: a token becomes its row of the matrix E, and this
//! row is compared with every row of E. There is nothing in between.
//!
//!   x[i] = E[token i],    z[i, a] = sum over c of x[i, c] * E[a, c]
//!
//! E is used twice, so its gradient has two parts, and they add up:
//!
//!   - as the matrix of the scores: dE[a, c] += sum over i of dz[i, a] * x[i, c]
//!   - as the embedding: dx[i, c] = sum over a of dz[i, a] * E[a, c], and then the row of
//!     token i gets dx[i]
//!
//! Example: two tokens with one number each, E = (2; 3). Token 0 makes the scores (4, 6). With
//! dz = (1, 1) the scores hand back (2, 2) to E. And dx = 2 + 3 = 5 goes to row 0: dE = (7; 2).
//!
//! In Rust, `a.dot(&b)` is the matrix product, `a.t()` the transpose, and `d.row_mut(r)` a row
//! that can be changed; `+=` adds a row to it.

use ndarray::Array2;

/// The rows of these tokens. Shapes: e (V, C); the result (rows, C).
pub fn embed(e: &Array2<f64>, tokens: &[u32]) -> Array2<f64> {
    Array2::from_shape_fn((tokens.len(), e.ncols()), |(i, c)| e[[tokens[i] as usize, c]])
}

/// The scores of every token. Shapes: x (rows, C); e (V, C); the result (rows, V).
pub fn logits(x: &Array2<f64>, e: &Array2<f64>) -> Array2<f64> {
    // SOLUTION
    x.dot(&e.t())
    // STUB
    // todo!()
    // END
}

/// Adds the gradient of E, of both of its uses, to de.
///
/// Shapes: e, de (V, C); dlogits (rows, V), with a row for each token.
pub fn backward(e: &Array2<f64>, tokens: &[u32], dlogits: &Array2<f64>, de: &mut Array2<f64>) {
    // SOLUTION
    let x = embed(e, tokens);
    *de += &dlogits.t().dot(&x);
    let dx = dlogits.dot(e);
    for i in 0..tokens.len() {
        let mut row = de.row_mut(tokens[i] as usize);
        row += &dx.row(i);
    }
    // STUB
    // todo!()
    // END
}
