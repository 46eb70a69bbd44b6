//! What the backward pass of an adapter is asked.

use super::answer::{Adapter, backward};
use exercises::numbers::{nudged, table};
use exercises::probe::Probe;
use exercises::value::short;
use ndarray::{Array2, array};

/// The loss: the outputs times what arrives from behind.
fn loss(x: &Array2<f64>, w: &Array2<f64>, adapter: &Adapter, dy: &Array2<f64>) -> f64 {
    let Adapter { a, b, s } = adapter;
    ((x.dot(w) + *s * x.dot(a).dot(b)) * dy).sum()
}

pub fn probe(p: &mut Probe) {
    p.part("backward", |p| {
        let adapter = Adapter { a: array![[1.0], [-1.0]], b: array![[2.0, 1.0]], s: 2.0 };
        let w = array![[1.0, 2.0], [3.0, 4.0]];
        let (mut da, mut db) = (Array2::zeros((2, 1)), Array2::zeros((1, 2)));
        let (x, dy) = (array![[1.0, 2.0]], array![[1.0, -1.0]]);
        let dx = backward(&x, &w, &adapter, &dy, &mut da, &mut db);
        p.see("the example for paper: dA", da);
        p.see("dB", db);
        p.see("dx", dx);

        for (rows, n_in, n_out, rank, s) in [(3, 4, 5, 2, 0.5), (2, 5, 3, 1, 3.0)] {
            let adapter = Adapter { a: table(n_in, rank, 3), b: table(rank, n_out, 4), s };
            let (x, w, dy) = (table(rows, n_in, 1), table(n_in, n_out, 2), table(rows, n_out, 5));
            // What earlier micro-batches have left there.
            let before = (table(n_in, rank, 6), table(rank, n_out, 7));
            let (mut da, mut db) = before.clone();
            let dx = backward(&x, &w, &adapter, &dy, &mut da, &mut db);
            let (da, db) = (da - before.0, db - before.1);
            let what = format!("{rows} rows, {n_in} inputs, {n_out} outputs, rank {rank}, s {s}");
            p.see(format!("{what}: what was added to dA"), da.clone());
            p.see("what was added to dB", db.clone());
            p.see("dx", dx.clone());
            let Adapter { a, b, .. } = &adapter;
            let with = |a: &Array2<f64>, b: &Array2<f64>| Adapter { a: a.clone(), b: b.clone(), s };
            let nudges = [
                ("A", da, nudged(a, |a| loss(&x, &w, &with(a, b), &dy))),
                ("B", db, nudged(b, |b| loss(&x, &w, &with(a, b), &dy))),
                ("x", dx, nudged(&x, |x| loss(x, &w, &adapter, &dy))),
            ];
            for (name, found, nudged) in nudges {
                p.rule(found.dim() == nudged.dim(), || {
                    format!(
                        "the gradient of {name} has the shape {:?}, and {name} has {:?}",
                        found.dim(),
                        nudged.dim()
                    )
                });
                for ((place, &nudge), &found) in nudged.indexed_iter().zip(&found) {
                    p.rule((found - nudge).abs() < 1e-6, || {
                        format!(
                            "the gradient of {name} at {place:?} is {}, and a nudge there gives \
                             {}; through which ways does {name} move the loss, and where is s on \
                             each?",
                            short(found),
                            short(nudge)
                        )
                    });
                }
            }
        }
    });
}
