//! What `grouped_columns` is asked.

use super::answer::split;
use exercises::probe::Probe;
use ndarray::Array2;

pub fn probe(p: &mut Probe) {
    p.part("split", |p| {
        for (rows, n_head, n_kv_head, head_size) in
            [(1, 4, 2, 1), (2, 2, 2, 3), (3, 9, 3, 2), (2, 4, 1, 6)]
        {
            let columns = (n_head + 2 * n_kv_head) * head_size;
            // Each number says where it stands: 100 times its row, plus its column.
            let qkv = Array2::from_shape_fn((rows, columns), |(t, c)| (100 * t + c) as f64);
            let name = format!("{n_head} query heads over {n_kv_head} of {head_size} columns");
            let parts = split(&qkv, n_head, n_kv_head);
            let widths = [n_head, n_kv_head, n_kv_head].map(|heads| heads * head_size);
            for ((what, found), width) in ["queries", "keys", "values"].iter().zip(parts).zip(widths)
            {
                p.rule(found.dim() == (rows, width), || {
                    format!(
                        "{name}: the {what} have the shape {:?}, and must have ({rows}, {width}). \
                         How many blocks of columns has a row, and how wide is one?",
                        found.dim()
                    )
                });
                p.see(format!("{name}: the {what}"), found);
            }
        }
    });
}
