//! Rotary positions: quarter turns on paper, scores at equal distances, how fast each pair turns, and
//! four bugs.
//!
//! `--plot FILE` draws a score against the distance of query and key.

use std::f64::consts::{FRAC_PI_2, TAU};
use std::path::Path;

use ndarray::{Array2, concatenate, s};
use stage01_bigram::Result;
use stage01_bigram::plot::{LineChart, Series};
use stage02_attention::matmul;
use stage03_gpt::plain::layers::attention;
use stage03_gpt::plain::llama::rotary::{frequencies, rotate, turn};

/// The base theta of the paper.
const THETA: f64 = 10_000.0;

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    on_paper();
    same_distance();
    turns();
    wrong_pairs();
    off_by_one();
    values_too();
    if let Some(file) = plot {
        chart().save(file)?;
    }
    Ok(())
}

// ANCHOR: paper
/// A pair at a position: one quarter turn for each step.
fn quarter_turns(pair: [f64; 2], position: usize) -> [f64; 2] {
    turn(pair, position as f64 * FRAC_PI_2).map(|x| x.round() + 0.0) // no -0
}

/// The score of the query (2, 1) at position i and the key (3, 1) at position j.
fn paper_score(i: usize, j: usize) -> f64 {
    let (q, k) = (quarter_turns([2.0, 1.0], i), quarter_turns([3.0, 1.0], j));
    q[0] * k[0] + q[1] * k[1]
}
// ANCHOR_END: paper

fn on_paper() {
    println!("ON PAPER: the query (2, 1), the key (3, 1), a quarter turn per position");
    println!("{:>10}{:>12}{:>12}", "position", "query", "key");
    for t in 0..5 {
        let [q, k] = [[2.0, 1.0], [3.0, 1.0]].map(|pair| quarter_turns(pair, t));
        let [q, k] = [q, k].map(|[x, y]| format!("({x}, {y})"));
        println!("{t:>10}{q:>12}{k:>12}");
    }
    println!("\nSCORES of a query at position i and a key at position j");
    println!("{:>6}{:>6}{:>12}{:>9}", "i", "j", "distance", "score");
    for (i, j) in [(3, 1), (4, 2), (2, 0), (1, 0), (3, 2), (4, 4), (4, 0)] {
        println!("{i:>6}{j:>6}{:>12}{:>9}", i - j, paper_score(i, j));
    }
}

/// A query and a key of 8 numbers, always the same.
fn example() -> [Array2<f64>; 2] {
    let row = |numbers: [f64; 8]| Array2::from_shape_fn((1, 8), |(_, c)| numbers[c]);
    [
        row([0.9, -0.4, 1.2, 0.3, -0.8, 0.5, 0.1, 1.1]),
        row([1.0, 0.2, 0.7, -0.6, 0.4, 1.3, -0.5, 0.8]),
    ]
}

// ANCHOR: score
/// The score of a query at position i and a key at position j, before the division.
fn score([q, k]: &[Array2<f64>; 2], i: usize, j: usize) -> f64 {
    rotate(q, i, THETA).row(0).dot(&rotate(k, j, THETA).row(0))
}
// ANCHOR_END: score

fn same_distance() {
    println!("\nTHE SAME DISTANCE: a query and a key of 8 numbers, theta = 10,000");
    println!("{:>6}{:>6}{:>12}{:>12}", "i", "j", "distance", "score");
    for (i, j) in [(3, 1), (103, 101), (8003, 8001), (3, 2), (103, 102), (103, 1)] {
        println!("{i:>6}{j:>6}{:>12}{:>12.6}", i - j, score(&example(), i, j));
    }
}

/// After how many tokens a pair has turned once round.
fn tokens_per_turn(frequency: f64) -> f64 {
    TAU / frequency
}

