//! SwiGLU: two gated units that make a square, SiLU and its derivative, widths that keep the number
//! of weights, two tasks for layers of the same size, gate and up exchanged, and a clock.
//!
//! `--plot FILE` draws the losses of the tasks.

use std::path::Path;

use ndarray::Array2;
use stage01_bigram::Result;
use stage01_bigram::gradcheck::{Agreement, Mismatch, check_gradient};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::matmul;
use stage02_attention::params::{Init, Layout, Matrix, Params, fill_normal};
use stage03_gpt::adamw::AdamW;
use stage03_gpt::mlp::Mlp;
use stage03_gpt::plain::Optimiser;
use stage03_gpt::plain::layers::{gelu, gelu_derivative, times};
use stage03_gpt::plain::llama::swiglu::{silu, silu_derivative, swiglu, swiglu_backward};
use stage03_gpt::swiglu::SwiGlu;

use crate::setup::in_turn;

/// Was there a *not*? Was there an *un*? And how sad is it?
const PHRASES: [(&str, [f64; 2], f64); 4] = [
    ("happy", [0.0, 0.0], 0.0),
    ("unhappy", [0.0, 1.0], 1.0),
    ("not happy", [1.0, 0.0], 1.0),
    ("not unhappy", [1.0, 1.0], 0.0),
];

// ANCHOR: paper
/// Two gated units on paper, and one number out: their sum.
fn on_paper([not, un]: [f64; 2]) -> [f64; 3] {
    let d = not - un;
    let h1 = silu(d) * d; //    gate d, up d
    let h2 = silu(-d) * -d; //  gate -d, up -d
    [h1, h2, h1 + h2]
}
// ANCHOR_END: paper

/// How fast f rises at x, by a nudge to either side.
fn nudged(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    let h = 1e-5;
    (f(x + h) - f(x - h)) / (2.0 * h)
}

fn paper() {
    println!("TWO GATED UNITS");
    println!(
        "  {:12}{:>8}{:>12}{:>10}{:>10}{:>8}",
        "", "wanted", "not - un", "unit 1", "unit 2", "sum"
    );
    for (phrase, x, wanted) in PHRASES {
        let ([h1, h2, sum], d) = (on_paper(x), x[0] - x[1]);
        println!("  {phrase:12}{wanted:>8}{d:>12}{h1:>10.4}{h2:>10.4}{sum:>8.4}");
    }
}

fn activation() {
    println!("\nSILU AND ITS DERIVATIVE");
    println!(
        "  {:>4}{:>10}{:>10}{:>12}{:>12}{:>12}",
        "x", "gate", "silu", "nudged", "by rule", "gelu"
    );
    for x in [-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0f64] {
        let gate = 1.0 / (1.0 + (-x).exp());
        let (y, nudged, by_rule) = (silu(x), nudged(silu, x), silu_derivative(x));
        println!("  {x:>4}{gate:>10.4}{y:>10.4}{nudged:>12.4}{by_rule:>12.4}{:>12.4}", gelu(x));
    }
}

// ANCHOR: width
/// 8/3 C, rounded up to a multiple.
pub fn width(c: usize, multiple: usize) -> usize {
    (8 * c / 3).next_multiple_of(multiple)
}
// ANCHOR_END: width

/// Models, their C, and the number of hidden units in their configuration.
const MODELS: [(&str, usize, usize); 6] = [
    ("SmolLM2-135M", 576, 1536),
    ("SmolLM2-360M", 960, 2560),
    ("TinyLlama 1.1B", 2048, 5632),
    ("Llama 3.2 3B", 3072, 8192),
    ("LLaMA 7B", 4096, 11008),
    ("Llama 3 8B", 4096, 14336),
];

fn widths() {
    println!("\nHOW WIDE? Hidden units and weights of a feed-forward layer");
    println!(
        "  {:16}{:>6}{:>10}{:>12}{:>9}{:>14}{:>14}",
        "", "C", "8/3 C", "up to 256s", "has", "SwiGLU: 3CF", "GELU: 8CC"
    );
    for (name, c, f) in MODELS {
        let (exact, rounded) = (8.0 * c as f64 / 3.0, width(c, 256));
        let (gated, plain) = (3 * c * f, 8 * c * c);
        println!("  {name:16}{c:>6}{exact:>10.1}{rounded:>12}{f:>9}{gated:>14}{plain:>14}");
    }
}

/// Numbers in and out of the layers that learn.
const C: usize = 8;

/// A feed-forward layer without biases.
struct Network {
    layout: Layout,
    kind: Kind,
}

