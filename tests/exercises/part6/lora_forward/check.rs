//! What a layer with an adapter is asked.

use super::answer::{forward, merged, scale};
use exercises::numbers::table;
use exercises::probe::Probe;
use ndarray::{Array2, array};

/// x, W, A, B of some sizes.
fn layer(rows: usize, n_in: usize, n_out: usize, rank: usize) -> [Array2<f64>; 4] {
    [table(rows, n_in, 1), table(n_in, n_out, 2), table(n_in, rank, 3), table(rank, n_out, 4)]
}

pub fn probe(p: &mut Probe) {
    let paper = [array![[1.0, 2.0]], array![[1.0, 2.0], [3.0, 4.0]]];
    let thin = [array![[1.0], [-1.0]], array![[2.0, 1.0]]];
    p.part("scale", |p| {
        p.see("rank 1, alpha 2", scale(&thin[0], 2.0));
        p.see("rank 8, alpha 16, 20 inputs", scale(&table(20, 8, 1), 16.0));
        p.see("rank 4, alpha 1, 3 inputs", scale(&table(3, 4, 1), 1.0));
    });
    p.part("forward", |p| {
        let [x, w] = &paper;
        p.see("the example for paper", forward(x, w, &thin[0], &thin[1], 2.0));
        for (rows, n_in, n_out, rank, alpha) in [(3, 4, 5, 2, 8.0), (1, 6, 2, 3, 1.0)] {
            let [x, w, a, b] = layer(rows, n_in, n_out, rank);
            let y = forward(&x, &w, &a, &b, alpha);
            p.see(format!("{n_in} inputs, {n_out} outputs, rank {rank}, alpha {alpha}"), y);
            let first = forward(&x, &w, &a, &Array2::zeros(b.dim()), alpha);
            let same = first.dim() == (rows, n_out)
                && first.iter().zip(&x.dot(&w)).all(|(y, xw)| (y - xw).abs() < 1e-9);
            p.rule(same, || {
                "with B = 0 the layer must be the one that it was, x W; is W in your sum?".into()
            });
        }
    });
    p.part("merged", |p| {
        p.see("the example for paper", merged(&paper[1], &thin[0], &thin[1], 2.0));
        for (n_in, n_out, rank, alpha) in [(4, 5, 2, 8.0), (6, 2, 3, 1.0)] {
            let [x, w, a, b] = layer(2, n_in, n_out, rank);
            let found = merged(&w, &a, &b, alpha);
            p.see(
                format!("{n_in} inputs, {n_out} outputs, rank {rank}, alpha {alpha}"),
                found.clone(),
            );
            let expected = x.dot(&w) + alpha / rank as f64 * x.dot(&a).dot(&b);
            let same = found.dim() == w.dim()
                && x.dot(&found).iter().zip(&expected).all(|(y, e)| (y - e).abs() < 1e-9);
            p.rule(same, || {
                "x times the merged matrix is not what the layer with its adapter gives; both \
                 must be equal for every x: is the same s in both?"
                    .into()
            });
        }
    });
}
