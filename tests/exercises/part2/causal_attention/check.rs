//! What `attention` is asked.

use super::answer::attention;
use exercises::numbers::{differ, table};
use exercises::probe::Probe;
use ndarray::{array, s};

pub fn probe(p: &mut Probe) {
    p.part("attention", |p| {
        let x = array![[1.0], [2.0], [0.0]];
        let (att, y) = attention(&x, &x, &x);
        p.see("att for q = k = v = 1, 2, 0", att);
        p.see("y for the same", y);

        let (q, k, v) = (table(5, 4, 1) * 2.0, table(5, 4, 2) * 2.0, table(5, 4, 3));
        let (att, y) = attention(&q, &k, &v);
        p.rule(att.dim() == (5, 5) && y.dim() == (5, 4), || {
            format!(
                "five tokens of four numbers gave att of the shape {:?} and y of the shape {:?}, \
                 and must give (5, 5) and (5, 4)",
                att.dim(),
                y.dim()
            )
        });
        for (i, row) in att.rows().into_iter().enumerate() {
            let sum = row.sum();
            p.rule((sum - 1.0).abs() < 1e-9, || {
                format!(
                    "row {i} of att adds up to {sum:.4}, and must add up to 1. Is the last thing \
                     that you do with a row a division by its own sum, and is that sum not zero? \
                     What is hidden must be hidden before the softmax"
                )
            });
        }
        // Another last token: no earlier row may hear of it.
        let [mut q2, mut k2, mut v2] = [q.clone(), k.clone(), v.clone()];
        for other in [&mut q2, &mut k2, &mut v2] {
            other.row_mut(4).fill(3.0);
        }
        let other = attention(&q2, &k2, &v2).1;
        let shapes = y.dim() == (5, 4) && other.dim() == (5, 4);
        let moved = (0..4).find(|&i| shapes && differ(y.row(i), other.row(i)));
        p.rule(moved.is_none(), || {
            let i = moved.unwrap_or_default();
            format!(
                "the last of five tokens was changed, and row {i} of y moved. No row may move \
                 when a later token does. Which keys does query {i} see? It must be 0 to {i}"
            )
        });
        p.see("att for five tokens", att);
        p.see("y for five tokens", y);

        let (att, y) = attention(&q.slice(s![3.., ..]).to_owned(), &k, &v);
        p.see("att for the last two queries of five tokens", att);
        p.see("y for the last two queries of five tokens", y);
        let (att, y) = attention(&q.slice(s![4.., ..]).to_owned(), &k, &v);
        p.see("att for the last query of five tokens", att);
        p.see("y for the last query of five tokens", y);
        p.see(
            "att for one token alone",
            attention(&array![[2.0]], &array![[3.0]], &array![[4.0]]).0,
        );

        let large = table(3, 2, 4) * 100.0;
        let (att, y) = attention(&large, &large, &table(3, 2, 5));
        p.see("att for scores of several thousand", att);
        p.see("y for scores of several thousand", y);
    });
}
