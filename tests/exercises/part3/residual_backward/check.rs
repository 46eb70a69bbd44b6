//! What a stack of residual layers is asked.

use super::answer::{backward, forward};
use exercises::probe::Probe;

fn right(w: &[f64], x: f64) -> Vec<f64> {
    let mut stream = vec![x];
    for w in w {
        let x = stream[stream.len() - 1];
        stream.push(x + w * x * x);
    }
    stream
}

pub fn probe(p: &mut Probe) {
    let deep: Vec<f64> = (0..24).map(|l| ((5 * l) % 7) as f64 / 40.0 - 0.06).collect();

    p.part("forward", |p| {
        p.see("the stream for x = 1, w = (0.5, 0.1)", forward(&[0.5, 0.1], 1.0));
        p.see("the stream for x = 0.7 and 24 layers", forward(&deep, 0.7));
        let still = forward(&[0.0; 3], 2.0);
        p.rule(still.iter().all(|&x| x == 2.0), || {
            format!(
                "three layers with the weight 0 make the stream {still:?} of x = 2. A layer that \
                 says 0 must leave the stream as it is. What stands before the plus?"
            )
        });
        p.see("the stream for x = 2 and three layers with the weight 0", still);
    });

    p.part("backward", |p| {
        let mut dw = vec![0.0; 2];
        let dx = backward(&[0.5, 0.1], &right(&[0.5, 0.1], 1.0), 1.0, &mut dw);
        p.see("dx for x = 1, w = (0.5, 0.1), d = 1", dx);
        p.see("dw for the same", dw);
        let (mut dw, stream) = (vec![0.0; 24], right(&deep, 0.7));
        let dx = backward(&deep, &stream, 2.0, &mut dw);
        p.see("dx for 24 layers, d = 2", dx);
        p.see("dw for 24 layers", dw.clone());
        let h = 1e-6;
        let end = |w: &[f64], x: f64| 2.0 * right(w, x)[24];
        let nudged = (end(&deep, 0.7 + h) - end(&deep, 0.7 - h)) / (2.0 * h);
        p.rule((dx - nudged).abs() < 1e-5, || {
            format!(
                "dx is {dx:.6} for 24 layers, and a nudge of x gives {nudged:.6}. Does the \
                 gradient go around each layer as well as through it?"
            )
        });
        for l in [23, 0, 11] {
            let at = |nudge: f64| {
                let mut w = deep.clone();
                w[l] += nudge;
                end(&w, 0.7)
            };
            let nudged = (at(h) - at(-h)) / (2.0 * h);
            p.rule((dw[l] - nudged).abs() < 1e-5, || {
                format!(
                    "dw[{l}] is {:.6}, and a nudge of w[{l}] gives {nudged:.6}. Which gradient \
                     arrives at this layer, and what was its input?",
                    dw[l]
                )
            });
        }
        backward(&deep, &stream, 2.0, &mut dw);
        p.see("dw for 24 layers after a second call", dw);
    });
}
