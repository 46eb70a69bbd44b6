//! Top-p, or nucleus sampling: as few tokens as reach the probability p together.
//!
//! Take tokens from the likeliest on, and add up their probabilities. Stop as soon as the sum
//! reaches `top_p`; the token that reached it is kept. The logits of the kept tokens stay as
//! they are, at their places. All others become −∞.
//!
//! On paper: the probabilities 0.1, 0.2, 0.3, 0.4 and top_p = 0.75. Token 3 has 0.4, with token
//! 2 it is 0.7, with token 1 it is 0.9. Tokens 1, 2 and 3 are kept.
//!
//! What comes in are logits: softmax makes the probabilities. Of equal logits the one with the
//! smaller token number is taken first. A sorted list of token numbers is made as in top-k:
//! `order.sort_by(|&i, &j| logits[j].total_cmp(&logits[i]))`.

use stage01_bigram::loss::plain::softmax;

/// The logits with all but the nucleus set to −∞. 0 < top_p <= 1. Shape of both: (V).
pub fn top_p(logits: &[f64], top_p: f64) -> Vec<f64> {
    // SOLUTION
    let probabilities = softmax(logits);
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&i, &j| logits[j].total_cmp(&logits[i]));
    let mut kept = vec![f64::NEG_INFINITY; logits.len()];
    let mut reached = 0.0;
    for i in order {
        kept[i] = logits[i];
        reached += probabilities[i];
        if reached >= top_p {
            break;
        }
    }
    kept
    // STUB
    // todo!()
    // END
}
