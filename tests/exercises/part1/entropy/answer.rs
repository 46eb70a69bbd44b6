//! Predict: the price of being wrong.
//!
//! A text has four tokens, a, b, c and d, and they come with these probabilities. A model gives
//! them others:
//!
//!              a     b     c     d
//!   text       ½     ¼     ⅛     ⅛
//!   model      ⅛     ½     ¼     ⅛
//!
//! Work it out in bits, on paper, before you run the check.

/// What the model pays for a token of this text on average, in bits: the cross-entropy.
pub fn cross_entropy_bits() -> f64 {
    // SOLUTION
    2.375
    // STUB
    // todo!()
    // END
}

/// How much of that training could remove, in bits: the KL divergence.
pub fn divergence_bits() -> f64 {
    // SOLUTION
    0.625
    // STUB
    // todo!()
    // END
}

/// What the uniform baseline pays for a token of this text, in bits. Which of the two models
/// would you rather have?
pub fn uniform_bits() -> f64 {
    // SOLUTION
    2.0
    // STUB
    // todo!()
    // END
}

/// A file of 1600 such tokens is compressed with the model as well as it can be. How many bytes
/// has it then? A byte has 8 bits.
pub fn compressed_bytes() -> usize {
    // SOLUTION
    475
    // STUB
    // todo!()
    // END
}
