//! Work out what an untrained model says, before you run it. The model is a GPT with
//!
//!   V = 480 tokens, C = 100 columns, 4 blocks,
//!
//! and its weights begin as the chapter's table says, with 0.02. The text is random.
//!
//! Replace each `todo!()` by a number. A calculator is allowed, and so is Rust: `480f64.ln()`
//! is the natural logarithm of 480. Each guess is rounded as its comment says, and so is what
//! the check measures.

/// The standard deviation of the first scores, to one digit after the point.
pub fn std_of_scores() -> f64 {
    // SOLUTION
    100f64.sqrt() * 0.02
    // STUB
    // todo!()
    // END
}

/// The first loss in nats, to one digit after the point.
pub fn first_loss() -> f64 {
    // SOLUTION
    480f64.ln() + 0.2 * 0.2 / 2.0
    // STUB
    // todo!()
    // END
}

/// The first loss if all weights begin at zero, to four digits after the point.
pub fn first_loss_from_zero() -> f64 {
    // SOLUTION
    480f64.ln()
    // STUB
    // todo!()
    // END
}

/// The mean loss if the scores come from the bell curve with the standard deviation 1, to one
/// digit after the point.
pub fn first_loss_of_opinions() -> f64 {
    // SOLUTION
    480f64.ln() + 1.0 / 2.0
    // STUB
    // todo!()
    // END
}
