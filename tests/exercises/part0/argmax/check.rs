//! What `argmax` is asked.

use super::answer::argmax;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("argmax", |p| {
        let long: Vec<f64> = (0..50).map(|i| f64::from(i * 37 % 50) - 60.0).collect();
        for scores in [
            vec![1.0, 4.0, 2.0],
            vec![7.0],
            vec![2.0, 5.0, 5.0, 1.0],
            vec![-3.0, -1.0, -2.0],
            long,
            vec![],
        ] {
            let what = match scores.len() {
                50 => "argmax of 50 scores, all of them below zero".to_owned(),
                _ => format!("argmax of {scores:?}"),
            };
            p.see(what, format!("{:?}", argmax(&scores)));
        }
    });
}
