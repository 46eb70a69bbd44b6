//! What the feed-forward layer is asked.

use super::answer::{Mlp, backward, forward};
use super::given::gelu::gelu;
use exercises::probe::Probe;
use ndarray::{Array1, Array2, array};

fn table(rows: usize, columns: usize, k: usize) -> Array2<f64> {
    let entry = |(i, j)| ((k + 5 * i + 3 * j * j + 2 * i * j) % 11) as f64 / 8.0 - 0.6;
    Array2::from_shape_fn((rows, columns), entry)
}

fn layer() -> Mlp {
    let row =
        |n: usize, k: usize| Array1::from_shape_fn(n, |j| ((k + 4 * j) % 7) as f64 / 8.0 - 0.3);
    Mlp { w1: table(2, 8, 1), b1: row(8, 2), w2: table(8, 2, 3), b2: row(2, 4) }
}

fn zeros() -> Mlp {
    let (w1, b1) = (Array2::zeros((2, 8)), Array1::zeros(8));
    Mlp { w1, b1, w2: Array2::zeros((8, 2)), b2: Array1::zeros(2) }
}

fn right(mlp: &Mlp, x: &Array2<f64>) -> [Array2<f64>; 3] {
    let h = x.dot(&mlp.w1) + &mlp.b1;
    let g = h.mapv(gelu);
    let y = g.dot(&mlp.w2) + &mlp.b2;
    [h, g, y]
}

pub fn probe(p: &mut Probe) {
    let (mlp, x, dy) = (layer(), table(3, 2, 5) * 2.0, table(3, 2, 8));

    p.part("forward", |p| {
        let paper = Mlp { w1: array![[0.5]], b1: array![0.0], w2: array![[3.0]], b2: array![1.0] };
        let [h, g, y] = forward(&paper, &array![[2.0]]);
        p.see("h of the paper example", h);
        p.see("g of the paper example", g);
        p.see("y of the paper example", y);
        let [h, g, y] = forward(&mlp, &x);
        p.see("h for three rows, C = 2, 8 hidden units", h);
        p.see("g for the same", g);
        p.see("y for the same", y);
    });

    let [h, g, _] = right(&mlp, &x);
    p.part("backward: dx", |p| {
        let dx = backward(&mlp, &x, &h, &g, &dy, &mut zeros());
        p.see("dx for three rows, C = 2, 8 hidden units", dx.clone());
        for (place, &found) in dx.indexed_iter().filter(|_| dx.dim() == x.dim()) {
            let (mut up, mut down, step) = (x.clone(), x.clone(), 1e-5);
            up[place] += step;
            down[place] -= step;
            let loss = |x: &Array2<f64>| (&right(&mlp, x)[2] * &dy).sum();
            let nudged = (loss(&up) - loss(&down)) / (2.0 * step);
            p.rule((found - nudged).abs() < 1e-6, || {
                format!(
                    "dx at {place:?} is {found:.6}, and a nudge of x there gives {nudged:.6}. At \
                     which matrix, h or g, must the derivative of gelu be taken?"
                )
            });
        }
    });

    p.part("backward: the weights", |p| {
        let mut grads = zeros();
        backward(&mlp, &x, &h, &g, &dy, &mut grads);
        p.see("dW2, from zero", grads.w2.clone());
        p.see("db2, from zero", grads.b2.clone());
        p.see("dW1, from zero", grads.w1.clone());
        p.see("db1, from zero", grads.b1.clone());
        backward(&mlp, &x, &h, &g, &dy, &mut grads);
        p.see("dW2 after a second call", grads.w2);
        p.see("db2 after a second call", grads.b2);
        p.see("dW1 after a second call", grads.w1);
        p.see("db1 after a second call", grads.b1);
    });
}