fn turns() {
    println!("\nHOW FAST PAIRS TURN in a head of 64 columns");
    println!("{:>6}{:>14}{:>18}{:>18}", "", "theta = 10,000", "", "theta = 100,000");
    println!(
        "{:>6}{:>18}{:>18}{:>18}",
        "pair", "radians per token", "tokens per turn", "tokens per turn"
    );
    let [ten, hundred] = [1e4, 1e5].map(|theta| frequencies(64, theta));
    for c in [0, 1, 2, 4, 8, 16, 24, 31] {
        let [slow, slower] = [ten[c], hundred[c]].map(tokens_per_turn);
        println!("{c:>6}{:>18.6}{slow:>18.1}{slower:>18.1}", ten[c]);
    }
    println!("\nPAIRS OF 32 THAT TURN ROUND AT LEAST ONCE within a context");
    println!("{:>10}{:>10}{:>10}{:>10}", "theta", "1,024", "2,048", "8,192");
    for theta in [1e3, 1e4, 1e5, 5e5] {
        let whole = |context: f64| {
            frequencies(64, theta).into_iter().filter(|&w| tokens_per_turn(w) <= context).count()
        };
        let [a, b, c] = [1024.0, 2048.0, 8192.0].map(whole);
        println!("{theta:>10}{a:>10}{b:>10}{c:>10}");
    }
}

// ANCHOR: neighbours
/// Rotation of neighbours: pair c is the columns 2 c and 2 c + 1.
fn rotate_neighbours(x: &Array2<f64>, position: usize) -> Array2<f64> {
    let mut y = x.clone();
    for (c, w) in frequencies(x.ncols(), THETA).into_iter().enumerate() {
        let pair = [x[[0, 2 * c]], x[[0, 2 * c + 1]]];
        [y[[0, 2 * c]], y[[0, 2 * c + 1]]] = turn(pair, position as f64 * w);
    }
    y
}

/// The columns in another order: 0, half, 1, half + 1, … Halves become neighbours.
fn permuted(x: &Array2<f64>) -> Array2<f64> {
    let half = x.ncols() / 2;
    Array2::from_shape_fn(x.dim(), |(i, c)| x[[i, c / 2 + c % 2 * half]])
}
// ANCHOR_END: neighbours

fn neighbours_score([q, k]: &[Array2<f64>; 2], i: usize, j: usize) -> f64 {
    rotate_neighbours(q, i).row(0).dot(&rotate_neighbours(k, j).row(0))
}

fn wrong_pairs() {
    println!("\nA BUG: neighbours turned, in a model that was trained with halves");
    println!(
        "{:>6}{:>6}{:>12}{:>14}{:>26}",
        "i", "j", "halves", "neighbours", "neighbours, permuted"
    );
    let (pair, permuted) = (example(), example().map(|x| permuted(&x)));
    for (i, j) in [(0, 0), (103, 103), (3, 2), (103, 102), (103, 101), (103, 1)] {
        let halves = score(&pair, i, j);
        let [wrong, right] = [&pair, &permuted].map(|pair| neighbours_score(pair, i, j));
        println!("{i:>6}{j:>6}{halves:>12.6}{wrong:>14.6}{right:>26.6}");
    }
}

// ANCHOR: cached
/// The attention weights of a new token behind `earlier` cached ones, turned for `position`.
/// All tokens have the same query and key: the distance alone decides.
fn weights_of_new_token(earlier: usize, position: usize) -> Vec<f64> {
    let x = Array2::from_elem((earlier, 8), 1.0);
    let cached_keys = rotate(&x, 0, THETA); // turned when they were read
    let new = rotate(&Array2::from_elem((1, 8), 1.0), position, THETA);
    let keys = concatenate![ndarray::Axis(0), cached_keys, new];
    let (att, _) = attention(matmul::plain, [new.view(), keys.view(), keys.view()], None);
    att.row(0).to_vec()
}
// ANCHOR_END: cached

