//! What `schedule` is asked.

use super::answer::learning_rate;
use exercises::probe::Probe;
use stage03_gpt::schedule::Schedule;

pub fn probe(p: &mut Probe) {
    p.part("learning_rate", |p| {
        let paper = |iter| learning_rate(iter, 0.01, 0.001, 4, 12);
        p.see("the stairs of the example, steps 0 to 4", (0..5).map(paper).collect::<Vec<f64>>());
        p.see("the way down, steps 4 to 12", (4..13).map(paper).collect::<Vec<f64>>());
        p.see("after the end, steps 13 to 20", (13..21).map(paper).collect::<Vec<f64>>());
        let no_warm_up = (0..8).map(|iter| learning_rate(iter, 1.0, 0.1, 0, 6));
        p.see("without warm-up, from 1 to 0.1 at step 6", no_warm_up.collect::<Vec<f64>>());
        let only_up = (0..10).map(|iter| learning_rate(iter, 1.0, 0.1, 7, 3));
        p.see("a warm-up of 7 steps, an end at step 3", only_up.collect::<Vec<f64>>());
        let constant = (0..4).map(|iter| learning_rate(iter, 0.02, 0.02, 0, 0));
        p.see("a constant rate of 0.02", constant.collect::<Vec<f64>>());

        let usual = Schedule::default();
        let Schedule { learning_rate: max, min_lr, warmup_iters, lr_decay_iters } = usual;
        for iter in (0..5000).step_by(33) {
            let found = learning_rate(iter, max, min_lr, warmup_iters, lr_decay_iters);
            let right = usual.at(iter);
            p.rule((found - right).abs() < 1e-12, || {
                format!(
                    "in the run of three minutes, step {iter} gets the rate {found}, and the \
                     schedule of the course gives {right}: which of the three cases is it in?"
                )
            });
        }
    });
}
