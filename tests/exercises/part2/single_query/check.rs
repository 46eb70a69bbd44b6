//! What `scores`, `weights` and `mixture` are asked.

use super::answer::{mixture, scores, weights};
use exercises::numbers::table;
use exercises::probe::Probe;
use ndarray::array;

pub fn probe(p: &mut Probe) {
    let nouns = array![[0.0], [3f64.ln()], [0.0]];
    p.part("scores", |p| {
        p.see("query 1 and the keys 0, ln 3, 0", scores(&[1.0], &nouns));
        p.see("query -2 and the same keys", scores(&[-2.0], &nouns));
        let keys = array![[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [-2.0, 1.0, 0.0, 3.0]];
        let found = scores(&[2.0, 4.0, 6.0, 8.0], &keys);
        p.rule(found.len() == 3, || {
            format!("three keys gave {} scores, and must give one for each key", found.len())
        });
        p.see("query (2, 4, 6, 8) and the keys (1, 0, 0, 0), (1, 1, 1, 1), (-2, 1, 0, 3)", found);
        p.see("a query of nine numbers and five keys", {
            scores(&table(1, 9, 1).into_raw_vec_and_offset().0, &table(5, 9, 2))
        });
    });

    p.part("weights", |p| {
        for scores in [
            vec![0.0, 3f64.ln(), 0.0],
            vec![0.0, 0.0, 0.0, 0.0],
            vec![-3.0, 2.0, 0.5],
            vec![900.0, 902.0],
            vec![7.0],
        ] {
            let found = weights(&scores);
            let sum: f64 = found.iter().sum();
            p.rule((sum - 1.0).abs() < 1e-9, || {
                format!(
                    "the weights of the scores {scores:.3?} add up to {sum}, and must add up to 1: \
                     they are shares of one look"
                )
            });
            p.see(format!("weights of the scores {scores:.3?}"), found);
        }
    });

    p.part("mixture", |p| {
        let values = array![[5.0], [10.0], [0.0]];
        p.see("weights 1/5, 3/5, 1/5 and the values 5, 10, 0", mixture(&[0.2, 0.6, 0.2], &values));
        let values = array![[8.0, 0.0], [0.0, 8.0]];
        let found = mixture(&[0.25, 0.75], &values);
        p.rule(found.len() == 2, || {
            format!(
                "values of two numbers gave a mixture of {}, and it must be a list as long as a \
                 value",
                found.len()
            )
        });
        p.see("weights 1/4, 3/4 and the values (8, 0), (0, 8)", found);
        p.see("one value alone", mixture(&[1.0], &array![[3.0, -1.0, 2.0]]));
        p.see("five values of three numbers", mixture(&[0.1, 0.2, 0.4, 0.0, 0.3], &table(5, 3, 3)));
    });
}
