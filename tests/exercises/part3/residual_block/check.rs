//! What `block` and `block_backward` are asked.

use super::answer::{block, block_backward};
use exercises::probe::Probe;
use ndarray::{Array2, array};

/// A layer that multiplies by a matrix. Backward: by its transpose.
fn matrices() -> [Array2<f64>; 4] {
    [1, 2, 3, 4].map(|k| {
        Array2::from_shape_fn((3, 3), |(i, j)| ((k * (2 * i + 3 * j + 1)) % 7) as f64 / 4.0 - 0.6)
    })
}

pub fn probe(p: &mut Probe) {
    let [m1, m2, m3, m4] = matrices();
    let x = array![[1.0, 0.0, -2.0], [0.5, 1.5, 1.0]];

    p.part("block", |p| {
        let one = array![[1.0]];
        let x2 =
            block(&one, &mut |x| x.clone(), &mut |x| 2.0 * x, &mut |x| x.clone(), &mut |x| 3.0 * x);
        p.see("x = 1, norms that multiply by 1, attention by 2, mlp by 3", x2);
        // These norms are no straight lines, so that it makes a difference where they stand.
        let (mut ln_1, mut ln_2) =
            (|x: &Array2<f64>| x.mapv(f64::tanh), |x: &Array2<f64>| x.mapv(f64::cos));
        let x2 = block(&x, &mut ln_1, &mut |x| x.dot(&m2), &mut ln_2, &mut |x| x.dot(&m4));
        p.see("two rows, norms that bend, attention and mlp that multiply by a matrix", x2);
        let zero = |x: &Array2<f64>| 0.0 * x;
        let x2 = block(&x, &mut ln_1, &mut zero.clone(), &mut ln_2, &mut zero.clone());
        p.rule(x2 == x, || {
            "attention and mlp say 0, and x2 is not x. Layers that have nothing to say must leave \
             the stream as it was. What stands beside the plus?"
                .into()
        });
        p.see("the same, with an attention and an mlp that say 0", x2);
    });

    p.part("block_backward", |p| {
        let one = array![[1.0]];
        let dx = block_backward(
            &one,
            &mut |d| d.clone(),
            &mut |d| 2.0 * d,
            &mut |d| d.clone(),
            &mut |d| 3.0 * d,
        );
        p.see("dx2 = 1, norms that multiply by 1, attention by 2, mlp by 3", dx);
        let back = |m: &Array2<f64>| {
            let m = m.clone();
            move |d: &Array2<f64>| d.dot(&m.t())
        };
        let dx2 = array![[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]];
        let dx =
            block_backward(&dx2, &mut back(&m1), &mut back(&m2), &mut back(&m3), &mut back(&m4));
        p.see("dx for two rows, layers that multiply by a matrix", dx.clone());
        let loss = |x: &Array2<f64>| {
            let x1 = x + &x.dot(&m1).dot(&m2);
            let x2 = &x1 + &x1.dot(&m3).dot(&m4);
            (x2 * &dx2).sum()
        };
        for (place, &found) in dx.indexed_iter().filter(|_| dx.dim() == x.dim()) {
            let (mut up, mut down) = (x.clone(), x.clone());
            up[place] += 0.5;
            down[place] -= 0.5;
            let nudged = loss(&up) - loss(&down);
            p.rule((found - nudged).abs() < 1e-9, || {
                format!(
                    "dx at {place:?} is {found:.4}, and a nudge of x there gives {nudged:.4}. Walk \
                     the lines of `block` from the last to the first: what hands something to x1, \
                     and what to x?"
                )
            });
        }
    });
}
