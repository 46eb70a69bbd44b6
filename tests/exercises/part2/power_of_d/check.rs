//! The experiment, and what is asked of it.

use super::answer::{POWER, power_for_all_d, variance_with_a_quarter, with_power_0, with_power_1};
use exercises::probe::Probe;
use ndarray::Array2;
use stage01_bigram::loss::softmax_in_place;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;

/// Variance of the scores, entropy, largest weight: means over many queries.
fn measure(d: usize, power: f64, rounds: u64) -> [f64; 3] {
    const KEYS: usize = 64;
    let mut sums = [0.0; 3];
    for round in 0..rounds {
        let mut rng = generator(1, Purpose::Other, round);
        let [q, k] = [0, 1].map(|_| {
            let mut numbers = vec![0.0; KEYS * d];
            fill_normal(&mut numbers, 1.0, &mut rng);
            Array2::from_shape_vec((KEYS, d), numbers).expect("64 rows of d numbers")
        });
        let scores = q.dot(&k.t()) / (d as f64).powf(power);
        for row in scores.rows() {
            let mut row = row.to_vec();
            sums[0] += row.iter().map(|s| s * s).sum::<f64>() / KEYS as f64;
            softmax_in_place(&mut row);
            sums[1] -= row.iter().map(|&p| if p > 0.0 { p * p.ln() } else { 0.0 }).sum::<f64>();
            sums[2] += row.iter().fold(0.0, |max: f64, &p| max.max(p));
        }
    }
    sums.map(|sum| sum / (rounds * KEYS as u64) as f64)
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        p.note(format!("scores divided by d to the power {POWER}"));
        p.note("    d     variance  entropy  largest weight");
        for d in [4, 16, 64, 256, 1024] {
            let [variance, entropy, largest] = measure(d, POWER, 4);
            let largest = 100.0 * largest;
            p.note(format!("{d:5}  {variance:11.4}  {entropy:7.2}  {largest:13.0}%"));
        }
    }
    p.part("power_for_all_d", |p| {
        let power = power_for_all_d();
        let [small, large] = [4, 256].map(|d| measure(d, power, 1)[0]);
        p.rule((small / large - 1.0).abs() < 0.5, || {
            format!(
                "with the power {power}, the variance is {small:.4} at d = 4 and {large:.4} at \
                 d = 256, and it must be about the same for both"
            )
        });
        p.see("the power for which the variance does not depend on d", power);
    });
    p.part("with_power_0", |p| p.see("with the power 0 at d = 1024", with_power_0()));
    p.part("with_power_1", |p| p.see("with the power 1 at d = 1024", with_power_1()));
    p.part("variance_with_a_quarter", |p| {
        p.see("the variance with the power 0.25 at d = 1024", variance_with_a_quarter());
    });
}
