//! LoRA on paper: a layer of two inputs and two outputs with an adapter of rank 1, its gradients by
//! nudging and by rule, what the first weights do, the merge, and what is counted for SmolLM2.

use stage01_bigram::Result;
use stage01_bigram::text::thousands;
use stage02_attention::attention::rotary::Rope;
use stage03_gpt::architecture::{Architecture, Positions};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora::{LoraSettings, declare};

/// A row of two numbers.
type Row = [f64; 2];

/// A layer with an adapter of rank 1: A is a column, B a row.
#[derive(Clone, Copy)]
struct Layer {
    w: [Row; 2],
    a: Row,
    b: Row,
    s: f64,
}

const X: Row = [1.0, 2.0];
const DY: Row = [1.0, -1.0];
const PAPER: Layer = Layer { w: [[1.0, 2.0], [3.0, 4.0]], a: [1.0, -1.0], b: [2.0, 1.0], s: 2.0 };

fn dot(a: Row, b: Row) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

/// x W.
fn times(x: Row, w: [Row; 2]) -> Row {
    [0, 1].map(|j| x[0] * w[0][j] + x[1] * w[1][j])
}

impl Layer {
    /// x W + s u B, with u = x A.
    fn forward(&self, x: Row) -> Row {
        let (xw, u) = (times(x, self.w), dot(x, self.a));
        [0, 1].map(|j| xw[j] + self.s * u * self.b[j])
    }

    /// dA, dB and dx.
    fn backward(&self, x: Row, dy: Row) -> [Row; 3] {
        let u = dot(x, self.a);
        let db = dy.map(|dy| self.s * u * dy);
        let du = self.s * dot(dy, self.b);
        let da = x.map(|x| x * du);
        let dx = [0, 1].map(|i| dot(dy, self.w[i]) + du * self.a[i]);
        [da, db, dx]
    }

    /// W + s A B.
    fn merged(&self) -> [Row; 2] {
        [0, 1].map(|i| [0, 1].map(|j| self.w[i][j] + self.s * self.a[i] * self.b[j]))
    }
}

fn shown(row: Row) -> String {
    row.map(|x| format!("{:>8.3}", if x.abs() < 5e-4 { 0.0 } else { x })).concat()
}

fn on_paper() {
    let u = dot(X, PAPER.a);
    println!("ON PAPER: x = (1, 2), A = (1, -1), B = (2, 1), s = 2");
    println!("  x W           {}", shown(times(X, PAPER.w)));
    println!("  u = x A       {u:>8.3}");
    println!("  u B           {}", shown(PAPER.b.map(|b| u * b)));
    println!("  x W + s u B   {}", shown(PAPER.forward(X)));
    let merged = PAPER.merged();
    println!("  W + s A B     {}   and{}", shown(merged[0]), shown(merged[1]));
    println!("  x times that  {}", shown(times(X, merged)));
}

/// The loss of the layer with A, B and x changed: the outputs times dy.
fn loss(numbers: [Row; 3]) -> f64 {
    let [a, b, x] = numbers;
    dot(Layer { a, b, ..PAPER }.forward(x), DY)
}

/// The derivative of the loss for each number of A, B and x, by nudging it up and down.
fn nudged() -> [Row; 3] {
    let at = [PAPER.a, PAPER.b, X];
    [0, 1, 2].map(|which| {
        [0, 1].map(|place| {
            let moved = |h: f64| {
                let mut numbers = at;
                numbers[which][place] += h;
                loss(numbers)
            };
            (moved(1e-3) - moved(-1e-3)) / 2e-3
        })
    })
}

fn nudges() {
    println!("\nNUDGES by 0.001, and the rules: how does the loss move?");
    let (nudged, ruled) = (nudged(), PAPER.backward(X, DY));
    println!("  {:<10}{:>16}{:>16}", "", "by nudging", "by rule");
    for (name, (nudged, ruled)) in ["dA", "dB", "dx"].iter().zip(nudged.into_iter().zip(ruled)) {
        println!("  {name:<10}{}{}", shown(nudged), shown(ruled));
    }
}

