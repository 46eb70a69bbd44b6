//! What `log_probability` and `bits_per_token` are asked.

use super::answer::{bits_per_token, log_probability};
use exercises::probe::Probe;

fn texts() -> [(&'static str, Vec<f64>); 5] {
    [
        ("[1/2, 1, 1, 1/4]", vec![0.5, 1.0, 1.0, 0.25]),
        ("[1/10]", vec![0.1]),
        ("[1, 1, 1]", vec![1.0; 3]),
        ("600 times 1/8", vec![0.125; 600]),
        ("1/1, 1/2, 1/3, ..., 1/400", (1..=400).map(|i| 1.0 / f64::from(i)).collect()),
    ]
}

pub fn probe(p: &mut Probe) {
    p.part("log_probability", |p| {
        for (what, probabilities) in texts() {
            let found = log_probability(&probabilities);
            p.see(format!("log_probability of {what}"), found);
            p.rule(found.is_finite(), || {
                format!(
                    "log_probability of {what} is {found}, although no factor is 0. How small is \
                     the product before you take its logarithm?"
                )
            });
        }
    });
    p.part("bits_per_token", |p| {
        for (what, probabilities) in texts() {
            p.see(format!("bits_per_token of {what}"), bits_per_token(&probabilities));
        }
    });
}
