//! What the functions of `zero_point` are asked.

use super::answer::{dequantise, quantise, zero_point};
use exercises::probe::Probe;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

pub fn probe(p: &mut Probe) {
    let mut rng = generator(2, Purpose::Other, 0);
    let block = |rng: &mut _, low: f64, high: f64| -> Vec<f64> {
        (0..32).map(|_| RngExt::random_range(rng, low..high)).collect()
    };
    let asked: [(&str, Vec<f64>); 5] = [
        ("the block on paper", vec![0.8, -0.35, 0.12, -1.6]),
        ("weights above 1", vec![1.0, 1.12, 1.273, 1.3]),
        ("equal weights", vec![-0.5; 4]),
        ("32 weights around 0", block(&mut rng, -0.1, 0.1)),
        ("32 weights below 0", block(&mut rng, -3.0, -2.0)),
    ];
    p.part("quantise", |p| {
        for (name, w) in &asked {
            let (d, m, q) = quantise(w);
            p.see(format!("{name}: d"), d);
            p.see(format!("{name}: m"), m);
            p.see(format!("{name}: q"), q.clone());
            let beyond = q.iter().find(|q| !(0..=15).contains(*q)).copied();
            p.rule(beyond.is_none(), || {
                format!(
                    "{name}: a whole number is {}, and must lie between 0 and 15, or it does not \
                     fit into four bits. How many steps lie between 0 and 15?",
                    beyond.unwrap_or_default()
                )
            });
            let far = w
                .iter()
                .zip(&q)
                .find(|(w, q)| (d * **q as f64 + m - **w).abs() > 0.5000001 * d.abs());
            p.rule(far.is_none(), || {
                let (w, q) = far.map_or((0.0, 0), |(w, q)| (*w, *q));
                format!(
                    "{name}: the weight {w} became {q}, which is read as {}: off by more than \
                     half a step of {d}",
                    d * q as f64 + m
                )
            });
        }
    });
    p.part("dequantise", |p| {
        p.see("the block on paper", dequantise(0.16, -1.6, &[15, 8, 11, 0]));
        p.see("d = 2, m = 10", dequantise(2.0, 10.0, &[0, 1, 15]));
    });
    p.part("zero_point", |p| {
        for (d, m) in [(0.16, -1.6), (0.5, -3.0), (0.1, 1.0)] {
            let z = zero_point(d, m);
            p.see(format!("d = {d}, m = {m}"), z);
            let weight = d * z + m;
            p.rule(weight.abs() < 1e-9, || {
                format!(
                    "d = {d}, m = {m}: {z} is read as the weight {weight}, and must be read as 0"
                )
            });
        }
    });
}
