//! Linear layers: one on paper, its gradient by nudging, the size of first weights, and a bug.

use ndarray::{Array2, ArrayView2, array};
use stage01_bigram::Result;
use stage01_bigram::gradcheck::{Agreement, Mismatch, check_gradient};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::linear::Linear;
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::params::{Init, Layout, Params, fill_normal};

/// Two inputs, three outputs, and the numbers of the book.
fn on_paper() -> (Linear, Params<f64>) {
    let mut layout = Layout::new();
    // ANCHOR: declare
    let linear = Linear::declare(layout.scope("c_fc"), 2, 3, true, Init::Zeros);
    // ANCHOR_END: declare
    let mut params = Params::zeros(&layout);
    params.values = vec![1., 0., -1., 2., 1., 0., 10., 20., 30.];
    (linear, params)
}

fn forward(linear: &Linear, params: &Params<f64>, x: ArrayView2<f64>) -> Array2<f64> {
    let mut y = Array2::zeros((x.nrows(), linear.weight.cols()));
    linear.forward(params, x, y.view_mut());
    y
}

/// dx, and the gradient of all nine weights.
fn backward(
    linear: &Linear,
    params: &Params<f64>,
    x: ArrayView2<f64>,
    dy: ArrayView2<f64>,
) -> (Array2<f64>, Params<f64>) {
    let mut dx = Array2::zeros(x.dim());
    let mut grads = Params { values: vec![0.0; params.values.len()] };
    linear.backward(params, x, dy, dx.view_mut(), &mut grads);
    (dx, grads)
}

fn nudges() {
    let (linear, params) = on_paper();
    let (x, dy) = (array![[1.0, 2.0]], array![[1.0, -1.0, 2.0]]);
    println!("FORWARD: (1, 2) W + b = {}", forward(&linear, &params, x.view()));
    println!("\nNUDGES: the loss is 1 y1 - 1 y2 + 2 y3; each number is moved by 0.001");
    // ANCHOR: nudge
    let loss =
        |params: &Params<f64>, x: &Array2<f64>| (&forward(&linear, params, x.view()) * &dy).sum();
    let (h, before) = (0.001, loss(&params, &x));
    let derivative_of_weight = |i: usize| {
        let mut nudged = params.clone();
        nudged.values[i] += h;
        (loss(&nudged, &x) - before) / h
    };
    // ANCHOR_END: nudge
    let derivative_of_input = |i: usize| {
        let mut nudged = x.clone();
        nudged[[0, i]] += h;
        (loss(&params, &nudged) - before) / h
    };
    let show = |name: &str, row: Vec<f64>| {
        let row: String = row.iter().map(|x| format!("{x:>8.3}")).collect();
        println!("  {name:<14}{row}");
    };
    show("b", (6..9).map(derivative_of_weight).collect());
    show("W, first row", (0..3).map(derivative_of_weight).collect());
    show("W, second row", (3..6).map(derivative_of_weight).collect());
    show("x", (0..2).map(derivative_of_input).collect());

    let (dx, grads) = backward(&linear, &params, x.view(), dy.view());
    println!("\nTHE BACKWARD PASS");
    show("db", grads.values[6..].to_vec());
    show("dW, first row", grads.values[..3].to_vec());
    show("dW, second row", grads.values[3..6].to_vec());
    show("dx", dx.into_raw_vec_and_offset().0);
}

fn layout() -> Result<()> {
    let config = Config { vocab_size: 73, block_size: 64, n_embd: 64, n_head: 4 };
    let model = AttentionModel::new(config)?;
    println!("\nONE VECTOR: the tensors of the model of this stage");
    println!("  {:<20}{:>10}{:>8}{:>8}  {:<15}decay", "name", "shape", "from", "to", "begins as");
    // ANCHOR: walk
    for tensor in model.layout().tensors() {
        let (shape, range) = (format!("{:?}", tensor.shape), tensor.range());
        let init = match tensor.init {
            Init::Normal(std) => format!("normal {std}"),
            other => format!("{other:?}"),
        };
        println!(
            "  {:<20}{shape:>10}{:>8}{:>8}  {init:<15}{}",
            tensor.name, range.start, range.end, tensor.decay
        );
    }
    // ANCHOR_END: walk
    println!("  {} numbers in all", model.layout().len());
    Ok(())
}

