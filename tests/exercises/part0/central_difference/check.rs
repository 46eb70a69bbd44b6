//! What `central_difference` and `slope` are asked.

use super::answer::{central_difference, slope};
use exercises::probe::Probe;

type Case = (&'static str, fn(f64) -> f64, f64, f64);

const CASES: [Case; 7] = [
    ("x^3 at 1, h = 1", |x| x * x * x, 1.0, 1.0),
    ("x^3 at -2, h = 0.5", |x| x * x * x, -2.0, 0.5),
    ("x^2 at 3, h = 0.1", |x| x * x, 3.0, 0.1),
    ("5x + 2 at 7, h = 1", |x| 5.0 * x + 2.0, 7.0, 1.0),
    ("the constant 7 at 2, h = 0.1", |_| 7.0, 2.0, 0.1),
    ("1/x at 2, h = 0.25", |x| 1.0 / x, 2.0, 0.25),
    ("x^5 - x at 1, h = 0.1", |x| x.powi(5) - x, 1.0, 0.1),
];

pub fn probe(p: &mut Probe) {
    p.part("central_difference", |p| {
        for (what, f, x, h) in CASES {
            p.see(format!("central_difference of {what}"), central_difference(f, x, h));
        }
    });
    p.part("slope", |p| {
        for (what, f, x, h) in CASES {
            p.see(format!("slope of {what}"), slope(f, x, h));
        }
        let (found, truth) = (slope(f64::exp, 1.0, 0.01), 1f64.exp());
        p.rule((found - truth).abs() < 1e-7, || {
            format!(
                "the slope of exp at 1 is {truth:.7}, and with h = 0.01 you find {found:.7}. Two \
                 central differences come closer than that. Is far made with 2h?"
            )
        });
    });
}
