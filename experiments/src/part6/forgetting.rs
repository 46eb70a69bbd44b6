//! Forgetting on paper: an old and a new task, squared errors of one weight and of two, replay of the
//! old one, averaged weights; and how many tokens a part of replay is.

use stage01_bigram::Result;
use stage01_bigram::text::thousands;

/// Where the one weight is best for the old and for the new task.
const OLD_BEST: f64 = 0.0;
const NEW_BEST: f64 = 4.0;

/// A squared error, halved so that its derivative is the error itself.
fn squared(error: f64) -> f64 {
    0.5 * error * error
}

/// The old and the new loss of one weight.
fn losses(w: f64) -> [f64; 2] {
    [squared(w - OLD_BEST), squared(w - NEW_BEST)]
}

// ANCHOR: mixture
/// The gradient of the mixture: a part `r` of the old task, the rest of the new one.
fn mixture(r: f64, old: f64, new: f64) -> f64 {
    r * old + (1.0 - r) * new
}
// ANCHOR_END: mixture

/// One weight, from its best place for the old task, step by step.
fn one_weight(r: f64, rate: f64, steps: usize) -> Vec<f64> {
    let mut w = OLD_BEST;
    let mut all = vec![w];
    for _ in 0..steps {
        w -= rate * mixture(r, w - OLD_BEST, w - NEW_BEST);
        all.push(w);
    }
    all
}

/// Two weights: the old task wants the sum to be 2, the new one wants the second to be 4.
type Two = [f64; 2];

const TWO_AT_FIRST: Two = [2.0, 0.0];

fn losses_of_two([w1, w2]: Two) -> [f64; 2] {
    [squared(w1 + w2 - 2.0), squared(w2 - 4.0)]
}

// ANCHOR: two
/// The derivatives of the mixture for both weights: the old error depends on both, the new error on
/// the second alone.
fn gradient_of_two([w1, w2]: Two, r: f64) -> Two {
    let (old, new) = (w1 + w2 - 2.0, w2 - 4.0);
    [mixture(r, old, 0.0), mixture(r, old, new)]
}
// ANCHOR_END: two

fn two_weights(r: f64, rate: f64, steps: usize) -> Vec<Two> {
    let mut w = TWO_AT_FIRST;
    let mut all = vec![w];
    for _ in 0..steps {
        let gradient = gradient_of_two(w, r);
        w = [w[0] - rate * gradient[0], w[1] - rate * gradient[1]];
        all.push(w);
    }
    all
}

// ANCHOR: replay
/// How many old tokens make the part `r` of all tokens, beside so many new ones.
fn old_tokens(r: f64, new: f64) -> f64 {
    r / (1.0 - r) * new
}
// ANCHOR_END: replay

// ANCHOR: average
/// A weight on the straight line from the old one to the new one.
fn average(a: f64, old: f64, new: f64) -> f64 {
    (1.0 - a) * old + a * new
}
// ANCHOR_END: average

fn on_paper() {
    println!("ON PAPER: one weight, learning rate 1/2");
    println!("           no replay                  a quarter of replay");
    println!("  step       w  old loss  new loss        w  old loss  new loss");
    let [none, replay] = [0.0, 0.25].map(|r| one_weight(r, 0.5, 40));
    for step in [0, 1, 2, 3, 4, 40] {
        print!("{step:>6}");
        for w in [none[step], replay[step]] {
            let [old, new] = losses(w);
            print!("{w:>9.3}{old:>9.3}{new:>10.3}");
        }
        println!();
    }
}

fn nudges() {
    println!("\nNUDGES: the weight moves from w to w + 0.001");
    println!("       w   old loss by   new loss by   a quarter and three quarters by");
    for w in [0.0, 2.0, 3.0, 4.0] {
        let [a, b] = [losses(w), losses(w + 0.001)];
        let [old, new] = [b[0] - a[0], b[1] - a[1]];
        println!("{w:>8.1}{old:>14.5}{new:>14.5}{:>34.5}", mixture(0.25, old, new));
    }
}

fn of_two() {
    println!("\nTWO WEIGHTS, learning rate 1");
    println!("              no replay                        a quarter of replay");
    println!("  step      w1     w2     old     new        w1     w2     old     new");
    let [none, replay] = [0.0, 0.25].map(|r| two_weights(r, 1.0, 60));
    for step in [0, 1, 2, 3, 10, 60] {
        print!("{step:>6}");
        for (w, width) in [(none[step], 8), (replay[step], 10)] {
            // Nothing is shown as -0.
            let [w1, w2, old, new] = [w[0], w[1], losses_of_two(w)[0], losses_of_two(w)[1]];
            print!("{w1:>width$.2}{w2:>7.2}{:>8.3}{:>8.3}", old + 0.0, new + 0.0);
        }
        println!();
    }
}

