//! The log-probability of a whole answer: what DPO compares.
//!
//! A conversation of n tokens was read. `next[t]` is the logarithm of the probability that the model
//! gave, at position t, to the token that stands at t + 1. So there are n - 1 of them. The answer, with
//! its end token, stands at the positions `start..n`.
//!
//!   log-probability of the answer = sum of the log-probabilities of all its tokens
//!
//! On paper: a question of 3 tokens, an answer of 2 with its end. next = (-1, -9, -2, -3). The answer's
//! tokens stand at 3 and 4. They were predicted at 2 and 3, so the sum is -2 - 3 = -5.

/// The log-probability of the answer.
pub fn log_probability(next: &[f64], start: usize) -> f64 {
    // SOLUTION
    next[start - 1..].iter().sum()
    // STUB
    // todo!()
    // END
}

/// By how much likelier the model finds the first answer than the second, as the logarithm of a
/// ratio. Each answer is given by its `next` and its `start`.
pub fn log_ratio(first: (&[f64], usize), second: (&[f64], usize)) -> f64 {
    // SOLUTION
    log_probability(first.0, first.1) - log_probability(second.0, second.1)
    // STUB
    // todo!()
    // END
}
