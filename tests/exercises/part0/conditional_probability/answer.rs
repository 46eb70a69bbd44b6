//! Find the bug. The table of what comes next: of all pairs that begin with a, the share of
//! those that go on with b.
//!
//!   p(b | a) = (number of pairs ab) / (number of pairs that begin with a)
//!
//! As you find it, this file compiles and runs. For *abracadabra* the rows of b, c, d and r are
//! as in the chapter, and each adds up to 1. But the row of a is 0, 0.4, 0.2, 0.2, 0, which
//! adds up to 0.8. For *barb* the row of b is wrong, and for *abc* every row is right. Which
//! letter of a text makes the difference? Find out, and mend the function.

use ndarray::Array2;

/// The letters, in the order of the rows and of the columns.
pub const LETTERS: [char; 5] = ['a', 'b', 'c', 'd', 'r'];

fn place(letter: char) -> usize {
    LETTERS.iter().position(|&known| known == letter).expect("a known letter")
}

/// Row a, column b: p(b | a). If nothing comes after a letter, its row is 0. Shape: (5, 5).
pub fn conditional_probability(text: &str) -> Array2<f64> {
    let letters: Vec<usize> = text.chars().map(place).collect();
    let mut table = Array2::zeros((5, 5));
    for pair in letters.windows(2) {
        table[[pair[0], pair[1]]] += 1.0;
    }
    for a in 0..5 {
        let total: f64 = table.row(a).sum();
        for b in 0..5 {
            if total > 0.0 {
                table[[a, b]] /= total;
            }
        }
    }
    table
}