/// Steps of gradient descent on half the squared distance from a target: A, B, and that loss before
/// each step.
fn first_steps(mut layer: Layer, steps: usize) -> Vec<(Row, Row, f64)> {
    let target = [6.0, 11.0];
    let mut all = vec![];
    for _ in 0..steps {
        let y = layer.forward(X);
        let dy = [0, 1].map(|j| y[j] - target[j]);
        all.push((layer.a, layer.b, 0.5 * dot(dy, dy)));
        let [da, db, _] = layer.backward(X, dy);
        for i in 0..2 {
            layer.a[i] -= 0.01 * da[i];
            layer.b[i] -= 0.01 * db[i];
        }
    }
    all
}

fn from_zero() {
    println!("\nTHE FIRST STEPS towards the output (6, 11), learning rate 0.01");
    let zero = [0.0, 0.0];
    for (name, layer) in [
        ("B zero", Layer { b: zero, ..PAPER }),
        ("A zero", Layer { a: zero, ..PAPER }),
        ("both zero", Layer { a: zero, b: zero, ..PAPER }),
    ] {
        println!("  {name:<12}{:>14}{:>18}{:>11}", "A", "B", "loss");
        for (step, (a, b, loss)) in first_steps(layer, 4).into_iter().enumerate() {
            println!("    step {step}  {}  {}{loss:>11.4}", shown(a), shown(b));
        }
    }
}

// ANCHOR: count
/// The numbers of an adapter: A is (n_in, rank), B is (rank, n_out).
fn numbers(n_in: usize, n_out: usize, rank: usize) -> usize {
    rank * (n_in + n_out)
}
// ANCHOR_END: count

/// The matrices of a block of SmolLM2-135M, and its number of blocks.
const MATRICES: [(&str, usize, usize); 7] = [
    ("q_proj", 576, 576),
    ("k_proj", 576, 192),
    ("v_proj", 576, 192),
    ("o_proj", 576, 576),
    ("gate_proj", 576, 1536),
    ("up_proj", 576, 1536),
    ("down_proj", 1536, 576),
];
const BLOCKS: usize = 30;

/// SmolLM2-135M.
fn smollm2() -> Result<Gpt> {
    Gpt::new(GptConfig {
        vocab_size: 49_152,
        block_size: 64, // nothing is computed
        n_layer: BLOCKS,
        n_head: 9,
        n_embd: 576,
        dropout: 0.0,
        bias: false,
        arch: Architecture {
            positions: Positions::Rotary(Rope::new(100_000.0)),
            n_inner: Some(1536),
            n_kv_head: Some(3),
            ..Architecture::LLAMA
        },
    })
}

fn counts(weights: usize) {
    println!("\nHOW MANY NUMBERS: SmolLM2-135M, rank 8 on all linear layers");
    println!("  {:<12}{:>14}{:>14}{:>10}", "", "shape", "weights", "adapter");
    let (mut frozen, mut trained) = (0, 0);
    for (name, n_in, n_out) in MATRICES {
        let (own, adapter) = (n_in * n_out, numbers(n_in, n_out, 8));
        frozen += own;
        trained += adapter;
        let shape = format!("{n_in} x {n_out}");
        println!("  {name:<12}{shape:>14}{:>14}{:>10}", thousands(own), thousands(adapter));
    }
    let line = |name: &str, frozen, trained| {
        println!("  {name:<12}{:>14}{:>14}{:>10}", "", thousands(frozen), thousands(trained));
    };
    line("a block", frozen, trained);
    line("30 blocks", BLOCKS * frozen, BLOCKS * trained);
    line("the model", weights, BLOCKS * trained);
    let part = 100.0 * (BLOCKS * trained) as f64 / weights as f64;
    println!("  {:<12}{:>14}{part:>23.1}%", "", "");
}

