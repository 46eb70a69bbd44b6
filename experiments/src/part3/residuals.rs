//! Residual connections: how strong is the gradient after a walk back through 24 layers, with a
//! plus and without?
//!
//! `--plot FILE` draws it.

use std::path::Path;

use ndarray::{Array2, ArrayView2};
use stage01_bigram::Result;
use stage01_bigram::gradcheck::check_gradient;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::params::{Init, Layout, Params, fill_normal};
use stage03_gpt::mlp::{Activations, Mlp};

const LAYERS: usize = 24;
const WIDTH: usize = 32;

// ANCHOR: paper
/// How far a nudge gets through some layers of one number each, all with this derivative.
fn relay(derivative: f64, layers: i32, plus: bool) -> f64 {
    if plus { (1.0 + derivative).powi(layers) } else { derivative.powi(layers) }
}
// ANCHOR_END: paper

/// What a stack of layers does with the plus sign.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plus {
    /// y = f(x).
    Nowhere,
    /// y = x + f(x).
    BothWays,
    /// y = x + f(x), but in the backward pass the plus is left out.
    ForwardOnly,
}

/// Feed-forward layers, one after another.
struct Stack {
    layers: Vec<Mlp>,
    params: Params<f64>,
    plus: Plus,
}

impl Stack {
    /// layers: how many; std: how far the first weights lie from zero.
    fn new(layers: usize, std: f64, plus: Plus) -> Stack {
        let mut layout = Layout::new();
        let init = (Init::Normal(std), Init::Normal(std));
        let layers = (0..layers)
            .map(|i| Mlp::declare(layout.scope(format!("h.{i}.mlp")), WIDTH, true, init))
            .collect();
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        Stack { layers, params: Params::initialise(&layout, rng), plus }
    }

    /// The input of each layer, and the result of the last.
    fn forward(&self, x: ArrayView2<f64>) -> Vec<(Array2<f64>, Activations<f64>)> {
        let mut x = x.to_owned();
        let mut kept = Vec::new();
        for layer in &self.layers {
            let mut y = Array2::zeros(x.raw_dim());
            let mut acts = layer.activations(x.nrows());
            layer.forward(&self.params, x.view(), &mut acts, y.view_mut());
            // ANCHOR: forward
            if self.plus != Plus::Nowhere {
                y += &x;
            }
            // ANCHOR_END: forward
            kept.push((x, acts));
            x = y;
        }
        kept.push((x, self.layers[0].activations(0)));
        kept
    }

    /// The gradient of each layer's input, the last layer's first, from that of the result.
    fn backward(
        &self,
        kept: &[(Array2<f64>, Activations<f64>)],
        d: Array2<f64>,
    ) -> Vec<Array2<f64>> {
        let mut grads = Params { values: vec![0.0; self.params.values.len()] };
        let mut gradients = vec![d];
        for (layer, (x, acts)) in self.layers.iter().zip(kept).rev() {
            let d = &gradients[gradients.len() - 1];
            let (mut dx, scratch) = (Array2::zeros(d.raw_dim()), &mut layer.scratch(x.nrows()));
            let (x, dy) = (x.view(), d.view());
            let pass = Backward { params: &self.params, grads: &mut grads, scratch };
            layer.backward(x, acts, dy, dx.view_mut(), pass);
            // ANCHOR: backward
            if self.plus == Plus::BothWays {
                dx += d;
            }
            // ANCHOR_END: backward
            gradients.push(dx);
        }
        gradients
    }

    /// The gradient norms after 0, 1, 2, … layers in the backward pass.
    fn norms(&self) -> Vec<f64> {
        let (x, mut d) = (random_row(1), random_row(2));
        d /= norm(&d);
        self.backward(&self.forward(x.view()), d).iter().map(norm).collect()
    }
}

/// A row of random numbers.
fn random_row(index: u64) -> Array2<f64> {
    let mut row = vec![0.0; WIDTH];
    fill_normal(&mut row, 1.0, &mut generator(1, Purpose::Other, index));
    Array2::from_shape_vec((1, WIDTH), row).expect("one row")
}

/// The norm of a row, the length of its arrow: the root of the sum of squares.
fn norm(row: &Array2<f64>) -> f64 {
    row.mapv(|x| x * x).sum().sqrt()
}

