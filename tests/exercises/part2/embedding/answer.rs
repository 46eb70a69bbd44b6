//! A token becomes a row of numbers: the row of the token, plus the row of its place.
//!
//!   x[i] = wte[tokens[i]] + wpe[i % length]
//!
//! `tokens` may hold several windows of `length` tokens, one after another. Places are counted
//! anew in each window, and that is what the remainder `i % length` does.
//!
//! Backward: a row of a table gets the sum of the gradients of its copies.
//!
//!   dwte[tokens[i]] += dx[i]        dwpe[i % length] += dx[i]        for every i
//!
//! On paper: with the rows bites (0, 2), dog (1, 0), man (2, 1) and the places (10, 0),
//! (0, 10), (10, 10), the tokens 1, 0, 2 (dog bites man) become (11, 0), (0, 12), (12, 11).

use ndarray::Array2;

/// Token plus place.
///
/// wte: (vocabulary, C), a row for each token; wpe: (at least length, C), a row for each place;
/// tokens: window after window of `length` tokens. Returns x: (number of tokens, C).
pub fn embed(wte: &Array2<f64>, wpe: &Array2<f64>, tokens: &[u32], length: usize) -> Array2<f64> {
    // SOLUTION
    Array2::from_shape_fn((tokens.len(), wte.ncols()), |(i, c)| {
        wte[[tokens[i] as usize, c]] + wpe[[i % length, c]]
    })
    // STUB
    // todo!()
    // END
}

/// Adds the gradients of both tables to what `dwte` and `dwpe` hold.
///
/// tokens, length: as in the forward pass; dx: (number of tokens, C), the gradient of x;
/// dwte, dwpe: the shapes of wte and wpe.
pub fn embed_backward(
    tokens: &[u32],
    length: usize,
    dx: &Array2<f64>,
    dwte: &mut Array2<f64>,
    dwpe: &mut Array2<f64>,
) {
    // SOLUTION
    for (i, &token) in tokens.iter().enumerate() {
        for c in 0..dx.ncols() {
            dwte[[token as usize, c]] += dx[[i, c]];
            dwpe[[i % length, c]] += dx[[i, c]];
        }
    }
    // STUB
    // todo!()
    // END
}
