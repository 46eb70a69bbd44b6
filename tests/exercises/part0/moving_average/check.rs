//! What `moving_average` is asked.

use super::answer::moving_average;
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    p.part("moving_average", |p| {
        let paper = [4.0, 2.0, 3.0, 1.0];
        p.see(format!("moving_average of {paper:?} with n = 2"), moving_average(&paper, 2));
        p.see(format!("moving_average of {paper:?} with n = 1"), moving_average(&paper, 1));
        p.see(format!("moving_average of {paper:?} with n = 4"), moving_average(&paper, 4));
        p.see(format!("moving_average of {paper:?} with n = 5"), moving_average(&paper, 5));
        let losses: Vec<f64> =
            (0..40).map(|i| 4.0 / (1.0 + f64::from(i)) + f64::from(i % 3)).collect();
        let found = moving_average(&losses, 6);
        p.see("moving_average of 40 losses with n = 6", found.clone());
        p.rule(found.len() == 35, || {
            format!(
                "of 40 losses with n = 6 you return {} numbers, and must return 35. At which \
                 places can a group of 6 begin?",
                found.len()
            )
        });
    });
}
