//! What `evaluation` is asked.

use super::answer::{Example, Random, evaluate, forward, training_loss};
use exercises::probe::Probe;
use exercises::value::short;

const P: f64 = 0.25;

pub fn probe(p: &mut Probe) {
    let w: Vec<f64> = (0..12).map(|i| f64::from(i + 1).cos()).collect();
    let example = |i: usize| -> Example {
        let x: Vec<f64> = (0..12).map(|j| ((7 * i + j) as f64).sin()).collect();
        let target = x.iter().zip(&w).map(|(x, w)| x * w).sum::<f64>() + 0.1;
        (x, target)
    };
    let data: Vec<Example> = (0..40).map(example).collect();
    p.part("forward", |p| {
        p.see("without a generator", forward(&w, &data[0].0, P, None));
        let mut random = Random(5);
        p.see("with a generator", forward(&w, &data[0].0, P, Some(&mut random)));
        p.see("once more, with the same one", forward(&w, &data[0].0, P, Some(&mut random)));
    });
    p.part("training_loss", |p| {
        let mut random = Random(1);
        for step in 1..4 {
            p.see(
                format!("the loss of step {step}, with dropout"),
                training_loss(&w, &data, P, &mut random),
            );
        }
    });
    p.part("evaluate", |p| {
        let mut random = Random(1);
        let (one, two) = (evaluate(&w, &data, P, &mut random), evaluate(&w, &data, P, &mut random));
        p.rule(one == two, || {
            format!(
                "two evaluations of the same weights on the same data are {} and {}, and must \
                 be the same: what else enters the second one?",
                short(one),
                short(two)
            )
        });
        p.see("the loss of an evaluation", one);
        p.see("the same, with p = 0.9", evaluate(&w, &data, 0.9, &mut random));
    });
}
