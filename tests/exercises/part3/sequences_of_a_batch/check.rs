//! What a model is asked that reads a batch.

use super::answer::logits;
use exercises::probe::Probe;
use ndarray::{Array2, s};

pub fn probe(p: &mut Probe) {
    let entry =
        |k: usize| move |(i, j): (usize, usize)| ((k + 5 * i + 3 * j * j) % 11) as f64 / 5.0 - 1.0;
    let (wte, wpe) =
        (Array2::from_shape_fn((5, 4), entry(1)), Array2::from_shape_fn((3, 4), entry(2)));
    let batch = [0, 1, 3, 2, 2, 4, 1, 0, 4];

    p.part("logits", |p| {
        p.see("a single sequence of three tokens", logits(&wte, &wpe, &batch[..3], 3));
        let whole = logits(&wte, &wpe, &batch, 3);
        p.see("three sequences of three tokens", whole.clone());
        for b in 0..3 {
            let alone = logits(&wte, &wpe, &batch[3 * b..3 * b + 3], 3);
            let inside = whole.slice(s![3 * b..3 * b + 3, ..]);
            let moved = (&alone - &inside).mapv(f64::abs).fold(0.0, |max: f64, &d| max.max(d));
            p.rule(moved < 1e-9, || {
                format!(
                    "the scores of sequence {b} differ by up to {moved:.4} from those that it gets \
                     alone, and must be the same. The only place where a row can learn of another \
                     is attention. Which rows does it look at?"
                )
            });
        }
        let changed = logits(&wte, &wpe, &[0, 1, 2], 3);
        let same = (0..2).all(|i| (0..5).all(|a| (changed[[i, a]] - whole[[i, a]]).abs() < 1e-9));
        p.rule(same, || {
            "the last token of the first sequence is changed, and the scores behind an earlier one \
             move. How many rows may token i see?"
                .into()
        });
        p.see("the first sequence with another last token", changed);
        p.see("nine sequences of one token", logits(&wte, &wpe, &batch, 1));
    });
}
