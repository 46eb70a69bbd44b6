//! What `standard_deviation` and `score` are asked.

use super::answer::{score, standard_deviation};
use exercises::probe::Probe;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::fill_normal;

pub fn probe(p: &mut Probe) {
    p.part("standard_deviation", |p| {
        for x in [
            vec![2.0, 0.0, 0.0, -2.0],
            vec![
                4.0, 2.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -2.0, -2.0, -2.0, -2.0, -4.0,
            ],
            vec![3.0, -3.0],
            vec![5.0],
            vec![1.0, 1.0, -3.0],
        ] {
            p.see(format!("the standard deviation of {x:?}"), standard_deviation(&x));
        }
    });

    p.part("score", |p| {
        p.see("query (1, 2, 3, 4), key (1, 0, -1, 5)", {
            score(&[1.0, 2.0, 3.0, 4.0], &[1.0, 0.0, -1.0, 5.0])
        });
        p.see("query (3), key (-2)", score(&[3.0], &[-2.0]));
        for d in [4, 64, 400] {
            let mut rng = generator(1, Purpose::Other, d as u64);
            let mut numbers = vec![0.0; 2 * d * 500];
            fill_normal(&mut numbers, 1.0, &mut rng);
            let scores: Vec<f64> =
                numbers.chunks(2 * d).map(|pair| score(&pair[..d], &pair[d..])).collect();
            let square: f64 = scores.iter().map(|s| s * s).sum::<f64>() / scores.len() as f64;
            let std = square.sqrt();
            p.rule((std - 1.0).abs() < 0.1, || {
                format!(
                    "500 scores of random queries and keys of {d} numbers have the standard \
                     deviation {std:.3}, and it must be about 1 for every d. A dot product of d \
                     terms is a walk of d steps: how far does it lead"
                )
            });
            p.see(format!("scores of random queries and keys, d = {d}"), scores);
        }
    });
}
