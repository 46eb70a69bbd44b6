//! How well two lists fit, and how well their directions fit:
//!
//!   dot(x, w)  = x[0] w[0] + x[1] w[1] + ...
//!   norm(x)    = the root of x[0] x[0] + x[1] x[1] + ...
//!   cosine_similarity(x, w) = dot(x, w) / (norm(x) norm(w))
//!
//! For dog = (1, -2) and barks = (2, -1) the dot product is 2 + 2 = 4. Both norms are the root
//! of 5, so the cosine similarity is 4 / 5 = 0.8. In Rust, the root of a number a is a.sqrt().

/// The dot product of two lists. x, w: (n).
pub fn dot(x: &[f64], w: &[f64]) -> f64 {
    // SOLUTION
    let mut sum = 0.0;
    for i in 0..x.len() {
        sum += x[i] * w[i];
    }
    sum
    // STUB
    // todo!()
    // END
}

/// The length of a list as an arrow. x: (n).
pub fn norm(x: &[f64]) -> f64 {
    // SOLUTION
    dot(x, x).sqrt()
    // STUB
    // todo!()
    // END
}

/// The dot product divided by both norms: from -1 to 1. x, w: (n), neither of them all zero.
pub fn cosine_similarity(x: &[f64], w: &[f64]) -> f64 {
    // SOLUTION
    dot(x, w) / (norm(x) * norm(w))
    // STUB
    // todo!()
    // END
}
