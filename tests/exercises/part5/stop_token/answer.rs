//! An answer ends where the model ends its turn.
//!
//! A model has no other way to say that it has finished than to write a token for it, and a
//! file may name several: the end of a turn and the end of a text. Some of what it writes
//! behind such a token looks like an answer, and is not one: it would go on with the turns of
//! others.
//!
//! `tokens` is what a model wrote, and `ends` are its end tokens. The answer is what stands
//! before the first of them; the end token itself is no part of it. Without an end token,
//! everything is.
//!
//! On paper: of 5 6 2 8 with the end token 2, the answer is 5 6.
//!
//! In Rust, `tokens.iter().position(|token| …)` is the first place for which … is true, as an
//! Option: `.unwrap_or(n)` is the place, or n if there is none. `ends.contains(token)` says
//! whether it is one of them.

/// The tokens of the answer.
pub fn answer(tokens: &[u32], ends: &[u32]) -> Vec<u32> {
    // SOLUTION
    let end = tokens.iter().position(|token| ends.contains(token)).unwrap_or(tokens.len());
    tokens[..end].to_vec()
    // STUB
    // todo!()
    // END
}
