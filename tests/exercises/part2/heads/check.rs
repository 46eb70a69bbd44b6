//! What `head` and `join` are asked.

use super::answer::{head, join};
use exercises::probe::Probe;
use ndarray::Array2;

/// Each number says where it stands: 10 times its row, plus its column over 100.
fn table(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(t, c)| 10.0 * t as f64 + c as f64 / 100.0)
}

pub fn probe(p: &mut Probe) {
    p.part("head", |p| {
        let paper = Array2::from_shape_fn((1, 12), |(_, c)| c as f64);
        for (name, qkv, n_head) in [
            ("the example on paper", paper, 2),
            ("three tokens, C = 6, three heads", table(3, 18), 3),
            ("four tokens, C = 8, one head", table(4, 24), 1),
            ("two tokens, C = 8, four heads", table(2, 24), 4),
        ] {
            let shape = (qkv.nrows(), qkv.ncols() / 3 / n_head);
            for h in 0..n_head {
                let parts = head(&qkv, n_head, h);
                for (what, found) in ["query", "key", "value"].into_iter().zip(parts) {
                    p.rule(found.dim() == shape, || {
                        format!(
                            "{name}: the {what} of head {h} has the shape {:?}, and must have \
                             {shape:?}. How many columns are there for each of q, k and v, and \
                             how many of these for one head? It is C / n_head, and C is a third \
                             of the columns",
                            found.dim()
                        )
                    });
                    p.see(format!("{name}: {what} of head {h}"), found);
                }
            }
        }
    });

    p.part("join", |p| {
        for (rows, d, n_head) in [(1, 2, 2), (3, 2, 3), (4, 5, 1), (2, 3, 4)] {
            let heads: Vec<_> = (0..n_head).map(|h| table(rows, d) + 100.0 * h as f64).collect();
            let found = join(&heads);
            p.rule(found.dim() == (rows, n_head * d), || {
                format!(
                    "{n_head} heads of the shape ({rows}, {d}) gave {:?}, and must give {:?}: the \
                     rows stay, and the columns stand side by side",
                    found.dim(),
                    (rows, n_head * d)
                )
            });
            p.see(format!("{n_head} heads of {rows} x {d}; those of head 1 begin at 100"), found);
        }
    });
}