fn off_by_one() {
    println!("\nA BUG: the position of a new token behind five cached ones, keys all alike");
    for (name, position) in [("5, right", 5), ("4, one too few", 4), ("0, from the start", 0)] {
        print!("  position {name:<18}");
        weights_of_new_token(5, position).iter().for_each(|p| print!("{p:>8.3}"));
        println!();
    }
}

/// What the last of three tokens finds when the text begins at position `start`.
fn found(start: usize, values_too: bool) -> Vec<f64> {
    let x = Array2::from_shape_fn((3, 4), |(i, c)| ((3 * i + 2 * c) % 5) as f64 / 2.0);
    let turned = rotate(&x, start, THETA);
    let v = if values_too { &turned } else { &x };
    let (_, y) = attention(matmul::plain, [turned.view(), turned.view(), v.view()], None);
    y.slice(s![2, ..]).to_vec()
}

fn values_too() {
    println!("\nA BUG: values are turned as well. What the third token finds");
    for (name, values_too) in [("values as they are", false), ("values turned", true)] {
        for start in [0, 100] {
            print!("  {name:<20}text begins at{start:>4}:");
            found(start, values_too).iter().for_each(|y| print!("{:>8.3}", y + 0.0));
            println!();
        }
    }
}

fn chart() -> LineChart {
    // Query and key are 1 in every column: the mean of the cosines of all pairs.
    let mean = |w: &[f64], distance: f64| {
        w.iter().map(|w| (w * distance).cos()).sum::<f64>() / w.len() as f64
    };
    let series = |name: &str, w: Vec<f64>| {
        let points = (0..=600).map(|x| f64::from(x) / 10.0).map(|x| (x, mean(&w, x)));
        Series { name: name.into(), points: points.collect() }
    };
    let w = frequencies(64, THETA);
    LineChart {
        title: "Score against distance, for a query and a key of ones".into(),
        x_label: "distance in tokens".into(),
        y_label: "score, 1 at distance 0".into(),
        series: vec![
            series("pair 0 alone", w[..1].to_vec()),
            series("pair 8 alone", w[8..9].to_vec()),
            series("all 32 pairs", w),
        ],
        references: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let turned = |t| quarter_turns([2.0, 1.0], t);
        assert_eq!([0, 1, 2, 3].map(turned), [[2.0, 1.0], [-1.0, 2.0], [-2.0, -1.0], [1.0, -2.0]]);
        // The distance decides: 7, -1, -7, 1 for the distances 0 to 3.
        for j in 0..5 {
            for (distance, expected) in [7.0, -1.0, -7.0, 1.0, 7.0].into_iter().enumerate() {
                assert_eq!(paper_score(j + distance, j), expected);
            }
        }
    }

    #[test]
    fn permuted_neighbours_give_the_scores_of_halves_and_others_do_not() {
        let (pair, permuted) = (example(), example().map(|x| permuted(&x)));
        for (i, j) in [(0, 0), (5, 2), (103, 1)] {
            let halves = score(&pair, i, j);
            assert!((neighbours_score(&permuted, i, j) - halves).abs() < 1e-9);
            // At distance 0 nothing can be seen.
            assert_eq!((neighbours_score(&pair, i, j) - halves).abs() < 1e-9, i == j);
        }
    }

    #[test]
    fn one_too_few_makes_two_tokens_one() {
        let weights = weights_of_new_token(5, 4);
        assert!((weights[5] - weights[4]).abs() < 1e-12);
        let weights = weights_of_new_token(5, 0);
        assert!((weights[5] - weights[0]).abs() < 1e-12);
        let weights = weights_of_new_token(5, 5);
        assert!(weights[..5].iter().all(|&weight| weight < weights[5]));
    }

    #[test]
    fn turned_values_depend_on_where_the_text_begins() {
        let same = |values_too| {
            let pairs = found(0, values_too).into_iter().zip(found(100, values_too));
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-9)
        };
        assert!(same(false));
        assert!(!same(true));
    }
}
