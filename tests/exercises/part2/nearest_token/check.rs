//! What `cosine` and `nearest` are asked.

use super::answer::{cosine, nearest};
use exercises::probe::Probe;
use ndarray::{Array2, array};

pub fn probe(p: &mut Probe) {
    p.part("cosine", |p| {
        for (a, b) in [
            (vec![3.0, 4.0], vec![4.0, 3.0]),
            (vec![1.0, 0.0], vec![0.0, 7.0]),
            (vec![1.0, 2.0, -2.0], vec![-2.0, -4.0, 4.0]),
            (vec![0.5, 0.25, 1.0, -3.0], vec![2.0, 1.0, 0.0, -0.5]),
        ] {
            let found = cosine(&a, &b);
            let long: Vec<f64> = a.iter().map(|x| 10.0 * x).collect();
            let longer = cosine(&long, &b);
            p.rule((found - longer).abs() < 1e-9, || {
                format!(
                    "a = {a:?} and b = {b:?} have {found:.4}, and with a ten times as long it is \
                     {longer:.4}. It must be the same, for the direction has not changed. By what \
                     must the dot product be divided, so that the tenfold cancels"
                )
            });
            p.see(format!("cosine of {a:?} and {b:?}"), found);
        }
    });

    p.part("nearest", |p| {
        // Row 3 is long, and has the largest dot product with row 0. Row 2 has its direction.
        let wte = array![[1.0, 2.0], [2.0, -1.0], [0.5, 0.9], [9.0, 3.0], [-1.0, -2.0]];
        for token in 0..5 {
            p.see(
                format!(
                    "nearest to token {token} of (1, 2), (2, -1), (0.5, 0.9), (9, 3), (-1, -2)"
                ),
                nearest(&wte, token),
            );
        }
        let wte = Array2::from_shape_fn((40, 8), |(i, c)| ((i * i + 5 * c + i * c) as f64).sin());
        let found: Vec<usize> = (0..40).map(|token| nearest(&wte, token)).collect();
        let itself = (0..40).find(|&token| found[token] == token);
        p.rule(itself.is_none(), || {
            let token = itself.unwrap_or_default();
            format!(
                "of forty tokens, the nearest to token {token} is said to be token {token}. \
                 Every row has the cosine 1 with itself, so the token itself must be left out"
            )
        });
        p.see("the nearest of each of forty tokens", found);
    });
}
