//! What `accuracy` is asked.

use super::answer::accuracy;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("accuracy", |p| {
        let (predictions, targets) = ([3, 1, 4, 1], [3, 1, 4, 2]);
        let what = format!("accuracy of {predictions:?} where {targets:?} is right");
        p.see(what, accuracy(&predictions, &targets));
        p.see("accuracy where all of 5 are right", accuracy(&[7; 5], &[7; 5]));
        p.see("accuracy where none of 5 is right", accuracy(&[7; 5], &[8; 5]));
        p.see("accuracy where the first of 2 is right", accuracy(&[1, 5], &[1, 2]));
        let predictions: Vec<u32> = (0..1000).map(|i| i % 7).collect();
        let targets: Vec<u32> = (0..1000).map(|i| if i % 5 < 3 { i % 7 } else { 9 }).collect();
        p.see("accuracy where 600 of 1000 are right", accuracy(&predictions, &targets));
    });
}
