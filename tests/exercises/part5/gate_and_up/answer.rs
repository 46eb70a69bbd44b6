//! Find the bug. Some files store the matrices of gate and up side by side in one, `gate_up`,
//! of the shape (C, 2F): first the F columns of the gate, then the F columns of up. This file
//! makes the hidden units of it, h = silu(gate) * up, and the gradient of `gate_up`.
//!
//! The symptoms: a model that is *trained* with this file learns as well as any. Nudges of
//! every weight agree with the gradient. But a model that others have trained, read into it,
//! writes nonsense after a few words. One number is known from them: for x = (2) and
//! gate_up = (1, 3) the hidden unit must be silu(2) * 6 = 10.57. Here it is 11.97.
//!
//! Mend the file. Only one place is wrong.

use std::ops::Range;

use ndarray::{Array2, s};

fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

fn silu_derivative(x: f64) -> f64 {
    let s = 1.0 / (1.0 + (-x).exp());
    s + x * s * (1.0 - s)
}

/// The columns of the gate and of up, among 2F.
fn columns(f: usize) -> [Range<usize>; 2] {
    [0..f, f..2 * f]
}

/// The hidden units. Shapes: x (rows, C); gate_up (C, 2F); the result (rows, F).
pub fn hidden(x: &Array2<f64>, gate_up: &Array2<f64>) -> Array2<f64> {
    let both = x.dot(gate_up);
    let [gate, up] = columns(gate_up.ncols() / 2).map(|c| both.slice(s![.., c]).to_owned());
    gate.mapv(silu) * up
}

/// The gradient of gate_up, from dh. Shapes: dh (rows, F); the result (C, 2F).
pub fn hidden_backward(
    x: &Array2<f64>,
    gate_up: &Array2<f64>,
    dh: &Array2<f64>, // of the hidden units
) -> Array2<f64> {
    let both = x.dot(gate_up);
    let [gate_columns, up_columns] = columns(gate_up.ncols() / 2);
    let gate = both.slice(s![.., gate_columns.clone()]).to_owned();
    let up = both.slice(s![.., up_columns.clone()]).to_owned();

    let mut dboth = Array2::zeros(both.dim());
    dboth.slice_mut(s![.., gate_columns]).assign(&(dh * &up * gate.mapv(silu_derivative)));
    dboth.slice_mut(s![.., up_columns]).assign(&(dh * gate.mapv(silu)));
    x.t().dot(&dboth)
}
