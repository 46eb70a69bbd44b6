//! What `linear_backward` is asked.

use super::answer::linear_backward;
use exercises::numbers::{nudged, table};
use exercises::probe::Probe;
use ndarray::{Array1, Array2, Axis, array};

pub fn probe(p: &mut Probe) {
    p.part("linear_backward", |p| {
        let cases = [
            (
                "the example on paper",
                array![[1.0, 2.0]],
                array![[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]],
                array![[1.0, -1.0, 2.0]],
            ),
            ("three rows, a square layer", table(3, 3, 1), table(3, 3, 2), table(3, 3, 3)),
            ("five rows, from 4 to 3", table(5, 4, 4), table(4, 3, 5), table(5, 3, 6)),
        ];
        for (name, x, w, dy) in &cases {
            let (mut dw, mut db) = (Array2::zeros(w.dim()), Array1::zeros(w.ncols()));
            let dx = linear_backward(x, w, dy, &mut dw, &mut db);
            let loss =
                |x: &Array2<f64>, w: &Array2<f64>, b: &Array2<f64>| (dy * &(x.dot(w) + b)).sum();
            let b = Array2::zeros((1, w.ncols()));
            let rows = db.clone().insert_axis(Axis(0));
            for (what, found, nudged, question) in [
                (
                    "dx",
                    &dx,
                    nudged(x, |x| loss(x, w, &b)),
                    "Which row or column of w leads away \
                  from this input? An input goes into all outputs, through its row of w",
                ),
                (
                    "dw",
                    &dw,
                    nudged(w, |w| loss(x, w, &b)),
                    "The gradient of a weight is its \
                  input times the gradient of its output, added up over all rows",
                ),
                (
                    "db",
                    &rows,
                    nudged(&b, |b| loss(x, w, b)),
                    "A bias is added to its output \
                  in every row, so it gets the gradient of that output from every row",
                ),
            ] {
                p.rule(found.dim() == nudged.dim(), || {
                    let (shape, right) = (found.dim(), nudged.dim());
                    format!(
                        "{name}: {what} has the shape {shape:?}, and must have {right:?}, that of \
                         what it is the gradient of"
                    )
                });
                if found.dim() != nudged.dim() {
                    continue;
                }
                let wrong = nudged.indexed_iter().find(|&(at, &n)| (n - found[at]).abs() > 1e-6);
                p.rule(wrong.is_none(), || {
                    let ((i, j), n) = wrong.expect("the rule is broken");
                    let found = found[[i, j]];
                    format!(
                        "{name}: {what}[{i}, {j}] is {found:.4}, and a nudge gives {n:.4}: the \
                         two must agree. {question}"
                    )
                });
            }
            p.see(format!("dx, {name}"), dx);
            p.see(format!("dw, {name}"), dw);
            p.see(format!("db, {name}"), db);
        }

        let [.., (name, x, w, dy)] = &cases;
        let (mut dw, mut db) = (table(4, 3, 7), array![1.0, 2.0, 3.0]);
        let dx = linear_backward(x, w, dy, &mut dw, &mut db);
        p.see(format!("dx, {name}, again"), dx);
        p.see(format!("dw, {name}, where something was in it before"), dw);
        p.see(format!("db, {name}, where something was in it before"), db);
    });
}
