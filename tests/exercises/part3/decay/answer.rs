//! An optimiser with a bug. It compiles, and with `weight_decay` 0 all its numbers are right.
//!
//! The symptom: with weight decay, two weights that are both 1 decay differently. The one whose
//! gradients are large hardly decays at all. The one whose gradients are small goes to zero
//! within a few steps. And a weight of 1 whose gradient was always exactly 0 should lose
//! lr · weight_decay of itself in a step, a thousandth with 0.01 and 0.1. It loses a whole
//! learning rate.
//!
//! Find the bug and mend it.

/// AdamW with its state from step to step.
pub struct Optimiser {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    /// How many steps were taken.
    t: i32,
    /// The averages of each weight's gradient and of its square.
    m: Vec<f64>,
    v: Vec<f64>,
}

impl Optimiser {
    /// The optimiser of `n` weights, before its first step.
    pub fn new(n: usize, weight_decay: f64) -> Optimiser {
        let (beta1, beta2, eps) = (0.9, 0.99, 1e-8);
        Optimiser { beta1, beta2, eps, weight_decay, t: 0, m: vec![0.0; n], v: vec![0.0; n] }
    }

    /// A step of every weight, with the learning rate `lr`.
    pub fn step(&mut self, lr: f64, weights: &mut [f64], gradient: &[f64]) {
        self.t += 1;
        let c1 = 1.0 - self.beta1.powi(self.t);
        let c2 = 1.0 - self.beta2.powi(self.t);
        for (i, w) in weights.iter_mut().enumerate() {
            let g = gradient[i];
            self.m[i] += (1.0 - self.beta1) * (g - self.m[i]);
            self.v[i] += (1.0 - self.beta2) * (g * g - self.v[i]);
            let direction = self.m[i] / c1 / ((self.v[i] / c2).sqrt() + self.eps);
            *w -= lr * (direction + self.weight_decay * *w);
        }
    }
}
