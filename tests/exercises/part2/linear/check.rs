//! What `linear` is asked.

use super::answer::linear;
use exercises::numbers::table;
use exercises::probe::Probe;
use ndarray::{Array1, array};

pub fn probe(p: &mut Probe) {
    p.part("linear", |p| {
        let w = array![[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]];
        let b = array![10.0, 20.0, 30.0];
        p.see("the example on paper, x = (1, 2)", linear(&array![[1.0, 2.0]], &w, &b));
        p.see("x = (0, 0): what comes out when nothing comes in", {
            linear(&array![[0.0, 0.0]], &w, &b)
        });

        let (x, w, b) = (table(5, 4, 1), table(4, 3, 2), Array1::from_iter([0.5, -2.0, 3.0]));
        let found = linear(&x, &w, &b);
        p.rule(found.dim() == (5, 3), || {
            let (rows, outputs) = found.dim();
            format!(
                "five rows through a layer from 4 to 3 came out as {rows} x {outputs}, and must \
                 be 5 x 3: as many rows as x has, and as many columns as w"
            )
        });
        let mut other = x.clone();
        other.row_mut(4).fill(9.0);
        let other = linear(&other, &w, &b);
        let moved = (0..4).find(|&r| found.dim() == (5, 3) && found.row(r) != other.row(r));
        p.rule(moved.is_none(), || {
            let r = moved.unwrap_or_default();
            format!(
                "row 4 of x was changed, and row {r} of y moved. A linear layer mixes the columns \
                 of a row and never the rows: over what does your sum run? It must be over i alone"
            )
        });
        p.see("five rows through a layer from 4 to 3", found);

        let found = linear(&table(2, 3, 3), &table(3, 3, 4), &array![1.0, 2.0, 3.0]);
        p.see("two rows through a square layer, from 3 to 3", found);
        let found = linear(&table(3, 3, 5), &table(3, 3, 6), &array![1.0, 2.0, 3.0]);
        p.see("three rows through a square layer, from 3 to 3", found);
    });
}
