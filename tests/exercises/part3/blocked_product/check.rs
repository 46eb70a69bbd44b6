//! What `blocked_product` is asked.

use super::answer::blocked;
use exercises::probe::Probe;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

pub fn probe(p: &mut Probe) {
    p.part("blocked", |p| {
        for (m, k, n, tile) in
            [(4, 4, 4, 2), (4, 4, 4, 3), (5, 7, 3, 2), (1, 9, 4, 4), (6, 2, 8, 99)]
        {
            let a = Array2::from_shape_fn((m, k), |(i, j)| (1.0 + (i * k + j) as f64).sin());
            let b = Array2::from_shape_fn((k, n), |(i, j)| (2.0 + (i * n + j) as f64).cos());
            let name = format!("({m}, {k}) times ({k}, {n}), tiles of {tile}");
            let (mut calls, mut largest, mut fit) = (0usize, 0, true);
            let mut multiply_add =
                |a: ArrayView2<f64>, b: ArrayView2<f64>, mut c: ArrayViewMut2<f64>| {
                    calls += 1;
                    let sizes = [a.nrows(), a.ncols(), b.nrows(), b.ncols()];
                    largest = largest.max(sizes.into_iter().max().unwrap_or(0));
                    fit &= a.ncols() == b.nrows() && c.dim() == (a.nrows(), b.ncols());
                    if fit {
                        c += &a.dot(&b);
                    }
                };
            let c = blocked(&a, &b, tile, &mut multiply_add);
            p.rule(fit, || {
                format!(
                    "{name}: two tiles do not fit together; a tile of c has the rows of its \
                     tile of a and the columns of its tile of b: which pieces does each slice \
                     take?"
                )
            });
            p.rule(largest <= tile, || {
                format!(
                    "{name}: a tile has {largest} rows or columns, and may have {tile} at \
                     most: is each of the three sizes cut?"
                )
            });
            p.rule(c.dim() == (m, n), || {
                format!("{name}: the result is {:?}, and must be ({m}, {n})", c.dim())
            });
            p.see(format!("{name}: the product"), c);
            p.see(format!("{name}: how often multiply_add is called"), calls);
        }
    });
}
