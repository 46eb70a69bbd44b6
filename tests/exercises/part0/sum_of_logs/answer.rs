//! The probability of a text is a product of many factors, one for each token. Its logarithm is
//! a sum, and does not underflow:
//!
//!   log_probability = ln(p[0]) + ln(p[1]) + ...                    in nats, 0 or below
//!   bits_per_token  = -log_probability / (ln(2) times the number of tokens)
//!
//! Four tokens with the probabilities 1/2, 1, 1 and 1/4 make a text of probability 1/8. Its
//! logarithm is -3 ln(2), about -2.079. That is three bits, or 0.75 bits per token. In Rust,
//! ln(x) is x.ln().

/// The logarithm of the product of all probabilities, in nats.
pub fn log_probability(probabilities: &[f64]) -> f64 {
    // SOLUTION
    probabilities.iter().map(|p| p.ln()).sum()
    // STUB
    // todo!()
    // END
}

/// How many bits a token takes in the mean. There is at least one token.
pub fn bits_per_token(probabilities: &[f64]) -> f64 {
    // SOLUTION
    let nats = -log_probability(probabilities);
    nats / 2f64.ln() / probabilities.len() as f64
    // STUB
    // todo!()
    // END
}
