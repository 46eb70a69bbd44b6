//! The loss of a step in which only some tokens count. There is a bug in this file.
//!
//! A model learns to answer questions. The micro-batches of a step hold questions with their
//! answers, and only the tokens of the answers count. `step` returns the mean loss of the step,
//! and the derivative for the one logit of our small model.
//!
//! The symptom: the same questions in one large micro-batch, or in four small ones, make two
//! different models. The one from small micro-batches gives short answers too often. Its loss
//! falls, nothing crashes; but now and then a step has the loss NaN, which happens when a
//! micro-batch holds the beginning of a long question and no answer.
//!
//! Find the bug and mend it.

/// What the forward and backward pass say of one token.
#[derive(Clone, Copy)]
pub struct Token {
    pub loss: f64,
    pub derivative: f64,
    /// Whether it is part of an answer.
    pub counts: bool,
}

/// The mean loss of a step and its derivative, over the tokens that count.
pub fn step(micro_batches: &[Vec<Token>]) -> (f64, f64) {
    let (mut loss, mut derivative, mut count) = (0.0, 0.0, 0.0);
    for tokens in micro_batches {
        let answer = tokens.iter().filter(|token| token.counts);
        loss += answer.clone().map(|token| token.loss).sum::<f64>();
        derivative += answer.clone().map(|token| token.derivative).sum::<f64>();
        count += answer.count() as f64;
    }
    (loss / count, derivative / count)
}
