//! Merging: two neighbours become one token.
//!
//! Wherever the pair stands in a pre-token, it is replaced by the token `id`. The walk goes
//! from the left, and a token that was merged is used up. On paper, for the pair a·a, whose
//! token is called aa:
//!
//!   a·a·a·b         becomes   aa·a·b
//!   a·a·a·a         becomes   aa·aa
//!   b·a·b           stays     b·a·b

/// The pre-token with the pair replaced by `id`. It is shorter by one for each replacement.
pub fn merge(tokens: &[u32], pair: (u32, u32), id: u32) -> Vec<u32> {
    // SOLUTION
    let mut merged = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if at + 1 < tokens.len() && (tokens[at], tokens[at + 1]) == pair {
            merged.push(id);
            at += 2;
        } else {
            merged.push(tokens[at]);
            at += 1;
        }
    }
    merged
    // STUB
    // todo!()
    // END
}
