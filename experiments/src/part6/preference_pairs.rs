//! What a model makes of pairs of answers, in numbers, for the experiments on preferences: loss, margin,
//! how many are in the right order, and how far each answer's log-probability has moved.

use stage01_bigram::{Error, Result};
use stage03_gpt::dpo::{Pair, Sums};

/// The reasons for which answers of the course's pairs were rejected.
pub const REASONS: [&str; 4] = ["wrong", "vague", "long", "inflated"];

/// The reason that a line of the course's pairs names.
///
/// # Errors
/// [`Error::Text`] for a line without one.
pub fn reason(line: &str) -> Result<&'static str> {
    let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let named = REASONS.into_iter().find(|&reason| object["reason"] == reason);
    named.ok_or_else(|| Error::text("the course's pairs", "a line has no reason", "name one"))
}

/// Pairs under a model, beside the reference.
pub struct Measured {
    /// Mean loss, in nats.
    pub loss: f64,
    /// Mean margin.
    pub margin: f64,
    /// How many have a margin above 0.
    pub right: usize,
    /// How far the log-probabilities of the chosen and of the rejected answers have moved from those
    /// of the reference: the means, in nats per answer.
    pub moved: [f64; 2],
}

impl Measured {
    /// Measures pairs by their log-probabilities under a model and under the reference.
    pub fn of(policies: &[[f64; 2]], references: &[[f64; 2]], beta: f64) -> Measured {
        let (mut sums, mut moved) = (Sums::default(), [0.0; 2]);
        for (&policy, &reference) in policies.iter().zip(references) {
            sums.add(&Pair { policy, reference, beta });
            moved = [0, 1].map(|i| moved[i] + policy[i] - reference[i]);
        }
        let (loss, margin, _) = sums.means();
        let moved = moved.map(|sum| sum / sums.pairs.max(1) as f64);
        Measured { loss, margin, right: sums.right, moved }
    }

    /// The cells of a table: loss, margin, the pairs in the right order, and both changes.
    pub fn cells(&self) -> String {
        let Measured { loss, margin, right, moved: [chosen, rejected] } = self;
        // No minus before a zero.
        let [chosen, rejected] = [chosen, rejected].map(|x| if x.abs() < 0.005 { 0.0 } else { *x });
        let margin = if margin.abs() < 5e-4 { 0.0 } else { *margin };
        format!("{loss:>9.3}{margin:>8.3}{right:>6}{chosen:>8.2}{rejected:>9.2}")
    }

    /// The heads of these cells.
    pub fn heads() -> String {
        format!("{:>9}{:>8}{:>6}{:>8}{:>9}", "held out", "margin", "right", "chosen", "rejected")
    }
}

/// Prints, for each reason, how many pairs are in the right order.
pub fn by_reason(policies: &[[f64; 2]], references: &[[f64; 2]], reasons: &[&str]) {
    println!("  {:<12}{:>7}{:>7}{:>9}{:>10}", "", "pairs", "right", "chosen", "rejected");
    for name in REASONS {
        let of = |all: &[[f64; 2]]| -> Vec<[f64; 2]> {
            all.iter()
                .zip(reasons)
                .filter(|(_, reason)| **reason == name)
                .map(|(x, _)| *x)
                .collect()
        };
        let (policies, references) = (of(policies), of(references));
        if policies.is_empty() {
            continue;
        }
        let Measured { right, moved: [chosen, rejected], .. } =
            Measured::of(&policies, &references, 1.0);
        println!("  {name:<12}{:>7}{right:>7}{chosen:>9.2}{rejected:>10.2}", policies.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage04_training::finetune::course;

    #[test]
    fn pairs_are_measured_beside_their_reference() {
        let references = [[-4.0, -3.0], [-10.0, -10.0]];
        let measured = Measured::of(&[[-3.0, -4.0], [-12.0, -11.0]], &references, 0.5);
        assert_eq!((measured.margin, measured.right), (0.25, 1));
        assert_eq!(measured.moved, [-0.5, -1.0]);
        let at_first = Measured::of(&references, &references, 0.5);
        assert!((at_first.loss - 2f64.ln()).abs() < 1e-12 && at_first.right == 0);
    }

    #[test]
    fn every_pair_of_the_course_has_a_reason() {
        for lines in [course::PREFERENCES, course::PREFERENCES_HELD_OUT] {
            assert!(lines.lines().all(|line| reason(line).is_ok()));
        }
        assert!(reason("{}").is_err() && reason("no JSON").is_err());
    }
}
