//! A repetition penalty lowers the logits of the tokens that were written lately.
//!
//!   z_i / penalty   if token i is among the last `window` tokens, and z_i > 0
//!   z_i * penalty   if token i is among them, and z_i is 0 or less
//!   z_i             for all others
//!
//! How often a token is among them does not matter. The context may be shorter than the window,
//! and it may have tokens for which there is no logit: they are passed over.
//!
//! On paper: logits (2.2, 2.1, -1.1, -1.2), context 0 2, penalty 1.1: (2, 2.1, -1.21, -1.2).
//!
//! In Rust, `&list[n..]` is a list without its first n entries, and `a.saturating_sub(b)` is a
//! - b, or 0 where that would be below 0.

/// The logits after the penalty. Shapes: logits and the result (vocabulary).
pub fn penalised(logits: &[f64], context: &[u32], penalty: f64, window: usize) -> Vec<f64> {
    // SOLUTION
    let recent = &context[context.len().saturating_sub(window)..];
    let mut after = logits.to_vec();
    for i in 0..logits.len() {
        if recent.contains(&(i as u32)) {
            after[i] = if logits[i] > 0.0 { logits[i] / penalty } else { logits[i] * penalty };
        }
    }
    after
    // STUB
    // todo!()
    // END
}
