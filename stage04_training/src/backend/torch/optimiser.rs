//! Clipping and AdamW on whole vectors: the equations of stage 3, each for all weights at once.
//!
//! Two implementations with the same results:
//!
//! - *flat*: each line of the equations is one operation on whole vectors. It is easy to read, but
//!   every line reads and writes all numbers.
//! - *fused*: one kernel does all lines for a number while it is in a register.

use std::ops::Range;

use stage02_attention::params::Layout;
use stage03_gpt::adamw::{AdamW, Moments};
use tch::{Kind, Tensor};

use super::Torch;
use super::missing::{self, Rates};
use super::weights::{fetch, put};

/// The moments of AdamW on a device, and the step that uses them.
pub(super) struct Optimiser {
    m: Tensor,
    v: Tensor,
    /// The ranges of the vector with weight decay, and those without.
    groups: [Vec<Range<usize>>; 2],
    fused: bool,
}

impl Optimiser {
    /// Moments of zero for these weights, the first of the layout: those that are trained.
    pub fn new(layout: &Layout, weights: &Tensor, fused: bool) -> Torch<Self> {
        let n = weights.size()[0] as usize;
        let groups = [true, false].map(|decay| runs(layout, n, decay));
        Ok(Optimiser { m: weights.f_zeros_like()?, v: weights.f_zeros_like()?, groups, fused })
    }

    /// One step, as [`AdamW::step`]; the gradient is zero afterwards.
    ///
    /// t: the number of the step, from 1; lr: its learning rate; factor: the gradient is multiplied
    /// by it first.
    pub fn step(
        &mut self,
        adamw: &AdamW,
        t: usize,
        lr: f64,
        factor: f64,
        weights: &mut Tensor,
        gradient: &mut Tensor,
    ) -> Torch<()> {
        let _guard = tch::no_grad_guard();
        if self.fused {
            self.fused_step(adamw, t, lr, factor, weights, gradient)?;
        } else {
            self.flat_step(adamw, t, lr, factor, weights, gradient)?;
        }
        let _ = gradient.f_zero_()?;
        Ok(())
    }

    // ANCHOR: flat
    fn flat_step(
        &mut self,
        adamw: &AdamW,
        t: usize,
        lr: f64,
        factor: f64,
        weights: &mut Tensor,
        gradient: &mut Tensor,
    ) -> Torch<()> {
        let &AdamW { beta1, beta2, eps, weight_decay, .. } = adamw;
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(t).unwrap_or(i32::MAX));
        let root_c2 = correction(beta2).sqrt();
        let rate = lr * root_c2 / correction(beta1);

        let mut g = gradient.f_mul_scalar_(factor)?;
        // a.lerp(b, s) is a + s (b - a): (1 - s) a + s b.
        let _ = self.m.f_lerp_(&g, 1.0 - beta1)?;
        let _ = self.v.f_lerp_(&g.f_square_()?, 1.0 - beta2)?;
        for run in &self.groups[0] {
            let _ = part(weights, run)?.f_mul_scalar_(1.0 - lr * weight_decay)?;
        }
        let mut size = self.v.f_sqrt()?.f_add_scalar_(eps * root_c2)?.f_reciprocal_()?;
        let _ = weights.f_sub_(&size.f_mul_(&self.m)?.f_mul_scalar_(rate)?)?;
        Ok(())
    }
    // ANCHOR_END: flat

    fn fused_step(
        &mut self,
        adamw: &AdamW,
        t: usize,
        lr: f64,
        factor: f64,
        weights: &mut Tensor,
        gradient: &mut Tensor,
    ) -> Torch<()> {
        let &AdamW { beta1, beta2, eps, weight_decay, .. } = adamw;
        let scalar = |x: f64| Tensor::f_full([], x, (Kind::Float, weights.device()));
        let (mut step, mut divisor) = (scalar(t as f64)?, scalar(1.0 / factor)?);
        let groups = self.groups.iter().zip([weight_decay, 0.0]);
        // The adapters of a model are all matrices: then one group has no weight, and no kernel.
        for (runs, weight_decay) in groups.filter(|(runs, _)| !runs.is_empty()) {
            let parts =
                |vector: &Tensor| runs.iter().map(|r| part(vector, r)).collect::<Torch<Vec<_>>>();
            let mut vectors = [parts(weights)?, parts(gradient)?, parts(&self.m)?, parts(&self.v)?];
            let rates = Rates { lr, beta1, beta2, weight_decay, eps };
            let vectors = vectors.each_mut().map(Vec::as_mut_slice);
            missing::fused_adamw(vectors, &mut step, &mut divisor, rates)?;
        }
        Ok(())
    }

    /// Copies the moments to the CPU's memory.
    pub fn fetch(&self, moments: &mut Moments<f32>) -> Torch<()> {
        fetch(&self.m, &mut moments.m.values)?;
        fetch(&self.v, &mut moments.v.values)
    }

    /// Replaces the moments by saved ones.
    pub fn restore(&mut self, moments: &Moments<f32>) -> Torch<()> {
        put(&mut self.m, &moments.m)?;
        put(&mut self.v, &moments.v)
    }
}

fn part(vector: &Tensor, run: &Range<usize>) -> Torch<Tensor> {
    vector.f_narrow(0, run.start as i64, run.len() as i64)
}

/// The ranges of the first `n` numbers whose tensors have weight decay, or have none. Adjacent tensors
/// make one range.
fn runs(layout: &Layout, n: usize, decay: bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let trained = layout.tensors().iter().take_while(|tensor| tensor.offset < n);
    for tensor in trained.filter(|tensor| tensor.decay == decay) {
        let range = tensor.range();
        match runs.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => runs.push(range),
        }
    }
    runs
}

