//! RMSNorm: three numbers on paper beside layer norm, nudges and the backward pass in steps, how
//! much of a row its mean is, the small number under the root, what becomes of a row whose squares
//! are summed in 16 bits, and a clock.

use ndarray::{Array2, ArrayView2, Axis};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::params::{Init, Layout, Params, fill_normal};
use stage03_gpt::layer_norm::{LayerNorm, Statistics};
use stage03_gpt::plain::llama::rms_norm::rms_norm;
use stage03_gpt::rms_norm::RmsNorm;
use stage03_gpt::swiglu::SwiGlu;

use super::swiglu::width;
use crate::part4::half_the_digits::{BF16, F16, F32, Format};
use crate::setup::in_turn;

/// The row with the root mean square 1, and its r. (The model adds 0.00001 under the root.)
fn normalised(x: [f64; 3]) -> ([f64; 3], f64) {
    let mean_square = x.iter().map(|x| x * x).sum::<f64>() / 3.0;
    let r = 1.0 / mean_square.sqrt();
    (x.map(|x| x * r), r)
}

// ANCHOR: centred
/// The row, less its mean: layer norm's first step.
fn centred(x: [f64; 3]) -> [f64; 3] {
    let mean = (x[0] + x[1] + x[2]) / 3.0;
    x.map(|x| x - mean)
}

/// Layer norm, without its scale and shift: RMSNorm of the row less its mean.
fn layer_norm(x: [f64; 3]) -> [f64; 3] {
    let x = centred(x);
    if x == [0.0; 3] { x } else { normalised(x).0 }
}
// ANCHOR_END: centred

// ANCHOR: paper_backward
/// dx from g, the gradient of n: each step of the chapter, one a line.
fn backward(x: [f64; 3], g: [f64; 3]) -> [[f64; 3]; 3] {
    let (n, r) = normalised(x);
    let mean_gn = (g[0] * n[0] + g[1] * n[1] + g[2] * n[2]) / 3.0;
    let along_n = n.map(|n| n * mean_gn);
    let rest = [0, 1, 2].map(|i| g[i] - along_n[i]);
    [along_n, rest, rest.map(|d| d * r)]
}
// ANCHOR_END: paper_backward

/// How far each number of the result moves for a nudge of number i, up and down.
fn nudge(x: [f64; 3], i: usize) -> [f64; 3] {
    let h = 1e-5;
    let (mut up, mut down) = (x, x);
    up[i] += h;
    down[i] -= h;
    let (up, down) = (normalised(up).0, normalised(down).0);
    [0, 1, 2].map(|j| (up[j] - down[j]) / (2.0 * h))
}

/// Numbers in columns.
fn columns(row: &[f64]) -> String {
    row.iter().map(|x| format!("{:>9.4}", if x.abs() < 5e-5 { 0.0 } else { *x })).collect()
}

fn on_paper() {
    println!("THREE NUMBERS ON PAPER{:>19}{:>32}", "RMSNorm", "layer norm");
    let x = [1.0, 5.0, 7.0];
    for (name, x) in [
        ("(1, 5, 7)", x),
        ("ten times as large", x.map(|x| 10.0 * x)),
        ("each 10 more", x.map(|x| x + 10.0)),
        ("less its mean", centred(x)),
        ("(5, 5, 5)", [5.0; 3]),
    ] {
        println!("  {name:20}{}     {}", columns(&normalised(x).0), columns(&layer_norm(x)));
    }
}

fn derivative() {
    let x = [1.0, 5.0, 7.0];
    println!("\nNUDGE ONE OF THEM: how far does each result move?");
    for i in 0..3 {
        let moved = nudge(x, i);
        let along: f64 = moved.iter().zip(x).map(|(moved, x)| moved * x).sum();
        println!(
            "  nudge x{}            {}     times x, added up: {}",
            i + 1,
            columns(&moved),
            columns(&[along]).trim()
        );
    }
    println!("\nTHE BACKWARD PASS, for g = (0, 1, 0)");
    let names = ["n * mean of gn", "g less that", "dx: times r"];
    for (name, step) in names.iter().zip(backward(x, [0.0, 1.0, 0.0])) {
        println!("  {name:20}{}", columns(&step));
    }
}

/// Rows of random numbers. Shape: (rows, C).
fn random_rows(rows: usize, c: usize) -> Array2<f64> {
    let mut values = vec![0.0; rows * c];
    fill_normal(&mut values, 1.0, &mut generator(1, Purpose::Other, c as u64));
    Array2::from_shape_vec((rows, c), values).expect("rows times c numbers")
}

