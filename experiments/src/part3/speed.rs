//! What makes a processor fast, measured by the smallest loops that show it, and two bugs that
//! made it slow.
//!
//! The ladder from plain loops to the fast engine is another experiment, `speed_ladder`.

use std::hint::black_box;
use std::time::Instant;

use ndarray::Array2;
use stage01_bigram::Float;
use stage01_bigram::vector::{simd_dispatch, sum};
use stage02_attention::matmul;
use stage03_gpt::plain::Product;

/// Runs the experiment.
pub fn run() {
    on_paper();
    totals();
    products();
    not_inlined();
    pieces();
}

/// For some rows times a matrix of (n, n): multiplications and additions, numbers that are needed,
/// and how much is done with each.
fn work(rows: u64, n: u64) -> [u64; 3] {
    // ANCHOR: work
    let operations = 2 * rows * n * n;
    let numbers = rows * n + n * n + rows * n;
    // ANCHOR_END: work
    [operations, numbers, operations / numbers]
}

fn on_paper() {
    println!("ON PAPER: rows times a matrix of n x n");
    println!("  rows     n     operations     numbers   operations per number");
    for (rows, n) in [(4, 4), (1, 768), (64, 768), (768, 768)] {
        let [operations, numbers, each] = work(rows, n);
        println!("{rows:>6}{n:>6}{operations:>15}{numbers:>12}{each:>24}");
    }
}

/// The best of some times, in nanoseconds per number.
fn best(numbers: usize, mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1e9 / numbers as f64
    };
    (0..50).map(time).fold(f64::INFINITY, f64::min)
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919) % 1000) as f32 / 1000.0 - 0.5).collect()
}

// ANCHOR: totals
/// One total, to which every number must be added in turn.
fn one_total(x: &[f32]) -> f32 {
    let mut total = 0.0;
    for &x in x {
        total += x;
    }
    total
}
// ANCHOR_END: totals

/// Sixteen totals side by side.
fn sixteen_totals(x: &[f32]) -> f32 {
    simd_dispatch(
        #[inline(always)]
        || sum(x.iter().copied()),
    )
}

fn totals() {
    println!("\nA SUM OF 16,384 NUMBERS");
    let x = numbers(1 << 14);
    let one = best(x.len(), || _ = black_box(one_total(black_box(&x))));
    let many = best(x.len(), || _ = black_box(sixteen_totals(black_box(&x))));
    println!("one total         {one:>7.3} ns per number");
    println!("sixteen totals    {many:>7.3} ns per number, {:.0} times as fast", one / many);
}

fn products() {
    println!("\nA PRODUCT OF TWO MATRICES, 256 x 256");
    let n = 256;
    let matrix = |i| Array2::from_elem((n, n), i as f32 / 4.0);
    let (a, b, mut c) = (matrix(1), matrix(2), matrix(0));
    let products: [(&str, Product<f32>); 2] =
        [("three loops", matmul::plain), ("blocked", matmul::gemm)];
    for (name, product) in products {
        let time = best(n * n, || product(1.0, a.view(), b.view(), 0.0, &mut c.view_mut()));
        println!("{name:<18}{:>7.1} GFLOP/s", 2.0 * n as f64 / time);
    }
}

/// exp of every number. What `simd_dispatch` runs is compiled again for each kind of processor.
fn inside(x: &mut [f32]) {
    simd_dispatch(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x = x.fast_exp()),
    );
}

// ANCHOR: not_inlined
/// The same, but `exponentials` is a function of its own: compiled once, for the oldest
/// processor.
fn outside(x: &mut [f32]) {
    simd_dispatch(
        #[inline(always)]
        || exponentials(x),
    );
}

#[inline(never)]
fn exponentials(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = x.fast_exp());
}
// ANCHOR_END: not_inlined

fn not_inlined() {
    println!("\nA BUG: exp of 16,384 numbers, in a function that was not inlined");
    let given = numbers(1 << 14);
    let mut x = given.clone();
    let mut measure = |work: fn(&mut [f32])| {
        best(given.len(), || {
            x.copy_from_slice(&given);
            work(black_box(&mut x));
        })
    };
    let (inside, outside) = (measure(inside), measure(outside));
    println!("inlined           {inside:>7.3} ns per number");
    println!(
        "not inlined       {outside:>7.3} ns per number, {:.0} times as slow",
        outside / inside
    );
}

/// Into how many parts the pieces are cut, when each thread gets at least `at_least`.
fn parts(pieces: usize, threads: usize, at_least: usize) -> usize {
    // ANCHOR: parts
    threads.min(pieces / at_least)
    // ANCHOR_END: parts
}

/// How many pieces a thread gets at least, rounded down.
fn min_len(pieces: usize, threads: usize) -> usize {
    pieces / threads
}

fn pieces() {
    println!("\nA BUG: pieces for two threads");
    println!("pieces   at least, rounded up   parts   at least, rounded down   parts");
    for pieces in [8usize, 98, 99, 100] {
        let (up, down) = (pieces.div_ceil(2), min_len(pieces, 2));
        println!(
            "{pieces:>6}{up:>23}{:>8}{down:>25}{:>8}",
            parts(pieces, 2, up),
            parts(pieces, 2, down)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        // Four rows times 4 x 4: 64 multiplications and as many additions, on three matrices of 16.
        assert_eq!(work(4, 4), [128, 48, 2]);
        assert_eq!(work(768, 768)[2], 512);
        assert_eq!(work(1, 768)[2], 1);
    }

    #[test]
    fn ninety_nine_pieces_reach_both_threads_only_if_rounded_down() {
        assert_eq!(parts(99, 2, 99usize.div_ceil(2)), 1);
        assert_eq!(parts(99, 2, min_len(99, 2)), 2);
    }

    #[test]
    fn both_ways_give_the_same_numbers() {
        let given = numbers(1000);
        let (mut a, mut b) = (given.clone(), given.clone());
        inside(&mut a);
        outside(&mut b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6));
        assert!((one_total(&given) - sixteen_totals(&given)).abs() < 1e-3);
    }
}
