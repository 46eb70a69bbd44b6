//! What a tied embedding is asked.

use super::answer::{backward, embed, logits};
use exercises::probe::Probe;
use ndarray::{Array2, array};

pub fn probe(p: &mut Probe) {
    let entry =
        |k: usize| move |(i, j): (usize, usize)| ((k + 5 * i + 3 * j * j) % 9) as f64 / 4.0 - 1.0;
    let e = Array2::from_shape_fn((5, 3), entry(1));
    let tokens = [2, 0, 2, 4];

    p.part("logits", |p| {
        p.see(
            "the scores behind token 0, E = (2; 3)",
            logits(&array![[2.0]], &array![[2.0], [3.0]]),
        );
        p.see("the scores behind four tokens, V = 5, C = 3", logits(&embed(&e, &tokens), &e));
        let square = Array2::from_shape_fn((3, 3), entry(4));
        p.see("the scores where V = C = 3", logits(&embed(&square, &[0, 2]), &square));
    });

    p.part("backward", |p| {
        let mut de = Array2::zeros((2, 1));
        backward(&array![[2.0], [3.0]], &[0], &array![[1.0, 1.0]], &mut de);
        p.see("dE for token 0, E = (2; 3), dz = (1, 1)", de);
        let (dz, mut de) = (Array2::from_shape_fn((4, 5), entry(6)), Array2::zeros((5, 3)));
        backward(&e, &tokens, &dz, &mut de);
        p.see("dE for the tokens 2, 0, 2, 4", de.clone());
        let loss = |e: &Array2<f64>| {
            let x = embed(e, &tokens);
            (x.dot(&e.t()) * &dz).sum()
        };
        for (place, &found) in de.indexed_iter() {
            let (mut up, mut down, h) = (e.clone(), e.clone(), 1e-4);
            up[place] += h;
            down[place] -= h;
            let nudged = (loss(&up) - loss(&down)) / (2.0 * h);
            p.rule((found - nudged).abs() < 1e-6, || {
                format!(
                    "dE at {place:?} is {found:.4}, and a nudge of E there gives {nudged:.4}. This \
                     number is read where its token stands, and once more in every row of scores. \
                     Are all these uses added?"
                )
            });
        }
        backward(&e, &tokens, &dz, &mut de);
        p.see("dE after a second call", de);
    });
}
