//! AdamW, the optimiser: how the gradient changes the weights.
//!
//! The gradient says which way is down, but one learning rate does not fit all numbers: some
//! have gradients a thousand times larger than others. Adam keeps two running averages for
//! every weight, of its gradient and of the gradient's square, and steps by their ratio: about
//! `lr` for a weight whose gradient keeps its sign, less for one whose gradient alternates.
//!
//! ```text
//! m = beta1 m + (1 - beta1) g            the average gradient
//! v = beta2 v + (1 - beta2) g²           its average square
//! w = w - lr decay w                     weight decay
//! w = w - lr (m / c1) / (sqrt(v / c2) + eps),    c1 = 1 - beta1^t,  c2 = 1 - beta2^t
//! ```
//!
//! m and v begin at zero and so are too small at first; c1 and c2 correct this bias. Kingma and
//! Ba 2014, algorithm 1; weight decay decoupled from the gradient: Loshchilov and Hutter 2019.
//!
//! Before all that the gradient is clipped: where its norm is above `grad_clip`, it is scaled
//! down to it, so that one odd batch cannot throw the model far away.
//!
//! ```
//! use stage02_attention::params::{Init, Layout, Params};
//! use stage03_gpt::adamw::{AdamW, Moments};
//!
//! let mut layout = Layout::new();
//! layout.scope("a").vector("bias", 1, Init::Ones);
//! let (mut weights, mut gradient) = (Params { values: vec![1.0] }, Params { values: vec![4.0] });
//! let (adamw, mut moments) = (AdamW::default(), Moments::new(&layout));
//! adamw.step(1, 0.01, 1.0, &layout, &mut weights, &mut gradient, &mut moments);
//! // The first step of every weight is lr, whatever its gradient: m / c1 = 4, sqrt(v / c2) = 4.
//! assert!((weights.values[0] - 0.99f64).abs() < 1e-9);
//! ```

use rayon::prelude::*;
use stage01_bigram::vector::simd_dispatch;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::params::{Layout, Params};
use stage02_attention::profiler::{Region, time};

/// How many weights a thread takes at a time. Fixed, because sums depend on where they are cut.
pub const CHUNK: usize = 1 << 14;

/// The settings of the optimiser, under nanoGPT's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// The decay rate of the average gradient: 0.9 averages over about ten steps.
    pub beta1: f64,
    /// The decay rate of the average squared gradient.
    pub beta2: f64,
    /// Keeps the ratio finite where the gradient has always been zero.
    pub eps: f64,
    /// How strongly matrices are pulled towards zero. Biases and norms are left alone.
    pub weight_decay: f64,
    /// The maximum norm of the gradient; 0 for no limit.
    pub grad_clip: f64,
}

impl Default for AdamW {
    /// What nanoGPT trains small models with.
    fn default() -> Self {
        AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 }
    }
}

/// Both running averages.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments<T> {
    /// The average gradient of every weight.
    pub m: Params<T>,
    /// The average squared gradient of every weight.
    pub v: Params<T>,
}

impl<T: Float> Moments<T> {
    /// The averages before the first step: zero.
    pub fn new(layout: &Layout) -> Self {
        Self::of_first(layout.len())
    }

    /// The averages of the first `len` weights, where the others are frozen.
    pub fn of_first(len: usize) -> Self {
        Moments { m: Params::zeros_of_first(len), v: Params::zeros_of_first(len) }
    }
}

