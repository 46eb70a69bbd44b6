//! What `sampler_from_a_specification` is asked.

use super::answer::{Settings, sample};
use exercises::probe::{Part, Probe};
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;

/// Temperature, top-k, top-p.
type Choice = (f64, Option<usize>, Option<f64>);

pub fn probe(p: &mut Probe) {
    let paper = [0.1f64, 0.2, 0.3, 0.4].map(f64::ln);
    p.part("temperature", |p| {
        ask(p, "the logits of the example", &paper, (1.0, None, None));
        ask(p, "the logits of the example", &paper, (0.0, None, None));
        for temperature in [0.0, 0.3, 1.0, 2.5] {
            ask(p, "50 logits", &many(50), (temperature, None, None));
        }
        let large: Vec<f64> = many(9).iter().map(|x| x + 1000.0).collect();
        ask(p, "logits near 1000", &large, (0.7, None, None));
    });
    p.part("top-k", |p| {
        ask(p, "the logits of the example", &paper, (1.0, Some(2), None));
        for k in [1, 2, 7, 50, 99] {
            ask(p, "50 logits", &many(50), (1.3, Some(k), None));
        }
        ask(p, "eight equal logits", &[0.5; 8], (1.0, Some(3), None));
    });
    p.part("top-p", |p| {
        ask(p, "the logits of the example", &paper, (1.0, None, Some(0.55)));
        for top_p in [1e-9, 0.31, 0.77, 0.97, 1.0] {
            ask(p, "50 logits", &many(50), (1.3, None, Some(top_p)));
        }
        ask(p, "eight equal logits", &[0.5; 8], (1.0, None, Some(0.4)));
    });
    p.part("all together", |p| {
        ask(p, "the logits of the example", &paper, (1.0, Some(2), Some(0.55)));
        for (temperature, k, top_p) in [(0.8, 20, 0.9), (2.0, 5, 0.6), (5.0, 30, 0.35)] {
            ask(p, "50 logits", &many(50), (temperature, Some(k), Some(top_p)));
            ask(p, "200 logits", &many(200), (temperature, Some(k), Some(top_p)));
        }
        let whole: Vec<f64> = many(40).iter().map(|x| x.round()).collect();
        ask(p, "whole numbers, many of them equal", &whole, (1.5, Some(9), Some(0.8)));
    });
    p.part("infinity and NaN", |p| {
        let (never, always) = (f64::NEG_INFINITY, f64::INFINITY);
        for (name, logits) in [
            ("1, minus infinity, 2, NaN", vec![1.0, never, 2.0, f64::NAN]),
            ("NaN first: NaN, 3, 1", vec![f64::NAN, 3.0, 1.0]),
            ("two of them infinite: 0, infinity, 0, infinity", vec![0.0, always, 0.0, always]),
            ("nothing but minus infinity", vec![never; 3]),
            ("nothing but NaN", vec![f64::NAN; 3]),
            ("so far apart that a weight is 0", vec![0.0, -1e6, 0.1]),
        ] {
            for choice in [
                (1.0, None, None),
                (0.0, None, None),
                (2.0, Some(3), None),
                (2.0, Some(2), Some(0.9)),
            ] {
                ask(p, name, &logits, choice);
            }
        }
    });
}

/// Draws 60 tokens, and compares them with those of the course's sampler.
fn ask(p: &mut Part, name: &str, logits: &[f64], (temperature, top_k, top_p): Choice) {
    let off = |text: Option<String>| text.unwrap_or("off".into());
    let (k, q) = (off(top_k.map(|k| k.to_string())), off(top_p.map(|q| q.to_string())));
    let name = format!("{name}; temperature {temperature}, top-k {k}, top-p {q}");
    let settings = Settings { temperature, top_k, top_p };
    let mut course = Sampler::new(temperature, top_k, top_p).expect("settings that can be used");
    let mut tokens = Vec::new();
    for i in 0..60 {
        let rng = || generator(i, Purpose::Sampling, 7);
        let u: f64 = rng().random();
        let (found, right) = (sample(&settings, logits, u), course.sample(logits, &mut rng()));
        p.rule(found == right, || {
            format!(
                "{name}: for u = {u:.4} you choose token {found}, and the sampler of the \
                 course chooses {right}. Which tokens are left before the draw, and in which \
                 order?"
            )
        });
        tokens.push(found);
    }
    p.see(format!("the tokens for 60 random u: {name}"), tokens);
}

/// Logits of all kinds.
fn many(n: usize) -> Vec<f64> {
    let mut rng = generator(3, Purpose::Other, n as u64);
    (0..n).map(|_| 6.0 * rng.random::<f64>() - 3.0).collect()
}
