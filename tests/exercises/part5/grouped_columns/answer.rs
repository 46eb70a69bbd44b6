//! Find the bug.
//!
//! A linear layer makes queries, keys and values of all heads in one matrix. With as many key/value heads
//! as query heads everything is right. Somebody has changed the setting to two key/value heads for
//! four query heads, and now the keys come out with the wrong columns.
//!
//! It should be: with n_head query heads, n_kv_head key/value heads and hs columns per head, a row is
//!
//!   | q of head 0 | ... | q of head n_head - 1 | k of head 0 | ... | v of head 0 | ... |
//!
//! with n_head + 2 n_kv_head blocks of hs columns. On paper: 4 query heads, 2 key/value heads, and
//! 8 columns, so hs is 1. Let the row be 0, 1, 2, ..., 7. The queries are (0, 1, 2, 3), the keys
//! (4, 5), the values (6, 7).
//!
//! Find the mistake and mend it.

use ndarray::{Array2, s};

/// Queries (T, n_head hs), keys and values (T, n_kv_head hs) out of one matrix.
pub fn split(qkv: &Array2<f64>, n_head: usize, n_kv_head: usize) -> [Array2<f64>; 3] {
    let head_size = qkv.ncols() / (n_head + 2 * n_kv_head);
    let queries = n_head * head_size;
    let keys = queries + n_kv_head * head_size;
    [
        qkv.slice(s![.., ..queries]).to_owned(),
        qkv.slice(s![.., queries..keys]).to_owned(),
        qkv.slice(s![.., keys..]).to_owned(),
    ]
}
