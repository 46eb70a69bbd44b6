//! What `count_windows` is asked.

use super::answer::{last_window, questions, starts, windows};
use exercises::probe::Probe;
use stage01_bigram::dataset::Dataset;

const TOKENS: usize = 1000;
const LENGTH: usize = 8;

/// How many questions each window of the walk has.
fn walk() -> Vec<usize> {
    let data = Dataset::new((0..TOKENS as u32).collect(), LENGTH);
    let data = data.expect("a text of 1000 tokens is long enough");
    data.windows(LENGTH).map(|(inputs, _)| inputs.len()).collect()
}

pub fn probe(p: &mut Probe) {
    p.part("starts", |p| {
        let tokens = vec![0u32; TOKENS];
        let fits = |start: &usize| tokens.get(*start..*start + LENGTH + 1).is_some();
        let truth = (0..TOKENS).filter(fits).count();
        p.predict("places at which a window of 8 may start", starts(), truth);
    });
    p.part("questions", |p| {
        let truth: usize = walk().iter().sum();
        p.predict("questions in a walk through 1000 tokens", questions(), truth);
    });
    p.part("windows", |p| {
        p.predict("windows of that walk", windows(), walk().len());
    });
    p.part("last_window", |p| {
        let truth = walk().last().copied().unwrap_or(0);
        p.predict("questions of its last window", last_window(), truth);
    });
}
