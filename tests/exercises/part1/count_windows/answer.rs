//! Predict: how many windows, how many questions.
//!
//! A text has 1000 tokens. A window has T = 8 inputs and 8 targets; the targets are the tokens
//! one place later. Work the four numbers out on paper before you run the check. A small text
//! helps: do it first for 11 tokens and T = 4, as the chapter does.

/// At how many places may a window start, so that all its inputs and targets lie in the text?
pub fn starts() -> usize {
    // SOLUTION
    1000 - 8
    // STUB
    // todo!()
    // END
}

/// A measurement walks from the first token to the last, window after window, each beginning
/// where the inputs of the one before it ended. How many questions does it ask in all?
pub fn questions() -> usize {
    // SOLUTION
    1000 - 1
    // STUB
    // todo!()
    // END
}

/// How many windows does that walk need? The last one may be shorter.
pub fn windows() -> usize {
    // SOLUTION
    125
    // STUB
    // todo!()
    // END
}

/// How many questions has the last of them?
pub fn last_window() -> usize {
    // SOLUTION
    7
    // STUB
    // todo!()
    // END
}
