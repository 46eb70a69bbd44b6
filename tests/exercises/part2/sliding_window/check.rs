//! What `sliding_window` and `prefix_mask` are asked.

use super::answer::{prefix_mask, sliding_window};
use exercises::probe::{Part, Probe};
use ndarray::Array2;

/// What must hold of any mask with which one can take a softmax.
fn sound(p: &mut Part, what: &str, length: usize, mask: &Array2<f64>) {
    p.rule(mask.dim() == (length, length), || {
        format!("{what}: the shape is {:?}, and must be {:?}", mask.dim(), (length, length))
    });
    let blind = mask.rows().into_iter().position(|row| row.iter().all(|&m| m != 0.0));
    p.rule(blind.is_none(), || {
        let i = blind.unwrap_or_default();
        format!(
            "{what}: token {i} sees nothing at all, not even itself. Its softmax would be 0 / 0, \
             so each row must have a 0 somewhere"
        )
    });
}

pub fn probe(p: &mut Probe) {
    p.part("sliding_window", |p| {
        for (length, window) in [(4, 2), (6, 3), (5, 1), (4, 9), (1, 1)] {
            let what = format!("{length} tokens, window {window}");
            let mask = sliding_window(length, window);
            sound(p, &what, length, &mask);
            p.see(what, mask);
        }
    });
    p.part("prefix_mask", |p| {
        for (length, prefix) in [(4, 2), (6, 3), (5, 0), (4, 1), (3, 3)] {
            let what = format!("{length} tokens, prefix {prefix}");
            let mask = prefix_mask(length, prefix);
            sound(p, &what, length, &mask);
            p.see(what, mask);
        }
    });
}
