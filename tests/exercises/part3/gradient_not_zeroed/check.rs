//! What the training of a line is asked.

use super::answer::train;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("train", |p| {
        let points = [[-1.0, -1.5], [0.0, 0.5], [1.0, 2.5], [2.0, 4.5]];
        let mut w = [0.0, 0.0];
        let losses = train(&mut w, &points, 0.05, 60);
        p.see("the loss before each of the first six steps", &losses[..losses.len().min(6)]);
        let rising = losses.windows(2).position(|pair| pair[1] > pair[0] + 1e-12);
        p.rule(rising.is_none(), || {
            let at = rising.unwrap_or(0);
            format!(
                "from step {at} to step {} the loss rises, from {:.4} to {:.4}. With this learning \
                 rate it must fall in every step. Whose gradient does the second step use?",
                at + 1,
                losses[at],
                losses[at + 1]
            )
        });
        p.see("the line after 60 steps", w.to_vec());
        let mut w = [1.0, 1.0];
        train(&mut w, &points[..2], 0.1, 3);
        p.see("another line, after three steps with two of the points", w.to_vec());
    });
}
