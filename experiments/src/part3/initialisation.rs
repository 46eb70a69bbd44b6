//! First weights: sums of random numbers on paper, and what different beginnings do to a GPT of
//! twelve layers before it has learned anything.

use std::path::Path;

use ndarray::Array2;
use rand::RngExt;
use stage01_bigram::Result;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::params::{Init, Layout, Params, fill_normal};
use stage03_gpt::architecture::Architecture;
use stage03_gpt::block::Block;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

const SIZES: GptConfig = GptConfig {
    vocab_size: 1000,
    block_size: 32,
    n_layer: 12,
    n_head: 4,
    n_embd: 128,
    dropout: 0.0,
    bias: true,
    arch: Architecture::GPT2,
};

/// How the weights begin.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// N(0, 0.02), and smaller where a layer writes into the stream.
    Gpt2,
    /// This standard deviation for all matrices alike.
    Std(f64),
}

// ANCHOR: start
/// The first weights of a model with this layout.
fn first_weights(layout: &Layout, start: Start) -> Params<f64> {
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let mut params = Params::initialise(layout, rng);
    if let Start::Std(std) = start {
        for tensor in layout.tensors().iter().filter(|t| matches!(t.init, Init::Normal(_))) {
            fill_normal(&mut params.values[tensor.range()], std, rng);
        }
    }
    params
}
// ANCHOR_END: start

// ANCHOR: std
/// The standard deviation of some numbers around zero: their root mean square.
fn std<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut squares, mut n) = (0.0, 0.0);
    for x in values {
        squares += x * x;
        n += 1.0;
    }
    (squares / n).sqrt()
}
// ANCHOR_END: std

/// All sums of n numbers that are each +a or -a.
fn sums(n: u32, a: f64) -> Vec<f64> {
    let sum = |signs: u32| (0..n).map(|i| if signs >> i & 1 == 0 { a } else { -a }).sum();
    (0..1 << n).map(sum).collect()
}

// ANCHOR: above
/// How far the mean loss lies above ln V when half of the scores are +a and half are -a.
fn above(a: f64) -> f64 {
    let mean_exp = (a.exp() + (-a).exp()) / 2.0;
    mean_exp.ln()
}
// ANCHOR_END: above

/// The standard deviation of the stream before the first block, and after each: random embeddings sent
/// through the blocks of a GPT.
fn stds(start: Start) -> Result<Vec<f64>> {
    let mut layout = Layout::new();
    let wte = layout.scope("wte").matrix("weight", 2 * 32, SIZES.n_embd, Init::Normal(0.02));
    let blocks = (0..SIZES.n_layer)
        .map(|i| Block::declare(layout.scope(format!("h.{i}")), &SIZES))
        .collect::<Result<Vec<_>>>()?;
    let params = first_weights(&layout, start);
    let mut x: Array2<f64> = params.matrix(wte).to_owned();
    let mut stds = vec![std(&x)];
    for block in &blocks {
        let mut acts = block.activations(2, 32);
        block.forward(&params, x.view(), &mut acts, None);
        stds.push(std(&acts.x2));
        x = acts.x2;
    }
    Ok(stds)
}

/// An untrained GPT and 64 random tokens, with 64 others to come after them.
struct Model {
    gpt: Gpt,
    params: Params<f64>,
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

impl Model {
    fn new(start: Start) -> Result<Model> {
        let gpt = Gpt::new(SIZES)?;
        let params = first_weights(gpt.layout(), start);
        let mut rng = generator(1, Purpose::Other, 0);
        let mut random = || (0..64).map(|_| rng.random_range(0..1000u32)).collect();
        Ok(Model { inputs: random(), targets: random(), gpt, params })
    }

    /// The mean loss, its gradient, and the standard deviation of the scores.
    fn loss_and_gradient(&self) -> (f64, Params<f64>, f64) {
        let (mut acts, mut scratch) = (self.gpt.activations(2, 32), self.gpt.scratch(2, 32));
        let mut grads = Params::zeros(self.gpt.layout());
        self.gpt.forward(&self.params, &self.inputs, &mut acts, None);
        let scores = std(&acts.logits);
        let (x, y, scale) = (&self.inputs, &self.targets, 1.0 / 64.0);
        let (params, scratch) = (&self.params, &mut scratch);
        let pass = Backward { params, grads: &mut grads, scratch };
        let sum = self.gpt.backward(x, y, scale, &mut acts, pass);
        (sum * scale, grads, scores)
    }

    /// The gradient norm of all tensors whose name begins like this.
    fn norm(&self, grads: &Params<f64>, name: &str) -> f64 {
        let tensors = self.gpt.layout().tensors().iter().filter(|t| t.name.starts_with(name));
        let squares = tensors.flat_map(|t| &grads.values[t.range()]).map(|g| g * g);
        squares.sum::<f64>().sqrt()
    }

