//! What `shaking` is asked.

use super::answer::{RATE, STEPS, half_the_rate, lower_after_20, lower_after_2000, why};
use exercises::probe::Probe;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage03_gpt::schedule::Schedule;

pub fn probe(p: &mut Probe) {
    if p.talks {
        let steps = STEPS.clamp(1, 20_000);
        let (constant, decay) = (run(RATE, RATE, steps), run(RATE, RATE / 100.0, steps));
        p.note(format!("rate {RATE}, {steps} steps: the loss before the step, and at the end"));
        p.note("     step    constant       decay");
        for i in 0..=10 {
            let at = steps * i / 10;
            p.note(format!("{at:>9}  {:>10.5}  {:>10.5}", constant[at], decay[at]));
        }
        p.note("the mean of the last tenth of the run:");
        p.note(format!("           {:>10.5}  {:>10.5}", height(&constant), height(&decay)));
    }
    let end = |rate, min, steps| height(&run(rate, min, steps));
    p.part("half_the_rate", |p| {
        let guess = half_the_rate();
        let ratio = end(0.05, 0.05, 2000) / end(0.1, 0.1, 2000);
        p.predict("the height with half the rate, as a part", guess, (ratio * 10.0).round() / 10.0);
    });
    let lower = |steps| if end(0.1, 0.1, steps) < end(0.1, 0.001, steps) { 'c' } else { 'd' };
    p.part("lower_after_20", |p| {
        p.predict("rate 0.1, 20 steps: which is lower?", lower_after_20(), lower(20));
    });
    p.part("lower_after_2000", |p| {
        p.predict("rate 0.1, 2000 steps: which is lower?", lower_after_2000(), lower(2000));
    });
    p.part("why", |p| p.see("why?", why()));
}

/// The mean of the last tenth.
fn height(losses: &[f64]) -> f64 {
    let last = &losses[losses.len() * 9 / 10..];
    last.iter().sum::<f64>() / last.len() as f64
}

/// The loss before each step, and at the end.
fn run(rate: f64, min: f64, steps: usize) -> Vec<f64> {
    let (warmup_iters, lr_decay_iters) = (0, if rate == min { 0 } else { steps });
    let schedule = Schedule { learning_rate: rate, min_lr: min, warmup_iters, lr_decay_iters };
    let mut w = vec![1.0f64; 200];
    let loss = |w: &[f64]| w.iter().map(|w| w * w).sum::<f64>() / w.len() as f64;
    let mut losses = vec![loss(&w)];
    for iter in 0..steps {
        let mut rng = generator(1, Purpose::Batch, iter as u64);
        for w in &mut w {
            let noise = 12f64.sqrt() * (rng.random::<f64>() - 0.5); // mean 0, mean square 1
            *w -= schedule.at(iter) * (*w + noise);
        }
        losses.push(loss(&w));
    }
    losses
}
