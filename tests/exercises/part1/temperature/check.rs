//! What `temperature` is asked.

use super::answer::{greedy, scaled};
use exercises::probe::Probe;
use stage01_bigram::loss::plain::softmax;

pub fn probe(p: &mut Probe) {
    p.part("scaled", |p| {
        let paper = [0.1f64, 0.2, 0.3, 0.4].map(f64::ln);
        for temperature in [0.5, 1.0, 2.0, 0.25] {
            let found = scaled(&paper, temperature);
            let share = softmax(&found).last().copied().unwrap_or(f64::NAN);
            let power = [0.1f64, 0.2, 0.3, 0.4].map(|p| p.powf(1.0 / temperature));
            let expected = power[3] / power.iter().sum::<f64>();
            p.rule((share - expected).abs() < 1e-9, || {
                format!(
                    "after softmax the token of 0.4 has {share:.4} at temperature {temperature}, \
                     and must have {expected:.4}: does a temperature below 1 make your differences \
                     larger, and one above 1 smaller?"
                )
            });
            p.see(format!("ln 0.1, ln 0.2, ln 0.3, ln 0.4 at temperature {temperature}"), found);
        }
        p.see("the logits −4, 0, 6 at temperature 0.8", scaled(&[-4.0, 0.0, 6.0], 0.8));
        p.see("the logits 1, −∞ at temperature 2", scaled(&[1.0, f64::NEG_INFINITY], 2.0));
    });
    p.part("greedy", |p| {
        let asked: [&[f64]; 5] = [
            &[0.5, 2.0, -1.0],
            &[-3.0, -2.0, -1.0, -2.5],
            &[1.0, 4.0, 4.0, 4.0],
            &[f64::NEG_INFINITY, -50.0],
            &[7.0],
        ];
        for logits in asked {
            p.see(format!("the greedy choice from {logits:?}"), greedy(logits));
        }
    });
}
