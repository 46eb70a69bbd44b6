//! GELU: each hidden unit passes a gate that opens as the number grows. Its equation:
//!
//!   gelu(x) = x * (1 + tanh(u)) / 2,    u = sqrt(2 / pi) * (x + 0.044715 x^3)
//!
//! Write it, and write its derivative. On paper: gelu is a product of x and of the gate
//! (1 + tanh(u)) / 2. The product rule has two parts, and in the second x moves u, and u moves
//! the tanh. The derivative of tanh(u) is 1 - tanh(u)^2.
//!
//! Some values: gelu(0) = 0, gelu(1) = 0.8412, gelu(-1) = -0.1588. The derivative at 0 is 0.5:
//! the gate is half open.
//!
//! In Rust, `u.tanh()` is the hyperbolic tangent, `x.sqrt()` the root, and `PI` is pi.

use std::f64::consts::PI;

/// gelu(x), for one number.
pub fn gelu(x: f64) -> f64 {
    // SOLUTION
    let u = (2.0 / PI).sqrt() * (x + 0.044715 * x * x * x);
    0.5 * x * (1.0 + u.tanh())
    // STUB
    // todo!()
    // END
}

/// How much gelu(x) moves for each nudge of x.
pub fn gelu_derivative(x: f64) -> f64 {
    // SOLUTION
    let tanh = ((2.0 / PI).sqrt() * (x + 0.044715 * x * x * x)).tanh();
    let du = (2.0 / PI).sqrt() * (1.0 + 3.0 * 0.044715 * x * x);
    0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * du
    // STUB
    // todo!()
    // END
}
