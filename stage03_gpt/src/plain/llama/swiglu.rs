//! SwiGLU: the feed-forward layer in which each hidden unit has a gate with weights of its own.
//!
//! Three matrices and no bias. A hidden unit is the product of two numbers that are computed from
//! the same token: how far its gate is open, and what passes it. What this file leaves out: the fast
//! version, in [`swiglu`](crate::swiglu), which gives the same numbers.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::matmul;
//! use stage03_gpt::plain::llama::swiglu::{silu, swiglu};
//!
//! // Two units with opposite signs make a square: silu(x) x + silu(-x) (-x) = x².
//! let (there_and_back, sum) = (array![[1.0, -1.0]], array![[1.0], [1.0]]);
//! let weights = [there_and_back.view(), there_and_back.view(), sum.view()];
//! let (_, y) = swiglu(matmul::plain, weights, &array![[3.0], [-2.0]]);
//! assert!((y - array![[9.0], [4.0]]).iter().all(|d: &f64| d.abs() < 1e-12));
//! assert_eq!(silu(0.0), 0.0);
//! ```

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;

use crate::plain::Product;
use crate::plain::layers::times;

/// The activation function, SiLU or Swish: silu(x) = x s(x), with the sigmoid s(x) = 1 / (1 + exp(-x)).
///
/// Ramachandran, Zoph and Le 2017, with their beta of 1.
// ANCHOR: silu
pub fn silu<T: Float>(x: T) -> T {
    x * sigmoid(x)
}

fn sigmoid<T: Float>(x: T) -> T {
    T::one() / (T::one() + (-x).exp())
}
// ANCHOR_END: silu

/// Its derivative: silu'(x) = s + x s (1 - s), with s = s(x).
// ANCHOR: silu_derivative
pub fn silu_derivative<T: Float>(x: T) -> T {
    let s = sigmoid(x);
    s + x * s * (T::one() - s)
}
// ANCHOR_END: silu_derivative

/// What the forward pass leaves for the backward pass. F is the number of hidden units.
// ANCHOR: activations
pub struct Activations<T> {
    /// The input. Shape: (B T, C).
    pub x: Array2<T>,
    /// x W_gate, before the activation function. Shape: (B T, F).
    pub gate: Array2<T>,
    /// x W_up. Shape: (B T, F).
    pub up: Array2<T>,
    /// The hidden units: silu(gate) up, number by number. Shape: (B T, F).
    pub h: Array2<T>,
}
// ANCHOR_END: activations

/// y = (silu(x W_gate) * (x W_up)) W_down, where * multiplies number by number.
///
/// Returns what the backward pass needs, and y.
///
/// x, y: (B T, C); w_gate, w_up: (C, F); w_down: (F, C). Shazeer 2020, equation 6.
// ANCHOR: swiglu
pub fn swiglu<T: Float>(
    product: Product<T>,
    [w_gate, w_up, w_down]: [ArrayView2<T>; 3],
    x: &Array2<T>,
) -> (Activations<T>, Array2<T>) {
    let gate = times(product, T::one(), x.view(), w_gate);
    let up = times(product, T::one(), x.view(), w_up);
    let h = gate.mapv(silu) * &up;
    let y = times(product, T::one(), h.view(), w_down);
    (Activations { x: x.clone(), gate, up, h }, y)
}
// ANCHOR_END: swiglu

