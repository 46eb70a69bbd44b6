//! A conversation that is too long for the context loses its oldest turns, whole ones.
//!
//! A turn here is what stands between one question and the next: a question and its answer. The
//! last one is the question that is to be answered. A prompt is the system text and the turns
//! behind it. The context has place for `context` tokens, and `answer` of them are needed for
//! the answer, so the prompt may have
//!
//!   limit = context - answer
//!
//! tokens. If it has at most so many, all of it stays. If it has more, the oldest turns are
//! left out, one after another, until at most limit / 2 tokens are left (a whole number,
//! rounded down): so there is place for more turns before this must be done again. The system
//! text stays, and so does the last turn, even if it is longer than that.
//!
//! On paper: a system text of 8 tokens, turns of 16, 16 and 12 tokens, a context of 64, of
//! which 16 are for the answer. The limit is 48, and the prompt has 8 + 16 + 16 + 12 = 52
//! tokens. Without the first turn it has 36, without two it has 20, and that is at most 24.
//!
//! In Rust, `&turns[1..]` is a list without its first entry, and `turns.concat()` makes one
//! list of the tokens of all turns.

/// The tokens of the prompt.
pub fn prompt(system: &[u32], turns: &[Vec<u32>], context: usize, answer: usize) -> Vec<u32> {
    // SOLUTION
    let limit = context - answer;
    let length = |turns: &[Vec<u32>]| system.len() + turns.concat().len();
    let mut kept = turns;
    if length(kept) > limit {
        while kept.len() > 1 && length(kept) > limit / 2 {
            kept = &kept[1..];
        }
    }
    [system, &kept.concat()].concat()
    // STUB
    // todo!()
    // END
}
