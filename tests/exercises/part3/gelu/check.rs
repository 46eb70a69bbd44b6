//! What `gelu` and its derivative are asked.

use super::answer::{gelu, gelu_derivative};
use exercises::probe::Probe;
use stage03_gpt::plain::layers;

const PLACES: [f64; 9] = [0.0, 1.0, -1.0, 2.0, -0.75, 3.0, -3.0, 0.1, -0.1];

pub fn probe(p: &mut Probe) {
    p.part("gelu", |p| {
        for x in PLACES {
            p.see(format!("gelu({x})"), gelu(x));
        }
        let (right, left) = (gelu(10.0), gelu(-10.0));
        p.rule((right - 10.0).abs() < 1e-6, || {
            format!(
                "gelu(10) is {right}. So far to the right the gate is open, and the number must \
                 pass as it is. Is tanh(u) nearly 1 there, and what does the gate make of it?"
            )
        });
        p.rule(left.abs() < 1e-6, || {
            format!(
                "gelu(-10) is {left}. So far to the left the gate is shut, and the result must be \
                 nearly 0. Is tanh(u) nearly -1 there?"
            )
        });
    });

    p.part("gelu_derivative", |p| {
        for x in PLACES {
            let slope = gelu_derivative(x);
            p.see(format!("the derivative of gelu at {x}"), slope);
            let h = 1e-5;
            let nudged = (layers::gelu(x + h) - layers::gelu(x - h)) / (2.0 * h);
            p.rule((slope - nudged).abs() < 1e-6, || {
                format!(
                    "at {x} your derivative is {slope:.6}, and a nudge of x by {h} in both \
                     directions gives {nudged:.6}. Are both parts of the product rule there?"
                )
            });
        }
    });
}
