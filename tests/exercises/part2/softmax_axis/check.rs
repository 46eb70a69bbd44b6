//! What `attention_weights` and `mixtures` are asked.

use super::answer::{attention_weights, mixtures};
use exercises::numbers::{differ, table};
use exercises::probe::Probe;
use ndarray::array;

pub fn probe(p: &mut Probe) {
    p.part("attention_weights", |p| {
        let x = array![[1.0], [2.0], [0.0]];
        p.see("three tokens, q = k = 1, 2, 0", attention_weights(&x, &x));
        let (q, k) = (table(4, 3, 1) * 3.0, table(4, 3, 2) * 3.0);
        let att = attention_weights(&q, &k);
        let mut other = q.clone();
        other.row_mut(3).fill(1.0);
        let moved = attention_weights(&other, &k);
        p.rule(!(0..3).any(|i| differ(att.row(i), moved.row(i))), || {
            "the query of the last of four tokens was changed, and attention weights of other \
             tokens moved. They must not: a row of att belongs to one query alone"
                .into()
        });
        p.see("four tokens of three numbers", att);
        p.see("scores of some thousands", attention_weights(&(q * 100.0), &(k * 100.0)));
    });

    p.part("mixtures", |p| {
        let att = array![[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]];
        p.see("three tokens that look as given", mixtures(&att, &table(3, 2, 3)));
    });
}