    /// One step of length 0.2 downhill; returns the loss before it.
    fn step(&mut self) -> f64 {
        let (loss, grads, _) = self.loss_and_gradient();
        let factor = 0.2 / self.norm(&grads, "").max(1.0);
        self.params.values.iter_mut().zip(&grads.values).for_each(|(w, dw)| *w -= factor * dw);
        loss
    }
}

const STARTS: [(&str, Start); 5] = [
    ("0.02, GPT-2's", Start::Gpt2),
    ("0.02 everywhere", Start::Std(0.02)),
    ("0.2 everywhere", Start::Std(0.2)),
    ("1 everywhere", Start::Std(1.0)),
    ("all zero", Start::Std(0.0)),
];

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    println!("SUMS OF n NUMBERS THAT ARE +1 OR -1, ALL CASES");
    println!("  {:>4}{:>8}{:>20}{:>28}", "n", "cases", "std of the sum", "if each is 1/sqrt(n)");
    for n in [1, 2, 4, 9, 16] {
        let small = std(&sums(n, 1.0 / f64::from(n).sqrt()));
        println!("  {n:>4}{:>8}{:>20.4}{small:>28.4}", 1u32 << n, std(&sums(n, 1.0)));
    }

    println!("\nHALF OF THE SCORES ARE +a, HALF ARE -a: the loss above ln V, on average");
    println!("  {:>4}{:>10}{:>20}", "a", "above", "half the square");
    for a in [0.1, 0.2, 0.5, 1.0, 2.0] {
        println!("  {a:>4}{:>10.4}{:>20.4}", above(a), a * a / 2.0);
    }

    println!("\nTHE STANDARD DEVIATION OF THE STREAM, twelve blocks");
    print!("  {:18}", "after block");
    println!("{}", [0, 1, 2, 4, 8, 12].map(|block| format!("{block:>10}")).concat());
    for (name, start) in STARTS {
        let stds = stds(start)?;
        let row = [0, 1, 2, 4, 8, 12].map(|block| format!("{:>10.3}", stds[block]));
        println!("  {name:18}{}", row.concat());
    }

    println!("\nTHE FIRST LOSS, a vocabulary of 1,000: ln 1000 = {:.4}", 1000f64.ln());
    println!("  {:18}{:>10}{:>10}{:>22}{:>14}", "", "", "std of", "gradient norm of", "");
    println!(
        "  {:18}{:>10}{:>10}{:>22}{:>14}",
        "", "loss", "scores", "the first block", "the last"
    );
    for (name, start) in STARTS {
        let model = Model::new(start)?;
        let (loss, grads, scores) = model.loss_and_gradient();
        let [first, last] = ["h.0.", "h.11."].map(|block| model.norm(&grads, block));
        println!("  {name:18}{loss:>10.4}{scores:>10.4}{first:>22.6}{last:>14.6}");
    }

    println!("\nTHE FIRST STEPS: 64 tokens to memorise, steps no longer than 0.2");
    println!("  {:18}{}", "step", [0, 5, 10, 20].map(|step| format!("{step:>10}")).concat());
    for (name, start) in STARTS {
        let mut model = Model::new(start)?;
        let losses: Vec<f64> = (0..=20).map(|_| model.step()).collect();
        let row = [0, 5, 10, 20].map(|step| format!("{:>10.4}", losses[step]));
        println!("  {name:18}{}", row.concat());
    }

    if let Some(file) = plot {
        chart()?.save(file)?;
    }
    Ok(())
}

/// The standard deviation of the stream after each block, in powers of ten.
fn chart() -> Result<LineChart> {
    let series = STARTS[..4].iter().map(|&(name, start)| {
        let stds = stds(start)?.into_iter().enumerate();
        let points = stds.map(|(block, std)| (block as f64, std.log10())).collect();
        Ok(Series { name: name.into(), points })
    });
    Ok(LineChart {
        title: "The stream of an untrained GPT".into(),
        x_label: "after block".into(),
        y_label: "standard deviation of the stream, in powers of ten".into(),
        series: series.collect::<Result<_>>()?,
        references: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_times_as_many_make_a_sum_twice_as_wide() {
        for n in [1, 4, 9, 16] {
            assert!((std(&sums(n, 1.0)) - f64::from(n).sqrt()).abs() < 1e-12);
            assert!((std(&sums(n, 1.0 / f64::from(n).sqrt())) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn one_up_and_one_down_on_paper() {
        assert!((above(1.0) - 0.4338).abs() < 1e-4);
    }

    #[test]
    fn only_a_small_start_has_the_loss_of_the_uniform_baseline() {
        let above = |start| Model::new(start).unwrap().loss_and_gradient().0 - 1000f64.ln();
        assert!(above(Start::Gpt2).abs() < 0.1);
        assert!(above(Start::Std(0.2)) > 1.0);
        assert!(above(Start::Std(1.0)) > 10.0);
        assert!(above(Start::Std(0.0)).abs() < 1e-9);
    }

    #[test]
    fn from_zero_nothing_learns() {
        let grads = Model::new(Start::Std(0.0)).unwrap().loss_and_gradient().1;
        assert!(grads.values.iter().all(|&g| g == 0.0));
    }

    #[test]
    fn smaller_output_weights_keep_the_stream_level() {
        let last = |start| stds(start).unwrap()[12];
        assert!(last(Start::Gpt2) < 0.6 * last(Start::Std(0.02)));
    }
}
