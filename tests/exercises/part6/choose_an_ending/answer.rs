//! Multiple choice: which ending does a model choose?
//!
//! The score of an ending is the sum of the log-probabilities of its tokens. A longer ending has more
//! of them, and each is below 0. So the sum is often divided by a length: by the number of tokens, or
//! by the number of bytes.
//!
//! On paper: the tokens of "a b" have the log-probabilities -1 and -3, those of "a longer one" -2, -2
//! and -1. The sums are -4 and -5, so the first wins. Per token they are -2 and -1.67, and per byte -4/3
//! and -5/12: the second wins.

/// What the sum is divided by.
#[derive(Clone, Copy, PartialEq)]
pub enum By {
    Nothing,
    Tokens,
    Bytes,
}

/// An ending: its text, and the log-probability of each of its tokens.
pub struct Ending {
    pub text: &'static str,
    pub log_p: &'static [f64],
}

/// The score of an ending. `text.len()` is its number of bytes.
pub fn score(ending: &Ending, by: By) -> f64 {
    // SOLUTION
    let sum: f64 = ending.log_p.iter().sum();
    match by {
        By::Nothing => sum,
        By::Tokens => sum / ending.log_p.len() as f64,
        By::Bytes => sum / ending.text.len() as f64,
    }
    // STUB
    // todo!()
    // END
}

/// The index of the ending with the highest score; of equal ones, the first.
pub fn choice(endings: &[Ending], by: By) -> usize {
    // SOLUTION
    let mut best = 0;
    for i in 1..endings.len() {
        if score(&endings[i], by) > score(&endings[best], by) {
            best = i;
        }
    }
    best
    // STUB
    // todo!()
    // END
}