/// The Euclidean norm of a vector, as a scalar of type `kind`.
///
/// Computed row by row: f32 adds a thousand squares with little rounding error, but not a hundred
/// million.
pub(super) fn norm(vector: &Tensor, kind: Kind) -> Torch<Tensor> {
    const ROW: i64 = 1024;
    let _guard = tch::no_grad_guard();
    let n = vector.size()[0];
    let (rows, rest) = (n / ROW, n % ROW);
    let of_rows = vector.f_narrow(0, 0, n - rest)?.f_view([rows, ROW])?;
    let of_rows = of_rows.f_norm_scalaropt_dim(2.0, 1i64, false)?;
    let of_rest = vector.f_narrow(0, n - rest, rest)?.f_norm()?.f_view([1])?;
    Tensor::f_cat(&[of_rows, of_rest], 0)?.f_to_kind(kind)?.f_norm()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::params::{Init, Params, fill_normal};

    const CPU: (Kind, tch::Device) = (Kind::Float, tch::Device::Cpu);

    fn layout(lengths: &[(usize, bool)]) -> Layout {
        let mut layout = Layout::new();
        for (i, &(n, decay)) in lengths.iter().enumerate() {
            let mut scope = layout.scope(format!("{i}"));
            if decay {
                scope.matrix("weight", n, 2, Init::Zeros);
            } else {
                scope.vector("bias", n, Init::Zeros);
            }
        }
        layout
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn flat_and_fused_are_the_step_of_stage_3(
            lengths in prop::collection::vec((1usize..2000, any::<bool>()), 1..8),
            grad_clip in prop::sample::select(vec![0.0, 0.5, 1e9]),
            weight_decay in prop::sample::select(vec![0.0, 0.3]),
            trained in 1usize..8, seed: u64,
        ) {
            let layout = layout(&lengths);
            // The tensors behind the first ones are frozen.
            let trained = layout.tensors()[trained.min(lengths.len()) - 1].range().end;
            let rng = &mut generator(seed, Purpose::Other, 0);
            let mut draw = |n| {
                let mut params = Params::<f32>::zeros_of_first(n);
                fill_normal(&mut params.values, 1.0, rng);
                params
            };
            let adamw = AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay, grad_clip };
            let first = draw(layout.len());
            let gradients = [draw(trained), draw(trained), draw(trained)];

            let (mut ours, mut moments) = (first.clone(), Moments::of_first(trained));
            for (gradient, t) in gradients.iter().zip(1..) {
                let norm = gradient.values.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>();
                let factor = adamw.clip_factor(norm.sqrt());
                let gradient = &mut gradient.clone();
                adamw.step(t, 0.01, factor, &layout, &mut ours, gradient, &mut moments);
            }
            for fused in [false, true] {
                let whole = Tensor::from_slice(&first.values);
                let mut weights = whole.narrow(0, 0, trained as i64);
                let mut optimiser = Optimiser::new(&layout, &weights, fused).unwrap();
                for (gradient, t) in gradients.iter().zip(1..) {
                    let mut gradient = Tensor::from_slice(&gradient.values);
                    let norm = norm(&gradient, Kind::Double).unwrap().double_value(&[]);
                    let factor = adamw.clip_factor(norm);
                    optimiser.step(&adamw, t, 0.01, factor, &mut weights, &mut gradient).unwrap();
                    prop_assert_eq!(gradient.abs().sum(Kind::Double).double_value(&[]), 0.0);
                }
                let mut theirs = Params::<f32>::zeros(&layout);
                fetch(&whole, &mut theirs.values).unwrap();
                prop_assert_eq!(&theirs.values[trained..], &first.values[trained..]);
                for (a, b) in ours.values.iter().zip(&theirs.values) {
                    prop_assert!((a - b).abs() < 2e-6 * a.abs().max(1.0), "fused {fused}: {a} {b}");
                }
                let mut fetched = Moments::<f32>::of_first(trained);
                optimiser.fetch(&mut fetched).unwrap();
                for (a, b) in moments.v.values.iter().zip(&fetched.v.values) {
                    prop_assert!((a - b).abs() < 1e-5 * a.abs().max(1e-3), "fused {fused}: {a} {b}");
                }
            }
        }

        #[test]
        fn every_weight_that_is_trained_is_in_one_group(
            lengths in prop::collection::vec((1usize..9, any::<bool>()), 1..12),
        ) {
            let layout = layout(&lengths);
            for tensor in layout.tensors() {
                let n = tensor.range().end;
                let mut all: Vec<usize> =
                    [true, false].iter().flat_map(|&d| runs(&layout, n, d)).flatten().collect();
                all.sort_unstable();
                prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
                let with = runs(&layout, n, true).iter().any(|run| run.contains(&tensor.offset));
                prop_assert_eq!(with, tensor.decay);
            }
        }
    }

    #[test]
    fn the_norm_of_a_long_vector_is_exact() {
        for n in [1, 1023, 1024, 1025, 3_000_000] {
            let vector = Tensor::full([n], 0.1, CPU);
            let norm = norm(&vector, Kind::Double).unwrap().double_value(&[]);
            let expected = f64::from(0.1f32) * (n as f64).sqrt();
            assert!((norm / expected - 1.0).abs() < 2e-6, "{n}: {norm} {expected}");
        }
    }
}
