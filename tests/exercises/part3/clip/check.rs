//! What `clip` is asked.

use super::answer::clip;
use exercises::probe::Probe;
use exercises::value::short;

pub fn probe(p: &mut Probe) {
    p.part("clip", |p| {
        let long: Vec<f64> = (1..50).map(|i| f64::from(i).sin()).collect();
        let gradients = [
            ("[3, 4]", vec![3.0, 4.0], 1.0),
            ("[3, 4]", vec![3.0, 4.0], 10.0),
            ("[3, 4]", vec![3.0, 4.0], 0.0),
            ("[-30, 0, 40]", vec![-30.0, 0.0, 40.0], 2.0),
            ("[-0.1, 0.2]", vec![-0.1, 0.2], 1.0),
            ("[0, 0]", vec![0.0, 0.0], 1.0),
            ("sin 1, sin 2, … sin 49", long, 0.5),
        ];
        for (name, before, limit) in gradients {
            let mut after = before.clone();
            let norm = clip(&mut after, limit);
            let length = after.iter().map(|g| g * g).sum::<f64>().sqrt();
            p.rule(limit == 0.0 || length <= limit, || {
                format!(
                    "the gradient {name}, clipped to {limit}, still has the norm {}, and may \
                     have {limit} at most: is the norm taken over all numbers together?",
                    short(length)
                )
            });
            p.see(format!("the gradient {name}, clipped to {limit}"), after);
            p.see(format!("the norm that is returned for {name}, clipped to {limit}"), norm);
        }
    });
}