/// Do nudges of the input agree with the gradient of a stack of three layers?
fn check(plus: Plus) -> String {
    let stack = Stack::new(3, 0.1, plus);
    let (x, r) = (random_row(1), random_row(2));
    let analytic = stack.backward(&stack.forward(x.view()), r.clone()).pop().expect("four rows");
    let loss = |values: &[f64]| {
        let x = ArrayView2::from_shape((1, WIDTH), values).expect("one row");
        (&stack.forward(x).pop().expect("four rows").0 * &r).sum()
    };
    let analytic = analytic.as_slice().expect("one row");
    match check_gradient(&mut x.into_raw_vec_and_offset().0, analytic, 1e-8, loss) {
        Ok(agreement) => format!("{} derivatives agree", agreement.checked),
        Err(wrong) => format!(
            "{} of {} are wrong; one is {:.4}, nudging gives {:.4}",
            wrong.wrong, wrong.checked, wrong.analytic, wrong.numeric
        ),
    }
}

/// What is compared, and the standard deviation of its first weights.
const STACKS: [(&str, f64, Plus); 3] = [
    ("no plus, small", 0.1, Plus::Nowhere),
    ("no plus, large", 0.3, Plus::Nowhere),
    ("with the plus", 0.1, Plus::BothWays),
];

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    println!("ONE NUMBER, 24 LAYERS, EACH WITH THE SAME DERIVATIVE");
    println!("  {:>14}{:>16}{:>16}", "derivative", "without plus", "with plus");
    for d in [0.5, 0.1, 0.02, -0.02] {
        println!("  {d:>14}{:>16.1e}{:>16.4}", relay(d, 24, false), relay(d, 24, true));
    }

    println!("\nTHE GRADIENT NORM IN THE BACKWARD PASS THROUGH 24 FEED-FORWARD LAYERS");
    let runs = STACKS.map(|(name, std, plus)| (name, Stack::new(LAYERS, std, plus).norms()));
    println!("  {:>14}{:>18}{:>18}{:>18}", "layers passed", runs[0].0, runs[1].0, runs[2].0);
    for passed in [0, 1, 2, 4, 8, 12, 16, 20, 24] {
        let row: String = runs.iter().map(|run| format!("{:>18.2e}", run.1[passed])).collect();
        println!("  {passed:>14}{row}");
    }

    println!("\nA BUG: THE PLUS IS FORGOTTEN IN THE BACKWARD PASS");
    let forgotten = Stack::new(LAYERS, 0.1, Plus::ForwardOnly).norms();
    for passed in [0, 1, 2, 4, 8, 24] {
        println!("  {passed:>14}{:>18.2e}", forgotten[passed]);
    }
    println!("  check, as it should be: {}", check(Plus::BothWays));
    println!("  check, with the bug:    {}", check(Plus::ForwardOnly));

    if let Some(file) = plot {
        chart(&runs).save(file)?;
    }
    Ok(())
}

fn chart(runs: &[(&str, Vec<f64>)]) -> LineChart {
    let points = |lengths: &[f64]| {
        lengths.iter().enumerate().map(|(passed, l)| (passed as f64, l.log10())).collect()
    };
    LineChart {
        title: "The gradient norm, layer by layer".into(),
        x_label: "layers passed in the backward pass".into(),
        y_label: "gradient norm, in powers of ten".into(),
        series: runs
            .iter()
            .map(|(name, lengths)| Series { name: (*name).into(), points: points(lengths) })
            .collect(),
        references: vec![("as large as at the start".into(), 0.0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_on_paper() {
        assert_eq!(relay(0.5, 3, false), 0.125);
        assert_eq!(relay(0.5, 3, true), 3.375);
        assert!(relay(0.5, 24, false) < 1e-7 && relay(0.02, 24, true) < 1.7);
    }

    #[test]
    fn with_the_plus_the_gradient_arrives() {
        let arrives = |std, plus| Stack::new(LAYERS, std, plus).norms()[LAYERS];
        assert!(arrives(0.1, Plus::Nowhere) < 1e-6);
        let with_plus = arrives(0.1, Plus::BothWays);
        assert!((1.0..10.0).contains(&with_plus), "{with_plus}");
        assert!(check(Plus::BothWays).contains("agree"));
        assert!(check(Plus::ForwardOnly).contains("wrong"));
    }
}
