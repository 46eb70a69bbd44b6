//! What `early_stopping` is asked.

use super::answer::{EPOCHS, LEARNING_RATE, best_epoch, best_epoch_at_half_the_rate, why};
use exercises::probe::Probe;

/// How many tokens there are.
const V: usize = 6;

/// A number for each pair of tokens.
type Table = [[f64; V]; V];

pub fn probe(p: &mut Probe) {
    if p.talks {
        let rate = if LEARNING_RATE.is_finite() { LEARNING_RATE.clamp(0.0, 100.0) } else { 4.0 };
        p.note(format!("learning rate {rate}; losses in nats per token"));
        p.note("epoch   the 24 pairs   unseen new text   old text");
        for (epoch, losses) in losses(rate, EPOCHS.min(100)).into_iter().enumerate() {
            let [train, unseen, old] = losses;
            p.note(format!("{epoch:>5}{train:>15.3}{unseen:>18.3}{old:>11.3}"));
        }
    }
    p.part("best_epoch", |p| {
        p.predict("the best epoch at the learning rate 4", best_epoch(), lowest(4.0));
    });
    p.part("best_epoch_at_half_the_rate", |p| {
        let guess = best_epoch_at_half_the_rate();
        p.predict("the best epoch at the learning rate 2", guess, lowest(2.0));
    });
    p.part("why", |p| p.see("why?", why()));
}

/// The epoch with the lowest loss on unseen new text.
fn lowest(rate: f64) -> usize {
    let losses = losses(rate, 60);
    let best = (0..losses.len()).min_by(|&a, &b| losses[a][1].total_cmp(&losses[b][1]));
    best.unwrap_or(0)
}

/// Rows of probabilities, in proportion to f.
fn text(f: impl Fn(usize, usize) -> f64) -> Table {
    std::array::from_fn(|i| {
        let sum: f64 = (0..V).map(|j| f(i, j)).sum();
        std::array::from_fn(|j| f(i, j) / sum)
    })
}

/// The losses on the pairs, on new and on old text, before the first epoch and after each.
fn losses(rate: f64, epochs: usize) -> Vec<[f64; 3]> {
    let one = |yes: bool| f64::from(u8::from(yes));
    let old = text(|i, j| 1.0 + 8.0 * one((3 * i + j) % V == 0) + 4.0 * one((i + 2 * j) % V == 1));
    let new = text(|i, j| 1.0 + 6.0 * one((i + j) % V == 2) + 5.0 * one((2 * i + j) % V == 3));
    // Four pairs that begin with each token, as a draw from the new text may have them.
    const NEXT: [[usize; 4]; V] =
        [[2, 3, 2, 3], [1, 1, 4, 1], [0, 5, 0, 2], [3, 5, 5, 1], [4, 1, 4, 4], [3, 5, 3, 0]];
    let mut pairs = [[0.0; V]; V];
    for (row, next) in pairs.iter_mut().zip(NEXT) {
        next.into_iter().for_each(|j| row[j] += 0.25);
    }
    let mut logits = old.map(|row| row.map(f64::ln));
    let mut all = vec![];
    for epoch in 0..=epochs {
        if epoch > 0 {
            // The gradient of the mean loss: probabilities minus how often a pair occurs.
            let p = softmax(&logits);
            for i in 0..V {
                for j in 0..V {
                    logits[i][j] -= rate * (p[i][j] - pairs[i][j]) / V as f64;
                }
            }
        }
        let p = softmax(&logits);
        all.push([&pairs, &new, &old].map(|text| loss(text, &p)));
    }
    all
}

fn softmax(logits: &Table) -> Table {
    text(|i, j| logits[i][j].exp())
}

/// The mean loss on a text of these pairs, in which each token is as frequent as any other.
fn loss(text: &Table, p: &Table) -> f64 {
    let pairs = text.iter().flatten().zip(p.iter().flatten());
    pairs.map(|(part, p)| -part * p.ln()).sum::<f64>() / V as f64
}
