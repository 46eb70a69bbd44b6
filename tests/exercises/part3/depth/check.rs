//! The experiment: a curve for the reader's setting, and what came out of all of them.

use super::answer::{LAYERS, PLUS, deepest_with_plus, deepest_without_plus, train, why};
use exercises::probe::Probe;
use std::sync::OnceLock;

/// The deepest stack that learns, without the plus and with it.
fn deepest() -> [usize; 2] {
    static FOUND: OnceLock<[usize; 2]> = OnceLock::new();
    *FOUND.get_or_init(|| {
        [false, true].map(|plus| {
            let learns =
                |layers: &usize| train(*layers, plus).losses.last().is_some_and(|&l| l < 0.01);
            [1, 2, 4, 8, 16].into_iter().filter(learns).max().unwrap_or(0)
        })
    })
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        let plus = if PLUS { "with the plus" } else { "without the plus" };
        if (1..=64).contains(&LAYERS) {
            let run = train(LAYERS, PLUS);
            p.note(format!("{LAYERS} layers, {plus}"));
            p.note("  step      loss");
            for step in [0, 100, 500, 1000, 2000, 2999] {
                p.note(format!("{step:>6}{:>10.4}", run.losses[step]));
            }
            let norm = run.first_gradient;
            p.note(format!("gradient norm of the first layer, first step: {norm:.1e}"));
        } else {
            p.note("LAYERS must be from 1 to 64");
        }
    }
    p.part("deepest_without_plus", |p| {
        p.predict("the deepest stack that learns, no plus", deepest_without_plus(), deepest()[0]);
    });
    p.part("deepest_with_plus", |p| {
        p.predict(
            "the deepest stack that learns, with the plus",
            deepest_with_plus(),
            deepest()[1],
        );
    });
    p.part("why", |p| p.see("the reason", why()));
}
