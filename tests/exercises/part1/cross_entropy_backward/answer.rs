//! The gradient of cross-entropy: p minus one-hot.
//!
//! The loss of a prediction is ℓ = ln S − z[y]. Its derivative for the logit z[i] is
//!
//!   dz[i] = p[i] − [i = y],      p[i] = exp(z[i]) / S,    S = sum over j of exp(z[j])
//!
//! [i = y] is 1 if token i is the target y, and 0 if not. On paper: the logits 0, ln 2, ln 3
//! have the probabilities 1/6, 2/6, 3/6. With the target 2 the gradient is 1/6, 2/6, −3/6.
//!
//! The logits may be large: subtract the largest of them first, as in softmax.

/// The derivative of the loss for every logit. Shape of the logits and of the result: (V).
pub fn cross_entropy_backward(logits: &[f64], target: u32) -> Vec<f64> {
    // SOLUTION
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &z| max.max(z));
    let exps: Vec<f64> = logits.iter().map(|&z| (z - max).exp()).collect();
    let sum: f64 = exps.iter().sum();
    let mut dz: Vec<f64> = exps.iter().map(|e| e / sum).collect();
    dz[target as usize] -= 1.0;
    dz
    // STUB
    // todo!()
    // END
}
