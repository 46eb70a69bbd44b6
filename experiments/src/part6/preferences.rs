//! Preferences on paper: the model of Bradley and Terry, DPO's loss of five models with the same
//! reference, its derivatives by nudging, the best answers under a penalty, and sums beside means.

use stage01_bigram::Result;
use stage03_gpt::dpo::Pair;

/// The unit of the examples for paper: a log-probability of -1 is a probability of one half.
const LN_2: f64 = std::f64::consts::LN_2;

// ANCHOR: bradley_terry
/// The probability that the first of two answers is preferred, by their scores.
fn preferred(score: f64, other: f64) -> f64 {
    score.exp() / (score.exp() + other.exp())
}

/// The same from the difference of the scores alone.
fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}
// ANCHOR_END: bradley_terry

fn scores() {
    println!("BRADLEY AND TERRY: two scores in units of ln 2, and how often the first one wins");
    println!("  {:>8}{:>8}{:>12}{:>14}{:>10}", "first", "second", "odds", "probability", "sigmoid");
    for [a, b] in [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [5.0, 4.0], [0.0, 1.0]] {
        let odds = format!("{} to {}", 2f64.powf(a), 2f64.powf(b));
        let (p, s) = (preferred(a * LN_2, b * LN_2), sigmoid((a - b) * LN_2));
        println!("  {a:>8}{b:>8}{odds:>12}{p:>14.3}{s:>10.3}");
    }
}

/// The reference, chosen and rejected answer, in units of ln 2: probabilities 1/16 and 1/8.
const REFERENCE: [f64; 2] = [-4.0, -3.0];
const BETA: f64 = 0.5;

/// Five models.
const MODELS: [(&str, [f64; 2]); 5] = [
    ("the reference itself", [-4.0, -3.0]),
    ("chosen up, rejected down", [-3.0, -4.0]),
    ("both down", [-5.0, -6.0]),
    ("both up", [-2.0, -3.0]),
    ("the wrong way", [-5.0, -2.0]),
];

/// The pair of a model of the example.
fn pair(policy: [f64; 2]) -> Pair {
    let nats = |units: [f64; 2]| units.map(|unit| unit * LN_2);
    Pair { policy: nats(policy), reference: nats(REFERENCE), beta: BETA }
}

fn on_paper() {
    println!("\nON PAPER: log-probabilities and margins in units of ln 2, beta 1/2");
    println!(
        "  {:<25}{:>7}{:>10}{:>14}{:>8}{:>10}{:>7}{:>8}",
        "", "chosen", "rejected", "changes", "margin", "s(margin)", "loss", "weight"
    );
    for (name, policy) in MODELS {
        let pair = pair(policy);
        let [c, r] = [0, 1].map(|i| policy[i] - REFERENCE[i]);
        let changes = format!("{c:+} and {r:+}");
        println!(
            "  {name:<25}{:>7}{:>10}{changes:>14}{:>8.0}{:>10.3}{:>7.3}{:>8.3}",
            policy[0],
            policy[1],
            pair.margin() / LN_2,
            sigmoid(pair.margin()),
            pair.loss(),
            pair.weight(),
        );
    }
}

/// The slope of the loss for both log-probabilities, by nudging each up and down.
fn nudged(pair: &Pair) -> [f64; 2] {
    [0, 1].map(|i| {
        let loss = |h: f64| {
            let mut pair = *pair;
            pair.policy[i] += h;
            pair.loss()
        };
        (loss(1e-3) - loss(-1e-3)) / 2e-3
    })
}

fn nudges() {
    println!("\nNUDGES of both log-probabilities by 0.001, and the rule: how does the loss move?");
    println!(
        "  {:<26}{:>11}{:>11}{:>14}{:>11}",
        "", "chosen", "rejected", "rule: chosen", "rejected"
    );
    for (name, policy) in [MODELS[0], MODELS[1], MODELS[4]] {
        let pair = pair(policy);
        let ([c, r], w) = (nudged(&pair), pair.weight());
        println!("  {name:<26}{c:>11.3}{r:>11.3}{:>14.3}{w:>11.3}", -w);
    }
}

/// Three answers: their probabilities under the reference, and their rewards in units of beta ln 2.
const SHARES: [f64; 3] = [0.5, 0.25, 0.25];
const REWARDS: [f64; 3] = [0.0, 1.0, 2.0];

/// Five ways to answer.
const POLICIES: [(&str, [f64; 3]); 5] = [
    ("the reference", SHARES),
    ("always the best one", [0.0, 0.0, 1.0]),
    ("reference times e^(reward/beta)", [0.25, 0.25, 0.5]),
    ("nudged one way", [0.24, 0.25, 0.51]),
    ("nudged the other way", [0.26, 0.25, 0.49]),
];

/// The expected reward and the KL divergence from the reference, both in units of ln 2, where beta is 1.
fn reward_and_divergence(p: [f64; 3]) -> [f64; 2] {
    let reward = p.iter().zip(REWARDS).map(|(p, reward)| p * reward).sum();
    let terms = p.iter().zip(SHARES).filter(|(p, _)| **p > 0.0);
    [reward, terms.map(|(p, q)| p * (p / q).log2()).sum()]
}