fn memory(weights: usize, adapters: usize) {
    println!("\nMEMORY in training, in MB, with f32 and without the activations");
    println!(
        "  {:<12}{:>10}{:>10}{:>10}{:>10}{:>9}",
        "", "weights", "adapters", "gradient", "moments", "all"
    );
    let mb = |numbers: usize| 4.0 * numbers as f64 / 1e6;
    for (name, adapters, trained) in [("all weights", 0, weights), ("rank 8", adapters, adapters)] {
        let parts = [weights, adapters, trained, 2 * trained].map(mb);
        print!("  {name:<12}");
        parts.iter().for_each(|part| print!("{part:>10.1}"));
        println!("{:>9.1}", parts.iter().sum::<f64>());
    }
}

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    on_paper();
    nudges();
    from_zero();
    let gpt = smollm2()?;
    let (weights, adapters) =
        (gpt.layout().len(), declare(&gpt, &LoraSettings::default())?.trained());
    counts(weights);
    memory(weights, adapters);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, arr2, aview1};
    use stage02_attention::linear::Linear;
    use stage02_attention::lora::{Adapter, Lora};
    use stage02_attention::params::{Init, Layout, Params};

    #[test]
    fn the_example_for_paper() {
        assert_eq!(times(X, PAPER.w), [7.0, 10.0]);
        assert_eq!(PAPER.forward(X), [3.0, 8.0]);
        assert_eq!(PAPER.backward(X, DY), [[2.0, 4.0], [-2.0, 2.0], [1.0, -3.0]]);
        assert_eq!(PAPER.merged(), [[5.0, 4.0], [-1.0, 2.0]]);
        assert_eq!(times(X, PAPER.merged()), [3.0, 8.0]);
        // Merged twice.
        assert_eq!(times(X, Layer { w: PAPER.merged(), ..PAPER }.merged()), [-1.0, 6.0]);
    }

    #[test]
    fn the_rules_are_what_nudges_say() {
        let pairs = nudged().concat().into_iter().zip(PAPER.backward(X, DY).concat());
        pairs.for_each(|(nudged, ruled)| assert!((nudged - ruled).abs() < 1e-9));
    }

    #[test]
    fn the_layer_of_the_program_does_the_same() {
        let mut layout = Layout::new();
        let adapter = Adapter::declare(layout.scope("w"), 2, 0..2, 1);
        let mut linear = Linear::declare(layout.scope("w"), 2, 2, false, Init::Zeros);
        linear.lora = Some(Lora::new(&[adapter], PAPER.s).unwrap());
        let values = [PAPER.a.to_vec(), PAPER.b.to_vec(), PAPER.w.concat()].concat();
        let params = Params { values };
        let (x, dy) = (arr2(&[X]), arr2(&[DY]));
        let (mut y, mut dx) = (Array2::zeros((1, 2)), Array2::zeros((1, 2)));
        linear.forward(&params, x.view(), y.view_mut());
        assert_eq!(y.row(0), aview1(&[3.0, 8.0]));
        let mut grads = Params::zeros_of_first(4);
        linear.backward(&params, x.view(), dy.view(), dx.view_mut(), &mut grads);
        assert_eq!(grads.values, [2.0, 4.0, -2.0, 2.0]);
        assert_eq!(dx.row(0), aview1(&[1.0, -3.0]));
    }

    #[test]
    fn both_zero_learn_nothing() {
        let zero = [0.0; 2];
        let loss = |layer, step: usize| first_steps(layer, 3000)[step].2;
        let both = Layer { a: zero, b: zero, ..PAPER };
        assert_eq!(loss(both, 0), loss(both, 2999));
        for one in [Layer { b: zero, ..PAPER }, Layer { a: zero, ..PAPER }] {
            assert!(loss(one, 2999) < 1e-6 && loss(one, 0) == 1.0);
        }
        // In the first step A gets no gradient, and B does.
        let [da, db, _] = Layer { b: zero, ..PAPER }.backward(X, DY);
        assert_eq!((da, db), (zero, [-2.0, 2.0]));
    }

    #[test]
    fn the_numbers_of_smollm2() {
        let gpt = smollm2().unwrap();
        assert_eq!(gpt.layout().len(), 134_515_008);
        let adapters = declare(&gpt, &LoraSettings::default()).unwrap();
        let block: usize = MATRICES.iter().map(|&(_, n, m)| numbers(n, m, 8)).sum();
        assert_eq!((numbers(576, 576, 8), block), (9_216, 81_408));
        assert_eq!(adapters.trained(), BLOCKS * block);
        assert_eq!(adapters.trained(), 2_442_240);
        assert_eq!(adapters.layout().len(), 136_957_248);
    }
}