impl AdamW {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first that cannot be used.
    pub fn validate(&self) -> Result<()> {
        for (setting, value) in [("--beta1", self.beta1), ("--beta2", self.beta2)] {
            if !(0.0..1.0).contains(&value) {
                let expected = "choose from 0 to below 1, such as 0.9";
                return Err(Error::setting(setting, value, expected));
            }
        }
        for (setting, value) in
            [("--weight-decay", self.weight_decay), ("--grad-clip", self.grad_clip)]
        {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::setting(setting, value, "choose 0 (off) or more"));
            }
        }
        Ok(())
    }

    /// What the gradient must be multiplied by so that its norm is at most `grad_clip`.
    ///
    /// norm: the root of the sum of its squares. The 1e-6 is PyTorch's; with it ten steps agree to
    /// nine digits.
    // ANCHOR: clip_factor
    pub fn clip_factor(&self, norm: f64) -> f64 {
        if self.grad_clip > 0.0 { (self.grad_clip / (norm + 1e-6)).min(1.0) } else { 1.0 }
        // ANCHOR_END: clip_factor
    }

    /// One step: the four equations at the top of this file, for every weight.
    ///
    /// t: the number of this step, counted from 1. lr: its learning rate. factor: what the
    /// gradient is multiplied by first, see [`AdamW::clip_factor`]. The gradient is zero
    /// afterwards, ready for the next batch: it is in the cache now, and would have to be fetched
    /// again later. Every weight is computed from its own four numbers alone, so threads cannot
    /// change the result. Weights behind the end of the gradient are frozen: they are not read.
    pub fn step<T: Float>(
        &self,
        t: usize,
        lr: f64,
        factor: f64,
        layout: &Layout,
        weights: &mut Params<T>,
        gradient: &mut Params<T>,
        moments: &mut Moments<T>,
    ) {
        let (beta1, beta2) = (T::of(self.beta1), T::of(self.beta2));
        let (one, factor) = (T::one(), T::of(factor));
        // ANCHOR: corrections
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(t).unwrap_or(i32::MAX));
        // The fourth equation, with its numerator and denominator multiplied by sqrt(c2): a
        // division less for every weight.
        let root_c2 = correction(self.beta2).sqrt();
        let (rate, eps) = (T::of(lr * root_c2 / correction(self.beta1)), T::of(self.eps * root_c2));
        // ANCHOR_END: corrections

        // ANCHOR: update
        let update = |decay_factor: T, w: &mut [T], g: &mut [T], m: &mut [T], v: &mut [T]| {
            simd_dispatch(
                #[inline(always)]
                || {
                    for (((w, gradient), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                        let g = std::mem::take(gradient) * factor;
                        *m = beta1 * *m + (one - beta1) * g;
                        *v = beta2 * *v + (one - beta2) * g * g;
                        *w = decay_factor * *w - rate * *m / (v.sqrt() + eps);
                    }
                },
            );
        };
        // ANCHOR_END: update

        let tensors = layout.tensors();
        let trained = &mut weights.values[..gradient.values.len()];
        (trained.par_chunks_mut(CHUNK))
            .zip(gradient.values.par_chunks_mut(CHUNK))
            .zip(moments.m.values.par_chunks_mut(CHUNK))
            .zip(moments.v.values.par_chunks_mut(CHUNK))
            .enumerate()
            .for_each(|(i, (((w, g), m), v))| {
                time(Region::Optimiser, || {
                    // A chunk may hold the end of one tensor and the beginning of the next.
                    let (start, end) = (i * CHUNK, i * CHUNK + w.len());
                    let first = tensors.partition_point(|tensor| tensor.range().end <= start);
                    for tensor in tensors[first..].iter().take_while(|t| t.offset < end) {
                        let range = tensor.range();
                        let part = range.start.max(start) - start..range.end.min(end) - start;
                        // ANCHOR: groups
                        let decay = if tensor.decay { lr * self.weight_decay } else { 0.0 };
                        // ANCHOR_END: groups
                        let (w, g) = (&mut w[part.clone()], &mut g[part.clone()]);
                        update(T::of(1.0 - decay), w, g, &mut m[part.clone()], &mut v[part]);
                    }
                });
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage02_attention::params::Init;

    #[test]
    fn worked_example_of_the_book() {
        // One matrix of one number, one vector of one number, both 1, both with gradient 4.
        // First step: m / c1 = 4, sqrt(v / c2) = 4, so both move by lr; the matrix also decays.
        // ANCHOR: paper
        let mut layout = Layout::new();
        layout.scope("a").matrix("weight", 1, 1, Init::Ones);
        layout.scope("a").vector("bias", 1, Init::Ones);
        let mut weights = Params { values: vec![1.0f64, 1.0] };
        let mut gradient = Params { values: vec![4.0, 4.0] };
        let mut moments = Moments::new(&layout);
        AdamW::default().step(1, 0.01, 1.0, &layout, &mut weights, &mut gradient, &mut moments);
        assert_eq!(gradient.values, [0.0, 0.0]);
        assert!((weights.values[0] - (1.0 - 0.001 - 0.01)).abs() < 1e-9);
        assert!((weights.values[1] - (1.0 - 0.01)).abs() < 1e-9);
        assert!((moments.m.values[0] - 0.4).abs() < 1e-12);
        assert!((moments.v.values[0] - 0.16).abs() < 1e-12);
        // ANCHOR_END: paper
    }

    #[test]
    fn decay_groups_are_told_apart_across_chunks() {
        // Tensors that begin and end inside chunks. With a gradient of zero only decay moves.
        let mut layout = Layout::new();
        layout.scope("a").vector("bias", CHUNK - 3, Init::Ones);
        layout.scope("b").matrix("weight", 7, CHUNK, Init::Ones);
        layout.scope("c").vector("bias", 5, Init::Ones);
        let n = layout.len();
        let mut weights = Params { values: vec![1.0f32; n] };
        let mut zeros = Params::zeros(&layout);
        AdamW::default().step(
            1,
            0.5,
            1.0,
            &layout,
            &mut weights,
            &mut zeros,
            &mut Moments::new(&layout),
        );
        for tensor in layout.tensors() {
            let expected = if tensor.decay { 0.95 } else { 1.0 };
            assert!(
                weights.values[tensor.range()].iter().all(|&w| w == expected),
                "{}",
                tensor.name
            );
        }
    }

    #[test]
    fn a_large_gradient_is_clipped_and_a_small_one_is_not() {
        assert!((AdamW::default().clip_factor(4.0) - 0.25).abs() < 1e-6);
        assert_eq!(AdamW::default().clip_factor(0.5), 1.0);
        assert_eq!(AdamW { grad_clip: 0.0, ..AdamW::default() }.clip_factor(4.0), 1.0);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(AdamW { beta1: 1.0, ..AdamW::default() }.validate().is_err());
        assert!(AdamW { beta2: -0.1, ..AdamW::default() }.validate().is_err());
        assert!(AdamW { weight_decay: f64::NAN, ..AdamW::default() }.validate().is_err());
        assert!(AdamW { grad_clip: -1.0, ..AdamW::default() }.validate().is_err());
        assert!(AdamW::default().validate().is_ok());
    }
}
