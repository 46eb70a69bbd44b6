//! What the layer is asked.

use super::answer::{Weights, backward, forward};
use exercises::numbers::differ;
use exercises::probe::{Part, Probe};
use ndarray::{Array1, Array2};

/// Numbers between -1 and 1, made by a formula.
fn table(rows: usize, cols: usize, seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(i, j)| {
        ((i * 17 + j * 29 + seed * 41 + 1) as f64 * 0.7).sin()
    })
}

fn vector(len: usize, seed: usize) -> Array1<f64> {
    table(1, len, seed).row(0).to_owned()
}

fn weights(n_embd: usize, seed: usize) -> Weights {
    Weights {
        w_attn: table(n_embd, 3 * n_embd, seed),
        b_attn: vector(3 * n_embd, seed + 1),
        w_proj: table(n_embd, n_embd, seed + 2),
        b_proj: vector(n_embd, seed + 3),
    }
}

/// Length, columns, heads.
const SIZES: [(usize, usize, usize); 4] = [(3, 2, 1), (4, 4, 2), (5, 6, 3), (1, 4, 2)];

/// Whether the output has the shape of the input.
fn shape(p: &mut Part, name: &str, found: &Array2<f64>, right: (usize, usize)) -> bool {
    p.rule(found.dim() == right, || {
        format!("{name}: the shape is {:?}, and must be {right:?}", found.dim())
    });
    found.dim() == right
}

/// The slope of a loss at 0, by nudging.
fn slope(loss: impl Fn(f64) -> f64) -> f64 {
    (loss(1e-4) - loss(-1e-4)) / 2e-4
}

fn name((length, n_embd, n_head): (usize, usize, usize)) -> String {
    format!("T = {length}, C = {n_embd}, H = {n_head}")
}

pub fn probe(p: &mut Probe) {
    p.part("forward", |p| {
        for size in SIZES {
            let ((length, n_embd, n_head), name) = (size, name(size));
            let (w, x) = (weights(n_embd, 1), table(length, n_embd, 9));
            let out = forward(&w, n_head, &x);
            if !shape(p, &name, &out, x.dim()) {
                continue;
            }
            for changed in 0..length {
                let mut other = x.clone();
                other.row_mut(changed).fill(0.9);
                let other = forward(&w, n_head, &other);
                if !shape(p, &name, &other, x.dim()) {
                    continue;
                }
                for t in 0..length {
                    let moved = differ(out.row(t), other.row(t));
                    p.rule(moved == (t >= changed), || {
                        let (did, must) = match moved {
                            true => ("moved", "must not: a token sees no later one"),
                            false => ("did not move", "must: a token sees every earlier one"),
                        };
                        format!(
                            "{name}: token {changed} was changed. Row {t} of the output {did}, \
                             and it {must}"
                        )
                    });
                }
            }
            p.see(format!("out, {name}"), out);
        }
        let mut large = weights(4, 1);
        large.w_attn *= 60.0;
        p.see("out, for scores of some thousands", forward(&large, 2, &table(4, 4, 9)));
    });

    p.part("backward: the gradient of x", |p| {
        for size in SIZES {
            let ((length, n_embd, n_head), name) = (size, name(size));
            let (w, x) = (weights(n_embd, 1), table(length, n_embd, 9));
            let dout = table(length, n_embd, 10);
            let dx = backward(&w, n_head, &x, &dout, &mut weights(n_embd, 20));
            if !shape(p, &name, &dx, x.dim()) {
                continue;
            }
            for (at, &found) in dx.indexed_iter() {
                let nudged = slope(|h| {
                    let mut x = x.clone();
                    x[at] += h;
                    (forward(&w, n_head, &x) * &dout).sum()
                });
                p.rule((found - nudged).abs() < 1e-5, || {
                    format!(
                        "{name}: dx[{}, {}] is {found:.4}, and a nudge of your forward pass gives \
                         {nudged:.4}: the two must agree",
                        at.0, at.1
                    )
                });
            }
            p.see(format!("dx, {name}"), dx);
        }
    });

    p.part("backward: the gradients of the weights", |p| {
        for size in SIZES {
            let ((length, n_embd, n_head), name) = (size, name(size));
            let (w, x) = (weights(n_embd, 1), table(length, n_embd, 9));
            let dout = table(length, n_embd, 10);
            let before = weights(n_embd, 20);
            let mut after = before.clone();
            backward(&w, n_head, &x, &dout, &mut after);
            // From the output back to the input.
            for which in ["b_proj", "w_proj", "b_attn", "w_attn"] {
                let numbers = |w: &Weights| -> Vec<f64> {
                    match which {
                        "b_proj" => w.b_proj.to_vec(),
                        "w_proj" => w.w_proj.iter().copied().collect(),
                        "b_attn" => w.b_attn.to_vec(),
                        _ => w.w_attn.iter().copied().collect(),
                    }
                };
                let added: Vec<f64> =
                    numbers(&after).iter().zip(numbers(&before)).map(|(a, b)| a - b).collect();
                for (i, &found) in added.iter().enumerate() {
                    let nudged = slope(|h| {
                        let mut w = w.clone();
                        let number = match which {
                            "b_proj" => w.b_proj.iter_mut().nth(i),
                            "w_proj" => w.w_proj.iter_mut().nth(i),
                            "b_attn" => w.b_attn.iter_mut().nth(i),
                            _ => w.w_attn.iter_mut().nth(i),
                        };
                        *number.expect("as many numbers as gradients") += h;
                        (forward(&w, n_head, &x) * &dout).sum()
                    });
                    p.rule((found - nudged).abs() < 1e-5, || {
                        format!(
                            "{name}: {found:.4} was added to the gradient of number {i} of \
                             {which}, and a nudge of your forward pass gives {nudged:.4}: the two \
                             must agree. (Something was in the gradient before)"
                        )
                    });
                }
                p.see(format!("what was added to {which}, {name}"), added);
            }
        }
    });
}
