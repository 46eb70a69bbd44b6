//! The numeric answers of the quizzes on RMSNorm and SwiGLU, computed by the layers that the chapters
//! explain.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use ndarray::array;
use stage02_attention::matmul;
use stage02_attention::params::{Init, Layout};
use stage03_gpt::mlp::Mlp;
use stage03_gpt::plain::llama::rms_norm::rms_norm;
use stage03_gpt::plain::llama::swiglu::{swiglu, swiglu_backward};
use stage03_gpt::rms_norm::RmsNorm;

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    second_of_one_and_seven,
    numbers_of_an_rms_norm,
    hidden_unit_of_a_zero_gate,
    gradient_of_up,
    gated_width_of_ninety_six,
];

/// The second number of (1, 7), normalised.
pub fn second_of_one_and_seven() -> f64 {
    rms_norm(&array![[1.0, 7.0]], &[1.0; 2], 0.0)[[0, 1]]
}

/// How many numbers an RMSNorm of 576 columns learns.
pub fn numbers_of_an_rms_norm() -> f64 {
    let mut layout = Layout::new();
    let _ = RmsNorm::declare(layout.scope("ln"), 576, 1e-5);
    layout.len() as f64
}

/// The hidden unit for the gate 0 and the up 100: x is 1, and the weights are these numbers.
pub fn hidden_unit_of_a_zero_gate() -> f64 {
    let [gate, up, down] = [0.0, 100.0, 1.0].map(|w| array![[w]]);
    swiglu(matmul::plain, [gate.view(), up.view(), down.view()], &array![[1.0]]).0.h[[0, 0]]
}

/// The gradient of up for the gate 1, the up 2 and dh = 10. x is 1, so that of the weight is the same.
pub fn gradient_of_up() -> f64 {
    let weights = [1.0, 2.0, 1.0].map(|w| array![[w]]);
    let views = weights.each_ref().map(|weight| weight.view());
    let (acts, _) = swiglu(matmul::plain, views, &array![[1.0]]);
    let mut gradients = [0.0; 3].map(|zero| array![[zero]]);
    let mut into = gradients.each_mut().map(|gradient| gradient.view_mut());
    swiglu_backward(matmul::plain, views, &acts, &array![[10.0]], into.each_mut());
    gradients[1][[0, 0]]
}

/// The width for which three matrices have as many weights as the two of a GPT-2 of this width.
pub fn gated_width_of_ninety_six() -> f64 {
    let mut layout = Layout::new();
    Mlp::declare(layout.scope("mlp"), 96, false, (Init::Zeros, Init::Zeros));
    layout.len() as f64 / (3.0 * 96.0)
}
