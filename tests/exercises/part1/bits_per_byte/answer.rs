//! The four measures of a model, from its probabilities.
//!
//!   surprise of one prediction     ℓ = −ln p(y)                      in nats
//!   loss                           L = mean of all surprises         in nats
//!   perplexity                     e^L
//!   bits per byte                  (sum of all surprises, in bits) / (bytes of the text)
//!
//! One bit is ln 2 nats. On paper: the counted model of abracadabra gave the ten letters that
//! came the probabilities ½ 1 1 ¼ 1 ¼ 1 ½ 1 1. These are six bits of surprise in ten
//! predictions: L is 0.6 bits, or 0.416 nats, the perplexity 1.52. The word has 11 bytes: 0.545
//! bits per byte.

/// The surprise at a token that had this probability, in nats.
pub fn surprise(p: f64) -> f64 {
    // SOLUTION
    -p.ln()
    // STUB
    // todo!()
    // END
}

/// The loss: the mean surprise, in nats. `probabilities`: what the model gave to each token
/// that came.
pub fn loss(probabilities: &[f64]) -> f64 {
    // SOLUTION
    probabilities.iter().map(|&p| surprise(p)).sum::<f64>() / probabilities.len() as f64
    // STUB
    // todo!()
    // END
}

/// Among how many equally likely tokens a model with this loss (in nats) hesitates.
pub fn perplexity(loss: f64) -> f64 {
    // SOLUTION
    loss.exp()
    // STUB
    // todo!()
    // END
}

/// Bits per byte of a text of so many bytes, for which the model made so many predictions with
/// this mean loss (in nats).
pub fn bits_per_byte(loss: f64, predictions: usize, bytes: usize) -> f64 {
    // SOLUTION
    loss * predictions as f64 / 2f64.ln() / bytes as f64
    // STUB
    // todo!()
    // END
}
