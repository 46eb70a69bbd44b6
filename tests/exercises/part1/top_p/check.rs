//! What `top_p` is asked.

use super::answer::top_p;
use exercises::probe::Probe;
use stage01_bigram::loss::plain::softmax;

pub fn probe(p: &mut Probe) {
    p.part("top_p", |p| {
        let paper = vec![0.1f64.ln(), 0.2f64.ln(), 0.3f64.ln(), 0.4f64.ln()];
        // Logits that are no logarithms of probabilities: their exponentials add up to more than 1.
        let shifted: Vec<f64> = paper.iter().map(|z| z + 3.0).collect();
        let long: Vec<f64> = (0..30).map(|i| 3.0 * (2.3 * i as f64).sin() - 5.0).collect();
        let asked = [
            ("0.1, 0.2, 0.3, 0.4", &paper, 0.75),
            ("0.1, 0.2, 0.3, 0.4", &paper, 0.3),
            ("0.1, 0.2, 0.3, 0.4", &paper, 0.95),
            ("0.1, 0.2, 0.3, 0.4, all logits raised by 3", &shifted, 0.75),
            ("four times 0.25", &vec![2.0; 4], 0.5),
            ("one certain token", &vec![0.0, 50.0, 0.0], 0.9),
            ("two equal ones and one ruled out", &vec![1.0, f64::NEG_INFINITY, 1.0], 0.6),
            ("30 logits", &long, 0.8),
        ];
        for (name, logits, limit) in asked {
            let found = top_p(logits, limit);
            p.rule(found.len() == logits.len(), || {
                format!(
                    "{} logits became {}. The place of a logit is the number of its token, so all \
                     places must stay",
                    logits.len(),
                    found.len()
                )
            });
            let probabilities = softmax(logits);
            let kept = found.iter().zip(&probabilities).filter(|(z, _)| **z > f64::NEG_INFINITY);
            let reached: f64 = kept.map(|(_, p)| p).sum();
            p.rule(reached > limit - 1e-9, || {
                format!(
                    "top-p {limit} of {name} keeps tokens that have {reached:.4} together, and \
                     they must reach {limit}: is the token that reaches it kept?"
                )
            });
            p.see(format!("top-p {limit} of {name}"), found);
        }
    });
}
