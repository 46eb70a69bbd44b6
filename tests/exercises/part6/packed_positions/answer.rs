//! Several examples in one row. There is a bug in this file.
//!
//! A row of a batch holds several examples, one behind another. `lengths` says how many tokens
//! each has. For each token of the row: where its example begins, its position in its example, and
//! which tokens it attends to.
//!
//! Two examples of 3 and 2 tokens:
//!
//!   place in the row   0  1  2   3  4
//!   starts             0  0  0   3  3
//!   positions          0  1  2   0  1
//!
//! The symptom: in training with packed rows, the loss is a little *lower* than the loss of the
//! same examples, each in a row of its own. And the probabilities of an answer change when
//! another example stands before it in the row. The first example of each row is always right.
//!
//! Find the bug and mend it.

/// Where in the row the example of each token begins.
pub fn starts(lengths: &[usize]) -> Vec<usize> {
    let mut starts = Vec::new();
    for &length in lengths {
        let start = starts.len();
        starts.extend(vec![start; length]);
    }
    starts
}

/// The position of each token in its example, from 0.
pub fn positions(lengths: &[usize]) -> Vec<usize> {
    let starts = starts(lengths);
    starts.iter().enumerate().map(|(place, start)| place - start).collect()
}

/// Whether the token at place i attends to the token at place j.
pub fn attends(lengths: &[usize], i: usize, j: usize) -> bool {
    let starts = starts(lengths);
    j <= i && starts[i] == starts[j]
}
