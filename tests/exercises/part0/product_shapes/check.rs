//! What is guessed in `product_shapes`, and what the machine counts.

use super::answer::{matrices_first, multiplications, shape, weights};
use exercises::probe::Probe;
use ndarray::Array2;

/// Multiplies, and counts the multiplications.
fn product(x: &Array2<f64>, w: &Array2<f64>, count: &mut usize) -> Array2<f64> {
    let mut y = Array2::zeros((x.nrows(), w.ncols()));
    for i in 0..x.nrows() {
        for k in 0..w.nrows() {
            for j in 0..w.ncols() {
                y[[i, j]] += x[[i, k]] * w[[k, j]];
                *count += 1;
            }
        }
    }
    y
}

pub fn probe(p: &mut Probe) {
    let x = Array2::ones((8, 64));
    let (w1, w2) = (Array2::ones((64, 256)), Array2::ones((256, 32)));
    let (mut left, mut right) = (0, 0);
    let y = product(&product(&x, &w1, &mut left), &w2, &mut left);
    product(&x, &product(&w1, &w2, &mut right), &mut right);
    p.part("shape", |p| p.predict("the shape of Y", shape().to_vec(), y.shape().to_vec()));
    p.part("weights", |p| p.predict("the number of weights", weights(), w1.len() + w2.len()));
    p.part("multiplications", |p| {
        p.predict("the multiplications of (X W1) W2", multiplications(), left);
    });
    p.part("matrices_first", |p| {
        p.predict("the multiplications of X (W1 W2)", matrices_first(), right);
    });
}
