//! The feed-forward layer: two linear layers that are one, GELU and its derivative, and a small
//! network that learns what no linear one can.
//!
//! `--plot FILE` draws its loss, with an activation function and without.

use std::path::Path;

use ndarray::{Array2, ArrayView2, array};
use stage01_bigram::Result;
use stage01_bigram::gradcheck::{Agreement, Mismatch, check_gradient};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::linear::Linear;
use stage02_attention::params::{Init, Layout, Params};
use stage03_gpt::mlp::{gelu, gelu_and_derivative};

/// Was there a *not*? Was there an *un*? And how sad is it?
const PHRASES: [(&str, [f64; 2], f64); 4] = [
    ("happy", [0.0, 0.0], 0.0),
    ("unhappy", [0.0, 1.0], 1.0),
    ("not happy", [1.0, 0.0], 1.0),
    ("not unhappy", [1.0, 1.0], 0.0),
];

// ANCHOR: paper
/// Two layers on paper: two hidden units, each activated, and one number out.
fn on_paper(x: [f64; 2], activation: impl Fn(f64) -> f64) -> f64 {
    let h1 = x[0] + x[1];
    let h2 = x[0] + x[1] - 1.0;
    activation(h1) - 2.0 * activation(h2)
}
// ANCHOR_END: paper

/// What is below zero becomes zero.
fn relu(h: f64) -> f64 {
    h.max(0.0)
}

// ANCHOR: nudge
/// How fast f rises at x, by a nudge to either side.
fn nudged(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    let h = 1e-5;
    (f(x + h) - f(x - h)) / (2.0 * h)
}
// ANCHOR_END: nudge

/// What stands between the two layers of a [`Network`].
#[derive(Clone, Copy, Debug)]
enum Activation {
    Identity,
    Gelu,
    /// A bug: the derivative is taken after the number was overwritten by its GELU.
    GeluTooLate,
}

// ANCHOR: activation
impl Activation {
    /// The activated number, and the derivative that the backward pass multiplies by.
    fn at(self, h: f64) -> (f64, f64) {
        match self {
            Activation::Identity => (h, 1.0),
            Activation::Gelu => gelu_and_derivative(h),
            Activation::GeluTooLate => {
                let h = gelu(h);
                (h, gelu_and_derivative(h).1)
            }
        }
    }
}
// ANCHOR_END: activation

/// Two numbers in, eight inside, one out.
struct Network {
    layout: Layout,
    c_fc: Linear,
    c_proj: Linear,
    activation: Activation,
}

impl Network {
    fn new(activation: Activation) -> Network {
        let (mut layout, init) = (Layout::new(), Init::Normal(0.5));
        let c_fc = Linear::declare(layout.scope("c_fc"), 2, 8, true, init);
        let c_proj = Linear::declare(layout.scope("c_proj"), 8, 1, true, init);
        Network { layout, c_fc, c_proj, activation }
    }

    fn first_weights(&self) -> Params<f64> {
        Params::initialise(&self.layout, &mut generator(1, Purpose::Initialisation, 0))
    }

    /// The results for some rows of x, and what the backward pass needs: the hidden units after
    /// the activation function, and its derivatives.
    fn forward(&self, params: &Params<f64>, x: ArrayView2<f64>) -> [Array2<f64>; 3] {
        let mut h = Array2::zeros((x.nrows(), 8));
        self.c_fc.forward(params, x, h.view_mut());
        let (g, derivative) =
            (h.mapv(|h| self.activation.at(h).0), h.mapv(|h| self.activation.at(h).1));
        let mut y = Array2::zeros((x.nrows(), 1));
        self.c_proj.forward(params, g.view(), y.view_mut());
        [y, g, derivative]
    }

    /// The mean square of the errors over the four phrases, and its gradient.
    fn loss_and_gradient(&self, params: &Params<f64>) -> (f64, Params<f64>) {
        let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
        let wanted = array![[0.0], [1.0], [1.0], [0.0]];
        let [y, g, derivative] = self.forward(params, x.view());
        let error = y - wanted;
        let dy = &error * (2.0 / 4.0);

        let (mut dg, mut dx) = (Array2::zeros(g.raw_dim()), Array2::zeros(x.raw_dim()));
        let mut grads = Params::zeros(&self.layout);
        self.c_proj.backward(params, g.view(), dy.view(), dg.view_mut(), &mut grads);
        let dh = dg * derivative;
        self.c_fc.backward(params, x.view(), dh.view(), dx.view_mut(), &mut grads);
        (error.mapv(|e| e * e).sum() / 4.0, grads)
    }

    /// The weights after some steps downhill, and the loss before each step.
    fn learn(&self, steps: usize) -> (Params<f64>, Vec<f64>) {
        let (mut params, mut losses) = (self.first_weights(), Vec::new());
        for _ in 0..steps {
            let (loss, grads) = self.loss_and_gradient(&params);
            losses.push(loss);
            params.values.iter_mut().zip(grads.values).for_each(|(w, dw)| *w -= 0.2 * dw);
        }
        (params, losses)
    }

    /// Do nudges of all weights agree with the gradient?
    fn check(&self) -> std::result::Result<Agreement, Mismatch> {
        let params = self.first_weights();
        let analytic = self.loss_and_gradient(&params).1.values;
        check_gradient(&mut params.values.clone(), &analytic, 1e-8, |values| {
            self.loss_and_gradient(&Params { values: values.to_vec() }).0
        })
    }
}

