//! Layer norm: three numbers on paper, what a nudge does to them, the backward pass in steps,
//! where the norm stands, and what happens when scale and shift are swapped.

use ndarray::Array2;
use rand::RngExt;
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::params::{Init, Layout, Params, Tensor, fill_normal};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::layer_norm::{LayerNorm, Statistics};
use stage03_gpt::mlp::Mlp;

/// The vector with mean 0 and standard deviation 1, and its rstd. (The model adds 0.00001 to the
/// variance.)
fn normalised(x: [f64; 3]) -> ([f64; 3], f64) {
    let mean = (x[0] + x[1] + x[2]) / 3.0;
    let shifted = x.map(|x| x - mean);
    let variance = shifted.iter().map(|s| s * s).sum::<f64>() / 3.0;
    let rstd = 1.0 / variance.sqrt();
    (shifted.map(|s| s * rstd), rstd)
}

// ANCHOR: paper_backward
/// dx from g, the gradient of the normalised vector: each step of the chapter, one a line.
fn backward(x: [f64; 3], g: [f64; 3]) -> [[f64; 3]; 4] {
    let (n, rstd) = normalised(x);
    let mean_g = (g[0] + g[1] + g[2]) / 3.0;
    let mean_gn = (g[0] * n[0] + g[1] * n[1] + g[2] * n[2]) / 3.0;
    let without_mean = g.map(|g| g - mean_g);
    let stretch = n.map(|n| n * mean_gn);
    let both = [0, 1, 2].map(|i| without_mean[i] - stretch[i]);
    [without_mean, stretch, both, both.map(|d| d * rstd)]
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
    row.iter().map(|x| format!("{:>10.4}", if x.abs() < 5e-5 { 0.0 } else { *x })).collect()
}

const LAYERS: usize = 24;
const WIDTH: usize = 32;

/// Where the norm stands in a stack of feed-forward layers with residual connections.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// x + f(x)
    Nowhere,
    /// x + f(norm(x))
    Before,
    /// norm(x + f(x))
    After,
}

/// A stack of layers, all with the same two steps.
struct Stack {
    layers: Vec<(LayerNorm, Mlp)>,
    params: Params<f64>,
    place: Place,
}

impl Stack {
    fn new(place: Place) -> Stack {
        let mut layout = Layout::new();
        let init = (Init::Normal(0.25), Init::Normal(0.25));
        let layers = (0..LAYERS)
            .map(|i| {
                let mut scope = layout.scope(format!("h.{i}"));
                let norm = LayerNorm::declare(scope.scope("ln"), WIDTH, true);
                (norm, Mlp::declare(scope.scope("mlp"), WIDTH, true, init))
            })
            .collect();
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        Stack { layers, params: Params::initialise(&layout, rng), place }
    }

    fn normed(&self, norm: &LayerNorm, x: &Array2<f64>) -> (Array2<f64>, Statistics<f64>) {
        let (mut y, mut statistics) = (Array2::zeros(x.raw_dim()), Statistics::new(x.nrows()));
        norm.forward(&self.params, x.view(), &mut statistics, y.view_mut());
        (y, statistics)
    }

    /// The root mean square of the stream after each layer, that of its gradient in the backward
    /// pass, and what is left of a nudge that goes around all layers.
    fn root_mean_squares(&self) -> (Vec<f64>, Vec<f64>, f64) {
        let mut around = 1.0;
        let (mut x, mut forward, mut kept) = (random_row(1), Vec::new(), Vec::new());
        for (norm, mlp) in &self.layers {
            forward.push(rms(&x));
            let input = match self.place {
                Place::Before => self.normed(norm, &x).0,
                Place::Nowhere | Place::After => x.clone(),
            };
            let (mut sum, mut acts) = (Array2::zeros(x.raw_dim()), mlp.activations(1));
            mlp.forward(&self.params, input.view(), &mut acts, sum.view_mut());
            sum += &x;
            let y = match self.place {
                Place::After => {
                    around /= rms(&sum); // the norm divides by it
                    self.normed(norm, &sum).0
                }
                Place::Nowhere | Place::Before => sum.clone(),
            };
            kept.push((std::mem::replace(&mut x, y), input, acts, sum));
        }
        forward.push(rms(&x));

        let mut grads = Params { values: vec![0.0; self.params.values.len()] };
        let mut d = random_row(2);
        d /= rms(&d);
        let mut back = vec![1.0];
        for ((norm, mlp), (x, input, acts, sum)) in self.layers.iter().zip(&kept).rev() {
            if let Place::After = self.place {
                let (statistics, dy) = (self.normed(norm, sum).1, std::mem::take(&mut d));
                d = Array2::zeros(x.raw_dim());
                let (sum, dy) = (sum.view(), dy.view());
                norm.backward(&self.params, sum, &statistics, dy, d.view_mut(), &mut grads);
            }
            let (mut dinput, scratch) = (Array2::zeros(x.raw_dim()), &mut mlp.scratch(1));
            let (input, dy) = (input.view(), d.view());
            let pass = Backward { params: &self.params, grads: &mut grads, scratch };
            mlp.backward(input, acts, dy, dinput.view_mut(), pass);
            if let Place::Before = self.place {
                let statistics = self.normed(norm, x).1;
                let (x, dinput) = (x.view(), dinput.view());
                norm.backward(&self.params, x, &statistics, dinput, d.view_mut(), &mut grads);
            } else {
                d += &dinput;
            }
            back.push(rms(&d));
        }
        (forward, back, around)
    }
}

