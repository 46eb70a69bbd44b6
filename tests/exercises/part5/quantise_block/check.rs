//! What `quantise` and `dequantise` are asked.

use super::answer::{dequantise, quantise};
use exercises::probe::Probe;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

pub fn probe(p: &mut Probe) {
    let mut rng = generator(1, Purpose::Other, 0);
    let small: Vec<f64> = (0..64).map(|_| rng.random_range(-0.1..0.1)).collect();
    // Two blocks of 32, the second 20 times as large.
    let sizes: Vec<f64> =
        small.iter().enumerate().map(|(i, w)| if i < 32 { *w } else { 20.0 * w }).collect();
    let asked: [(&str, Vec<f64>, usize); 6] = [
        ("the block on paper", vec![0.506, -0.354, 0.128, -1.27], 4),
        ("the same with the other sign", vec![-0.506, 0.354, -0.128, 1.27], 4),
        ("two blocks of two", vec![0.0127, -0.00414, -2.54, 1.01], 2),
        ("a block of negative weights", vec![-0.3, -0.1123, -1.27, -0.7777], 4),
        ("zeros, and a block behind them", vec![0.0, 0.0, 0.5, -0.21], 2),
        ("64 weights in blocks of 32", sizes, 32),
    ];
    p.part("quantise", |p| {
        for (name, w, block) in &asked {
            let (scales, numbers) = quantise(w, *block);
            let (found, expected) = (scales.len(), w.len() / block);
            p.see(format!("{name}: the scales"), scales.clone());
            p.see(format!("{name}: the whole numbers"), numbers.clone());
            p.rule(found == expected, || {
                format!(
                    "{name}: {found} scales came out for {} weights in blocks of {block}, and \
                     there must be {expected}. Which weights share a scale?",
                    w.len()
                )
            });
            p.rule(numbers.len() == w.len(), || {
                format!(
                    "{name}: {} whole numbers came out for {} weights, and each weight must have \
                     one",
                    numbers.len(),
                    w.len()
                )
            });
            if found != expected || numbers.len() != w.len() {
                return;
            }
            let beyond = numbers.iter().find(|q| q.abs() > 127);
            p.rule(beyond.is_none(), || {
                format!(
                    "{name}: a whole number is {}, and must lie between -127 and 127, or it does \
                     not fit into a byte. Did you look for the weight of the largest size, \
                     whatever its sign?",
                    beyond.unwrap_or(&0)
                )
            });
            let far = (0..w.len()).find(|&i| {
                let d = scales[i / block];
                (d * numbers[i] as f64 - w[i]).abs() > 0.5000001 * d.abs()
            });
            p.rule(far.is_none(), || {
                let i = far.unwrap_or_default();
                let d = scales[i / block];
                format!(
                    "{name}: weight {i} is {}, and is read as {}. That is off by more than half a \
                     step, {}. Is that the nearest whole number?",
                    w[i],
                    d * numbers[i] as f64,
                    d / 2.0
                )
            });
        }
    });
    p.part("dequantise", |p| {
        let numbers = [51, -35, 13, -127, 127, 0, -1, 64];
        p.see("one block", dequantise(&[0.01], &numbers[..4], 4));
        p.see("two blocks of four", dequantise(&[0.01, 2.0], &numbers, 4));
        p.see("four blocks of two", dequantise(&[0.5, 2.0, 0.0, 1.0], &numbers, 2));
    });
}
