//! What the targets of a conversation are asked.

use super::answer::{mean_loss, targets};
use exercises::probe::Probe;

/// For the eye: -1 stands for none.
fn shown(targets: &[Option<u32>]) -> Vec<i64> {
    targets.iter().map(|target| target.map_or(-1, i64::from)).collect()
}

#[allow(clippy::single_range_in_vec_init, reason = "a conversation may have a single answer")]
pub fn probe(p: &mut Probe) {
    p.part("targets", |p| {
        let long: Vec<u32> = (0..12).map(|i| 50 + 3 * i).collect();
        let asked = [
            (vec![7, 8, 7, 11, 12, 2], vec![3..6]),
            (vec![7, 8, 2], vec![1..3]),
            (long.clone(), vec![3..6, 9..12]),
            (long.clone(), vec![4..7]),
            (vec![5, 6, 7], vec![0..3]),
            (vec![5, 6, 7], vec![]),
        ];
        for (tokens, answers) in asked {
            let found = targets(&tokens, &answers);
            let what = format!("tokens {tokens:?}, answers at {answers:?} (-1: no target)");
            p.see(what, shown(&found));
            p.rule(found.len() == tokens.len(), || {
                format!(
                    "there are {} targets for {} tokens; each position has one, or none",
                    found.len(),
                    tokens.len()
                )
            });
            for (t, target) in found.iter().enumerate() {
                let Some(target) = target else { continue };
                p.rule(tokens.get(t + 1) == Some(target), || {
                    format!(
                        "position {t} has the target {target}, and the next token of {tokens:?} is \
                         {:?}; a target is always the next token: which position predicts it?",
                        tokens.get(t + 1)
                    )
                });
            }
        }
    });
    p.part("mean_loss", |p| {
        let some =
            |places: &[usize]| (0..6).map(|t| places.contains(&t).then_some(1)).collect::<Vec<_>>();
        let losses = [4.0, 5.0, 1.0, 2.0, 3.0, 9.0];
        for places in [&[2, 3, 4][..], &[0], &[0, 1, 2, 3, 4, 5], &[1, 5], &[]] {
            let what = format!("losses {losses:?}, targets at {places:?}");
            p.see(what, mean_loss(&losses, &some(places)));
        }
    });
}
