//! How often does a run fail? On paper. Replace each `todo!()` by a number.
//!
//! A cluster of 500 machines was watched for 30 days. In this time 90 failures stopped the run
//! on it; any machine stops it.

/// The mean time between failures of the run, in hours?
pub fn of_the_run() -> f64 {
    // SOLUTION
    30.0 * 24.0 / 90.0
    // STUB
    // todo!()
    // END
}

/// And that of one machine, in hours?
pub fn of_a_machine() -> f64 {
    // SOLUTION
    8.0 * 500.0
    // STUB
    // todo!()
    // END
}

/// The next run uses 2,000 such machines. Its mean time between failures, in hours?
pub fn of_a_larger_run() -> f64 {
    // SOLUTION
    4000.0 / 2000.0
    // STUB
    // todo!()
    // END
}

/// The run on 500 machines saves once an hour and a save takes no time. How many of its 720
/// hours are spent on doing again what was lost, on average?
pub fn hours_lost() -> f64 {
    // SOLUTION
    90.0 * 0.5
    // STUB
    // todo!()
    // END
}
