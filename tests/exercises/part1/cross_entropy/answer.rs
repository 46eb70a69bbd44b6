//! Cross-entropy: the surprise at the token that came, straight from the logits.
//!
//!   loss = ln S − z[y],      S = sum over j of exp(z[j])
//!
//! z are the logits and y is the target. The unit is the nat. On paper: the logits 0, ln 2, ln
//! 3 have S = 1 + 2 + 3 = 6. If token 2 came, the loss is ln 6 − ln 3 = ln 2 ≈ 0.693.
//!
//! exp(1000) is infinity for a computer. So subtract the largest logit from all of them, in
//! both parts of the equation; it cancels. And do not go by way of the probabilities: a
//! probability may be so small that it is rounded to 0, and the logarithm of 0 is minus
//! infinity, though the loss itself is an ordinary number.

/// The loss of one prediction, in nats. logits: (V).
pub fn cross_entropy(logits: &[f64], target: u32) -> f64 {
    // SOLUTION
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &z| max.max(z));
    let sum: f64 = logits.iter().map(|&z| (z - max).exp()).sum();
    sum.ln() - (logits[target as usize] - max)
    // STUB
    // todo!()
    // END
}
