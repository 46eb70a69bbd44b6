//! The numeric answers of the quiz about conversations.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use stage01_bigram::sampling::repetition::RepetitionPenalty;

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    tokens_of_a_first_prompt,
    tokens_read_for_a_second_prompt,
    a_penalised_logit,
    tokens_after_a_shift,
];

/// The tokens of turns with these contents.
fn turns(contents: &[usize]) -> usize {
    contents.iter().map(|content| 5 + content).sum()
}

/// The tokens of the line in which the answer begins.
const LAST_LINE: usize = 3;

/// Two turns, and the last line.
pub fn tokens_of_a_first_prompt() -> f64 {
    (turns(&[10, 12]) + LAST_LINE) as f64
}

/// The second prompt, without the first, the answer and its end token.
pub fn tokens_read_for_a_second_prompt() -> f64 {
    let cache = turns(&[10, 12]) + LAST_LINE + 20 + 1;
    (turns(&[10, 12, 20, 8]) + LAST_LINE - cache) as f64
}

/// Twice in the context, and penalised once.
pub fn a_penalised_logit() -> f64 {
    let mut logits = [-2.0];
    RepetitionPenalty::new(1.1, 64).unwrap().apply(&[0, 0], &mut logits);
    logits[0]
}

/// The most turns with which the prompt has at most half of what is allowed.
pub fn tokens_after_a_shift() -> f64 {
    let limit = 100 - 20;
    let prompt = |turns: usize| 10 + 20 * turns;
    assert!(prompt(4) > limit);
    let kept = (1..4).rev().find(|&turns| prompt(turns) <= limit / 2).unwrap();
    prompt(kept) as f64
}
