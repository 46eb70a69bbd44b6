//! Attention: every token compares itself with other tokens and takes a weighted mean of them.
//!
//! Each token makes three vectors of itself. Its *query* says what it is looking for, its *key*
//! what it has to offer, its *value* what it passes on. A token compares its query with every key
//! it may see, turns the scores into *attention weights* that add up to one, and takes that mixture
//! of the values:
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
//! - [`multi_head`]: the same layer, written to be fast;
//! - [`fused`]: one head without the whole matrix of attention weights, as `multi_head` uses it;
//! - [`single_query`]: the same for one token at a time, for decoding, with [`cache`], the keys and
//!   values of earlier tokens, and `few_rows`, its products;
//! - [`documents`]: several documents in one sequence that do not see one another;
//! - [`rotary`]: queries and keys that are rotated by their position, as models of today do;
//! - [`cross`]: queries from one sequence, keys and values from another.
//!
//! ```
//! use stage02_attention::attention::{Mask, head_size};
//!
//! assert_eq!(head_size(768, 12)?, 64); // GPT-2: 768 columns, 12 heads
//! assert_eq!(Mask::Causal.visible(0, 5, 5), 1); // the first query sees one key: its own
//! assert_eq!(Mask::Causal.visible(0, 1, 5), 5); // one new query after four cached keys
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

pub mod cache;
pub mod cross;
pub mod documents;
mod few_rows;
pub mod fused;
pub mod head;
pub mod multi_head;
pub mod multi_head_plain;
pub mod rotary;
pub mod scaled_dot_product;
pub mod single_query;

use stage01_bigram::{Error, Result};

// ANCHOR: head_size
/// Number of columns of each head: `n_embd / n_head`.
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

/// Number of query heads that share one head of keys and values: `n_head / n_kv_head`.
///
/// # Errors
/// [`Error::Setting`] when the heads cannot be cut into equal groups.
pub fn group_size(n_head: usize, n_kv_head: usize) -> Result<usize> {
    if n_kv_head == 0 || !n_head.is_multiple_of(n_kv_head) {
        let expected = format!(
            "it must be a divisor of --n-head = {n_head}: each head of keys and values serves \
             equally many query heads"
        );
        return Err(Error::setting("--n-kv-head", n_kv_head, expected));
    }
    Ok(n_head / n_kv_head)
}

// ANCHOR: mask
/// Which keys a query may attend to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// All keys: an encoder, which reads a text that is already complete.
    None,
    /// The keys up to its own position: a decoder, which must not see what it is to predict.
    Causal,
}
// ANCHOR_END: mask

impl Mask {
    // ANCHOR: visible
    /// Number of keys, counted from the first, that query `i` sees.
    ///
    /// With as many queries as keys, causal query i sees keys 0 to i. With fewer queries (decoding
    /// with a KV cache), the queries are the last tokens of the keys.
    pub fn visible(self, i: usize, queries: usize, keys: usize) -> usize {
        match self {
            Mask::None => keys,
            Mask::Causal => keys - queries + i + 1,
        }
    }
    // ANCHOR_END: visible
}
