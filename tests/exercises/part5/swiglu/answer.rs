//! SwiGLU: a feed-forward layer in which each hidden unit has a gate with weights of its own.
//!
//!   gate = x W_gate,   up = x W_up,   h = silu(gate) * up,   y = h W_down
//!
//! The matrix products are those of your linear layer. Write what stands between them, number
//! by number, and its backward pass:
//!
//!   silu(x) = x * s(x),    s(x) = 1 / (1 + exp(-x))
//!
//! On paper: the derivative of s is s (1 - s). silu is a product of x and s, and h is a product
//! of silu(gate) and up. The product rule gives both backward passes.
//!
//! Some values: silu(0) = 0, silu(1) = 0.7311, silu(-1) = -0.2689. The derivative at 0 is 0.5.
//! With gate = 1 and up = 2, h = 1.4621; a dh of 1 gives dgate = 1.8553 and dup = 0.7311.
//!
//! In your own GPT `gated` takes the place of GELU, between three matrices in the place of two.

use ndarray::Array2;

/// silu(x), for one number.
pub fn silu(x: f64) -> f64 {
    // SOLUTION
    x / (1.0 + (-x).exp())
    // STUB
    // todo!()
    // END
}

/// How much silu(x) moves for each nudge of x.
pub fn silu_derivative(x: f64) -> f64 {
    // SOLUTION
    let s = 1.0 / (1.0 + (-x).exp());
    s + x * s * (1.0 - s)
    // STUB
    // todo!()
    // END
}

/// The hidden units: silu(gate) * up, number by number. Shape of all: (rows, F).
pub fn gated(gate: &Array2<f64>, up: &Array2<f64>) -> Array2<f64> {
    // SOLUTION
    gate.mapv(silu) * up
    // STUB
    // todo!()
    // END
}

/// The gradients of gate and of up, from that of h. Shape of all: (rows, F).
pub fn gated_backward(
    gate: &Array2<f64>,
    up: &Array2<f64>,
    dh: &Array2<f64>, // of the hidden units
) -> [Array2<f64>; 2] {
    // SOLUTION
    let dgate = dh * up * gate.mapv(silu_derivative);
    let dup = dh * gate.mapv(silu);
    [dgate, dup]
    // STUB
    // todo!()
    // END
}
