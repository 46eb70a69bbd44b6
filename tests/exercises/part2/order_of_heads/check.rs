//! What `reordered` is asked.

use super::answer::reordered;
use exercises::numbers::table;
use exercises::probe::Probe;
use ndarray::{Array2, array};

pub fn probe(p: &mut Probe) {
    p.part("reordered", |p| {
        let found = reordered(&array![[1.0, 0.0], [10.0, 2.0]], &[1, 0]);
        p.see("the example on paper", found);
        for (d, order) in
            [(1, vec![2, 0, 1]), (2, vec![1, 2, 0]), (3, vec![3, 1, 0, 2]), (4, vec![0])]
        {
            let columns = d * order.len();
            let (heads, w_o) = (table(5, columns, 1), table(columns, columns, 2));
            let moved =
                Array2::from_shape_fn((5, columns), |(t, c)| heads[[t, order[c / d] * d + c % d]]);
            let found = reordered(&w_o, &order);
            let right = found.dim() == w_o.dim()
                && (moved.dot(&found) - heads.dot(&w_o)).iter().all(|x| x.abs() < 1e-9);
            p.rule(right, || {
                format!(
                    "with heads of {d} columns in the order {order:?}, the heads side by side \
                     times your W_o are another Y than before, and it must be the same. Which \
                     rows of W_o are multiplied with the columns of a head?"
                )
            });
            p.see(format!("heads of {d} columns in the order {order:?}"), found);
        }
    });
}
