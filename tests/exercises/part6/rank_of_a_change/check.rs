//! What `rank_of_a_change` is asked.

use super::answer::{RANK, error_of_rank_1, smallest_rank, why};
use exercises::numbers::table;
use exercises::probe::Probe;
use exercises::value::short;
use ndarray::Array2;

const N: usize = 8;
const STEPS: usize = 2000;
const LEARNING_RATE: f64 = 0.1;

pub fn probe(p: &mut Probe) {
    if p.talks {
        let rank = RANK.clamp(1, N);
        p.note(format!("rank {rank}: {} numbers for a change of {} entries", 2 * N * rank, N * N));
        p.note("  step   squared error");
        let errors = errors(rank);
        for step in [0, 5, 10, 20, 50, 100, 200, 500, 1000, STEPS] {
            p.note(format!("{step:>6}{:>16}", short(errors[step])));
        }
    }
    p.part("smallest_rank", |p| {
        let truth = (1..=N).find(|&rank| errors(rank)[STEPS] < 1e-6).unwrap_or(0);
        p.predict("the smallest rank with no error", smallest_rank(), truth);
    });
    p.part("error_of_rank_1", |p| {
        let rounded = |x: f64| (100.0 * x).round() / 100.0;
        let (guess, truth) = (rounded(error_of_rank_1()), rounded(errors(1)[STEPS]));
        p.predict("the error that remains", guess, truth);
    });
    p.part("why", |p| p.see("why?", why()));
}

/// A direction of length 1, at a right angle to that of every other number.
fn direction(number: usize) -> [f64; N] {
    std::array::from_fn(|i| {
        let sign = if (i & number).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
        sign / (N as f64).sqrt()
    })
}

/// D.
fn change() -> Array2<f64> {
    let products = [(4.0, 0, 1), (2.0, 1, 2), (0.5, 2, 4)];
    Array2::from_shape_fn((N, N), |(i, j)| {
        products.iter().map(|&(size, a, b)| size * direction(a)[i] * direction(b)[j]).sum()
    })
}

/// The squared error before the first step and after each.
fn errors(rank: usize) -> Vec<f64> {
    let (change, mut a) = (change(), 0.3 * table(N, rank, 2));
    let mut b = Array2::<f64>::zeros((rank, N));
    let mut errors = vec![];
    for _ in 0..=STEPS {
        let difference = a.dot(&b) - &change;
        errors.push(difference.iter().map(|d| d * d).sum());
        let (da, db) = (2.0 * difference.dot(&b.t()), 2.0 * a.t().dot(&difference));
        a -= &(LEARNING_RATE * da);
        b -= &(LEARNING_RATE * db);
    }
    errors
}
