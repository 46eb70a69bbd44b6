//! What `variance`, `typical_error` and `sample_variance` are asked.

use super::answer::{sample_variance, typical_error, variance};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("variance", |p| {
        let tokens = variance(&[1.0, 3.0, 5.0], &[0.5, 0.25, 0.25]);
        p.see("variance of the tokens of 1, 3 and 5 letters", tokens);
        p.see("variance of a coin with the sides 0 and 1", variance(&[0.0, 1.0], &[0.5, 0.5]));
        p.see("variance of 7, which is certain", variance(&[7.0], &[1.0]));
        let (values, unlike) = ([-2.0, 0.5, 4.0, 10.0], [0.1, 0.6, 0.2, 0.1]);
        p.see(format!("variance of {values:?} with {unlike:?}"), variance(&values, &unlike));
        let moved = values.map(|x| x + 100.0);
        let (before, after) = (variance(&values, &unlike), variance(&moved, &unlike));
        p.rule((before - after).abs() < 1e-6, || {
            format!(
                "100 added to every value changes the variance from {before:.4} to {after:.4}, and \
                 must not change it. From where are the distances measured?"
            )
        });
    });
    p.part("typical_error", |p| {
        for (variance, n) in [(2.75, 64), (2.75, 1), (0.25, 100), (0.25, 400), (0.0, 5)] {
            let what = format!("typical_error for the variance {variance} and {n} draws");
            p.see(what, typical_error(variance, n));
        }
    });
    p.part("sample_variance", |p| {
        p.see("sample_variance of [1.0, 5.0]", sample_variance(&[1.0, 5.0]));
        p.see("sample_variance of [4.0, 4.0, 4.0]", sample_variance(&[4.0; 3]));
        let draws: Vec<f64> = (0..30).map(|i| f64::from(i * i % 17)).collect();
        p.see("sample_variance of 30 draws", sample_variance(&draws));
        // All 36 throws of two dice are equally likely: no chance is left in this mean.
        let mut sum = 0.0;
        for a in 1..=6 {
            for b in 1..=6 {
                sum += sample_variance(&[f64::from(a), f64::from(b)]);
            }
        }
        let (mean, truth) = (sum / 36.0, 35.0 / 12.0);
        p.see("the mean of sample_variance over all 36 throws of two dice", mean);
        p.rule((mean - truth).abs() < 1e-9, || {
            format!(
                "a die has the variance {truth:.4}. Over all 36 throws of two dice your estimate \
                 is {mean:.4} in the mean, and must be the same. By what do you divide?"
            )
        });
    });
}
