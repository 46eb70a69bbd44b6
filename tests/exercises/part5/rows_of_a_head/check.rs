//! What `rows_of_a_head` is asked.

use super::answer::halves;
use exercises::probe::Probe;
use ndarray::Array2;

pub fn probe(p: &mut Probe) {
    p.part("halves", |p| {
        for (n_head, size, columns) in [(1, 6, 1), (1, 4, 1), (2, 8, 2), (3, 10, 1)] {
            // Each number says where it stands in the file: 10 for the first row, 11 for the next.
            let file = Array2::from_shape_fn((n_head * size, columns), |(row, column)| {
                (10 + row) as f64 + column as f64 / 10.0
            });
            let name = format!("{n_head} heads of {size} rows");
            let ours = halves(&file, n_head);
            p.rule(ours.dim() == file.dim(), || {
                format!(
                    "{name}: the result has the shape {:?}, and must have {:?}. Are rows lost?",
                    ours.dim(),
                    file.dim()
                )
            });
            p.see(format!("{name}: the rows"), ours);
        }
    });
}
