//! What `log_sum_exp` is asked.

use super::answer::log_sum_exp;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("log_sum_exp", |p| {
        for x in [
            vec![0.0, 0.0, 0.0],
            vec![2.0, 1.0],
            vec![-3.0],
            vec![1.0, -2.0, 0.5, 4.0],
            vec![1000.0, 999.0],
            vec![-1000.0, -1001.0, -1002.0],
            vec![-800.0, 2.0, 900.0],
        ] {
            let found = log_sum_exp(&x);
            p.see(format!("log_sum_exp of {x:?}"), found);
            let largest = x.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let limit = largest + (x.len() as f64).ln();
            p.rule((largest - 1e-9..=limit + 1e-9).contains(&found), || {
                format!(
                    "log_sum_exp of {x:?} is {found}. The sum holds at least the largest exp, and \
                     at most {} of that size, so the result must lie between {largest} and \
                     {limit:.4}. Which exp is too large or too small to be stored?",
                    x.len()
                )
            });
        }
    });
}
