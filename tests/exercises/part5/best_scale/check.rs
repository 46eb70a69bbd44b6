//! What `best_scale` and `alternate` are asked.

use super::answer::{alternate, best_scale, nearest};
use exercises::probe::Probe;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;

/// The sum of squared errors.
fn error(w: &[f64], d: f64, q: &[f64]) -> f64 {
    w.iter().zip(q).map(|(w, q)| (w - d * q).powi(2)).sum()
}

/// Blocks of normal weights.
fn blocks() -> Vec<Vec<f64>> {
    let mut w = vec![0.0; 4 * 32];
    fill_normal(&mut w, 1.0, &mut generator(4, Purpose::Other, 0));
    w.chunks(32).map(<[f64]>::to_vec).collect()
}

/// The scale that makes -8 of the weight of the largest size.
fn by_the_largest(w: &[f64]) -> f64 {
    w.iter().fold(0.0, |far: f64, &w| if w.abs() > far.abs() { w } else { far }) / -8.0
}

pub fn probe(p: &mut Probe) {
    let paper = [0.8, -0.35, 0.12, -1.6];
    p.part("best_scale", |p| {
        p.see("the block on paper", best_scale(&paper, &[4.0, -2.0, 1.0, -8.0]));
        for (i, w) in blocks().iter().enumerate() {
            let q = nearest(w, by_the_largest(w));
            let d = best_scale(w, &q);
            p.see(format!("block {i}"), d);
            let (found, up, down) =
                (error(w, d, &q), error(w, 1.001 * d, &q), error(w, 0.999 * d, &q));
            p.rule(found <= up && found <= down, || {
                format!(
                    "block {i}: with d = {d} the squared errors are {found}, a little beside it \
                     they are {}, and at the best d they must be larger on both sides. What are \
                     the products divided by?",
                    up.min(down)
                )
            });
        }
    });
    p.part("alternate", |p| {
        let (d, q) = alternate(&paper, 0.2, 0);
        p.see("the block on paper, not improved: d", d);
        p.see("the block on paper, not improved: q", q);
        for (i, w) in blocks().iter().enumerate() {
            let begin = by_the_largest(w);
            let mut before = f64::INFINITY;
            for times in 0..4 {
                let (d, q) = alternate(w, begin, times);
                let now = error(w, d, &q);
                p.see(format!("block {i}, improved {times} times: d"), d);
                p.see(format!("block {i}, improved {times} times: squared errors"), now);
                p.rule(now <= before * 1.000001, || {
                    format!(
                        "block {i}: the squared errors rose from {before} to {now} with one step \
                         more, and must not. Are the numbers those for the new d?"
                    )
                });
                before = now;
            }
        }
    });
}
