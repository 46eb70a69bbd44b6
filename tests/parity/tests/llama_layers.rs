//! Compares RMSNorm and SwiGLU, forward and backward pass, with PyTorch and with the modules of
//! transformers' Llama.

use ndarray::Array2;
use parity::{Golden, assert_each_close, type_name};
use stage01_bigram::Float;
use stage02_attention::matmul;
use stage03_gpt::plain::llama::rms_norm::{rms_norm, rms_norm_backward};
use stage03_gpt::plain::llama::swiglu::{swiglu, swiglu_backward};

fn golden() -> Golden {
    Golden::open("llama_norm_and_mlp.safetensors")
}

/// Compares one tensor number by number.
fn check<T: Float>(golden: &Golden, name: &str, ours: &[T], tolerance: f64) {
    let what = format!("{}, {name}", type_name::<T>());
    assert_each_close(&what, ours, &golden.tensor(name).values, tolerance);
}

fn numbers<T: Float>(matrix: &Array2<T>) -> Vec<T> {
    matrix.iter().copied().collect()
}

fn check_rms_norm<T: Float>(tolerance: f64) {
    let golden = golden();
    let matrix = |name: &str| golden.tensor(&format!("rms_norm.{name}")).matrix::<T>();
    let (x, dy) = (matrix("x"), matrix("dy"));
    let gamma: Vec<T> = golden.tensor("rms_norm.gamma").to();
    let eps = T::of(1e-5);

    let y = rms_norm(&x, &gamma, eps);
    check(&golden, "rms_norm.y", &numbers(&y), tolerance);
    let mut dgamma = vec![T::zero(); gamma.len()];
    let dx = rms_norm_backward(&x, &gamma, eps, &dy, &mut dgamma);
    check(&golden, "rms_norm.dx", &numbers(&dx), tolerance);
    check(&golden, "rms_norm.dgamma", &dgamma, tolerance);
    golden.assert_all_used("rms_norm.");
}

fn check_swiglu<T: Float>(tolerance: f64) {
    let golden = golden();
    let matrix = |name: &str| golden.tensor(&format!("swiglu.{name}")).matrix::<T>();
    let (x, dy) = (matrix("x"), matrix("dy"));
    let names = ["w_gate", "w_up", "w_down"];
    let weights = names.map(matrix);
    let [w_gate, w_up, w_down] = weights.each_ref().map(|weight| weight.view());

    let (acts, y) = swiglu(matmul::plain, [w_gate, w_up, w_down], &x);
    check(&golden, "swiglu.y", &numbers(&y), tolerance);
    let mut gradients = weights.each_ref().map(|weight| Array2::zeros(weight.raw_dim()));
    let mut views = gradients.each_mut().map(|gradient| gradient.view_mut());
    let dx = swiglu_backward(matmul::plain, [w_gate, w_up, w_down], &acts, &dy, views.each_mut());
    check(&golden, "swiglu.dx", &numbers(&dx), tolerance);
    for (name, gradient) in names.iter().zip(&gradients) {
        check(&golden, &format!("swiglu.d{name}"), &numbers(gradient), tolerance);
    }
    golden.assert_all_used("swiglu.");
}

#[test]
fn rms_norm_is_pytorchs() {
    check_rms_norm::<f64>(1e-9);
    check_rms_norm::<f32>(1e-5);
}

#[test]
fn swiglu_is_that_of_transformers() {
    check_swiglu::<f64>(1e-9);
    check_swiglu::<f32>(1e-5);
}
