//! An experiment: how long must a window be?
//!
//! A text over the letters a, b, c, d is woven of three alphabets: each letter is the one after
//! the letter THREE places before. In one place of ten, it is any of the four letters instead.
//!
//!   a c d b d a c a b ...
//!
//! The check trains a small model of this part (one layer of attention) on windows of `WINDOW`
//! letters, and prints its loss on text that it has not seen, in all and at the first places of
//! a window. At place 0 one letter is seen, at place 1 two, and so on.
//!
//! Try windows of 1, 2, 3, 4, 8, 32. Then write down what you found.

/// The length of the windows.
pub const WINDOW: usize = 2;

/// The smallest window with which the model does clearly better than ln 4 = 1.386, the loss of
/// four letters with equal chances.
pub fn smallest_window() -> usize {
    // SOLUTION
    3
    // STUB
    // todo!()
    // END
}

/// In windows of 8, at which part of the places can the rule be used? (A number from 0 to 1.)
pub fn part_of_places() -> f64 {
    // SOLUTION
    6.0 / 8.0
    // STUB
    // todo!()
    // END
}

/// The best loss that a model can reach with windows of `window` letters, the mean of all
/// places: ln 4 at each place where the rule cannot be used, and at each other place best =
/// -(0.925 * ln 0.925 + 3 * 0.025 * ln 0.025), as in the chapter.
pub fn reachable(window: usize) -> f64 {
    // SOLUTION
    let best = -(0.925 * 0.925f64.ln() + 3.0 * 0.025 * 0.025f64.ln());
    let blind = window.min(2);
    (blind as f64 * 4f64.ln() + (window - blind) as f64 * best) / window as f64
    // STUB
    // todo!()
    // END
}

/// Why is the loss with windows of 32 lower than with windows of 8?
///
/// - 'a': the model uses letters from far back
/// - 'b': a larger part of the places sees three letters back
/// - 'c': it has more weights, and memorises the text
/// - 'd': its loss at place 2 is lower
pub fn why() -> char {
    // SOLUTION
    'b'
    // STUB
    // todo!()
    // END
}