/// dx from dy, both (B T, C):
///
///   dh = dy W_down',    dgate = dh up silu'(gate),    dup = dh silu(gate),
///   dx = dgate W_gate' + dup W_up'
///
/// and dW_gate += x' dgate,  dW_up += x' dup,  dW_down += h' dy. The matrices as in [`swiglu`].
// ANCHOR: swiglu_backward
pub fn swiglu_backward<T: Float>(
    product: Product<T>,
    [w_gate, w_up, w_down]: [ArrayView2<T>; 3],
    acts: &Activations<T>,
    dy: &Array2<T>,
    [dw_gate, dw_up, dw_down]: [&mut ArrayViewMut2<T>; 3],
) -> Array2<T> {
    let Activations { x, gate, up, h } = acts;
    product(T::one(), h.t(), dy.view(), T::one(), dw_down);
    let dh = times(product, T::one(), dy.view(), w_down.t());
    let dgate = &dh * up * gate.mapv(silu_derivative); // the product rule: once one factor moves,
    let dup = dh * gate.mapv(silu); //                    and once the other
    product(T::one(), x.t(), dgate.view(), T::one(), dw_gate);
    product(T::one(), x.t(), dup.view(), T::one(), dw_up);
    times(product, T::one(), dgate.view(), w_gate.t())
        + times(product, T::one(), dup.view(), w_up.t())
}
// ANCHOR_END: swiglu_backward

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stage01_bigram::gradcheck::check_gradient;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::backward::Backward;
    use stage02_attention::layer_check::{Problem, array, array_mut};
    use stage02_attention::matmul;
    use stage02_attention::params::{Init, Layout, Matrix, Params, fill_normal};

    use crate::swiglu::SwiGlu;

    /// Three matrices, one after another.
    fn declare(layout: &mut Layout, n_embd: usize, hidden: usize) -> [Matrix; 3] {
        let shapes = [("gate", n_embd, hidden), ("up", n_embd, hidden), ("down", hidden, n_embd)];
        shapes.map(|(name, rows, columns)| {
            layout.scope(name).matrix("weight", rows, columns, Init::Zeros)
        })
    }

    fn views(weights: [Matrix; 3], params: &Params<f64>) -> [ArrayView2<'_, f64>; 3] {
        weights.map(|weight| params.matrix(weight))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn gradient(rows in 1usize..4, n_embd in 1usize..5, hidden in 1usize..6, seed: u64) {
            Problem::new(seed, &[rows * n_embd], |layout| declare(layout, n_embd, hidden)).check(
                rows * n_embd,
                |&weights, params, x, y| {
                    let x = array(&x[0], rows, n_embd).to_owned();
                    let (_, result) = swiglu(matmul::plain, views(weights, params), &x);
                    array_mut(y, rows, n_embd).assign(&result);
                },
                |&weights, params, x, dy, dx, grads| {
                    let (x, dy) = (array(&x[0], rows, n_embd).to_owned(), array(dy, rows, n_embd));
                    let (acts, _) = swiglu(matmul::plain, views(weights, params), &x);
                    let mut gradients = weights.map(|weight| grads.matrix(weight).to_owned());
                    let [gate, up, down] = &mut gradients;
                    let mut gradients = [gate.view_mut(), up.view_mut(), down.view_mut()];
                    let result = swiglu_backward(
                        matmul::plain,
                        views(weights, params),
                        &acts,
                        &dy.to_owned(),
                        gradients.each_mut(),
                    );
                    for (weight, gradient) in weights.iter().zip(&gradients) {
                        grads.matrix_mut(*weight).assign(gradient);
                    }
                    array_mut(&mut dx[0], rows, n_embd).assign(&result);
                },
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_fast_one_is_the_same(rows in 1usize..4, n_embd in 1usize..5, n_inner in 1usize..9, seed: u64) {
            let (mut layout, mut rng) = (Layout::new(), generator(seed, Purpose::Other, 0));
            let init = Init::Normal(0.7);
            let fast = SwiGlu::declare(layout.scope("mlp"), (n_embd, n_inner), false, (init, init));
            let params: Params<f64> = Params::initialise(&layout, &mut rng);
            // Gradients are added to what is there: begin with something.
            let mut grads: Params<f64> = Params::initialise(&layout, &mut rng);
            let mut slow = grads.clone();
            let [x, dy] = [(); 2].map(|()| {
                let mut values = vec![0.0; rows * n_embd];
                fill_normal(&mut values, 1.0, &mut rng);
                Array2::from_shape_vec((rows, n_embd), values).unwrap()
            });

            let (mut y, mut dx) = (x.clone(), x.clone());
            let (mut acts, mut scratch) = (fast.activations(rows), fast.scratch(rows));
            fast.forward(&params, x.view(), &mut acts, y.view_mut());
            let pass = Backward { params: &params, grads: &mut grads, scratch: &mut scratch };
            fast.backward(x.view(), &acts, dy.view(), dx.view_mut(), pass);

            let handles = [fast.gate_proj, fast.up_proj, fast.down_proj].map(|layer| layer.weight);
            let (acts, plain_y) = swiglu(matmul::plain, views(handles, &params), &x);
            let mut gradients = handles.map(|handle| slow.matrix(handle).to_owned());
            let mut into = gradients.each_mut().map(|gradient| gradient.view_mut());
            let weights = views(handles, &params);
            let plain_dx = swiglu_backward(matmul::plain, weights, &acts, &dy, into.each_mut());
            for (handle, gradient) in handles.into_iter().zip(&gradients) {
                slow.matrix_mut(handle).assign(gradient);
            }
            let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
            prop_assert!(same(y.as_slice().unwrap(), plain_y.as_slice().unwrap()));
            prop_assert!(same(dx.as_slice().unwrap(), plain_dx.as_slice().unwrap()));
            prop_assert!(same(&grads.values, &slow.values));
        }
    }

    #[test]
    fn the_derivative_of_silu_is_what_nudges_say() {
        for i in -40..=40 {
            let x = f64::from(i) / 4.0;
            let found = check_gradient(&mut [x], &[silu_derivative(x)], 1e-8, |x| silu(x[0]));
            assert!(found.is_ok(), "{found:?}");
        }
    }

    #[test]
    fn numbers_that_exp_cannot_hold() {
        for x in [-1e3f32, -88.0, 88.0, 1e3, f32::MAX] {
            let (y, derivative) = (silu(x), silu_derivative(x));
            let (passes, slope) = if x < 0.0 { (0.0, 0.0) } else { (x, 1.0) };
            assert!((y - passes).abs() < 1e-30 && (derivative - slope).abs() < 1e-30, "{x}: {y}");
        }
    }
}
