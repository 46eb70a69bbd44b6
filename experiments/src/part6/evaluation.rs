//! Evaluation on paper: three endings by three rules, the standard error of an accuracy, two models on
//! the same items and the sign test, and the best of many models that only guess.

use stage01_bigram::text::thousands;

/// An ending: its text, and the probability of each of its tokens given what stands before.
struct Ending {
    text: &'static str,
    p: &'static [f64],
}

/// How "A token is" goes on. The second is right.
const ENDINGS: [Ending; 3] = [
    Ending { text: "a word", p: &[1.0 / 4.0, 1.0 / 4.0] },
    Ending { text: "a piece of text", p: &[1.0 / 4.0, 1.0 / 4.0, 1.0 / 2.0, 1.0 / 2.0] },
    Ending { text: "an indivisible whole", p: &[1.0 / 4.0, 1.0 / 4.0, 1.0 / 2.0] },
];

// ANCHOR: score
/// The log-probability of an ending, and the same per token and per byte.
fn scores(ending: &Ending) -> [f64; 3] {
    let sum: f64 = ending.p.iter().map(|p| p.ln()).sum();
    [sum, sum / ending.p.len() as f64, sum / ending.text.len() as f64]
}
// ANCHOR_END: score

const RULES: [&str; 3] = ["sum", "per token", "per byte"];

/// The ending with the highest score by each of the rules.
fn winners() -> [usize; 3] {
    let all = ENDINGS.each_ref().map(scores);
    std::array::from_fn(|rule| {
        let best = (0..all.len()).max_by(|&a, &b| all[a][rule].total_cmp(&all[b][rule]));
        best.unwrap_or(0)
    })
}

fn on_paper() {
    println!("ON PAPER: A token is …, scores in units of ln 2");
    print!("  {:<22}{:>18}{:>8}{:>7}", "", "p of its tokens", "tokens", "bytes");
    println!("{:>9}{:>11}{:>10}", RULES[0], RULES[1], RULES[2]);
    for ending in &ENDINGS {
        let p: Vec<String> = ending.p.iter().map(|p| format!("1/{}", 1.0 / p)).collect();
        let (text, p, [sum, token, byte]) = (ending.text, p.join(" "), scores(ending));
        print!("  {text:<22}{p:>18}{:>8}{:>7}", ending.p.len(), text.len());
        let [sum, token, byte] = [sum, token, byte].map(|score| score / 2f64.ln());
        println!("{sum:>9.2}{token:>11.2}{byte:>10.2}");
    }
    for (rule, winner) in RULES.iter().zip(winners()) {
        println!("  the highest {rule:<12}{}", ENDINGS[winner].text);
    }
}

// ANCHOR: error
/// The standard error of an accuracy `p` on `n` items.
fn standard_error(p: f64, n: f64) -> f64 {
    (p * (1.0 - p) / n).sqrt()
}
// ANCHOR_END: error

/// How many items each of two models needs until a difference between their accuracies is two standard
/// errors of it. (That of a difference is the root of the sum of both squares.)
fn items_needed(p: f64, difference: f64) -> f64 {
    8.0 * p * (1.0 - p) / (difference * difference)
}

fn errors() {
    const ACCURACIES: [f64; 3] = [0.25, 0.5, 0.9];
    println!("\nTHE STANDARD ERROR of an accuracy");
    let head: String = ACCURACIES.iter().map(|p| format!("{:>12}", format!("p = {p}"))).collect();
    println!("  {:<10}{head}", "items");
    for n in [25, 100, 400, 1000, 10_000] {
        let row = ACCURACIES.map(|p| format!("{:>12.4}", standard_error(p, f64::from(n))));
        println!("  {:<10}{}", thousands(n as usize), row.concat());
    }
    println!("\nHOW MANY ITEMS until a difference is two standard errors, at p = 0.5");
    for difference in [0.1, 0.05, 0.02, 0.01] {
        let n = items_needed(0.5, difference).round() as usize;
        println!("  {difference:<10}{:>12}", thousands(n));
    }
}

/// Two models on 100 items: both are right, only the first, only the second, neither.
const TABLE: [usize; 4] = [58, 1, 9, 32];

// ANCHOR: sign
/// How probable it is that `n` tosses of a coin are at least as uneven as `a` heads and `b` tails.
pub fn sign_test(a: usize, b: usize) -> f64 {
    let (n, most) = (a + b, a.max(b));
    let mut p = 0.5f64.powi(n as i32); // of no heads; then of one more, again and again
    let mut tail = 0.0;
    for heads in 0..=n {
        if heads >= most {
            tail += p;
        }
        p *= (n - heads) as f64 / (heads + 1) as f64;
    }
    (2.0 * tail).min(1.0)
}
// ANCHOR_END: sign

/// The difference of two accuracies, and its standard error: as if the items were others, and on the
/// same items.
fn two_ways([both, first, second, neither]: [usize; 4]) -> (f64, f64, f64) {
    let n = (both + first + second + neither) as f64;
    let [a, b] = [both + first, both + second].map(|right| right as f64 / n);
    let apart = standard_error(a, n).hypot(standard_error(b, n));
    let difference = b - a;
    // The mean of n numbers that are -1, 0 or 1.
    let squares = (first + second) as f64 / n;
    let paired = ((squares - difference * difference) / n).sqrt();
    (difference, apart, paired)
}

