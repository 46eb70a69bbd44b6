//! What `rms_norm` is asked.

use super::answer::rms_norm;
use exercises::probe::Probe;
use ndarray::{Array1, Array2, array, s};

pub fn probe(p: &mut Probe) {
    p.part("rms_norm", |p| {
        let ones = Array1::ones(3);
        p.see("the row (1, 5, 7), with the scales 1", rms_norm(&array![[1.0, 5.0, 7.0]], &ones));
        let x = Array2::from_shape_fn((4, 6), |(i, j)| ((7 * i + 3 * j * j) % 11) as f64 - 2.0);
        let y = rms_norm(&x, &Array1::ones(6));
        p.see("four rows of six numbers, with the scales 1", y.clone());
        p.rule(y.dim() == x.dim(), || {
            format!("x has the shape {:?} and y has {:?}. Both must be alike", x.dim(), y.dim())
        });
        for (i, row) in y.rows().into_iter().enumerate() {
            let square = row.iter().map(|y| y * y).sum::<f64>() / row.len() as f64;
            p.rule((square - 1.0).abs() < 1e-3, || {
                format!(
                    "with the scales 1, the mean of the squares of row {i} of y is {square:.4}, \
                     and must be 1 for every row. By what is each number divided, and which \
                     numbers is that computed from?"
                )
            });
        }
        let gamma = Array1::from_shape_fn(6, |j| 0.5 + 0.25 * j as f64);
        let y = rms_norm(&x, &gamma);
        p.see("the same four rows, with the scales 0.5, 0.75, …", y.clone());
        let alone = rms_norm(&x.slice(s![1..2, ..]).to_owned(), &gamma);
        let same = alone.len() == 6
            && y.dim() == x.dim()
            && alone.iter().zip(y.row(1)).all(|(a, b)| (a - b).abs() < 1e-9);
        p.rule(same, || {
            "the result of row 1 changes when the other rows are left out. No token may learn \
             anything of another here. Is the mean square that of one row?"
                .into()
        });
        let small = array![[5.0, 5.0, 5.0], [0.001, 0.002, 0.003], [0.0, 0.0, 0.0]];
        p.see("three equal numbers, three very small ones, three zeros", rms_norm(&small, &ones));
    });
}
