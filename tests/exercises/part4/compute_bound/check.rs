//! What `compute_bound` is asked.

use super::answer::{adding_lists, rows, tokens_per_second, twenty_texts};
use exercises::probe::Probe;

/// Operations and bytes per second.
const PEAK: f64 = 100e12;
const BANDWIDTH: f64 = 1e12;

/// The least time for some work, in seconds.
fn seconds(operations: f64, bytes: f64) -> f64 {
    (operations / PEAK).max(bytes / BANDWIDTH)
}

pub fn probe(p: &mut Probe) {
    p.part("adding_lists", |p| {
        let truth = (1e6 * seconds(1e9, 3.0 * 2.0 * 1e9)).round() / 1e3;
        p.predict("milliseconds", adding_lists(), truth);
    });
    p.part("rows", |p| {
        // For one weight: is arithmetic what takes longer?
        let busy = |rows: &usize| 2.0 * *rows as f64 / PEAK >= 2.0 / BANDWIDTH;
        p.predict("rows", rows(), (1..1000).find(busy).unwrap_or(0));
    });
    let tokens = |texts: f64| (texts / seconds(texts * 2.0 * 2e9, 2.0 * 2e9)).round() as usize;
    p.part("tokens_per_second", |p| {
        p.predict("tokens per second, one text", tokens_per_second(), tokens(1.0));
    });
    p.part("twenty_texts", |p| {
        p.predict("tokens per second, twenty texts", twenty_texts(), tokens(20.0));
    });
}
