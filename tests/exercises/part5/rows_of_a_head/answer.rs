//! Find the bug.
//!
//! A program reads the query weights of a Llama out of a GGUF file. There, rotary positions turn pairs of
//! neighbouring rows of a head. In the program, they turn row j of the first half of the head and row j
//! of its second half. So the rows are moved.
//!
//! The test of the program has a small model with heads of four rows, and it passes. Real models have
//! heads of 64. They load, and write sentences that lead nowhere.
//!
//! It should be: in a head of size rows, row 2 j of the file becomes row j, and row 2 j + 1 becomes row
//! j + size / 2. On paper, with size 6, the rows of the file go to 0, 3, 1, 4, 2, 5. So if the file has
//! 10, 11, 12, 13, 14, 15, the result is 10, 12, 14, 11, 13, 15.
//!
//! Find the mistake and mend it.

use ndarray::Array2;

/// The rows of all heads in the order of halves. file: (n_head size, n_in), in that of neighbours.
pub fn halves(file: &Array2<f64>, n_head: usize) -> Array2<f64> {
    let size = file.nrows() / n_head;
    let mut ours = Array2::zeros(file.dim());
    for head in 0..n_head {
        for row in 0..size {
            let (pair, second) = (row / 2, row % 2);
            let (from, to) = (row, second * (size / 2) + pair);
            ours.row_mut(head * size + to).assign(&file.row(head * size + from));
        }
    }
    ours
}