/// Which one.
#[derive(Clone, Copy)]
enum Kind {
    /// y = gelu(x W_1) W_2, with 4 C hidden units.
    Gelu([Matrix; 2]),
    /// y = (silu(x W_gate) * (x W_up)) W_down, with 8/3 C.
    SwiGlu([Matrix; 3]),
}

impl Network {
    fn new(gated: bool) -> Network {
        let mut layout = Layout::new();
        let mut matrix = |name: &str, rows: usize, columns| {
            let init = Init::Normal(1.0 / (rows as f64).sqrt());
            layout.scope(name).matrix("weight", rows, columns, init)
        };
        let kind = if gated {
            let f = 8 * C / 3;
            Kind::SwiGlu([matrix("gate", C, f), matrix("up", C, f), matrix("down", f, C)])
        } else {
            Kind::Gelu([matrix("c_fc", C, 4 * C), matrix("c_proj", 4 * C, C)])
        };
        Network { layout, kind }
    }

    /// The mean square of the errors, and its gradient.
    fn loss_and_gradient(&self, params: &Params<f64>, task: &Task) -> (f64, Params<f64>) {
        let (product, x) = (matmul::gemm, &task.x);
        let mut grads = Params::zeros(&self.layout);
        let scale = 1.0 / task.wanted.len() as f64;
        let loss = |y: Array2<f64>| {
            let error = y - &task.wanted;
            (scale * error.mapv(|e| e * e).sum(), error * (2.0 * scale))
        };
        let loss = match self.kind {
            Kind::Gelu([c_fc, c_proj]) => {
                let h = times(product, 1.0, x.view(), params.matrix(c_fc));
                let g = h.mapv(gelu);
                let (loss, dy) = loss(times(product, 1.0, g.view(), params.matrix(c_proj)));
                product(1.0, g.t(), dy.view(), 0.0, &mut grads.matrix_mut(c_proj));
                let dg = times(product, 1.0, dy.view(), params.matrix(c_proj).t());
                let dh = dg * h.mapv(gelu_derivative);
                product(1.0, x.t(), dh.view(), 0.0, &mut grads.matrix_mut(c_fc));
                loss
            }
            Kind::SwiGlu(weights) => {
                let views = weights.map(|weight| params.matrix(weight));
                let (acts, y) = swiglu(product, views, x);
                let (loss, dy) = loss(y);
                let mut gradients = views.map(|view| Array2::zeros(view.raw_dim()));
                let mut into = gradients.each_mut().map(|gradient| gradient.view_mut());
                swiglu_backward(product, views, &acts, &dy, into.each_mut());
                for (weight, gradient) in weights.into_iter().zip(&gradients) {
                    grads.matrix_mut(weight).assign(gradient);
                }
                loss
            }
        };
        (loss, grads)
    }

    /// The weights after training, and the loss on rows that were not trained on, before each step.
    fn learn(&self, train: &Task, held_out: &Task, steps: usize) -> (Params<f64>, Vec<f64>) {
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        let (mut params, mut losses) = (Params::initialise(&self.layout, rng), Vec::new());
        let settings = AdamW { weight_decay: 0.0, ..AdamW::default() };
        let mut optimiser = Optimiser::new(settings, &self.layout);
        for _ in 0..steps {
            losses.push(self.loss_and_gradient(&params, held_out).0);
            let grads = self.loss_and_gradient(&params, train).1;
            optimiser.step(0.01, &mut params, &grads);
        }
        (params, losses)
    }
}

/// Rows of C random numbers, and what a layer shall make of each.
struct Task {
    x: Array2<f64>,
    wanted: Array2<f64>,
}

/// A function of two numbers.
type OfTwo = fn(f64, f64) -> f64;

/// What the layers shall compute of two neighbours in a row.
const TASKS: [(&str, OfTwo); 2] =
    [("the product of two neighbours", |a, b| a * b), ("the larger of two", f64::max)];

impl Task {
    /// Number j of a row shall become f of the numbers j and j + 1.
    fn new(f: OfTwo, seed: u64) -> Task {
        let mut values = vec![0.0; ROWS * C];
        fill_normal(&mut values, 1.0, &mut generator(seed, Purpose::Batch, 0));
        let x = Array2::from_shape_vec((ROWS, C), values).expect("ROWS times C numbers");
        let wanted = Array2::from_shape_fn((ROWS, C), |(i, j)| f(x[[i, j]], x[[i, (j + 1) % C]]));
        Task { x, wanted }
    }
}

const ROWS: usize = 512;
const STEPS: usize = 1501;

