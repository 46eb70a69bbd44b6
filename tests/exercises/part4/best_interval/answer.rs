//! How often to save.
//!
//!   lost = save / gap + gap / (2 · fail)
//!   best gap = sqrt(2 · save · fail)
//!
//! save: how long a save takes; gap: the time between two saves; fail: the mean time between
//! failures. All in seconds; `lost` is a share of the time.
//!
//! Example: a save takes 20 seconds, and something fails every 36,000. With a gap of 1,200
//! seconds 1/60 + 1/60 = 3.33 % of the time are lost, and 1,200 is the best gap.
//!
//! The third function is for a machine that is switched off every `period` seconds anyway, such
//! as once a day: the gap must fit into that time a whole number of times, so that no work is
//! lost there. Try period / 1, period / 2, period / 3, … and take the gap that loses least.

/// The share of the time that is lost.
pub fn lost_share(save: f64, gap: f64, fail: f64) -> f64 {
    // SOLUTION
    save / gap + gap / (2.0 * fail)
    // STUB
    // todo!()
    // END
}

/// The best time between two saves.
pub fn best_gap(save: f64, fail: f64) -> f64 {
    // SOLUTION
    (2.0 * save * fail).sqrt()
    // STUB
    // todo!()
    // END
}

/// The best gap among period / 1, period / 2, …, period / 1000.
pub fn best_whole_gap(save: f64, fail: f64, period: f64) -> f64 {
    // SOLUTION
    let lost = |gap: &f64| lost_share(save, *gap, fail);
    let gaps = (1..=1000).map(|parts| period / f64::from(parts));
    gaps.min_by(|a, b| lost(a).total_cmp(&lost(b))).unwrap_or(period)
    // STUB
    // todo!()
    // END
}
