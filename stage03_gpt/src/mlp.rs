//! The feed-forward layer (MLP): it combines, token by token, what attention brought together.
//!
//! Attention mixes tokens but cannot combine what it finds: it is a weighted average. The
//! feed-forward layer works on one token at a time. A linear layer maps the vector to 4 n_embd
//! hidden units, the activation function ([`gelu`]) is applied to each of them, and a second
//! linear layer maps them back. Without the activation function, two linear layers would be no
//! more than one.
//!
//! ```text
//! y = gelu(x W_fc + b_fc) W_proj + b_proj
//! ```
//!
//! ```
//! use stage03_gpt::mlp::gelu;
//!
//! assert_eq!(gelu(0.0), 0.0);
//! assert!((gelu(3.0f64) - 2.996_363).abs() < 1e-6); // large numbers pass
//! assert!((gelu(-3.0f64) + 0.003_637).abs() < 1e-6); // large negative ones become nearly 0
//! ```

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage02_attention::backward::Backward;
use stage02_attention::linear::Linear;
use stage02_attention::parallel::each_row;
use stage02_attention::params::{Init, Params, Scope};
use stage02_attention::profiler::Region;
use stage02_attention::weights::Weights;

/// y = c_proj(gelu(c_fc(x))).
#[derive(Clone, Copy, Debug)]
pub struct Mlp {
    /// From n_embd to 4 n_embd.
    pub c_fc: Linear,
    /// From 4 n_embd back to n_embd.
    pub c_proj: Linear,
    /// The number of hidden units: 4 n_embd.
    n_inner: usize,
}

/// What a forward pass leaves for the backward pass. Each: (rows, 4 n_embd).
#[derive(Clone, Debug)]
pub struct Activations<T> {
    /// gelu'(h), the derivative of the activation function: all that the backward pass needs of h.
    derivative: Array2<T>,
    /// gelu(h).
    g: Array2<T>,
}

/// Scratch for the backward pass, shared by all blocks: (rows, 4 n_embd).
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    dh: Array2<T>,
}

impl Mlp {
    /// Declares `c_fc` and `c_proj`.
    pub fn declare(scope: Scope, n_embd: usize, bias: bool, inits: (Init, Init)) -> Self {
        Mlp::declare_with(scope, (n_embd, 4 * n_embd), bias, inits)
    }

    /// [`Mlp::declare`] with another number of hidden units than 4 n_embd.
    pub fn declare_with(
        mut scope: Scope,
        (n_embd, n_inner): (usize, usize),
        bias: bool,
        (init, init_proj): (Init, Init),
    ) -> Self {
        let c_fc = Linear::declare(scope.scope("c_fc"), n_embd, n_inner, bias, init);
        let c_proj = Linear::declare(scope.scope("c_proj"), n_inner, n_embd, bias, init_proj);
        Mlp { c_fc, c_proj, n_inner }
    }

    /// The number of hidden units.
    pub fn n_inner(&self) -> usize {
        self.n_inner
    }

    /// Buffers for the forward pass of `rows` rows.
    pub fn activations<T: Float>(&self, rows: usize) -> Activations<T> {
        let hidden = || Array2::zeros((rows, self.n_inner));
        Activations { derivative: hidden(), g: hidden() }
    }

    /// Scratch for the backward pass of `rows` rows.
    pub fn scratch<T: Float>(&self, rows: usize) -> Scratch<T> {
        Scratch { dh: Array2::zeros((rows, self.n_inner)) }
    }

    // ANCHOR: forward
    /// y = c_proj(gelu(c_fc(x))).
    ///
    /// x, y: (rows, n_embd); y is overwritten; acts: of the same number of rows.
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &mut Activations<T>,
        y: ArrayViewMut2<T>,
    ) {
        let Activations { derivative, g } = acts;
        self.c_fc.forward(params, x, g.view_mut());
        each_row(Region::Gelu, (g.view_mut(), derivative.view_mut()), |(g, derivative)| {
            gelu_forward(g, derivative)
        });
        self.c_proj.forward(params, g.view(), y);
    }
    // ANCHOR_END: forward

    /// x = c_proj(gelu(c_fc(x))) in place, storing nothing for a backward pass.
    ///
    /// x: (rows, n_embd); hidden: scratch, (rows, 4 n_embd).
    pub fn infer<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        x: ArrayViewMut2<T>,
        mut hidden: ArrayViewMut2<T>,
    ) {
        weights.linear(&self.c_fc, x.view(), hidden.view_mut());
        each_row(Region::Gelu, hidden.view_mut(), |h| h.iter_mut().for_each(|h| *h = gelu(*h)));
        weights.linear(&self.c_proj, hidden.view(), x);
    }

    // ANCHOR: backward
    /// The gradient of x and of both layers from the gradient of y.
    ///
    /// x, acts: as in the forward pass; dy, dx: (rows, n_embd); dx is overwritten.
    pub fn backward<T: Float>(
        &self,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        dy: ArrayView2<T>,
        dx: ArrayViewMut2<T>,
        pass: Backward<T, Scratch<T>>,
    ) {
        let Backward { params, grads, scratch: Scratch { dh } } = pass;
        self.c_proj.backward(params, acts.g.view(), dy, dh.view_mut(), grads);
        each_row(Region::Gelu, (dh.view_mut(), acts.derivative.view()), |(dh, derivative)| {
            dh.iter_mut().zip(derivative).for_each(|(d, &derivative)| *d *= derivative);
        });
        self.c_fc.backward(params, x, dh.view(), dx, grads);
    }
    // ANCHOR_END: backward
}

