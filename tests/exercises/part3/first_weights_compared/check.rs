//! The experiment: a curve for the reader's setting, and what came out of all of them.

use super::answer::{Run, SAME, STD, different_units, lowest_loss_at, train, why};
use exercises::probe::Probe;

/// How many columns differ from all columns before them.
fn different(run: &Run) -> usize {
    let alike = |i: usize, j: usize| {
        let (a, b) = (run.units.column(i), run.units.column(j));
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
    };
    (0..run.units.ncols()).filter(|&j| !(0..j).any(|i| alike(i, j))).count()
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        let run = train(STD, SAME);
        p.note(format!("STD = {STD}, SAME = {SAME}"));
        p.note("  step      loss");
        for step in [0, 1, 10, 50, 100, 200, 299] {
            p.note(format!("{step:>6}{:>10.4}", run.losses[step]));
        }
        p.note(format!("different hidden units at the end: {}", different(&run)));
    }
    p.part("lowest_loss_at", |p| {
        let last = |std: f64| train(std, false).losses[299];
        let starts = [0.0, 0.02, 0.5, 20.0].into_iter();
        let best = starts.min_by(|&a, &b| last(a).total_cmp(&last(b))).unwrap_or(0.0);
        p.predict("the STD with the lowest loss", lowest_loss_at(), best);
    });
    p.part("different_units", |p| {
        let truth = different(&train(0.5, true));
        p.predict(
            "the different hidden units, all weights alike at first",
            different_units(),
            truth,
        );
    });
    p.part("why", |p| p.see("the reason", why()));
}
