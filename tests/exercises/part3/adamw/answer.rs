//! AdamW: one step of the optimiser, for every weight w[i] and its gradient g[i].
//!
//!   m = beta1 m + (1 - beta1) g         the average gradient
//!   v = beta2 v + (1 - beta2) g²        the average square
//!   m_hat = m / (1 - beta1^t)           bias correction
//!   v_hat = v / (1 - beta2^t)
//!   w = w - lr weight_decay w           weight decay
//!   w = w - lr m_hat / (sqrt(v_hat) + eps)
//!
//! The example for paper: w = 1, g = 4, lr = 0.01, weight_decay = 0.1, first step (t = 1).
//! m becomes 0.4 and v 0.16; m_hat = 4, v_hat = 16. The decay takes 0.001 and the step 0.01,
//! so w becomes 0.989.
//!
//! `beta.powi(t)` is beta multiplied by itself t times.

/// The settings of AdamW. (`eps` is the ε of the equations, `weight_decay` the λ.)
pub struct AdamW {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
}

/// One step. `t` is its number, counted from 1. Changes w, m and v in place.
///
/// w: the weights; g: their gradients; m, v: their two averages. All have the same length.
pub fn step(
    settings: &AdamW,
    lr: f64,
    t: i32,
    w: &mut [f64],
    g: &[f64],
    m: &mut [f64],
    v: &mut [f64],
) {
    let AdamW { beta1, beta2, eps, weight_decay } = *settings;
    // SOLUTION
    let (c1, c2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
    for i in 0..w.len() {
        m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
        let (m_hat, v_hat) = (m[i] / c1, v[i] / c2);
        w[i] -= lr * weight_decay * w[i];
        w[i] -= lr * m_hat / (v_hat.sqrt() + eps);
    }
    // STUB
    // todo!()
    // END
}
