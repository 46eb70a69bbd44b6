//! SwiGLU: a feed-forward layer in which one half of the hidden units gates the other.
//!
//! The feed-forward layer of GPT-2 lets a hidden unit pass by its own value: gelu(h) is h times a gate
//! between 0 and 1 that is computed from h. In a *gated linear unit* the gate is a linear layer of its
//! own, so what passes and whether it passes are learned apart:
//!
//! ```text
//! gate = x W_gate        up = x W_up        h = silu(gate) * up        y = h W_down
//!
//! silu(z) = z s(z),    s(z) = 1 / (1 + exp(-z))
//! ```
//!
//! silu, also *swish*, is a smooth gate much like GELU. Three matrices stand where GPT-2 has two; to
//! keep the number of weights, the hidden units are fewer: 8/3 n_embd in place of 4 n_embd.
//!
//! Shazeer 2020, equation 6; names as in Llama's files. No biases.
//!
//! ```
//! use stage03_gpt::swiglu::silu;
//!
//! assert_eq!(silu(0.0), 0.0);
//! assert!((silu(3.0f64) - 2.857_722).abs() < 1e-6); // large numbers pass
//! assert!((silu(-3.0f64) + 0.142_278).abs() < 1e-6); // large negative ones become nearly 0
//! ```

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage02_attention::backward::Backward;
use stage02_attention::linear::Linear;
use stage02_attention::parallel::each_row;
use stage02_attention::params::{Init, Params, Scope};
use stage02_attention::profiler::Region;
use stage02_attention::weights::Weights;

/// y = down_proj(silu(gate_proj(x)) * up_proj(x)).
#[derive(Clone, Copy, Debug)]
pub struct SwiGlu {
    /// From n_embd to n_inner: how much of each hidden unit passes.
    pub gate_proj: Linear,
    /// From n_embd to n_inner: the hidden units.
    pub up_proj: Linear,
    /// From n_inner back to n_embd.
    pub down_proj: Linear,
}

/// What a forward pass leaves for the backward pass. Each: (rows, n_inner).
#[derive(Clone, Debug)]
pub struct Activations<T> {
    gate: Array2<T>,
    up: Array2<T>,
    /// silu(gate) * up.
    h: Array2<T>,
}

/// Scratch for the backward pass, shared by all blocks.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    /// The gradient of `gate`, and of `h` and then `up`. Shape: (rows, n_inner).
    dgate: Array2<T>,
    dup: Array2<T>,
    /// One of the two gradients of x. Shape: (rows, n_embd).
    dx: Array2<T>,
}

impl SwiGlu {
    /// Declares `gate_proj`, `up_proj` and `down_proj`, with `n_inner` hidden units.
    pub fn declare(
        mut scope: Scope,
        (n_embd, n_inner): (usize, usize),
        bias: bool,
        (init, init_proj): (Init, Init),
    ) -> Self {
        let gate_proj = Linear::declare(scope.scope("gate_proj"), n_embd, n_inner, bias, init);
        let up_proj = Linear::declare(scope.scope("up_proj"), n_embd, n_inner, bias, init);
        let down_proj = Linear::declare(scope.scope("down_proj"), n_inner, n_embd, bias, init_proj);
        SwiGlu { gate_proj, up_proj, down_proj }
    }

    /// The number of hidden units.
    pub fn n_inner(&self) -> usize {
        self.up_proj.weight.cols()
    }

    /// Buffers for the forward pass of `rows` rows.
    pub fn activations<T: Float>(&self, rows: usize) -> Activations<T> {
        let hidden = || Array2::zeros((rows, self.n_inner()));
        Activations { gate: hidden(), up: hidden(), h: hidden() }
    }

    /// Scratch for the backward pass of `rows` rows.
    pub fn scratch<T: Float>(&self, rows: usize) -> Scratch<T> {
        let matrix = |columns| Array2::zeros((rows, columns));
        let (n_embd, n_inner) = (self.up_proj.weight.rows(), self.n_inner());
        Scratch { dgate: matrix(n_inner), dup: matrix(n_inner), dx: matrix(n_embd) }
    }