/// The root mean square of all numbers of a matrix.
fn rms(x: ArrayView2<f64>) -> f64 {
    x.mapv(|x| x * x).mean().expect("at least one number").sqrt()
}

/// Which part of the mean square of a row its mean makes, and how far RMSNorm's rows lie from
/// those of layer norm: means over random rows of c numbers.
fn part_of_the_mean(c: usize) -> [f64; 2] {
    let x = random_rows(2000, c);
    let means = x.mean_axis(Axis(1)).expect("columns").insert_axis(Axis(1));
    let part = (rms(means.view()) / rms(x.view())).powi(2);
    let ones = vec![1.0; c];
    let apart = rms_norm(&x, &ones, 0.0) - rms_norm(&(&x - &means), &ones, 0.0);
    [part, rms(apart.view())]
}

fn means() {
    println!("\nHOW MUCH OF A ROW IS ITS MEAN? 2,000 rows of random numbers");
    println!("  {:>5}{:>28}{:>24}", "C", "part of the mean square", "RMS of the difference");
    for c in [4, 16, 64, 576] {
        let [part, apart] = part_of_the_mean(c);
        println!("  {c:>5}{part:>28.4}{apart:>24.4}");
    }
}

/// r for a row whose numbers all have the size `size`, times `size`: what becomes of them.
fn with_small_number(size: f64, eps: f64, under_the_root: bool) -> f64 {
    let divisor = if under_the_root { (size * size + eps).sqrt() } else { size + eps };
    size / divisor
}

fn small_number() {
    println!("\nTHE SMALL NUMBER: what becomes of a row whose RMS is");
    println!(
        "  {:>8}{:>22}{:>22}{:>22}",
        "", "1e-5 under the root", "1e-6 under the root", "1e-5 outside"
    );
    for size in [1.0, 0.02, 0.001] {
        let [a, b, c] = [(1e-5, true), (1e-6, true), (1e-5, false)]
            .map(|(eps, under)| with_small_number(size, eps, under));
        println!("  {size:>8}{a:>22.4}{b:>22.4}{c:>22.4}");
    }
}

/// What becomes of an ordinary number, 1, in a row of 576 of which one is `large`, when every step
/// is rounded to a format.
fn ordinary_number(large: f64, format: Format) -> f64 {
    // ANCHOR: rounded
    let round = |x| format.nearest(x);
    let mut sum = round(large * large);
    for _ in 1..576 {
        sum = round(sum + 1.0);
    }
    let r = round(1.0 / round(round(sum / 576.0).sqrt()));
    r * 1.0
    // ANCHOR_END: rounded
}

fn sixteen_bits() {
    println!("\nA BUG: 576 NUMBERS, ALL 1 BUT THE FIRST. What becomes of a 1?");
    println!("  {:>9}{:>12}{:>12}{:>12}", "the first", "in f32", "in bf16", "in f16");
    for large in [1.0, 50.0, 100.0, 255.0, 256.0, 1000.0] {
        let results = [F32, BF16, F16].map(|format| ordinary_number(large, format));
        println!("  {large:>9}{:>12.4}{:>12.4}{:>12.4}", results[0], results[1], results[2]);
    }
}

/// What a layer needs to be timed: weights, input, and places for what it computes.
struct Bench {
    layout: Layout,
    params: Params<f32>,
    x: Array2<f32>,
}

impl Bench {
    /// A layer that `declare` declares, for 256 tokens of SmolLM2-135M.
    fn new<L>(declare: impl FnOnce(&mut Layout) -> L) -> (L, Bench) {
        let mut layout = Layout::new();
        let layer = declare(&mut layout);
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        let params = Params::initialise(&layout, rng);
        (layer, Bench { layout, params, x: random_rows(TOKENS, C).mapv(|x| x as f32) })
    }
}

/// The embedding width of SmolLM2-135M, and how many tokens are timed.
const C: usize = 576;
const TOKENS: usize = 256;

