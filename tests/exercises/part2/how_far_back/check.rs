//! The experiment, and what is asked of it.

use super::answer::{WINDOW, part_of_places, reachable, smallest_window, why};
use exercises::probe::Probe;
use stage01_bigram::dataset::Dataset;
use stage01_bigram::{Error, Result};
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::training::{Settings, mean_loss, train};

/// A text of the rule. Random numbers are made by a formula.
fn text(count: usize, mut state: u64) -> Vec<u32> {
    let mut draw = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as u32
    };
    let mut text = vec![0, 2, 3];
    while text.len() < count {
        let next = (text[text.len() - 3] + 1) % 4;
        text.push(if draw() % 10 == 0 { draw() % 4 } else { next });
    }
    text
}

/// Trains on windows of a length. The loss in all, and at the first places.
fn losses(window: usize) -> Result<(f64, Vec<f64>)> {
    let config = Config { vocab_size: 4, block_size: window, n_embd: 16, n_head: 2 };
    let model = AttentionModel::new(config)?;
    let (learn, unseen) =
        (Dataset::new(text(20_000, 1), window)?, Dataset::new(text(4_000, 2), window)?);
    let settings = Settings {
        batch_size: (256 / window).max(1),
        max_iters: 800,
        learning_rate: 0.5,
        eval_interval: 800,
        seed: 1,
    };
    let (params, _) = train(&model, (&learn, &unseen), settings, |_| Ok::<_, Error>(()))?;

    let mut acts = model.activations(1, window);
    let (mut sums, mut count) = (vec![0.0; window.min(8)], 0.0);
    for (inputs, targets) in unseen.windows(window).filter(|(x, _)| x.len() == window) {
        model.forward(&params, inputs, &mut acts);
        for (sum, (logits, &target)) in
            sums.iter_mut().zip(acts.logits.rows().into_iter().zip(targets))
        {
            let total: f64 = logits.iter().map(|&z| f64::from(z).exp()).sum();
            *sum += total.ln() - f64::from(logits[target as usize]);
        }
        count += 1.0;
    }
    let places = sums.into_iter().map(|sum| sum / count).collect();
    Ok((mean_loss(&model, &params, &unseen, usize::MAX), places))
}

pub fn probe(p: &mut Probe) {
    if p.talks {
        match losses(WINDOW) {
            Ok((loss, places)) => {
                p.note(format!("WINDOW = {WINDOW}: the loss is {loss:.3}"));
                for (place, loss) in places.into_iter().enumerate() {
                    p.note(format!("at place {place}: {loss:.3}"));
                }
            }
            Err(error) => p.note(format!("WINDOW = {WINDOW}: {error}")),
        }
    }
    p.part("smallest_window", |p| p.see("the smallest window", smallest_window()));
    p.part("part_of_places", |p| {
        p.see("the part of places where the rule can be used, windows of 8", part_of_places());
    });
    p.part("reachable", |p| {
        for window in [1, 2, 3, 8, 32] {
            p.see(format!("the best loss with windows of {window}"), reachable(window));
        }
    });
    p.part("why", |p| p.see("why", why()));
}