    // ANCHOR: forward
    /// y = down_proj(silu(gate_proj(x)) * up_proj(x)).
    ///
    /// x, y: (rows, n_embd); y is overwritten; acts: of the same number of rows.
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &mut Activations<T>,
        y: ArrayViewMut2<T>,
    ) {
        let Activations { gate, up, h } = acts;
        self.gate_proj.forward(params, x, gate.view_mut());
        self.up_proj.forward(params, x, up.view_mut());
        each_row(Region::Gelu, (gate.view(), up.view(), h.view_mut()), |(gate, up, h)| {
            for ((h, &gate), &up) in h.iter_mut().zip(gate).zip(up) {
                *h = silu(gate) * up;
            }
        });
        self.down_proj.forward(params, h.view(), y);
    }
    // ANCHOR_END: forward

    /// The layer in place, storing nothing for a backward pass.
    ///
    /// x: (rows, n_embd); gate, up: scratch, (rows, n_inner).
    pub fn infer<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        x: ArrayViewMut2<T>,
        (mut gate, mut up): (ArrayViewMut2<T>, ArrayViewMut2<T>),
    ) {
        let layers = vec![(&self.gate_proj, gate.view_mut()), (&self.up_proj, up.view_mut())];
        weights.linears(x.view(), layers);
        each_row(Region::Gelu, (gate.view(), up.view_mut()), |(gate, up)| {
            up.iter_mut().zip(gate).for_each(|(up, &gate)| *up *= silu(gate));
        });
        weights.linear(&self.down_proj, up.view(), x);
    }

    // ANCHOR: backward
    /// The gradient of x and of the three layers from the gradient of y.
    ///
    /// The gradient of a product reaches both factors, each times the other one:
    ///
    /// ```text
    /// dup = dh * silu(gate),    dgate = dh * up * silu'(gate)
    /// ```
    ///
    /// x, acts: as in the forward pass; dy, dx: (rows, n_embd); dx is overwritten.
    pub fn backward<T: Float>(
        &self,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        dy: ArrayView2<T>,
        mut dx: ArrayViewMut2<T>,
        pass: Backward<T, Scratch<T>>,
    ) {
        let Backward { params, grads, scratch: Scratch { dgate, dup, dx: dx_up } } = pass;
        self.down_proj.backward(params, acts.h.view(), dy, dup.view_mut(), grads); // dh
        let rows = (acts.gate.view(), acts.up.view(), dgate.view_mut(), dup.view_mut());
        each_row(Region::Gelu, rows, |(gate, up, dgate, dup)| {
            for (((dgate, dup), &gate), &up) in dgate.iter_mut().zip(dup).zip(gate).zip(up) {
                let (silu, derivative) = silu_and_derivative(gate);
                let dh = *dup;
                (*dgate, *dup) = (dh * up * derivative, dh * silu);
            }
        });
        self.gate_proj.backward(params, x, dgate.view(), dx.view_mut(), grads);
        self.up_proj.backward(params, x, dup.view(), dx_up.view_mut(), grads);
        each_row(Region::Gelu, (dx, dx_up.view()), |(dx, dx_up)| {
            dx.iter_mut().zip(dx_up).for_each(|(dx, &dx_up)| *dx += dx_up);
        });
    }
    // ANCHOR_END: backward
}

// ANCHOR: silu
/// silu(z) = z s(z), with the sigmoid s(z) = 1 / (1 + exp(-z)). Also called swish.
///
/// Ramachandran, Zoph and Le 2017; Hendrycks and Gimpel 2016, section 2.
#[inline(always)]
pub fn silu<T: Float>(z: T) -> T {
    z * sigmoid(z)
}

/// [`silu`] of z, and its derivative there. The product rule, and s' = s (1 - s):
///
/// ```text
/// silu'(z) = s + z s (1 - s)
/// ```
#[inline(always)]
pub fn silu_and_derivative<T: Float>(z: T) -> (T, T) {
    let s = sigmoid(z);
    (z * s, s + z * s * (T::one() - s))
}
// ANCHOR_END: silu

/// 1 / (1 + exp(-z)).
#[inline(always)]
fn sigmoid<T: Float>(z: T) -> T {
    T::one() / (T::one() + (-z).fast_exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage02_attention::layer_check::{Problem, array, array_mut};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..4, n_embd in 1usize..4, n_inner in 1usize..6, bias: bool, seed: u64) {
            let init = (Init::Normal(0.7), Init::Normal(0.7));
            Problem::new(seed, &[rows * n_embd], |layout| {
                SwiGlu::declare(layout.scope("mlp"), (n_embd, n_inner), bias, init)
            })
            .check(
                rows * n_embd,
                |mlp, params, x, y| {
                    let y = array_mut(y, rows, n_embd);
                    mlp.forward(params, array(&x[0], rows, n_embd), &mut mlp.activations(rows), y);
                },
                |mlp, params, x, dy, dx, grads| {
                    let (x, dy) = (array(&x[0], rows, n_embd), array(dy, rows, n_embd));
                    let acts = &mut mlp.activations(rows);
                    mlp.forward(params, x, acts, Array2::zeros((rows, n_embd)).view_mut());
                    let dx = array_mut(&mut dx[0], rows, n_embd);
                    let scratch = &mut mlp.scratch(rows);
                    mlp.backward(x, acts, dy, dx, Backward { params, grads, scratch });
                },
            );
        }
    }

    #[test]
    fn silu_has_the_values_of_its_definition() {
        for i in -1000..1000 {
            let z = f64::from(i) / 20.0;
            let definition = z / (1.0 + (-z).exp());
            assert!((silu(z) - definition).abs() < 1e-13, "silu({z})");
            assert!((f64::from(silu(z as f32)) - definition).abs() < 2e-6, "silu({z}) in f32");
        }
        assert_eq!(silu(1e30f32), 1e30);
        assert_eq!(silu(-1e30f32), 0.0);
    }
}
