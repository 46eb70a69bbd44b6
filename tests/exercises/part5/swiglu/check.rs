//! What the functions of a gated layer are asked.

use super::answer::{gated, gated_backward, silu, silu_derivative};
use exercises::probe::Probe;
use ndarray::{Array2, array};
use stage03_gpt::plain::llama::swiglu;

const PLACES: [f64; 9] = [0.0, 1.0, -1.0, 2.0, -1.25, 4.0, -4.0, 0.1, -0.1];

pub fn probe(p: &mut Probe) {
    let gate = Array2::from_shape_fn((3, 4), |(i, j)| ((5 * i + 3 * j * j) % 7) as f64 / 2.0 - 1.5);
    let up = Array2::from_shape_fn((3, 4), |(i, j)| ((3 * i + 2 * j) % 5) as f64 - 1.75);
    let dh = Array2::from_shape_fn((3, 4), |(i, j)| ((2 * i + 5 * j) % 9) as f64 / 4.0 - 0.8);

    p.part("silu", |p| {
        for x in PLACES {
            p.see(format!("silu({x})"), silu(x));
        }
        let (right, left) = (silu(30.0), silu(-30.0));
        p.rule((right - 30.0).abs() < 1e-6, || {
            format!("silu(30) is {right}. So far to the right the gate is open, and x must pass as it is")
        });
        p.rule(left.abs() < 1e-6, || {
            format!("silu(-30) is {left}. So far to the left the gate is shut. Is s nearly 0 there?")
        });
    });

    p.part("silu_derivative", |p| {
        for x in PLACES {
            let slope = silu_derivative(x);
            p.see(format!("the derivative of silu at {x}"), slope);
            let h = 1e-5;
            let nudged = (swiglu::silu(x + h) - swiglu::silu(x - h)) / (2.0 * h);
            p.rule((slope - nudged).abs() < 1e-6, || {
                format!(
                    "at {x} your derivative is {slope:.6}, and a nudge of x by {h} in both \
                     directions gives {nudged:.6}. Are both parts of the product rule there?"
                )
            });
        }
    });

    p.part("gated", |p| {
        p.see("gate 1, up 2", gated(&array![[1.0]], &array![[2.0]]));
        let h = gated(&gate, &up);
        p.see("three rows of four hidden units", h.clone());
        p.rule(h.dim() == up.dim(), || {
            format!("up has the shape {:?} and h has {:?}. Both must be alike", up.dim(), h.dim())
        });
        let twice = gated(&gate, &(&up * 2.0));
        let same = twice.dim() == h.dim() && (twice - &h * 2.0).iter().all(|d| d.abs() < 1e-9);
        p.rule(same, || {
            "with twice the up, h is not twice what it was. Which of the two is activated?".into()
        });
    });

    p.part("gated_backward", |p| {
        let one = array![[1.0]];
        let [dgate, dup] = gated_backward(&one, &array![[2.0]], &one);
        p.see("gate 1, up 2, dh 1: dgate", dgate);
        p.see("gate 1, up 2, dh 1: dup", dup);
        let [dgate, dup] = gated_backward(&gate, &up, &dh);
        p.see("dgate, for three rows of four", dgate.clone());
        p.see("dup, for three rows of four", dup.clone());
        let shapes = dgate.dim() == gate.dim() && dup.dim() == up.dim();
        p.rule(shapes, || {
            format!(
                "dgate has the shape {:?} and dup {:?}; gate and up have {:?}",
                dgate.dim(),
                dup.dim(),
                up.dim()
            )
        });
        if !shapes {
            return;
        }
        let loss =
            |gate: &Array2<f64>, up: &Array2<f64>| (gate.mapv(swiglu::silu) * up * &dh).sum();
        for ((place, &found), &also) in dgate.indexed_iter().zip(&dup) {
            let by_gate = nudge(&gate, place, |gate| loss(gate, &up));
            p.rule((found - by_gate).abs() < 1e-6, || {
                format!(
                    "dgate at {place:?} is {found:.6}, and a nudge of the gate there gives \
                     {by_gate:.6}. By what is the moved gate multiplied?"
                )
            });
            let by_up = nudge(&up, place, |up| loss(&gate, up));
            p.rule((also - by_up).abs() < 1e-6, || {
                format!(
                    "dup at {place:?} is {also:.6}, and a nudge of up there gives {by_up:.6}. By \
                     what is the moved up multiplied?"
                )
            });
        }
    });
}

/// The derivative of the loss for one number of a table, by a nudge in both directions.
fn nudge(at: &Array2<f64>, place: (usize, usize), loss: impl Fn(&Array2<f64>) -> f64) -> f64 {
    let h = 1e-5;
    let (mut up, mut down) = (at.clone(), at.clone());
    up[place] += h;
    down[place] -= h;
    (loss(&up) - loss(&down)) / (2.0 * h)
}
