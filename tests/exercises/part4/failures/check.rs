//! What `failures` is asked.

use super::answer::{hours_lost, of_a_larger_run, of_a_machine, of_the_run};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    // Ninety failures, spread evenly over 30 days.
    let hours = 30.0 * 24.0;
    let failures: Vec<f64> = (0..90).map(|i| (f64::from(i) + 0.5) * hours / 90.0).collect();
    let gaps = failures.windows(2).map(|pair| pair[1] - pair[0]);
    let mean = gaps.sum::<f64>() / 89.0;
    p.part("of_the_run", |p| p.predict("hours between failures", of_the_run(), mean));
    let machine = 500.0 * hours / 90.0;
    p.part("of_a_machine", |p| p.predict("hours, for one machine", of_a_machine(), machine));
    p.part("of_a_larger_run", |p| {
        p.predict("hours, for 2,000 machines", of_a_larger_run(), machine / 2000.0);
    });
    p.part("hours_lost", |p| {
        let guess = hours_lost();
        // The failure comes at any of many moments after a save.
        let half = (0..60).map(|minute| (f64::from(minute) + 0.5) / 60.0).sum::<f64>() / 60.0;
        p.predict("hours that are done again", guess, failures.len() as f64 * half);
    });
}
