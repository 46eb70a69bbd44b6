//! What `dropout` is asked.

use super::answer::{dropout, dropout_backward, mask};
use exercises::probe::Probe;
use exercises::value::short;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

pub fn probe(p: &mut Probe) {
    p.part("mask", |p| {
        p.see("the mask of the example: draws 0.9 and 0.1, p = 0.25", mask(&[0.9, 0.1], 0.25));
        p.see("draws 0, 0.2, 0.5 and 0.7, p = 0.5", mask(&[0.0, 0.2, 0.5, 0.7], 0.5));
        p.see("draws 0, 0.4 and 0.9, p = 0: nothing is dropped", mask(&[0.0, 0.4, 0.9], 0.0));
        let mut rng = generator(1, Purpose::Dropout, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| rng.random()).collect();
        for probability in [0.1, 0.3, 0.8] {
            let found = mask(&draws, probability);
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            p.rule((mean - 1.0).abs() < 0.05, || {
                format!(
                    "with p = {probability} the mean of 20,000 numbers of the mask is {}, and \
                     must be near 1: by what is multiplied that stays, and how many stay?",
                    short(mean)
                )
            });
            p.see(format!("the mean of a long mask, p = {probability}"), mean);
        }
    });
    p.part("dropout", |p| {
        p.see("y of the example", dropout(&[4.0, 8.0], &[4.0 / 3.0, 0.0]));
        p.see("y of [1, -2, 3], mask [2, 2, 0]", dropout(&[1.0, -2.0, 3.0], &[2.0, 2.0, 0.0]));
    });
    p.part("dropout_backward", |p| {
        let found = dropout_backward(&[3.0, 3.0], &[4.0 / 3.0, 0.0]);
        p.see("dx of the example: dy = [3, 3]", found);
        let dy: Vec<f64> = (1..9).map(|i| f64::from(i).sin()).collect();
        let k: Vec<f64> = (1..9).map(|i| if i % 3 == 0 { 0.0 } else { 1.25 }).collect();
        let found = dropout_backward(&dy, &k);
        // The loss whose gradient of y is dy: the sum of dy · y. Nudge each x.
        for (i, &found) in found.iter().enumerate().take(8) {
            let loss = |nudge: f64| {
                let x = |j: usize| 0.1 * j as f64 + if j == i { nudge } else { 0.0 };
                (0..8).map(|j| dy[j] * x(j) * k[j]).sum::<f64>()
            };
            let slope = (loss(1e-4) - loss(-1e-4)) / 2e-4;
            p.rule((found - slope).abs() < 1e-6, || {
                format!(
                    "dx[{i}] is {}, and a nudge to x[{i}] says {}: is it the same mask as in \
                     the forward pass?",
                    short(found),
                    short(slope)
                )
            });
        }
        p.see("dx of eight numbers, of which two were dropped", found);
    });
}
