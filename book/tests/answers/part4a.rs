//! The numeric answers of the quizzes of "Data at scale" and "Surviving".
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    shards_of_nine_gigabytes,
    never_seen_in_two_epochs,
    paper_network_at_four,
    best_interval_of_eight,
    loss_with_faster_saves,
    hours_of_ten_machines,
];

/// Gigabytes of shards of 9 GB of text with 4.5 bytes per token, two bytes for each token.
pub fn shards_of_nine_gigabytes() -> f64 {
    9.0 / 4.5 * 2.0
}

/// Of a million windows, how many per cent two million draws with replacement never meet.
pub fn never_seen_in_two_epochs() -> f64 {
    100.0 * (1.0 - 1e-6f64).powf(2e6)
}

/// The network for paper at place 4.
pub fn paper_network_at_four() -> f64 {
    let round = |(left, right): (u32, u32), key| (right, left ^ ((right * right + key) % 4));
    let (left, right) = [1, 3, 2].into_iter().fold((1, 0), round);
    f64::from(4 * left + right)
}

/// The best interval for saves of 8 seconds and failures every 10,000.
pub fn best_interval_of_eight() -> f64 {
    best_gap(8.0, 10_000.0)
}

fn best_gap(save: f64, fail: f64) -> f64 {
    (2.0 * save * fail).sqrt()
}

/// By which factor less is lost at the best interval when a save takes a quarter of the time.
pub fn loss_with_faster_saves() -> f64 {
    let least = |save: f64| {
        let gap = best_gap(save, 36_000.0);
        save / gap + gap / 72_000.0
    };
    least(20.0) / least(5.0)
}

/// When ten machines stop for the first time, of which each stops every 1,000 hours: their
/// rates add up.
pub fn hours_of_ten_machines() -> f64 {
    let rate = 1.0 / 1000.0;
    1.0 / (10.0 * rate)
}
