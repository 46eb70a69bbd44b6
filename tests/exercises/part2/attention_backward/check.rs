//! What `attention_backward` is asked.

use super::answer::attention_backward;
use exercises::numbers::{nudged, table};
use exercises::probe::Probe;
use ndarray::{Array2, array, s};
use stage02_attention::attention::{Mask, scaled_dot_product};

/// The forward pass: att and y.
fn attention(q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>) -> [Array2<f64>; 2] {
    let mut att = Array2::zeros((q.nrows(), k.nrows()));
    let mut y = Array2::zeros((q.nrows(), v.ncols()));
    let qkv = (q.view(), k.view(), v.view());
    scaled_dot_product::forward(qkv, Mask::Causal, att.view_mut(), y.view_mut());
    [att, y]
}

pub fn probe(p: &mut Probe) {
    p.part("attention_backward", |p| {
        let five = [1, 2, 3, 4].map(|seed| table(5, 4, seed) * 1.5);
        let [q, k, v, dy] = five.clone();
        let last_two = [q, dy].map(|x| x.slice(s![3.., ..]).to_owned());
        let [q, dy] = last_two;
        for (name, [q, k, v, dy]) in [
            (
                "the example on paper, behind a token with q = dy = 0",
                [
                    array![[0.0], [1.0]],
                    array![[0.0], [3f64.ln()]],
                    array![[4.0], [8.0]],
                    array![[0.0], [1.0]],
                ],
            ),
            ("four tokens of four numbers", [5, 6, 7, 8].map(|seed| table(4, 4, seed) * 1.5)),
            ("five tokens of four numbers", five),
            ("the last two queries of five tokens", [q, k, v, dy]),
        ] {
            let [att, _] = attention(&q, &k, &v);
            let found = attention_backward(&q, &k, &v, &att, &dy);
            let loss = |q: &Array2<f64>, k: &Array2<f64>, v: &Array2<f64>| {
                let [_, y] = attention(q, k, v);
                (y * &dy).sum()
            };
            let nudged = [
                nudged(&q, |q| loss(q, &k, &v)),
                nudged(&k, |k| loss(&q, k, &v)),
                nudged(&v, |v| loss(&q, &k, v)),
            ];
            // From the last step of the forward pass to the first: dv, then dq and dk.
            for part in [2, 0, 1] {
                let (found, nudged, what) = (&found[part], &nudged[part], ["dq", "dk", "dv"][part]);
                p.rule(found.dim() == nudged.dim(), || {
                    let (shape, right) = (found.dim(), nudged.dim());
                    format!("{name}: {what} has the shape {shape:?}, and must have {right:?}")
                });
                if found.dim() != nudged.dim() {
                    continue;
                }
                let wrong = nudged.indexed_iter().find(|&(at, &n)| (n - found[at]).abs() > 1e-5);
                p.rule(wrong.is_none(), || {
                    let ((i, c), n) = wrong.expect("the rule is broken");
                    let found = found[[i, c]];
                    let question = match part {
                        2 => {
                            "Who takes from this value, and how much? Every query that looks at it"
                        }
                        _ => {
                            "If dv is right, look at ds: does each of its rows add up to zero? \
                              Then at the scores, and at their division by the root of d"
                        }
                    };
                    format!(
                        "{name}: {what}[{i}, {c}] is {found:.4}, and a nudge gives {n:.4}: the \
                         two must agree. {question}"
                    )
                });
            }
            for (what, found) in ["dq", "dk", "dv"].into_iter().zip(found) {
                p.see(format!("{what}, {name}"), found);
            }
        }
    });
}
