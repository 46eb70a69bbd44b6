//! Softmax turns scores of any size into probabilities:
//!
//!   p[i] = exp(logits[i]) / (sum over j of exp(logits[j]))
//!
//! Scores may be large: exp(1000) is infinity for a computer. Subtract the largest score from
//! all of them first. That changes no probability.

/// The probabilities that belong to these logits. Shape of both: (V).
pub fn softmax(logits: &[f64]) -> Vec<f64> {
    // SOLUTION
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &x| max.max(x));
    let exps: Vec<f64> = logits.iter().map(|&x| (x - max).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| e / sum).collect()
    // STUB
    // todo!()
    // END
}