/// The losses of both layers on both tasks: the layer with GELU, the gated one.
fn learning() -> [[Vec<f64>; 2]; 2] {
    println!(
        "\nTWO TASKS, for layers of 8 numbers: the mean square of the errors on held-out rows"
    );
    let networks = [false, true].map(Network::new);
    let [plain, gated] = networks.each_ref().map(|network| network.layout.len());
    println!("  GELU with 32 hidden units has {plain} weights, SwiGLU with 21 has {gated}.");
    let runs = TASKS.map(|(_, f)| {
        let (train, held_out) = (Task::new(f, 1), Task::new(f, 2));
        networks.each_ref().map(|network| network.learn(&train, &held_out, STEPS).1)
    });
    println!("  {:>6}{:>34}{:>30}", "", TASKS[0].0, TASKS[1].0);
    println!("  {:>6}{:>22}{:>12}{:>18}{:>12}", "step", "GELU", "SwiGLU", "GELU", "SwiGLU");
    for step in [0, 50, 100, 200, 500, 1000, 1500] {
        let [[a, b], [c, d]] = runs.each_ref().map(|run| run.each_ref().map(|run| run[step]));
        println!("  {step:>6}{a:>22.4}{b:>12.4}{c:>18.4}{d:>12.4}");
    }
    runs
}

// ANCHOR: exchanged
/// The same weights with the matrices of gate and up exchanged.
fn exchanged(params: &Params<f64>, [gate, up, _]: [Matrix; 3]) -> Params<f64> {
    let mut wrong = params.clone();
    wrong.matrix_mut(gate).assign(&params.matrix(up));
    wrong.matrix_mut(up).assign(&params.matrix(gate));
    wrong
}
// ANCHOR_END: exchanged

/// What is printed of the bug.
struct Exchange {
    /// The loss with the matrices in their places, and exchanged.
    losses: [f64; 2],
    /// Whether the gradient of the exchanged layer is right.
    check: std::result::Result<Agreement, Mismatch>,
    /// For inputs of several sizes, the RMS of the difference relative to that of the result.
    differences: Vec<(f64, f64)>,
}

impl Exchange {
    fn new(steps: usize) -> Exchange {
        let network = Network::new(true);
        let Kind::SwiGlu(weights) = network.kind else { unreachable!("a gated network") };
        let (train, held_out) = (Task::new(TASKS[0].1, 1), Task::new(TASKS[0].1, 2));
        let right = network.learn(&train, &held_out, steps).0;
        let wrong = exchanged(&right, weights);
        let losses = [&right, &wrong].map(|params| network.loss_and_gradient(params, &held_out).0);
        let analytic = network.loss_and_gradient(&wrong, &train).1.values;
        let check = check_gradient(&mut wrong.values.clone(), &analytic, 1e-6, |values| {
            network.loss_and_gradient(&Params { values: values.to_vec() }, &train).0
        });
        let differences = [0.01, 0.1, 1.0, 3.0].map(|size| {
            let x = &held_out.x * size;
            let [right, wrong] = [&right, &wrong].map(|params| {
                swiglu(matmul::gemm, weights.map(|weight| params.matrix(weight)), &x).1
            });
            let square = |y: &Array2<f64>| y.mapv(|y| y * y).sum();
            (size, (square(&(&wrong - &right)) / square(&right)).sqrt())
        });
        Exchange { losses, check, differences: differences.to_vec() }
    }
}

fn bug() {
    println!("\nA BUG: GATE AND UP ARE EXCHANGED, in the layer that learned products");
    let Exchange { losses: [right, wrong], check, differences } = Exchange::new(STEPS);
    println!("  {:44}{right:>10.4}", "loss, each matrix in its place");
    println!("  {:44}{wrong:>10.4}", "loss, exchanged");
    match check {
        Ok(Agreement { checked, .. }) => {
            println!("  {:44}{checked:>10} derivatives agree", "the gradient, exchanged")
        }
        Err(mismatch) => println!("  the gradient, exchanged: {mismatch}"),
    }
    for (size, difference) in differences {
        let what = format!("inputs times {size}: the result is wrong by");
        println!("  {what:44}{:>8.1} %", 100.0 * difference);
    }
}

