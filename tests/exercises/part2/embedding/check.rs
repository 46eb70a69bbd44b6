//! What `embed` and `embed_backward` are asked.

use super::answer::{embed, embed_backward};
use exercises::numbers::{nudged, table};
use exercises::probe::Probe;
use ndarray::{Array2, array};

pub fn probe(p: &mut Probe) {
    // bites, dog, man; three places.
    let words = array![[0.0, 2.0], [1.0, 0.0], [2.0, 1.0]];
    let places = array![[10.0, 0.0], [0.0, 10.0], [10.0, 10.0]];
    let two_windows = [3, 1, 1, 0, 3, 4];

    p.part("embed", |p| {
        let found = embed(&words, &places, &[1, 0, 2], 3);
        let other = embed(&words, &places, &[2, 0, 1], 3);
        p.see("dog bites man", found.clone());
        p.rule(found.dim() != (3, 2) || found.row(0) != other.row(2), || {
            let dog = found.row(0).to_vec();
            format!(
                "the dog is {dog:?} at place 0 and at place 2, and must not be the same at both. \
                 What in your sum depends on the place, and not on the token?"
            )
        });
        p.see("man bites dog", other);
        let found = embed(&table(5, 4, 1), &table(8, 4, 2), &two_windows, 3);
        p.see("two windows of three tokens, [3, 1, 1] and [0, 3, 4]; wpe has eight rows", found);
        p.see("one token", embed(&table(5, 4, 1), &table(8, 4, 2), &[4], 1));
    });

    p.part("embed_backward", |p| {
        let (mut dwte, mut dwpe) = (Array2::zeros((3, 2)), Array2::zeros((3, 2)));
        let dx = array![[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]];
        embed_backward(&[1, 0, 1], 3, &dx, &mut dwte, &mut dwpe);
        p.see("dwte for dog bites dog with dx = (1, 0), (0, 1), (2, 2)", dwte);
        p.see("dwpe for the same", dwpe);

        let (wte, wpe, dx) = (table(5, 4, 1), table(8, 4, 2), table(6, 4, 3));
        let (mut dwte, mut dwpe) = (Array2::zeros((5, 4)), Array2::zeros((8, 4)));
        embed_backward(&two_windows, 3, &dx, &mut dwte, &mut dwpe);
        let loss = |wte: &Array2<f64>, wpe: &Array2<f64>| -> f64 {
            let x = |(i, c)| wte[[two_windows[i] as usize, c]] + wpe[[i % 3, c]];
            dx.indexed_iter().map(|(place, dx)| dx * x(place)).sum()
        };
        for (name, found, nudged) in [
            ("dwte", &dwte, nudged(&wte, |wte| loss(wte, &wpe))),
            ("dwpe", &dwpe, nudged(&wpe, |wpe| loss(&wte, wpe))),
        ] {
            let wrong = nudged.indexed_iter().find(|&(place, &n)| (n - found[place]).abs() > 1e-6);
            p.rule(wrong.is_none(), || {
                let ((i, c), n) = wrong.expect("the rule is broken");
                format!(
                    "{name}[{i}, {c}] is {:.4}, and a nudge gives {n:.4}: the two must agree. \
                     Which copies were made of row {i}, and does it have the gradients of all?",
                    found[[i, c]]
                )
            });
        }
        p.see("dwte of two windows of three tokens, [3, 1, 1] and [0, 3, 4]", dwte);
        p.see("dwpe of the same", dwpe);

        let (mut dwte, mut dwpe) = (table(5, 4, 4), table(8, 4, 5));
        embed_backward(&two_windows, 3, &dx, &mut dwte, &mut dwpe);
        p.see("dwte where something was in it before", dwte);
        p.see("dwpe where something was in it before", dwpe);
    });
}
