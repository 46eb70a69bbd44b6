//! What `causal_weights` is asked.

use super::answer::causal_weights;
use exercises::numbers::differ;
use exercises::probe::Probe;
use ndarray::{Array2, array};

/// Numbers between -3 and 3, made by a formula.
fn table(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(i, j)| 3.0 * ((i * 7 + j * 3 + 1) as f64).sin())
}

pub fn probe(p: &mut Probe) {
    p.part("causal_weights", |p| {
        let found = causal_weights(&Array2::zeros((3, 3)));
        p.see("three tokens, all scores 0", found);

        let scores = table(5, 5);
        let found = causal_weights(&scores);
        // Scores that a query must not see, exchanged for others.
        let mut other = scores.clone();
        for i in 0..5 {
            for j in i + 1..5 {
                other[[i, j]] = 2.5;
            }
        }
        let other = causal_weights(&other);
        let moved = (0..5).find(|&i| differ(found.row(i), other.row(i)));
        p.rule(moved.is_none(), || {
            let i = moved.unwrap_or_default();
            format!(
                "scores that query {i} must not see were changed, and row {i} of the attention \
                 weights moved, from {:.3} to {:.3}. It must not: what is hidden may take part in \
                 nothing",
                found.row(i),
                other.row(i)
            )
        });
        p.see("five tokens", found);
        p.see("the last two queries of five tokens", causal_weights(&table(2, 5)));
        p.see("one query, four keys", causal_weights(&array![[0.0, 1.0, -1.0, 2.0]]));
        let hidden = array![[0.0, 900.0], [1.0, 2.0]];
        p.see("the scores (0, 900) and (1, 2); the 900 is hidden", causal_weights(&hidden));
        p.see("scores of some hundreds", causal_weights(&(table(4, 4) * 400.0)));
    });
}