/// Both passes of the fast layers with equally many weights, for 256 tokens of SmolLM2-135M.
fn clock() {
    const C: usize = 576;
    let init = (Init::Normal(0.02), Init::Normal(0.02));
    let (mut a, mut b) = (Layout::new(), Layout::new());
    let plain = Mlp::declare(a.scope("mlp"), C, false, init);
    let gated = SwiGlu::declare(b.scope("mlp"), (C, width(C, 1)), false, init);
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let weights: [Params<f32>; 2] = [&a, &b].map(|layout| Params::initialise(layout, rng));
    let [mut grads_a, mut grads_b] = [&a, &b].map(Params::zeros);
    let mut values = vec![0.0f32; 256 * C];
    fill_normal(&mut values, 1.0, rng);
    let x = Array2::from_shape_vec((256, C), values).expect("256 rows");

    let (mut y, mut dx) = (x.clone(), x.clone());
    let (mut acts, mut scratch) = (plain.activations(256), plain.scratch(256));
    let mut gelu = || {
        plain.forward(&weights[0], x.view(), &mut acts, y.view_mut());
        let (params, grads, scratch) = (&weights[0], &mut grads_a, &mut scratch);
        let pass = Backward { params, grads, scratch };
        plain.backward(x.view(), &acts, y.view(), dx.view_mut(), pass);
    };
    let (mut y, mut dx) = (x.clone(), x.clone());
    let (mut acts, mut scratch) = (gated.activations(256), gated.scratch(256));
    let mut swiglu = || {
        gated.forward(&weights[1], x.view(), &mut acts, y.view_mut());
        let (params, grads, scratch) = (&weights[1], &mut grads_b, &mut scratch);
        let pass = Backward { params, grads, scratch };
        gated.backward(x.view(), &acts, y.view(), dx.view_mut(), pass);
    };

    println!("\nA CLOCK: both passes for 256 tokens of 576 numbers, f32, one thread");
    let times = in_turn(15, [&mut gelu, &mut swiglu]);
    for ((name, layout), time) in [("GELU, 4 C", &a), ("SwiGLU, 8/3 C", &b)].iter().zip(times) {
        println!("  {name:16}{:>10} weights{time:>9.2} ms", layout.len());
    }
}

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    paper();
    activation();
    widths();
    let runs = learning();
    bug();
    clock();
    if let Some(file) = plot {
        chart(&runs).save(file)?;
    }
    Ok(())
}

fn chart(runs: &[[Vec<f64>; 2]; 2]) -> LineChart {
    let points = |losses: &[f64]| {
        losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss)).collect()
    };
    let names = ["products, GELU", "products, SwiGLU", "the larger, GELU", "the larger, SwiGLU"];
    let series = names.iter().zip(runs.iter().flatten());
    LineChart {
        title: "Two tasks, and two layers with the same number of weights".into(),
        x_label: "step".into(),
        y_label: "mean square of the errors, held-out rows".into(),
        series: series
            .map(|(name, losses)| Series { name: (*name).into(), points: points(losses) })
            .collect(),
        references: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_example() {
        for (_, x, wanted) in PHRASES {
            assert!((on_paper(x)[2] - wanted).abs() < 1e-12);
        }
        // And in general a square.
        for d in [-3.0, 0.5, 7.0] {
            assert!((on_paper([d, 0.0])[2] - d * d).abs() < 1e-9);
        }
    }

    #[test]
    fn three_models_have_exactly_two_thirds_of_four() {
        let exact = MODELS.iter().filter(|(_, c, f)| 8 * c == 3 * f).count();
        assert_eq!(exact, 3);
        // LLaMA 7B is rounded up to a multiple of 256.
        assert_eq!(width(4096, 256), 11008);
    }

    #[test]
    fn both_gradients_are_what_nudges_say() {
        let task = Task::new(|a, b| a * b, 3);
        let task = Task {
            x: task.x.slice(ndarray::s![..5, ..]).to_owned(),
            wanted: task.wanted.slice(ndarray::s![..5, ..]).to_owned(),
        };
        for network in [false, true].map(Network::new) {
            let rng = &mut generator(1, Purpose::Initialisation, 0);
            let params: Params<f64> = Params::initialise(&network.layout, rng);
            let analytic = network.loss_and_gradient(&params, &task).1.values;
            let check = check_gradient(&mut params.values.clone(), &analytic, 1e-6, |values| {
                network.loss_and_gradient(&Params { values: values.to_vec() }, &task).0
            });
            assert!(check.is_ok(), "{check:?}");
        }
    }

    #[test]
    fn only_the_numbers_show_an_exchange() {
        let Exchange { losses: [right, wrong], check, differences } = Exchange::new(300);
        assert!(wrong > 2.0 * right && check.is_ok(), "{right} {wrong}");
        // Small inputs hide it: the difference shrinks with them.
        assert!(differences[0].1 < 0.1 * differences[2].1, "{differences:?}");
    }
}