fn the_best_answers() {
    println!(
        "\nREWARD AND PENALTY: three answers with the rewards 0, 1 and 2 (units of beta ln 2)"
    );
    println!(
        "  {:<34}{:>20}{:>9}{:>9}{:>12}",
        "", "probabilities", "reward", "penalty", "difference"
    );
    for (name, p) in POLICIES {
        let [reward, divergence] = reward_and_divergence(p);
        let shown = p.map(|p| format!("{p:>6.2}")).concat();
        let left = reward - divergence;
        println!("  {name:<34}{shown:>20}{reward:>9.4}{divergence:>9.4}{left:>12.4}");
    }
}

/// The tokens' log-probabilities of both answers, in units of ln 2: under the reference, and under the
/// model in which the chosen answer went up.
const TOKENS: [[&[f64]; 2]; 2] = [
    [&[-2.0, -2.0], &[-1.0, -1.0, -1.0]], // the reference: 1/4 1/4, and 1/2 1/2 1/2
    [&[-1.0, -2.0], &[-2.0, -1.0, -1.0]],
];

/// The margin in units of ln 2, where each answer is the sum of its tokens or their mean.
fn margin_of(of: fn(&[f64]) -> f64) -> f64 {
    let [reference, policy] = TOKENS.map(|answers| answers.map(of));
    Pair { policy, reference, beta: BETA }.margin()
}

fn sum(tokens: &[f64]) -> f64 {
    tokens.iter().sum()
}

fn mean(tokens: &[f64]) -> f64 {
    sum(tokens) / tokens.len() as f64
}

fn sums_and_means() {
    println!(
        "\nSUMS AND MEANS, in units of ln 2; the chosen answer has two tokens, the other three"
    );
    println!("  {:<12}{:>22}{:>22}{:>10}", "", "chosen before, after", "rejected", "margin");
    for (name, of) in [("sum", sum as fn(&[f64]) -> f64), ("mean", mean)] {
        let [before, after] = TOKENS.map(|answers| answers.map(of));
        let cell = |i: usize| format!("{:.2}, {:.2}", before[i], after[i]);
        println!("  {name:<12}{:>22}{:>22}{:>10.3}", cell(0), cell(1), margin_of(of));
    }
}

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    scores();
    on_paper();
    nudges();
    the_best_answers();
    sums_and_means();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn odds_multiply_and_only_the_difference_counts() {
        assert!(near(preferred(LN_2, 0.0), 2.0 / 3.0) && near(preferred(2.0 * LN_2, 0.0), 0.8));
        assert!(near(preferred(5.0 * LN_2, 4.0 * LN_2), sigmoid(LN_2)));
        assert!(near(preferred(0.0, LN_2), 1.0 / 3.0) && near(sigmoid(0.0), 0.5));
    }

    #[test]
    fn the_example_for_paper() {
        let margins = MODELS.map(|(_, policy)| pair(policy).margin() / LN_2);
        assert!(margins.iter().zip([0.0, 1.0, 1.0, 1.0, -1.0]).all(|(a, b)| near(*a, b)));
        let losses = MODELS.map(|(_, policy)| pair(policy).loss());
        let expected = [2.0, 1.5, 1.5, 1.5, 3.0].map(f64::ln);
        assert!(losses.iter().zip(expected).all(|(a, b)| near(*a, b)));
        let weights = MODELS.map(|(_, policy)| pair(policy).weight());
        let expected = [0.25, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 3.0];
        assert!(weights.iter().zip(expected).all(|(a, b)| near(*a, b)));
    }

    #[test]
    fn the_rule_is_what_nudges_say() {
        for (_, policy) in MODELS {
            let (pair, [c, r]) = (pair(policy), nudged(&pair(policy)));
            assert!((c + pair.weight()).abs() < 1e-6 && (r - pair.weight()).abs() < 1e-6);
        }
    }

    #[test]
    fn no_other_policy_is_better_than_the_reweighted_reference() {
        let value = |p| {
            let [reward, divergence] = reward_and_divergence(p);
            reward - divergence
        };
        let best = value(POLICIES[2].1);
        assert!(near(best, 1.0) && near(value(SHARES), 0.75));
        for i in 0..=50 {
            for j in 0..=50 - i {
                let p = [i, j, 50 - i - j].map(|n| f64::from(n) / 50.0);
                assert!(value(p) <= best + 1e-12, "{p:?}");
            }
        }
        assert!(POLICIES[3..].iter().all(|(_, p)| value(*p) < best));
        // Reward and the rewards that follow from the best policy differ by the same number.
        let implied = [0, 1, 2].map(|i| (POLICIES[2].1[i] / SHARES[i]).log2());
        assert!(implied.iter().zip(REWARDS).all(|(a, b)| near(b - a, 1.0)));
    }

    #[test]
    fn a_mean_counts_the_tokens_of_long_answers_less() {
        assert!(near(margin_of(sum), 1.0) && near(margin_of(mean), 5.0 / 12.0));
        let [reference, policy] = TOKENS.map(|answers| answers.map(sum));
        assert_eq!((reference, policy), (REFERENCE, MODELS[1].1));
    }
}