// ANCHOR: sizes
/// How large numbers are after some linear layers of 64 to 64, when all weights begin with
/// this standard deviation.
fn size_after(layers: usize, std: f64) -> f64 {
    let mut rng = generator(1, Purpose::Initialisation, 0);
    let mut x = Array2::zeros((32, 64));
    fill_normal(x.as_slice_mut().expect("a new matrix is contiguous"), 1.0, &mut rng);
    for _ in 0..layers {
        let mut layout = Layout::new();
        let linear = Linear::declare(layout.scope("c_fc"), 64, 64, false, Init::Normal(std));
        let params = Params::initialise(&layout, &mut rng);
        x = forward(&linear, &params, x.view());
    }
    (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt()
}
// ANCHOR_END: sizes

fn sizes() {
    println!("\nHOW LARGE NUMBERS ARE after layers of 64 inputs, by the first weights' std");
    println!("  {:>8}{:>14}{:>14}{:>14}", "layers", "std 1", "std 1/8", "std 0.02");
    for layers in [0, 1, 2, 5, 10, 20] {
        let [a, b, c] = [1.0, 0.125, 0.02].map(|std| size_after(layers, std));
        println!("  {layers:>8}{a:>14.2e}{b:>14.2e}{c:>14.2e}");
    }
}

/// Two layers of 3 to 3. Their output should be `target`; the loss is half the squared error.
struct Two {
    first: Linear,
    second: Linear,
    layout: Layout,
}

impl Two {
    fn new() -> Two {
        let mut layout = Layout::new();
        let init = Init::Normal(0.7);
        let first = Linear::declare(layout.scope("first"), 3, 3, false, init);
        let second = Linear::declare(layout.scope("second"), 3, 3, false, init);
        Two { first, second, layout }
    }

    fn loss(&self, params: &Params<f64>, x: ArrayView2<f64>, target: ArrayView2<f64>) -> f64 {
        let y = forward(&self.second, params, forward(&self.first, params, x).view());
        (&y - &target).mapv(|e| e * e).sum() / 2.0
    }

    /// The gradient; with the bug, the second matrix is not transposed in the backward pass.
    fn gradient(
        &self,
        params: &Params<f64>,
        x: ArrayView2<f64>,
        target: ArrayView2<f64>,
        bug: bool,
    ) -> Params<f64> {
        let hidden = forward(&self.first, params, x);
        let dy = forward(&self.second, params, hidden.view()) - target;
        let mut grads = Params::zeros(&self.layout);
        self.second.backward_weights(hidden.view(), dy.view(), &mut grads);
        // ANCHOR: bug
        let weight = params.matrix(self.second.weight);
        let dhidden = if bug { dy.dot(&weight) } else { dy.dot(&weight.t()) };
        // ANCHOR_END: bug
        self.first.backward_weights(x, dhidden.view(), &mut grads);
        grads
    }
}

/// Two layers, some inputs, and what should come out: the outputs of two other layers.
fn problem() -> (Two, Params<f64>, Array2<f64>, Array2<f64>) {
    let two = Two::new();
    let mut rng = generator(3, Purpose::Initialisation, 0);
    let params = Params::initialise(&two.layout, &mut rng);
    let other = Params::initialise(&two.layout, &mut rng);
    let mut x = Array2::zeros((8, 3));
    fill_normal(x.as_slice_mut().expect("a new matrix is contiguous"), 1.0, &mut rng);
    let target = forward(&two.second, &other, forward(&two.first, &other, x.view()).view());
    (two, params, x, target)
}

fn check(bug: bool) -> std::result::Result<Agreement, Mismatch> {
    let (two, mut params, x, target) = problem();
    let gradient = two.gradient(&params, x.view(), target.view(), bug);
    check_gradient(&mut params.values, &gradient.values, 1e-6, |values| {
        two.loss(&Params { values: values.to_vec() }, x.view(), target.view())
    })
}

fn forgotten_transpose() {
    println!("\nA BUG: the matrix is not transposed in the backward pass; two layers of 3 to 3");
    for (bug, name) in [(false, "transposed"), (true, "not transposed")] {
        let (two, mut params, x, target) = problem();
        print!("{name:<14}  loss");
        for step in 0..=2000 {
            if [0, 10, 50, 200, 2000].contains(&step) {
                print!("{:>11.6}", two.loss(&params, x.view(), target.view()));
            }
            let grads = two.gradient(&params, x.view(), target.view(), bug);
            params.values.iter_mut().zip(grads.values).for_each(|(w, dw)| *w -= 0.02 * dw);
        }
        match check(bug) {
            Ok(agreement) => println!("\ncheck: all {} derivatives agree", agreement.checked),
            Err(mismatch) => println!("\ncheck: {mismatch}"),
        }
    }
}

/// Runs the experiment.
pub fn run() -> Result<()> {
    nudges();
    layout()?;
    sizes();
    forgotten_transpose();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let (linear, params) = on_paper();
        let (x, dy) = (array![[1.0, 2.0]], array![[1.0, -1.0, 2.0]]);
        assert_eq!(forward(&linear, &params, x.view()), array![[15.0, 22.0, 29.0]]);
        let (dx, grads) = backward(&linear, &params, x.view(), dy.view());
        assert_eq!(dx, array![[-1.0, 1.0]]);
        assert_eq!(grads.values, [1., -1., 2., 2., -2., 4., 1., -1., 2.]);
    }

    #[test]
    fn weights_of_one_over_the_root_keep_the_size() {
        assert!((size_after(1, 0.125) - 1.0).abs() < 0.1);
        assert!(size_after(10, 1.0) > 1e8 && size_after(10, 0.02) < 1e-6);
    }

    #[test]
    fn the_check_finds_the_bug_and_nothing_else() {
        assert_eq!(check(false).unwrap().checked, 18);
        assert!(check(true).is_err());
    }
}