fn averages() {
    println!("\nAVERAGES of the old weight, 0, and the new one, 4");
    println!("       a       w  old loss  new loss   both");
    for a in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let w = average(a, OLD_BEST, NEW_BEST);
        let [old, new] = losses(w);
        println!("{a:>8.2}{w:>8.2}{old:>10.2}{new:>10.2}{:>7.2}", old + new);
    }
}

/// Tokens of the course's questions for the small base model, and those of them that have a loss.
const COURSE: [f64; 2] = [60_912.0, 33_960.0];

fn tokens_of_replay() {
    let [all, learned] = COURSE;
    println!("\nTOKENS OF REPLAY beside {} new tokens", thousands(all as usize));
    println!("  part of all   old tokens   per new token   of the loss   that part of the new is");
    for r in [0.05, 0.25, 0.5] {
        let old = old_tokens(r, all);
        let mistake = r * all / (r * all + all);
        println!(
            "{:>11.0} %{:>13}{:>16.3}{:>12.0} %{:>20.1} % of all",
            100.0 * r,
            thousands(old.round() as usize),
            old / all,
            100.0 * old / (old + learned),
            100.0 * mistake,
        );
    }
}

/// Runs the experiment.
///
/// # Errors
/// None.
pub fn run() -> Result<()> {
    on_paper();
    nudges();
    of_two();
    averages();
    tokens_of_replay();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    #[test]
    fn one_weight_walks_away_and_is_held() {
        let none = one_weight(0.0, 0.5, 40);
        assert!(near(&none[..4], &[0.0, 2.0, 3.0, 3.5]));
        assert!(near(&losses(none[1]), &[2.0, 2.0]) && near(&losses(none[3]), &[6.125, 0.125]));
        let replay = one_weight(0.25, 0.5, 40);
        assert!(near(&replay[..4], &[0.0, 1.5, 2.25, 2.625]));
        assert!((replay[40] - 3.0).abs() < 1e-9);
        assert!(near(&losses(3.0), &[4.5, 0.5]));
    }

    #[test]
    fn the_gradient_of_the_mixture_is_that_of_its_loss() {
        let h = 1e-5;
        for (r, w) in [(0.0, [2.0, 0.0]), (0.25, [2.0, 3.0]), (0.4, [-1.0, 0.5])] {
            let loss = |w| {
                let [old, new] = losses_of_two(w);
                r * old + (1.0 - r) * new
            };
            let by_nudging = [0, 1].map(|i| {
                let moved = |by: f64| {
                    let mut w: Two = w;
                    w[i] += by;
                    loss(w)
                };
                (moved(h) - moved(-h)) / (2.0 * h)
            });
            let by_rule = gradient_of_two(w, r);
            assert!(by_nudging.iter().zip(by_rule).all(|(a, b)| (a - b).abs() < 1e-8));
        }
    }

    #[test]
    fn two_weights_have_a_place_for_both_tasks() {
        let none = two_weights(0.0, 1.0, 60);
        assert!(near(&none[1], &[2.0, 4.0]) && near(&losses_of_two(none[60]), &[8.0, 0.0]));
        let replay = two_weights(0.25, 1.0, 60);
        assert!(near(&replay[1], &[2.0, 3.0]) && near(&replay[2], &[1.25, 3.0]));
        assert!((replay[60][0] + 2.0).abs() < 0.01 && (replay[60][1] - 4.0).abs() < 0.01);
    }

    #[test]
    fn half_the_way_loses_a_quarter() {
        let w = average(0.5, OLD_BEST, NEW_BEST);
        assert!(near(&losses(w), &[2.0, 2.0]) && near(&losses(NEW_BEST), &[8.0, 0.0]));
        assert!(near(&[average(0.25, 1.0, 3.0)], &[1.5]));
    }

    #[test]
    fn a_quarter_of_all_is_a_third_of_the_new() {
        assert!(near(&[old_tokens(0.25, 300.0), old_tokens(0.05, 190.0)], &[100.0, 10.0]));
        assert!(near(&[old_tokens(0.5, 7.0), old_tokens(0.0, 7.0)], &[7.0, 0.0]));
    }
}