const STEPS: usize = 301;

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    println!("HOW SAD IS IT? THE PAPER EXAMPLE");
    println!("  {:12}{:>8}{:>10}{:>8}{:>8}", "", "wanted", "linear", "relu", "gelu");
    for (phrase, x, wanted) in PHRASES {
        let [linear, relu, gelu] = [on_paper(x, |h| h), on_paper(x, relu), on_paper(x, gelu)];
        println!("  {phrase:12}{wanted:>8}{linear:>10}{relu:>8}{gelu:>8.2}");
    }

    println!("\nGELU AND ITS DERIVATIVE");
    println!("  {:>4}{:>10}{:>10}{:>12}{:>12}", "x", "gate", "gelu", "nudged", "by rule");
    for x in [-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0f64] {
        let (g, derivative) = gelu_and_derivative(x);
        let gate = if x == 0.0 { 0.5 } else { g / x };
        println!("  {x:>4}{gate:>10.4}{g:>10.4}{:>12.4}{derivative:>12.4}", nudged(gelu, x));
    }

    println!("\nFOUR PHRASES TO LEARN: the mean square of the errors");
    let activations = [Activation::Identity, Activation::Gelu, Activation::GeluTooLate];
    let networks = activations.map(Network::new);
    let runs = networks.each_ref().map(|network| network.learn(STEPS));
    println!("  {:>6}{:>12}{:>12}{:>16}", "step", "linear", "gelu", "gelu too late");
    for step in [0, 5, 10, 20, 50, 100, 300] {
        let [none, gelu, late] = runs.each_ref().map(|(_, losses)| losses[step]);
        println!("  {step:>6}{none:>12.4}{gelu:>12.4}{late:>16.4}");
    }
    println!("  what each says at the end:");
    for (phrase, x, wanted) in PHRASES {
        let x = ArrayView2::from_shape((1, 2), &x).expect("two numbers");
        let says = |i: usize| networks[i].forward(&runs[i].0, x)[0][[0, 0]];
        println!("  {phrase:12}{wanted:>4}{:>10.2}{:>10.2}{:>10.2}", says(0), says(1), says(2));
    }

    println!("\nIS THE GRADIENT RIGHT?");
    for network in &networks {
        match network.check() {
            Ok(agreement) => {
                println!("  {:?}: {} derivatives agree", network.activation, agreement.checked)
            }
            Err(Mismatch { wrong, checked, analytic, numeric, .. }) => println!(
                "  {:?}: {wrong} of {checked} are wrong; one is {analytic:.4}, nudging it gives \
                 {numeric:.4}",
                network.activation
            ),
        }
    }

    if let Some(file) = plot {
        let names = ["linear", "gelu", "gelu, its derivative taken too late"];
        chart(names, &runs.map(|(_, losses)| losses)).save(file)?;
    }
    Ok(())
}

fn chart(names: [&str; 3], losses: &[Vec<f64>; 3]) -> LineChart {
    let points = |losses: &[f64]| {
        losses.iter().enumerate().map(|(step, &loss)| (step as f64, loss)).collect()
    };
    let series = names.iter().zip(losses);
    LineChart {
        title: "Happy, unhappy, not happy, not unhappy".into(),
        x_label: "step".into(),
        y_label: "mean square of the errors".into(),
        series: series
            .map(|(name, losses)| Series { name: (*name).into(), points: points(losses) })
            .collect(),
        references: vec![("always saying one half".into(), 0.25)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_example() {
        for (_, x, wanted) in PHRASES {
            assert_eq!(on_paper(x, relu), wanted);
            // Two linear layers are one: the weights (-1, -1) and the bias 2.
            assert_eq!(on_paper(x, |h| h), 2.0 - x[0] - x[1]);
        }
    }

    #[test]
    fn the_derivative_of_gelu_is_what_nudging_says() {
        for i in -50..50 {
            let x = f64::from(i) / 10.0;
            assert!((nudged(gelu, x) - gelu_and_derivative(x).1).abs() < 1e-9);
        }
    }

    #[test]
    fn only_gelu_learns_and_only_the_late_derivative_is_wrong() {
        let last = |activation| Network::new(activation).learn(STEPS).1[STEPS - 1];
        assert!((last(Activation::Identity) - 0.25).abs() < 1e-3);
        assert!(last(Activation::Gelu) < 1e-3);
        assert!(Network::new(Activation::Gelu).check().is_ok());
        assert!(Network::new(Activation::GeluTooLate).check().is_err());
    }

    /// A step that is too long lands on the other side of the valley, until one of them makes the
    /// second weights small, and the valley shallow.
    #[test]
    fn the_linear_network_overshoots_until_its_valley_is_shallow() {
        let network = Network::new(Activation::Identity);
        let x = array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
        let after = |steps| {
            let params = network.learn(steps).0;
            let mean = network.forward(&params, x.view())[0].sum() / 4.0;
            let second = params.matrix(network.c_proj.weight);
            (mean, second.iter().fold(0.0f64, |most, w| w.abs().max(most)))
        };
        for (step, mean) in [(1, 0.19), (2, 0.99), (3, -0.62), (4, 2.36), (5, -1.44), (6, 0.40)] {
            assert!((after(step).0 - mean).abs() < 0.005, "{step}: {:?}", after(step));
        }
        assert!((after(5).1 - 0.6).abs() < 0.05 && after(6).1 < 0.035);
    }
}
