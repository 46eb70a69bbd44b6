//! Find the bug.
//!
//! A model with rotary positions has a KV cache. Whether a prompt is read at once or token by token,
//! the scores should be the same. They are not. Token by token, every score is a little wrong. Where
//! the whole prompt is read at once, every score is far off, and the longer the prompt, the further.
//! The keys in the cache were compared with another program: they are right.
//!
//! It should be: new token number i stands at position (tokens in the cache so far) + i. Its query and
//! its key are turned for this position. Then the key is put into the cache, as it was turned, and
//! the query is compared with all keys.
//!
//! `rotate(x, start)` is your answer to `rotary`.

use super::given::rotary::rotate;
use ndarray::{Array2, Axis};

/// Reads n new tokens: puts their turned keys into the cache, and returns the scores of their queries
/// with all keys, before the division and the mask.
///
/// keys: (tokens so far, d), afterwards (tokens so far + n, d); q, k: (n, d), not turned yet.
/// Returns (n, tokens so far + n).
pub fn scores(keys: &mut Array2<f64>, q: &Array2<f64>, k: &Array2<f64>) -> Array2<f64> {
    let start = keys.nrows();
    let k = rotate(k, start);
    keys.append(Axis(0), k.view()).expect("as many columns");
    let q = rotate(q, start);
    q.dot(&keys.t())
}
