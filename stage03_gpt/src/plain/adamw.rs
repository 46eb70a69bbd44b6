//! AdamW, written like its equations: what one step does to every weight.
//!
//! Kingma and Ba 2014, algorithm 1, with decoupled weight decay (Loshchilov and Hutter 2019).
//! [`adamw`](crate::adamw) explains them, and does the same faster. The learning
//! rate of each step comes from [`Schedule::at`](crate::schedule::Schedule::at).
//!
//! ```
//! use stage02_attention::params::{Init, Layout, Params};
//! use stage03_gpt::{adamw::AdamW, plain::Optimiser};
//!
//! let mut layout = Layout::new();
//! layout.scope("a").vector("bias", 2, Init::Zeros);
//! let mut optimiser = Optimiser::new(AdamW::default(), &layout);
//! let mut weights = Params::<f64>::zeros(&layout);
//! let mut grads = Params { values: vec![3.0, -4.0] };
//!
//! assert_eq!(optimiser.clip(&mut grads), 5.0); // larger than 1: scaled to 0.6 and -0.8
//! optimiser.step(0.01, &mut weights, &grads);
//! // At t = 1, m_hat = g and v_hat = g²: both weights move by lr, against the sign of g.
//! assert!((weights.values[0] + 0.01).abs() < 1e-9 && (weights.values[1] - 0.01).abs() < 1e-9);
//! ```

use stage01_bigram::Float;
use stage02_attention::params::{Layout, Params};

use crate::adamw::{AdamW, Moments};

/// AdamW: its settings, and its state from step to step.
pub struct Optimiser<'a, T> {
    /// beta1, beta2, eps, weight decay and the maximum norm of the gradient.
    pub settings: AdamW,
    /// Which tensors there are, and which of them decay.
    pub layout: &'a Layout,
    /// The running averages of every gradient and of its square: m and v.
    pub moments: Moments<T>,
    /// How many steps were taken.
    pub t: usize,
}

impl<'a, T: Float> Optimiser<'a, T> {
    /// The optimiser before its first step.
    pub fn new(settings: AdamW, layout: &'a Layout) -> Self {
        Optimiser { settings, layout, moments: Moments::new(layout), t: 0 }
    }

    /// Scales the gradient down to the norm `grad_clip` if its norm is larger. Returns its norm
    /// before.
    pub fn clip(&self, grads: &mut Params<T>) -> f64 {
        // ANCHOR: clip
        let norm = grads.values.iter().map(|g| g.f64() * g.f64()).sum::<f64>().sqrt();
        let factor = T::of(self.settings.clip_factor(norm));
        grads.values.iter_mut().for_each(|g| *g *= factor);
        // ANCHOR_END: clip
        norm
    }

    /// One step with the learning rate `lr`, for every weight w and its gradient g:
    ///
    /// ```text
    /// m = beta1 m + (1 - beta1) g,     m_hat = m / (1 - beta1^t)
    /// v = beta2 v + (1 - beta2) g²,    v_hat = v / (1 - beta2^t)
    /// w = w - lr weight_decay w - lr m_hat / (sqrt(v_hat) + eps)
    /// ```
    pub fn step(&mut self, lr: f64, weights: &mut Params<T>, grads: &Params<T>) {
        self.t += 1;
        let (AdamW { beta1, beta2, eps, weight_decay, .. }, t) = (self.settings, self.t);
        // ANCHOR: corrections
        let [c1, c2] = [beta1, beta2].map(|beta| T::of(1.0 - beta.powi(t as i32)));
        // ANCHOR_END: corrections
        let [beta1, beta2, eps, lr] = [beta1, beta2, eps, lr].map(T::of);
        for tensor in self.layout.tensors() {
            let decay = T::of(if tensor.decay { weight_decay } else { 0.0 });
            // ANCHOR: adamw
            for i in tensor.range() {
                let (w, g) = (&mut weights.values[i], grads.values[i]);
                let (m, v) = (&mut self.moments.m.values[i], &mut self.moments.v.values[i]);
                *m = beta1 * *m + (T::one() - beta1) * g;
                *v = beta2 * *v + (T::one() - beta2) * g * g;
                let (m_hat, v_hat) = (*m / c1, *v / c2);
                *w -= lr * decay * *w;
                *w -= lr * m_hat / (v_hat.sqrt() + eps);
            }
            // ANCHOR_END: adamw
        }
    }
}
