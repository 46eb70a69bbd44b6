//! What `matmul` and `matmul_transposed` are asked.

use super::answer::{matmul, matmul_transposed};
use exercises::probe::{Part, Probe};
use ndarray::{Array2, array};

/// Numbers that follow no line.
fn table(rows: usize, columns: usize, step: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 5 + j * 3) * step % 13) as f64 - 6.0)
}

fn shape(p: &mut Part, y: &Array2<f64>, expected: (usize, usize)) {
    p.rule(y.dim() == expected, || {
        format!(
            "the result has the shape {:?}, and must have {expected:?}. Which sizes are the \
             inner ones, and which remain?",
            y.dim()
        )
    });
}

pub fn probe(p: &mut Probe) {
    p.part("matmul", |p| {
        let square = array![[2.0, 1.0], [0.0, 1.0]];
        p.see("the row dogs = (1, 2) times S", matmul(&array![[1.0, 2.0]], &square));
        let x = array![[1.0, 2.0], [1.0, -2.0]];
        let w = array![[1.0, 2.0, -2.0], [3.0, -1.0, 0.0]];
        let y = matmul(&x, &w);
        shape(p, &y, (2, 3));
        p.see("X W of the chapter", y);
        for (rows, n, m) in [(1, 4, 3), (5, 3, 1), (4, 1, 4), (7, 5, 6)] {
            let y = matmul(&table(rows, n, 2), &table(n, m, 7));
            shape(p, &y, (rows, m));
            p.see(format!("({rows}, {n}) times ({n}, {m})"), y);
        }
    });
    p.part("matmul_transposed", |p| {
        let square = array![[2.0, 1.0], [0.0, 1.0]];
        let dogs = array![[1.0, 2.0]];
        p.see("dogs = (1, 2) times S turned on its side", matmul_transposed(&dogs, &square));
        for (rows, n, m) in [(2, 2, 3), (1, 4, 3), (5, 3, 1), (7, 5, 6)] {
            let y = matmul_transposed(&table(rows, n, 2), &table(m, n, 7));
            shape(p, &y, (rows, m));
            p.see(format!("({rows}, {n}) times the transpose of ({m}, {n})"), y);
        }
    });
}