/// Both passes of the fast norms, and of the feed-forward layer that stands behind them.
fn clock() {
    let (layer, a) = Bench::new(|layout| LayerNorm::declare(layout.scope("ln"), C, true));
    let (mut y, mut dx) = (a.x.clone(), a.x.clone());
    let (mut statistics, mut grads) = (Statistics::new(TOKENS), Params::zeros(&a.layout));
    let mut layer_norm = || {
        layer.forward(&a.params, a.x.view(), &mut statistics, y.view_mut());
        let (x, dy) = (a.x.view(), y.view());
        layer.backward(&a.params, x, &statistics, dy, dx.view_mut(), &mut grads);
    };
    let (rms, b) = Bench::new(|layout| RmsNorm::declare(layout.scope("ln"), C, 1e-5));
    let (mut y, mut dx) = (b.x.clone(), b.x.clone());
    let (mut statistics, mut grads) = (Statistics::new(TOKENS), Params::zeros(&b.layout));
    let mut rms_norm = || {
        rms.forward(&b.params, b.x.view(), &mut statistics, y.view_mut());
        let (x, dy) = (b.x.view(), y.view());
        rms.backward(&b.params, x, &statistics, dy, dx.view_mut(), &mut grads);
    };
    let init = (Init::Normal(0.02), Init::Normal(0.02));
    let (mlp, c) =
        Bench::new(|layout| SwiGlu::declare(layout.scope("mlp"), (C, width(C, 1)), false, init));
    let (mut y, mut dx) = (c.x.clone(), c.x.clone());
    let (mut acts, mut scratch) = (mlp.activations(TOKENS), mlp.scratch(TOKENS));
    let mut grads = Params::zeros(&c.layout);
    let mut feed_forward = || {
        mlp.forward(&c.params, c.x.view(), &mut acts, y.view_mut());
        let (params, grads, scratch) = (&c.params, &mut grads, &mut scratch);
        let pass = Backward { params, grads, scratch };
        mlp.backward(c.x.view(), &acts, y.view(), dx.view_mut(), pass);
    };

    println!("\nA CLOCK: both passes for 256 tokens of 576 numbers, f32, one thread");
    let times = in_turn(15, [&mut layer_norm, &mut rms_norm, &mut feed_forward]);
    for (name, time) in ["layer norm", "RMSNorm", "feed-forward layer"].iter().zip(times) {
        println!("  {name:20}{time:>9.3} ms");
    }
}

/// Runs the experiment.
pub fn run() {
    on_paper();
    derivative();
    means();
    small_number();
    sixteen_bits();
    clock();
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::gradcheck::check_gradient;

    fn close(a: [f64; 3], b: [f64; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn the_paper_example() {
        let x = [1.0, 5.0, 7.0];
        for times in [1.0, 10.0] {
            let (n, r) = normalised(x.map(|x| times * x));
            assert!(close(n, [0.2, 1.0, 1.4]) && (r - 0.2 / times).abs() < 1e-12);
        }
        assert_eq!((normalised([5.0; 3]).0, layer_norm([5.0; 3])), ([1.0; 3], [0.0; 3]));
        let [along_n, rest, dx] = backward(x, [0.0, 1.0, 0.0]);
        let third = 1.0 / 3.0;
        assert!(close(along_n, [0.2 * third, third, 1.4 * third]));
        assert!(close(rest, [-0.2 * third, 2.0 * third, -1.4 * third]));
        assert!(close(dx, [-0.04 * third, 0.4 * third, -0.28 * third]));
    }

    #[test]
    fn the_backward_pass_is_what_nudges_say() {
        let (mut x, g) = ([1.0, 2.0, 4.0], [0.3, -1.0, 0.5]);
        let dx = backward(x, g)[2];
        // The gradient has nothing along x: a longer row gives the same result.
        assert!(dx.iter().zip(x).map(|(d, x)| d * x).sum::<f64>().abs() < 1e-12);
        let loss = |x: &[f64]| {
            let n = normalised([x[0], x[1], x[2]]).0;
            (0..3).map(|i| n[i] * g[i]).sum()
        };
        assert!(check_gradient(&mut x, &dx, 1e-8, loss).is_ok());
    }

    #[test]
    fn the_mean_of_a_random_row_is_one_part_in_c() {
        for c in [4, 16, 64] {
            let part = part_of_the_mean(c)[0] * c as f64;
            assert!((part - 1.0).abs() < 0.1, "{c}: {part}");
        }
    }

    #[test]
    fn squares_that_f16_cannot_hold_make_a_row_of_zeros() {
        assert_eq!(ordinary_number(256.0, F16), 0.0);
        assert!(ordinary_number(255.0, F16) > 0.05);
        // In bf16 the sum of ones stops at 256, of 576.
        assert!((ordinary_number(1.0, BF16) - 1.5).abs() < 0.01);
        assert!((ordinary_number(1.0, F32) - 1.0).abs() < 1e-6);
    }
}