fn two_models() {
    let [both, first, second, neither] = TABLE;
    println!("\nTWO MODELS on the same 100 items");
    println!(
        "  both are right {both}, only the first {first}, only the second {second}, neither {neither}"
    );
    println!(
        "  accuracies     {:.2} and {:.2}",
        (both + first) as f64 / 100.0,
        (both + second) as f64 / 100.0
    );
    let (difference, apart, paired) = two_ways(TABLE);
    let line = |name: &str, error: f64| {
        println!(
            "  {name:<34}{difference:.2} ± {error:.3}, {:.1} standard errors",
            difference / error
        );
    };
    line("as if the items were others", apart);
    line("on the same items", paired);
    println!("  {:<34}{:.3}", "the sign test of 1 and 9", sign_test(first, second));
    println!("\nTHE SIGN TEST: ten items on which two models differ");
    println!("  {:<16}{:>12}{:>10}", "", "of 1,024", "p");
    let mut ways = [1usize; 11];
    (1..=10).for_each(|k| ways[k] = ways[k - 1] * (11 - k) / k);
    for a in 5..=10 {
        let b = 10 - a;
        let uneven: usize = (0..=10).filter(|&k: &usize| k.max(10 - k) >= a).map(|k| ways[k]).sum();
        println!(
            "  {:<16}{:>12}{:>10.3}",
            format!("{a} and {b}"),
            thousands(uneven),
            sign_test(a, b)
        );
    }
}

// ANCHOR: best
/// For the best of `models` that guess on `n` items, each right with probability p: how many items it
/// has right on average.
fn best_of(models: i32, n: usize, p: f64) -> f64 {
    let mut probability = (1.0 - p).powi(n as i32); // of no item right
    let (mut at_most, mut expected) = (0.0f64, 0.0);
    for right in 0..n {
        at_most += probability;
        expected += 1.0 - at_most.powi(models); // that the best has more than these
        probability *= (n - right) as f64 / (right + 1) as f64 * p / (1.0 - p);
    }
    expected
}
// ANCHOR_END: best

fn best_of_many() {
    println!("\nTHE BEST OF MANY that guess among four endings, on 100 items");
    println!("  {:<10}{:>22}", "models", "right, of the best");
    for models in [1, 5, 20, 100] {
        println!("  {models:<10}{:>22.1}", best_of(models, 100, 0.25));
    }
}

/// Prints the tables.
///
/// # Errors
/// None.
pub fn run() -> stage01_bigram::Result<()> {
    on_paper();
    errors();
    two_models();
    best_of_many();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn each_rule_has_another_winner() {
        let units = ENDINGS.each_ref().map(|ending| scores(ending).map(|score| score / 2f64.ln()));
        assert!(near(units[0][0], -4.0) && near(units[1][0], -6.0) && near(units[2][0], -5.0));
        assert!(
            near(units[0][1], -2.0) && near(units[1][1], -1.5) && near(units[2][1], -5.0 / 3.0)
        );
        assert!(
            near(units[0][2], -4.0 / 6.0) && near(units[1][2], -0.4) && near(units[2][2], -0.25)
        );
        assert_eq!(winners(), [0, 1, 2]);
    }

    #[test]
    fn errors_of_the_chapter() {
        assert!((standard_error(0.25, 100.0) - 0.0433).abs() < 5e-5);
        assert!(near(standard_error(0.5, 100.0), 0.05));
        assert!(near(items_needed(0.5, 0.02), 5000.0));
        // Two models with so many items: their difference is two standard errors.
        let error = standard_error(0.5, 5000.0);
        assert!(near(2.0 * error.hypot(error), 0.02));
    }

    #[test]
    fn a_paired_comparison_sees_more() {
        let (difference, apart, paired) = two_ways(TABLE);
        assert!(near(difference, 0.08) && difference / apart < 1.2 && difference / paired > 2.6);
        // Against the definition: the deviations of 100 numbers.
        let numbers = [vec![0.0; 90], vec![-1.0], vec![1.0; 9]].concat();
        let mean = numbers.iter().sum::<f64>() / 100.0;
        let square = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 100.0;
        assert!(near(paired, (square / 100.0).sqrt()));
    }

    #[test]
    fn the_sign_test_counts_outcomes() {
        assert!(near(sign_test(1, 9), 22.0 / 1024.0));
        assert!(near(sign_test(8, 2), 112.0 / 1024.0));
        assert!(near(sign_test(5, 5), 1.0) && near(sign_test(0, 0), 1.0));
        // Every outcome of twelve tosses.
        let uneven = (0u32..1 << 12).filter(|o| o.count_ones() >= 9 || o.count_ones() <= 3).count();
        assert!(near(sign_test(3, 9), uneven as f64 / 4096.0));
    }

    #[test]
    fn the_best_of_few() {
        // One model: n p. Two models on one item: 1 - (1 - p)^2.
        assert!(near(best_of(1, 100, 0.25), 25.0));
        assert!(near(best_of(2, 1, 0.25), 1.0 - 0.75 * 0.75));
    }
}
