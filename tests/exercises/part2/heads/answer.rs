//! Heads: cut the columns apart, and put them side by side again.
//!
//! `c_attn` makes queries, keys and values of all heads in one table of 3 C columns:
//!
//!   | q of head 0 | q of head 1 | ... | k of head 0 | k of head 1 | ... | v of head 0 | ...
//!
//! A head has d = C / n_head columns of each of the three.
//!
//! On paper: C = 4 and 2 heads, so d = 2, and a row of qkv has 12 numbers. Let them be 0, 1, 2,
//! ..., 11. Head 1 has the query (2, 3), the key (6, 7) and the value (10, 11).

use ndarray::{Array2, s};

/// Query, key and value of head `h`, in this order. Each: (T, d).
///
/// qkv: (T, 3 C); n_head: the number of heads; h: below n_head.
pub fn head(qkv: &Array2<f64>, n_head: usize, h: usize) -> [Array2<f64>; 3] {
    // SOLUTION
    let n_embd = qkv.ncols() / 3;
    let d = n_embd / n_head;
    [0, 1, 2].map(|part| {
        let first = part * n_embd + h * d;
        qkv.slice(s![.., first..first + d]).to_owned()
    })
    // STUB
    // todo!()
    // END
}

/// What the heads found, side by side: the columns of head 0, then those of head 1, and so on.
///
/// heads: at least one, each (T, d). Returns (T, number of heads times d).
pub fn join(heads: &[Array2<f64>]) -> Array2<f64> {
    // SOLUTION
    let (length, d) = heads[0].dim();
    Array2::from_shape_fn((length, heads.len() * d), |(t, c)| heads[c / d][[t, c % d]])
    // STUB
    // todo!()
    // END
}
