//! The learning rate schedule: how large a step is, over a run.
//!
//! At first the optimiser's averages are poor estimates of the size of the gradients, so the
//! learning rate begins small and grows for a while (warm-up). Then it falls along half a wave of
//! a cosine (cosine decay): large steps find the valley, small ones its floor.
//!
//! ```
//! use stage03_gpt::schedule::Schedule;
//!
//! let schedule = Schedule::default();
//! assert!(schedule.at(0) < schedule.at(50));
//! assert_eq!(schedule.at(schedule.warmup_iters), schedule.learning_rate);
//! assert_eq!(schedule.at(schedule.lr_decay_iters), schedule.min_lr);
//! ```

use stage01_bigram::{Error, Result};

/// Warm-up, then cosine decay. The names are nanoGPT's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The largest learning rate.
    pub learning_rate: f64,
    /// The learning rate at the end and after it.
    pub min_lr: f64,
    /// For how many iterations it grows.
    pub warmup_iters: usize,
    /// At which iteration it has fallen to `min_lr`.
    pub lr_decay_iters: usize,
}

impl Default for Schedule {
    /// That of the run of three minutes: 4,500 steps.
    fn default() -> Self {
        let (learning_rate, min_lr) = (3e-3, 3e-3 / 10.0);
        Schedule { learning_rate, min_lr, warmup_iters: 100, lr_decay_iters: 4500 }
    }
}

impl Schedule {
    /// A constant learning rate.
    pub fn constant(learning_rate: f64) -> Self {
        Schedule { learning_rate, min_lr: learning_rate, warmup_iters: 0, lr_decay_iters: 0 }
    }

    /// Checks that the settings fit together.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first that does not.
    pub fn validate(&self) -> Result<()> {
        let Schedule { learning_rate, min_lr, .. } = *self;
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            let expected = "choose a number above 0, such as 1e-3";
            return Err(Error::setting("--learning-rate", learning_rate, expected));
        }
        if !(0.0..=learning_rate).contains(&min_lr) {
            let expected = format!("choose from 0 to --learning-rate = {learning_rate}");
            return Err(Error::setting("--min-lr", min_lr, expected));
        }
        Ok(())
    }

    /// The learning rate of an iteration, counted from 0.
    ///
    /// ```text
    /// warm-up:  learning_rate (iter + 1) / (warmup_iters + 1)
    /// then:     min_lr + (learning_rate - min_lr) (1 + cos(pi progress)) / 2
    /// ```
    ///
    /// where progress runs from 0 at the end of the warm-up to 1 at `lr_decay_iters`.
    /// Loshchilov and Hutter 2016; the numbers are those of nanoGPT.
    // ANCHOR: at
    pub fn at(&self, iter: usize) -> f64 {
        let Schedule { learning_rate, min_lr, warmup_iters, lr_decay_iters } = *self;
        if iter < warmup_iters {
            return learning_rate * (iter as f64 + 1.0) / (warmup_iters as f64 + 1.0);
        }
        if iter >= lr_decay_iters {
            return min_lr;
        }
        let progress = (iter - warmup_iters) as f64 / (lr_decay_iters - warmup_iters) as f64;
        let coeff = (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
        min_lr + coeff * (learning_rate - min_lr)
    }
    // ANCHOR_END: at
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule =
        Schedule { learning_rate: 1e-3, min_lr: 1e-4, warmup_iters: 9, lr_decay_iters: 109 };

    #[test]
    fn rises_falls_and_stays() {
        assert_eq!(SCHEDULE.at(0), 1e-4);
        assert_eq!(SCHEDULE.at(4), 5e-4);
        assert_eq!(SCHEDULE.at(9), 1e-3);
        assert!((SCHEDULE.at(59) - 5.5e-4).abs() < 1e-12); // half way down
        assert_eq!(SCHEDULE.at(109), 1e-4);
        assert_eq!(SCHEDULE.at(100_000), 1e-4);
        assert!((0..9).all(|i| SCHEDULE.at(i) < SCHEDULE.at(i + 1)));
        assert!((9..109).all(|i| SCHEDULE.at(i) > SCHEDULE.at(i + 1)));
    }

    #[test]
    fn a_constant_rate_stays() {
        let schedule = Schedule::constant(1e-3);
        assert!((0..100).all(|iter| schedule.at(iter) == 1e-3) && schedule.validate().is_ok());
    }

    #[test]
    fn a_warm_up_longer_than_the_run_only_rises() {
        let schedule = Schedule { warmup_iters: 50, lr_decay_iters: 20, ..SCHEDULE };
        assert!(schedule.at(30) < schedule.at(49));
        assert_eq!(schedule.at(50), 1e-4);
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        for learning_rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Schedule { learning_rate, ..SCHEDULE }.validate().is_err());
        }
        for min_lr in [-1e-9, 2e-3, f64::NAN] {
            assert!(Schedule { min_lr, ..SCHEDULE }.validate().is_err());
        }
        assert!(SCHEDULE.validate().is_ok());
    }
}
