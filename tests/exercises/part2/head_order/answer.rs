//! Find the bug.
//!
//! A model with many heads learns, but it gains nothing from a longer text: with windows of 64
//! tokens it is hardly better than with windows of 16. With more heads it becomes worse.
//! Somebody has looked at the tables that the heads get. Their shapes are right, and every
//! number of x is in one of them, once.
//!
//! It should be: head h gets columns h * d to (h + 1) * d - 1 of ALL tokens. With two heads,
//!
//!    0   1   2   3        head 0:   0   1        head 1:   2   3
//!   10  11  12  13                 10  11                 12  13
//!   20  21  22  23                 20  21                 22  23
//!
//! Find the mistake and mend it. Two functions of `ndarray` are used. `x.to_shape((a, b, c))`
//! looks at the same numbers, in the order in which they lie in memory (row after row), as a
//! tensor of a tables of b rows and c columns. `permuted_axes([1, 0, 2])` exchanges axes: the
//! old axis 1 becomes the first, the old axis 0 the second.

use ndarray::Array2;

/// The tables of the heads, each (T, C / n_head). x: (T, C).
pub fn split(x: &Array2<f64>, n_head: usize) -> Vec<Array2<f64>> {
    let (length, columns) = x.dim();
    let d = columns / n_head;
    let tensor = x.to_shape((length, n_head, d)).expect("as many numbers as before");
    let heads = tensor.permuted_axes([1, 0, 2]);
    heads.outer_iter().map(|head| head.to_owned()).collect()
}