// ANCHOR: gelu_forward
/// derivative = gelu'(g), and g = gelu(g).
#[inline(always)]
fn gelu_forward<T: Float>(g: &mut [T], derivative: &mut [T]) {
    for (g, derivative) in g.iter_mut().zip(derivative) {
        (*g, *derivative) = gelu_and_derivative(*g);
    }
}
// ANCHOR_END: gelu_forward

/// sqrt(2 / pi).
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

// ANCHOR: gelu
/// GELU, the activation function of GPT-2, in its tanh form: large numbers pass, large negative
/// ones become nearly 0.
///
/// ```text
/// gelu(x) = x/2 (1 + tanh(u)) = x s(2u),    u = sqrt(2/pi) (x + 0.044715 x³)
/// ```
///
/// with the sigmoid s(z) = 1 / (1 + exp(-z)): (1 + tanh(u)) / 2 is the same as s(2u), and
/// needs one exp instead of a tanh. Hendrycks and Gimpel 2016, section 2.
#[inline(always)]
pub fn gelu<T: Float>(x: T) -> T {
    x * gate(x)
}
// ANCHOR_END: gelu

/// [`gelu`] of x, and its derivative there.
///
/// The product rule, and s' = s (1 - s):
///
/// ```text
/// gelu'(x) = s + x s (1 - s) 2u',    u' = sqrt(2/pi) (1 + 3 * 0.044715 x²)
/// ```
///
/// Both need the same s, which costs an exp: together they cost little more than one of them.
#[inline(always)]
pub fn gelu_and_derivative<T: Float>(x: T) -> (T, T) {
    let s = gate(x);
    let du = T::of(SQRT_2_OVER_PI) * (T::one() + T::of(3.0 * 0.044715) * x * x);
    (x * s, s + x * s * (T::one() - s) * T::of(2.0) * du)
}

// ANCHOR: gate
/// s(2u): the fraction of x that passes.
#[inline(always)]
fn gate<T: Float>(x: T) -> T {
    let minus_2u = T::of(-2.0 * SQRT_2_OVER_PI) * x * (T::one() + T::of(0.044715) * x * x);
    T::one() / (T::one() + minus_2u.fast_exp())
}
// ANCHOR_END: gate

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage02_attention::layer_check::{Problem, array, array_mut};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..4, n_embd in 1usize..4, bias: bool, seed: u64) {
            let init = (Init::Normal(0.5), Init::Normal(0.5));
            Problem::new(seed, &[rows * n_embd], |layout| {
                Mlp::declare(layout.scope("mlp"), n_embd, bias, init)
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
    fn gelu_has_the_values_of_its_definition() {
        // x times the probability that a normal number is below x, to the accuracy of tanh.
        for (x, expected) in
            [(-3.0, -0.003_637), (-1.0, -0.158_808), (0.0, 0.0), (1.0, 0.841_192), (3.0, 2.996_363)]
        {
            assert!((gelu::<f64>(x) - expected).abs() < 1e-6, "gelu({x}) = {}", gelu(x));
        }
        for i in -1000..1000 {
            let x = f64::from(i) / 100.0;
            let u = SQRT_2_OVER_PI * (x + 0.044715 * x.powi(3));
            let definition = 0.5 * x * (1.0 + u.tanh());
            assert!((gelu(x) - definition).abs() < 1e-14, "gelu({x})");
            assert!((f64::from(gelu(x as f32)) - definition).abs() < 1e-6, "gelu({x}) in f32");
        }
        assert_eq!(gelu(1e30f32), 1e30);
        assert_eq!(gelu(-1e30f32), 0.0);
    }
}
