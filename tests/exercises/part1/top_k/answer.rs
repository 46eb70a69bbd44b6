//! Top-k: only the k likeliest tokens may be drawn.
//!
//! The k largest logits stay as they are. All others become −∞, and softmax gives exp(−∞) = 0
//! to those. The tokens keep their places, since the place is the number of the token:
//!
//!   k = 2:   [1.0, 4.0, 2.0, 3.0]   becomes   [−∞, 4.0, −∞, 3.0]
//!
//! Exactly k tokens remain, or all of them if there are not more than k. Of equal logits the
//! one with the smaller token number counts as the likelier.
//!
//! You may use `order.sort_by(|&i, &j| logits[j].total_cmp(&logits[i]))`: it sorts a list of
//! token numbers by their logits, the largest first, and leaves equal ones in the order they
//! had.

/// The logits with all but the k largest set to −∞. Shape of both: (V).
pub fn top_k(logits: &[f64], k: usize) -> Vec<f64> {
    // SOLUTION
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&i, &j| logits[j].total_cmp(&logits[i]));
    let mut kept = vec![f64::NEG_INFINITY; logits.len()];
    for &i in order.iter().take(k) {
        kept[i] = logits[i];
    }
    kept
    // STUB
    // todo!()
    // END
}
