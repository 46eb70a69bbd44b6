//! What `epochs_and_steps` is asked.

use super::answer::{into_the_second_epoch, position, steps_of_an_epoch, tokens_of_a_step};
use exercises::probe::Probe;

/// A run that counts.
#[derive(Default)]
struct Run {
    tokens: usize,
    position: usize,
}

impl Run {
    /// Five micro-batches of this many windows of 100 tokens.
    fn step(&mut self, windows: usize) {
        for _ in 0..5 {
            for _ in 0..windows {
                self.tokens += 100;
                self.position += 1;
            }
        }
    }
}

pub fn probe(p: &mut Probe) {
    let windows = (0..1_000_001usize).step_by(100).filter(|start| start + 101 <= 1_000_001).count();
    let mut run = Run::default();
    run.step(8);
    let tokens = run.tokens;
    p.part("tokens_of_a_step", |p| p.predict("the tokens of a step", tokens_of_a_step(), tokens));
    let mut steps = 1;
    while run.position < windows {
        run.step(8);
        steps += 1;
    }
    p.part("steps_of_an_epoch", |p| {
        p.predict("the steps of an epoch", steps_of_an_epoch(), steps);
    });
    (steps..300).for_each(|_| run.step(8));
    let second = run.position % windows;
    p.part("into_the_second_epoch", |p| {
        p.predict("windows of the second epoch", into_the_second_epoch(), second);
    });
    (0..100).for_each(|_| run.step(4));
    p.part("position", |p| p.predict("the position at the end", position(), run.position));
}
