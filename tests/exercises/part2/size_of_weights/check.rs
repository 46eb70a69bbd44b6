//! The experiment, and what is asked of it.

use super::answer::{STD, std_that_keeps, ten_layers_with_half, why};
use exercises::probe::Probe;
use ndarray::Array2;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage02_attention::params::fill_normal;

const INPUTS: usize = 256;

fn normal(rows: usize, std: f64, rng: &mut Generator) -> Array2<f64> {
    let mut numbers = vec![0.0; rows * INPUTS];
    fill_normal(&mut numbers, std, rng);
    Array2::from_shape_vec((rows, INPUTS), numbers).expect("rows of 256 numbers")
}

/// The usual size of the numbers, before the first layer and after each.
fn sizes(std: f64, layers: usize) -> Vec<f64> {
    let mut rng = generator(1, Purpose::Other, 0);
    let mut x = normal(16, 1.0, &mut rng);
    let size = |x: &Array2<f64>| (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt();
    let mut sizes = vec![size(&x)];
    for _ in 0..layers {
        x = x.dot(&normal(INPUTS, std, &mut rng));
        sizes.push(size(&x));
    }
    sizes
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        p.note(format!("STD = {STD}: the size of the numbers"));
        for (layer, size) in sizes(STD, 10).into_iter().enumerate() {
            p.note(format!("after {layer:2} layers  {size:12.4e}"));
        }
    }
    p.part("std_that_keeps", |p| {
        let std = std_that_keeps();
        let last = sizes(std, 2)[2];
        p.rule(last > 0.7 && last < 1.4, || {
            format!(
                "with weights of size {std}, the numbers have the size {last:.3e} after two \
                 layers, and they must still be about 1. Set STD to {std} and look: do they grow \
                 or shrink, and by which factor in each layer"
            )
        });
        p.see("the standard deviation that keeps the size", std);
    });
    p.part("ten_layers_with_half", |p| {
        p.see("with half of it, the numbers are smaller by the factor", ten_layers_with_half());
    });
    p.part("why", |p| p.see("why", why()));
}
