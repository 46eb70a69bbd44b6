//! What the predictions are held to.

use super::answer::{backward_multiplications, forward_multiplications, numbers_of_dw, weights};
use exercises::probe::Probe;
use ndarray::Array2;
use stage02_attention::linear::Linear;
use stage02_attention::params::{Init, Layout};

/// A product of two matrices of ones: each number of it is how many multiplications it took.
fn counted(rows: usize, inner: usize, cols: usize) -> usize {
    Array2::<f64>::ones((rows, inner)).dot(&Array2::ones((inner, cols))).sum() as usize
}

pub fn probe(p: &mut Probe) {
    let (rows, inputs, outputs) = (4 * 32, 48, 96);
    let mut layout = Layout::new();
    Linear::declare(layout.scope("c_fc"), inputs, outputs, true, Init::Zeros);

    p.part("weights", |p| p.predict("weights of the layer", weights(), layout.len()));
    p.part("forward_multiplications", |p| {
        let truth = counted(rows, inputs, outputs);
        p.predict("multiplications of the forward pass", forward_multiplications(), truth);
    });
    p.part("backward_multiplications", |p| {
        let truth = counted(rows, outputs, inputs) + counted(inputs, rows, outputs);
        p.predict("multiplications of the backward pass", backward_multiplications(), truth);
    });
    p.part("numbers_of_dw", |p| {
        let dw = Array2::<f64>::ones((rows, inputs)).t().dot(&Array2::<f64>::ones((rows, outputs)));
        p.predict("numbers of dw", numbers_of_dw(), dw.len());
    });
}
