//! What `by_place` is asked.

use super::answer::by_place;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("by_place", |p| {
        p.see("losses 4, 2, 6, 4 in windows of two", by_place(&[4.0, 2.0, 6.0, 4.0], 2));
        let same = by_place(&[1.5; 10], 4);
        let wrong = same.iter().position(|loss| (loss - 1.5).abs() > 1e-9);
        p.rule(wrong.is_none(), || {
            let place = wrong.unwrap_or_default();
            format!(
                "ten tokens in windows of four all have the loss 1.5, and at place {place} the \
                 mean is said to be {:.4}. It must be 1.5. How many windows have a place {place}",
                same[place]
            )
        });
        p.see("ten losses of 1.5 in windows of four", same);
        p.see("losses 1, 2, 3 in one window of three", by_place(&[1.0, 2.0, 3.0], 3));
        let losses: Vec<f64> = (0..150).map(|i| 1.85 + 0.3 * (i as f64).sin()).collect();
        p.see("150 losses in windows of 64", by_place(&losses, 64));
        p.see("7 losses in windows of one", by_place(&losses[..7], 1));
    });
}
