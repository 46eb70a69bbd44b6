//! What `rotate` and `rotate_backward` are asked.

use super::answer::{rotate, rotate_backward};
use exercises::numbers::{nudged, table};
use exercises::probe::Probe;
use ndarray::{Array2, array};

/// The dot product of the first rows.
fn dot(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn probe(p: &mut Probe) {
    p.part("rotate", |p| {
        p.see("(1, 0) at the positions 0 and 1", rotate(&array![[1.0, 0.0], [1.0, 0.0]], 0));
        let x = table(4, 6, 1);
        let turned = rotate(&x, 0);
        p.rule(turned.dim() == (4, 6), || {
            format!("four rows of 6 columns gave the shape {:?}, and must give (4, 6)", turned.dim())
        });
        if turned.dim() == (4, 6) {
            for t in 0..4 {
                let (before, after) = (x.row(t).dot(&x.row(t)), turned.row(t).dot(&turned.row(t)));
                p.rule((before - after).abs() < 1e-9, || {
                    format!(
                        "the squares of row {t} add up to {before:.4} before and to {after:.4} \
                         after, and must stay: turning changes no length. Were both new numbers of \
                         a pair made from both old ones?"
                    )
                });
            }
        }
        let (q, k) = (table(1, 8, 2), table(1, 8, 3));
        let score = |i, j| dot(&rotate(&q, i), &rotate(&k, j));
        let (near, far) = (score(3, 1), score(103, 101));
        p.rule((near - far).abs() < 1e-9, || {
            format!(
                "a query at position 3 and a key at position 1 have the score {near:.4}, at 103 and \
                 101 it is {far:.4}, and both must be equal. Does the angle grow by the same amount \
                 with every position, also for a start that is not 0?"
            )
        });
        p.see("four rows of 6 columns from position 0", turned);
        p.see("the same from position 40", rotate(&x, 40));
        p.see("two rows of 8 columns from position 1000", rotate(&table(2, 8, 4), 1000));
    });

    p.part("rotate_backward", |p| {
        p.see("(1, 0) at the positions 0 and 1", rotate_backward(&array![[1.0, 0.0], [1.0, 0.0]], 0));
        for (rows, columns, start) in [(3, 4, 0), (3, 4, 9), (2, 8, 100)] {
            let (x, dy) = (table(rows, columns, 5), table(rows, columns, 6));
            let dx = rotate_backward(&dy, start);
            p.see(format!("{rows} rows of {columns} columns from position {start}"), dx.clone());
            let nudges = nudged(&x, |x| dot(&rotate(x, start), &dy));
            let worst = (dx.dim() == nudges.dim())
                .then(|| dx.iter().zip(&nudges).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max));
            p.rule(worst.is_some_and(|worst| worst < 1e-6), || {
                format!(
                    "from position {start}, the gradient and the nudges of your `rotate` differ by \
                     {:.4}, and must agree. By which angle is a gradient turned, and which way?",
                    worst.unwrap_or(f64::NAN)
                )
            });
        }
    });
}
