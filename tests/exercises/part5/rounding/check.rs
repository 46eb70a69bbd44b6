//! What `nearest` is asked.

use super::answer::nearest;
use exercises::probe::Probe;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

pub fn probe(p: &mut Probe) {
    p.part("nearest", |p| {
        let whole: Vec<f64> = (-4..=4).map(f64::from).collect();
        let ties: Vec<f64> = (-5..5).map(|i| f64::from(i) + 0.5).collect();
        let mut rng = generator(3, Purpose::Other, 0);
        let others: Vec<f64> = (0..200).map(|_| rng.random_range(-127.0..127.0)).collect();
        let paper = vec![2.4, 2.5, 2.6, 3.5, -0.4, -0.6, -1.5, -2.5];
        for (name, numbers) in [
            ("the numbers on paper", paper),
            ("whole numbers", whole),
            ("ties", ties),
            ("200 numbers", others),
        ] {
            let found: Vec<i64> = numbers.iter().map(|&x| nearest(x)).collect();
            p.see(name, found.clone());
            let far = numbers.iter().zip(&found).find(|(x, q)| (**x - **q as f64).abs() > 0.5);
            p.rule(far.is_none(), || {
                let (x, q) = far.map_or((0.0, 0), |(x, q)| (*x, *q));
                format!(
                    "{name}: {x} became {q}, which is further away than a half. On which side of \
                     {x} does the code look for the whole number below?"
                )
            });
        }
    });
}
