//! Attention: every token looks at other tokens and takes what it needs.
//!
//! Each token makes three vectors of itself. Its *query* says what it is looking for, its
//! *key* what it has to offer, its *value* what it gives to those who choose it. A token
//! compares its query with every key it may see, turns the scores into shares that add up to
//! one, and takes that mixture of the values:
//!
//! ```text
//! Attention(Q, K, V)  =  softmax(Q K' / sqrt(d)) V
//! ```
//!
//! Vaswani and others 2017, equation 1; d is the length of a query. The files, in the order
//! in which to read them:
//!
//! - [`head`]: one head, loop by loop, written to be read;
//! - [`scaled_dot_product`]: the same equation as matrix products, forward and backward;
//! - [`multi_head_plain`]: many heads side by side, as GPT-2 has them, written to be read;
//! - [`multi_head`]: the same layer, written to be fast: it hands each head of each sequence to
//! - [`fused`]: one head without the table of all shares;
//! - [`single_query`]: the same for one token at a time, for writing;
//! - [`cross`]: queries from one sequence, keys and values from another.

pub mod cross;
pub mod fused;
pub mod head;
pub mod multi_head;
pub mod multi_head_plain;
pub mod scaled_dot_product;
pub mod single_query;

use stage01_bigram::{Error, Result};

// ANCHOR: head_size
/// How many of the `n_embd` columns each of `n_head` heads gets.
///
/// # Errors
/// [`Error::Setting`] when the columns cannot be cut into equal parts.
pub fn head_size(n_embd: usize, n_head: usize) -> Result<usize> {
    if n_head == 0 || n_embd == 0 || !n_embd.is_multiple_of(n_head) {
        let expected =
            format!("it must be a multiple of --n-head = {n_head}: every head gets an equal part");
        return Err(Error::setting("--n-embd", n_embd, expected));
    }
    Ok(n_embd / n_head)
}
// ANCHOR_END: head_size

// ANCHOR: mask
/// Which keys a query may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// All of them: an encoder, which reads a text that is already complete.
    None,
    /// Those up to its own place: a decoder, which must not see what it is to predict.
    Causal,
}
// ANCHOR_END: mask

impl Mask {
    // ANCHOR: visible
    /// How many keys, counted from the first, query `i` sees.
    ///
    /// With as many queries as keys, causal query i sees keys 0 to i. With fewer queries
    /// (a generator that keeps old keys), the queries are the last tokens of the keys.
    pub fn visible(self, i: usize, queries: usize, keys: usize) -> usize {
        match self {
            Mask::None => keys,
            Mask::Causal => keys - queries + i + 1,
        }
    }
    // ANCHOR_END: visible
}
