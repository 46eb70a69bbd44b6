//! What `layer_norm` is asked.

use super::answer::layer_norm;
use exercises::probe::Probe;
use ndarray::{Array1, Array2, array, s};

pub fn probe(p: &mut Probe) {
    p.part("layer_norm", |p| {
        let ones = Array1::ones(3);
        let zeros = Array1::zeros(3);
        let y = layer_norm(&array![[1.0, 2.0, 3.0]], &ones, &zeros);
        p.see("the row (1, 2, 3), with the scales 1 and the shifts 0", y);

        let x = Array2::from_shape_fn((4, 6), |(i, j)| ((7 * i + 3 * j * j) % 11) as f64 - 3.0);
        let y = layer_norm(&x, &Array1::ones(6), &Array1::zeros(6));
        p.see("four rows of six numbers, with the scales 1 and the shifts 0", y.clone());
        p.rule(y.dim() == x.dim(), || {
            format!("x has the shape {:?} and y has {:?}. Both must be alike", x.dim(), y.dim())
        });
        for (i, row) in y.rows().into_iter().enumerate() {
            let mean = row.sum() / row.len() as f64;
            let square = row.iter().map(|y| y * y).sum::<f64>() / row.len() as f64;
            p.rule(mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-3, || {
                format!(
                    "with the scales 1 and the shifts 0, row {i} of y has the mean {mean:.4}, and \
                     the mean of its squares is {square:.4}. These must be 0 and 1 for every row. \
                     Did you measure along the row, and divide by the standard deviation?"
                )
            });
        }

        let gamma = Array1::from_shape_fn(6, |j| 0.5 + 0.25 * j as f64);
        let beta = Array1::from_shape_fn(6, |j| 1.0 - 0.5 * j as f64);
        let y = layer_norm(&x, &gamma, &beta);
        p.see(
            "the same four rows, with the scales 0.5, 0.75, … and the shifts 1, 0.5, …",
            y.clone(),
        );
        let alone = layer_norm(&x.slice(s![1..2, ..]).to_owned(), &gamma, &beta);
        let same = alone.len() == 6
            && y.dim() == x.dim()
            && alone.iter().zip(y.row(1)).all(|(a, b)| (a - b).abs() < 1e-9);
        p.rule(same, || {
            "the result of row 1 changes when the other rows are left out. No token may learn \
             anything of another here. Are mean and variance those of one row?"
                .into()
        });
        let y = layer_norm(&array![[5.0, 5.0, 5.0], [0.001, 0.002, 0.003]], &ones, &zeros);
        p.see("a row of three equal numbers, and one of very small ones", y);
    });
}
