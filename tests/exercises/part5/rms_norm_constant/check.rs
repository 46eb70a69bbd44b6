//! What two norms make of some rows: guessed, and computed.

use super::answer::{
    gradient_of_a_zero, layer_norm_of_minus_threes, rms_norm_of_minus_threes, the_second_of_four,
};
use exercises::probe::Probe;
use ndarray::{Array2, array};
use stage02_attention::params::{Layout, Params};
use stage03_gpt::layer_norm::{LayerNorm, Statistics};
use stage03_gpt::plain::llama::rms_norm::{rms_norm, rms_norm_backward};

/// With as many digits as the answer is asked for.
fn three_digits(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0 + 0.0
}

fn layer_norm(x: &Array2<f64>) -> Array2<f64> {
    let mut layout = Layout::new();
    let norm = LayerNorm::declare(layout.scope("ln"), x.ncols(), false);
    let (params, mut y) = (Params { values: vec![1.0; x.ncols()] }, x.clone());
    norm.forward(&params, x.view(), &mut Statistics::new(x.nrows()), y.view_mut());
    y
}

pub fn probe(p: &mut Probe) {
    let threes = array![[-3.0, -3.0, -3.0, -3.0]];
    let four = array![[3.0, 4.0, 0.0, 0.0]];
    p.part("layer_norm_of_minus_threes", |p| {
        let truth = three_digits(layer_norm(&threes)[[0, 0]]);
        let guess = three_digits(layer_norm_of_minus_threes());
        p.predict("layer norm of (-3, -3, -3, -3): each number", guess, truth);
    });
    p.part("rms_norm_of_minus_threes", |p| {
        let truth = three_digits(rms_norm(&threes, &[1.0; 4], 1e-5)[[0, 0]]);
        let guess = three_digits(rms_norm_of_minus_threes());
        p.predict("RMSNorm of (-3, -3, -3, -3): each number", guess, truth);
    });
    p.part("the_second_of_four", |p| {
        let truth = three_digits(rms_norm(&four, &[1.0; 4], 1e-5)[[0, 1]]);
        p.predict(
            "RMSNorm of (3, 4, 0, 0): the second number",
            three_digits(the_second_of_four()),
            truth,
        );
    });
    p.part("gradient_of_a_zero", |p| {
        let dy = array![[0.0, 0.0, 1.0, 0.0]];
        let dx = rms_norm_backward(&four, &[1.0; 4], 1e-5, &dy, &mut [0.0; 4]);
        p.predict(
            "the gradient of the third number",
            three_digits(gradient_of_a_zero()),
            three_digits(dx[[0, 2]]),
        );
    });
}
