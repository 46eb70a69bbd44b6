//! Grouped queries: which key/value head a query head reads, and how the gradients come back.
//!
//! There are n_head query heads and n_kv_head key/value heads. The query heads stand in groups of
//! n_head / n_kv_head, side by side, and each group reads the key/value head of its number.
//!
//! On paper: 6 query heads over 2 key/value heads. A group has three: the query heads 0, 1 and 2 read
//! key/value head 0, and 3, 4 and 5 read key/value head 1.
//!
//! Backward, each query head gives a gradient of the keys (or the values) that it read. What was
//! used three times gets three gradients, and they add up. If the six query heads give the
//! gradients 1, 2, 3, 4, 5, 6 of one number, those of the two key/value heads are 6 and 15.

use ndarray::Array2;

/// The key/value head that query head h reads.
///
/// n_head is a multiple of n_kv_head; h: below n_head.
pub fn kv_head(h: usize, n_head: usize, n_kv_head: usize) -> usize {
    // SOLUTION
    let group = n_head / n_kv_head;
    h / group
    // STUB
    // todo!()
    // END
}

/// The gradient of each key/value head.
///
/// dheads: what each query head gives, n_head matrices of the shape (T, d), in the order of the query
/// heads. Returns n_kv_head matrices of the shape (T, d).
pub fn add_groups(dheads: &[Array2<f64>], n_kv_head: usize) -> Vec<Array2<f64>> {
    // SOLUTION
    let mut sums = vec![Array2::zeros(dheads[0].dim()); n_kv_head];
    for (h, dhead) in dheads.iter().enumerate() {
        sums[kv_head(h, dheads.len(), n_kv_head)] += dhead;
    }
    sums
    // STUB
    // todo!()
    // END
}
