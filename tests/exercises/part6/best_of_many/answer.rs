//! The best of many: an experiment.
//!
//! RUNS models guess among four endings. None knows anything. The test has 200 items: each model is
//! tested on 100 of them, and the best is chosen. Then the best is tested on the other 100.
//!
//! Run the check: it prints the mean accuracy of all, the best one, and the best one on new items, each
//! as the mean over 2,000 such contests. Change RUNS, and replace the `todo!()`s by what you see.

pub const RUNS: usize = 5;

/// The accuracy of the best of 20, on the items by which it was chosen. Two digits behind the point.
pub fn best_of_20() -> f64 {
    // SOLUTION
    0.33
    // STUB
    // todo!()
    // END
}

/// And on the other items? Two digits behind the point.
pub fn on_new_items() -> f64 {
    // SOLUTION
    0.25
    // STUB
    // todo!()
    // END
}

/// What should be reported, if 20 runs were tried and the best one is taken?
///
/// - 'a': its accuracy on the items by which it was chosen, because these are the same for all runs.
/// - 'b': the same, with its standard error.
/// - 'c': its accuracy on items that were not looked at when it was chosen.
/// - 'd': the same as in 'a', for a test of ten times as many items: then the best is really the best.
pub fn what_to_report() -> char {
    // SOLUTION
    'c'
    // STUB
    // todo!()
    // END
}
