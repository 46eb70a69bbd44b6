//! What `split` is asked.

use super::answer::split;
use exercises::probe::Probe;
use ndarray::Array2;

/// Each number says where it stands: 10 times its row, plus its column.
fn table(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(t, c)| (10 * t + c) as f64)
}

pub fn probe(p: &mut Probe) {
    p.part("split", |p| {
        for (length, columns, n_head) in [(3, 4, 2), (4, 4, 2), (5, 6, 3), (2, 8, 4), (4, 3, 1)] {
            let heads = split(&table(length, columns), n_head);
            let name = format!("{length} tokens, {columns} columns, {n_head} heads");
            let shape = (length, columns / n_head);
            p.rule(heads.len() == n_head && heads.iter().all(|head| head.dim() == shape), || {
                let shapes: Vec<_> = heads.iter().map(Array2::dim).collect();
                format!(
                    "{name}: the tables have the shapes {shapes:?}, and there must be {n_head} of \
                     the shape {shape:?}"
                )
            });
            let wrong = heads.iter().position(|head| {
                (0..length.min(head.nrows()))
                    .any(|t| head.row(t).iter().any(|x| *x as usize / 10 != t))
            });
            p.rule(wrong.is_none(), || {
                let h = wrong.unwrap_or_default();
                format!(
                    "{name}: in head {h} the numbers of one token stand in the row of another. \
                     Row t must hold numbers of token t, those from 10 t on. In which order does \
                     memory hold the numbers of a table"
                )
            });
            for (h, head) in heads.into_iter().enumerate() {
                p.see(format!("{name}: head {h}"), head);
            }
        }
    });
}