/// A row of random numbers.
fn random_row(index: u64) -> Array2<f64> {
    let mut row = vec![0.0; WIDTH];
    fill_normal(&mut row, 1.0, &mut generator(1, Purpose::Other, index));
    Array2::from_shape_vec((1, WIDTH), row).expect("one row")
}

/// The root mean square: the size of a typical number.
fn rms(row: &Array2<f64>) -> f64 {
    row.mapv(|x| x * x).mean().expect("at least one number").sqrt()
}

/// A small GPT, its first weights, and some text to train on.
struct Swap {
    gpt: Gpt,
    params: Params<f64>,
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

impl Swap {
    /// swapped: whether scale and shift of every norm change places.
    fn new(swapped: bool) -> Result<Swap> {
        let gpt = Gpt::new(GptConfig {
            vocab_size: 50,
            block_size: 16,
            n_layer: 2,
            n_head: 2,
            n_embd: 32,
            dropout: 0.0,
            bias: true,
            ..GptConfig::default()
        })?;
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        let mut params: Params<f64> = gpt.initialise(rng);
        if swapped {
            // ANCHOR: swap
            for tensor in gpt.layout().tensors().iter().filter(|t| t.name.contains("ln_")) {
                let is_scale = tensor.name.ends_with("weight");
                params.values[tensor.range()].fill(if is_scale { 0.0 } else { 1.0 });
            }
            // ANCHOR_END: swap
        }
        // A text in which each token is known from the one before: it counts up by seven.
        let mut rng = generator(1, Purpose::Other, 3);
        let starts: Vec<u32> = (0..16).map(|_| rng.random_range(0..50)).collect();
        let text = |ahead| {
            let count = move |&start: &u32| (0..16u32).map(move |i| (start + 7 * (i + ahead)) % 50);
            starts.iter().flat_map(count).collect()
        };
        Ok(Swap { inputs: text(0), targets: text(1), gpt, params })
    }

    /// The loss, its gradient, and how far apart the scores of the first two tokens are.
    fn loss_and_gradient(&self) -> (f64, Params<f64>, f64) {
        let (mut acts, mut scratch) = (self.gpt.activations(16, 16), self.gpt.scratch(16, 16));
        let mut grads = Params::zeros(self.gpt.layout());
        let scale = 1.0 / 256.0;
        self.gpt.forward(&self.params, &self.inputs, &mut acts, None);
        let apart = (&acts.logits.row(0) - &acts.logits.row(1)).mapv(f64::abs);
        let apart = apart.fold(0.0, |most: f64, &x| most.max(x));
        let (x, y) = (&self.inputs, &self.targets);
        let (params, scratch) = (&self.params, &mut scratch);
        let pass = Backward { params, grads: &mut grads, scratch };
        let sum = self.gpt.backward(x, y, scale, &mut acts, pass);
        (sum * scale, grads, apart)
    }

    /// Some steps downhill.
    fn learn(&mut self, steps: usize) {
        for _ in 0..steps {
            let grads = self.loss_and_gradient().1.values;
            self.params.values.iter_mut().zip(grads).for_each(|(w, dw)| *w -= 0.5 * dw);
        }
    }

