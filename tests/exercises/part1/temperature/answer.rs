//! Temperature: one number that makes a text safer or wilder.
//!
//! Every logit is divided by the temperature τ, before softmax:
//!
//!   scaled[i] = z[i] / τ          τ > 0
//!
//! Below 1 the differences between logits grow, above 1 they shrink. On paper: the
//! probabilities 0.1, 0.2, 0.3, 0.4 have the logits ln 0.1, …, ln 0.4. At τ = ½ all logits are
//! doubled, so all exponentials are squared, and softmax gives 1/30, 4/30, 9/30, 16/30.
//!
//! Towards τ = 0 the likeliest token takes everything. Nothing can be divided by 0, so this
//! limit is a function of its own, `greedy`.

/// The logits at a temperature above 0. They are not probabilities yet. Shape of both: (V).
pub fn scaled(logits: &[f64], temperature: f64) -> Vec<f64> {
    // SOLUTION
    logits.iter().map(|z| z / temperature).collect()
    // STUB
    // todo!()
    // END
}

/// The likeliest token, of equally likely ones the smallest. logits: (V), V at least 1.
pub fn greedy(logits: &[f64]) -> u32 {
    // SOLUTION
    let mut best = 0;
    for i in 1..logits.len() {
        if logits[i] > logits[best] {
            best = i;
        }
    }
    best as u32
    // STUB
    // todo!()
    // END
}
