//! Scaling: the coins behind a dot product, and what softmax does with larger and larger scores.
//!
//! `--plot FILE` draws how much gradient gets through the softmax, with the division and without.

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::loss::softmax;
use stage01_bigram::plot::{LineChart, Series};
use stage02_attention::scaling::{Row, measure};

// ANCHOR: coins
/// All sums of `d` coins of +1 and -1, and how many ways lead to each.
fn sums_of_coins(d: u32) -> Vec<(i32, usize)> {
    let mut ways = vec![0; d as usize + 1];
    for throw in 0..1u32 << d {
        ways[throw.count_ones() as usize] += 1; // as many ones as coins that show +1
    }
    (0..=d as i32).map(|heads| 2 * heads - d as i32).zip(ways).collect()
}

/// The mean of the squares of these sums.
fn variance(sums: &[(i32, usize)]) -> f64 {
    let ways: usize = sums.iter().map(|(_, ways)| ways).sum();
    sums.iter().map(|&(sum, n)| f64::from(sum * sum) * n as f64).sum::<f64>() / ways as f64
}
// ANCHOR_END: coins

// ANCHOR: two_keys
/// The attention weight of the first of two keys whose scores lie `gap` apart, and its derivative
/// with respect to its score.
fn two_keys(gap: f64) -> (f64, f64) {
    let mut p = [0.0; 2];
    softmax(&[gap, 0.0], &mut p);
    (p[0], p[0] * p[1])
}
// ANCHOR_END: two_keys

fn chart(rows: &[Row]) -> LineChart {
    let series = |name: &str, gradient: fn(&Row) -> f64| Series {
        name: name.into(),
        points: rows.iter().map(|row| ((row.d as f64).log2(), gradient(row))).collect(),
    };
    LineChart {
        title: "How much gradient gets through the softmax".into(),
        x_label: "log2 of d, the length of queries and keys".into(),
        y_label: "size of the gradient of the scores".into(),
        series: vec![
            series("divided by the root of d", |row| row.divided.gradient),
            series("scores as they are", |row| row.plain.gradient),
        ],
        references: vec![],
    }
}

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    println!("FOUR COINS of +1 and -1: 16 cases");
    let sums = sums_of_coins(4);
    for (sum, ways) in &sums {
        println!("  sum {sum:>2}: {ways} of 16");
    }
    println!("mean of the squares: {}", variance(&sums));
    println!("\n{:>8}{:>16}{:>12}", "coins", "mean square", "its root");
    for d in [1, 2, 4, 9, 16] {
        let variance = variance(&sums_of_coins(d));
        println!("{d:>8}{variance:>16}{:>12.3}", variance.sqrt());
    }

    println!("\nTWO KEYS");
    println!("{:>8}{:>16}{:>12}{:>12}", "gap", "weight", "of other", "derivative");
    for gap in [0.0, 1.0, 2.0, 4.0, 8.0, 16.0] {
        let (weight, derivative) = two_keys(gap);
        println!("{gap:>8}{weight:>16.6}{:>12.6}{derivative:>12.6}", 1.0 - weight);
    }

    if let Some(file) = plot {
        let lengths: Vec<usize> = (1..=10).map(|power| 1 << power).collect();
        chart(&measure(&lengths, 1337)).save(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let sums = sums_of_coins(4);
        assert_eq!(sums, [(-4, 1), (-2, 4), (0, 6), (2, 4), (4, 1)]);
        assert_eq!(variance(&sums), 4.0);
        for d in 1..12 {
            assert!((variance(&sums_of_coins(d)) - f64::from(d)).abs() < 1e-12);
        }
    }

    #[test]
    fn the_derivative_is_what_a_nudge_gives() {
        for gap in [0.0, 1.0, 4.0] {
            let (h, derivative) = (1e-5, two_keys(gap).1);
            let nudged = (two_keys(gap + h).0 - two_keys(gap - h).0) / (2.0 * h);
            assert!((nudged - derivative).abs() < 1e-9);
        }
    }
}