    /// The gradient norm of all tensors that `which` picks.
    fn norm(&self, grads: &Params<f64>, which: impl Fn(&Tensor) -> bool) -> f64 {
        let tensors = self.gpt.layout().tensors().iter().filter(|tensor| which(tensor));
        let squares = tensors.flat_map(|t| &grads.values[t.range()]).map(|g| g * g);
        squares.sum::<f64>().sqrt()
    }
}

/// Runs the experiment.
pub fn run() -> Result<()> {
    let x = [1.0, 2.0, 3.0];
    let (n, rstd) = normalised(x);
    println!("THREE NUMBERS ON PAPER");
    println!("  x               {}", columns(&x));
    println!("  normalised      {}    rstd {rstd:.4}", columns(&n));
    println!("  (6, 7, 8)       {}", columns(&normalised([6.0, 7.0, 8.0]).0));
    println!("  (10, 20, 30)    {}", columns(&normalised([10.0, 20.0, 30.0]).0));

    println!("\nNUDGE ONE OF THEM: how far does each result move?");
    for i in 0..3 {
        println!("  nudge x{}        {}", i + 1, columns(&nudge(x, i)));
    }

    println!("\nTHE BACKWARD PASS, for g = (1, 0, 0)");
    let steps = backward(x, [1.0, 0.0, 0.0]);
    let names = ["g - mean of g", "n * mean of gn", "the difference", "dx: times rstd"];
    for (name, step) in names.iter().zip(&steps) {
        println!("  {name:16}{}", columns(step));
    }

    println!("\nWHERE THE NORM STANDS: 24 feed-forward layers with residual connections");
    println!("  {:>8}{:>30}{:>36}", "", "RMS of the stream", "RMS of its gradient");
    let header = format!("{:>12}{:>12}{:>12}", "no norm", "before", "after");
    println!("  {:>8}{header}{header}", "layer");
    let runs = [Place::Nowhere, Place::Before, Place::After]
        .map(|place| Stack::new(place).root_mean_squares());
    for layer in [0, 1, 2, 4, 8, 16, 24] {
        let forward: String = runs.iter().map(|run| format!("{:>12.2e}", run.0[layer])).collect();
        let back: String =
            runs.iter().map(|run| format!("{:>12.2e}", run.1[LAYERS - layer])).collect();
        println!("  {layer:>8}{forward}{back}");
    }
    let around = runs.each_ref().map(|run| format!("{:>12.0e}", run.2)).concat();
    println!("  {:44}{around}", "left of a nudge that goes around all layers");

    println!("\nA BUG: SCALE AND SHIFT ARE SWAPPED");
    println!("  {:32}{:>12}{:>12}", "", "right", "swapped");
    let mut models = [Swap::new(false)?, Swap::new(true)?];
    let results = models.each_ref().map(Swap::loss_and_gradient);
    let print = |name: &str, values: [f64; 2]| {
        println!("  {name:32}{:>12.4}{:>12.4}", values[0], values[1]);
    };
    print("first loss (ln 50 = 3.9120)", results.each_ref().map(|result| result.0));
    print("two tokens' scores differ by", results.each_ref().map(|result| result.2));
    let norm = |which: fn(&Tensor) -> bool| [0, 1].map(|i| models[i].norm(&results[i].1, which));
    print("gradient of the blocks", norm(|t| t.name.starts_with("h.")));
    print("gradient of the last norm", norm(|t| t.name.starts_with("ln_f")));
    for steps in [100, 200] {
        let name = format!("loss after {steps} steps downhill");
        models.iter_mut().for_each(|model| model.learn(100));
        print(&name, models.each_ref().map(|model| model.loss_and_gradient().0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::gradcheck::check_gradient;

    const ROOT: f64 = 1.224_744_871_391_589; // the root of 3/2

    fn close(a: [f64; 3], b: [f64; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-8)
    }

    #[test]
    fn the_paper_example() {
        for x in [[1.0, 2.0, 3.0], [6.0, 7.0, 8.0], [10.0, 20.0, 30.0]] {
            assert!(close(normalised(x).0, [-ROOT, 0.0, ROOT]));
        }
        let [without_mean, stretch, both, dx] = backward([1.0, 2.0, 3.0], [1.0, 0.0, 0.0]);
        assert!(close(without_mean, [2.0 / 3.0, -1.0 / 3.0, -1.0 / 3.0]));
        assert!(close(stretch, [0.5, 0.0, -0.5]));
        assert!(close(both, [1.0 / 6.0, -2.0 / 6.0, 1.0 / 6.0]));
        assert!(close(dx, [ROOT / 6.0, -2.0 * ROOT / 6.0, ROOT / 6.0]));
    }

    #[test]
    fn the_backward_pass_is_what_nudges_say() {
        let (mut x, g) = ([1.0, 2.0, 4.0], [0.3, -1.0, 0.5]);
        let dx = backward(x, g)[3];
        let loss = |x: &[f64]| {
            let n = normalised([x[0], x[1], x[2]]).0;
            (0..3).map(|i| n[i] * g[i]).sum()
        };
        assert!(check_gradient(&mut x, &dx, 1e-8, loss).is_ok());
    }

    #[test]
    fn swapped_norms_cut_the_model_off() {
        let [right, swapped] = [false, true].map(|swapped| Swap::new(swapped).unwrap());
        let blocks =
            |model: &Swap| model.norm(&model.loss_and_gradient().1, |t| t.name.starts_with("h."));
        assert!(blocks(&right) > 1e-3);
        assert_eq!((blocks(&swapped), swapped.loss_and_gradient().2), (0.0, 0.0));
        assert!((swapped.loss_and_gradient().0 - 50f64.ln()).abs() < 0.05);
    }
}
