//! Backpropagation through everything: each derivative of a small GPT against a nudge, two bugs that
//! the nudges find, sums over parts of a batch, and what has to be kept in memory.

use stage01_bigram::Result;
use stage01_bigram::gradcheck::{Agreement, Mismatch, check_gradient, check_gradient_at};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

/// The word of the paper examples in two windows of four, and what came after each token.
/// The tokens a b c d r are 0 1 2 3 4.
const INPUTS: [u32; 8] = [0, 1, 4, 0, 2, 0, 3, 0];
const TARGETS: [u32; 8] = [1, 4, 0, 2, 0, 3, 0, 1];

// ANCHOR: relay
/// A GPT of single numbers, with the embedding e and the layer w; 5 should come out.
/// Each value, and each derivative of the loss, in the order e, w, x, f, x1, z, L.
fn relay(e: f64, w: f64) -> ([f64; 7], [f64; 7]) {
    let x = e;
    let f = w * x;
    let x1 = x + f;
    let z = x1 * e;
    let loss = (z - 5.0) * (z - 5.0);

    let (mut de, mut dw, mut dx) = (0.0, 0.0, 0.0);
    let dz = 2.0 * (z - 5.0);
    let dx1 = dz * e; //  z = x1 e
    de += dz * x1;
    dx += dx1; //         x1 = x + f
    let df = dx1;
    dx += df * w; //      f = w x
    dw += df * x;
    de += dx; //          x = e
    ([e, w, x, f, x1, z, loss], [de, dw, dx, df, dx1, dz, 1.0])
}
// ANCHOR_END: relay

/// The sizes of a GPT: vocabulary, context, layers, heads, embedding width.
fn config([vocab_size, block_size, n_layer, n_head, n_embd]: [usize; 5], bias: bool) -> GptConfig {
    GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout: 0.0,
        bias,
        ..GptConfig::default()
    }
}

/// A small GPT with random numbers everywhere.
fn small() -> Result<(Gpt, Params<f64>)> {
    let gpt = Gpt::new(config([5, 4, 2, 2, 8], true))?;
    let mut params = Params::zeros(gpt.layout());
    fill_normal(&mut params.values, 0.5, &mut generator(1, Purpose::Initialisation, 0));
    Ok((gpt, params))
}

/// The mean loss of some text, read in windows of four.
fn loss(gpt: &Gpt, params: &Params<f64>, inputs: &[u32], targets: &[u32]) -> f64 {
    let mut acts = gpt.activations(inputs.len() / 4, 4);
    gpt.forward(params, inputs, &mut acts, None);
    gpt.loss(targets, &acts) / inputs.len() as f64
}

/// What may go wrong around a backward pass that is right.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    /// The gradient of the last batch was not set to zero.
    NotZeroed,
    /// Another text was read between the forward pass and the backward pass.
    ReadInBetween,
}

/// Adds the gradient of the mean loss to `grads`; `scale` is one over the tokens of the batch.
fn add_gradient(
    gpt: &Gpt,
    params: &Params<f64>,
    (inputs, targets): (&[u32], &[u32]),
    (scale, bug): (f64, Bug),
    grads: &mut Params<f64>,
) {
    let batch = inputs.len() / 4;
    let (mut acts, mut scratch) = (gpt.activations(batch, 4), gpt.scratch(batch, 4));
    gpt.forward(params, inputs, &mut acts, None);
    if bug == Bug::ReadInBetween {
        gpt.forward(params, &vec![3; inputs.len()], &mut acts, None);
    }
    let pass = Backward { params, grads, scratch: &mut scratch };
    gpt.backward(inputs, targets, scale, &mut acts, pass);
}

/// The gradient of the word, with a bug or without.
fn gradient(gpt: &Gpt, params: &Params<f64>, bug: Bug) -> Params<f64> {
    let mut grads = Params::zeros(gpt.layout());
    for _ in 0..if bug == Bug::NotZeroed { 2 } else { 1 } {
        add_gradient(gpt, params, (&INPUTS, &TARGETS), (1.0 / 8.0, bug), &mut grads);
    }
    grads
}

/// Nudges every number of the model.
fn check(gpt: &Gpt, params: &Params<f64>, bug: Bug) -> std::result::Result<Agreement, Mismatch> {
    // ANCHOR: check
    let analytic = gradient(gpt, params, bug).values;
    check_gradient(&mut params.values.clone(), &analytic, 1e-6, |values| {
        loss(gpt, &Params { values: values.to_vec() }, &INPUTS, &TARGETS)
    })
    // ANCHOR_END: check
}

/// The losses of some steps downhill, with the gradient set to zero before each or not.
fn walk(zeroed: bool) -> Result<Vec<f64>> {
    let gpt = Gpt::new(config([5, 4, 2, 2, 8], true))?;
    let mut params: Params<f64> = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    let (mut grads, mut losses) = (Params::zeros(gpt.layout()), Vec::new());
    for _ in 0..=100 {
        losses.push(loss(&gpt, &params, &INPUTS, &TARGETS));
        // ANCHOR: zero
        if zeroed {
            grads.values.fill(0.0);
        }
        // ANCHOR_END: zero
        add_gradient(&gpt, &params, (&INPUTS, &TARGETS), (1.0 / 8.0, Bug::None), &mut grads);
        params.values.iter_mut().zip(&grads.values).for_each(|(w, dw)| *w -= 0.1 * dw);
    }
    Ok(losses)
}

/// A number with a comma after each three digits.
fn commas(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", commas(n / 1000), n % 1000) }
}

/// Runs the experiment.
pub fn run() -> Result<()> {
    println!("A GPT OF SINGLE NUMBERS");
    println!("  {:>6}{:>10}{:>12}", "", "value", "derivative");
    let (values, derivatives) = relay(2.0, 0.5);
    for (i, name) in ["e", "w", "x", "f", "x1", "z", "L"].iter().enumerate() {
        println!("  {name:>6}{:>10.4}{:>12.4}", values[i], derivatives[i]);
    }
    let (h, last) = (1e-5, |e, w| relay(e, w).0[6]);
    let by_e = (last(2.0 + h, 0.5) - last(2.0 - h, 0.5)) / (2.0 * h);
    let by_w = (last(2.0, 0.5 + h) - last(2.0, 0.5 - h)) / (2.0 * h);
    println!("  by nudging: e {by_e:.4}, w {by_w:.4}");

    let (gpt, params) = small()?;
    println!("\nEVERY DERIVATIVE OF A SMALL GPT, against a nudge");
    println!("  {:24}{:>10}{:>16}{:>16}", "tensor", "numbers", "gradient norm", "largest error");
    let grads = gradient(&gpt, &params, Bug::None).values;
    for tensor in gpt.layout().tensors().iter().filter(|t| !t.name.starts_with("h.1")) {
        let length = grads[tensor.range()].iter().map(|g| g * g).sum::<f64>().sqrt();
        let mut values = params.values.clone();
        let nudged =
            |values: &[f64]| loss(&gpt, &Params { values: values.to_vec() }, &INPUTS, &TARGETS);
        let agreement = check_gradient_at(tensor.range(), &mut values, &grads, 1e-6, nudged);
        let error = agreement.map_or(f64::INFINITY, |agreement| agreement.error);
        println!("  {:24}{:>10}{length:>16.4}{error:>16.0e}", tensor.name, tensor.len());
    }

    println!("\nNUDGE THEM ALL");
    for bug in [Bug::None, Bug::NotZeroed, Bug::ReadInBetween] {
        match check(&gpt, &params, bug) {
            Ok(agreement) => println!("  {bug:?}: all {} derivatives agree", agreement.checked),
            Err(Mismatch { wrong, checked, analytic, numeric, .. }) => println!(
                "  {bug:?}: {wrong} of {checked} are wrong; one is {analytic:.4}, nudging gives \
                 {numeric:.4}"
            ),
        }
    }

    println!("\nA BUG: THE GRADIENT IS NOT SET TO ZERO. The loss, step by step");
    println!("  {:>6}{:>14}{:>18}", "step", "set to zero", "not set to zero");
    let (right, wrong) = (walk(true)?, walk(false)?);
    for step in [0, 5, 10, 20, 30, 40, 100] {
        println!("  {step:>6}{:>14.4}{:>18.4}", right[step], wrong[step]);
    }

    println!("\nTWO HALVES OF A BATCH, ADDED UP");
    let mut halves = Params::zeros(gpt.layout());
    for half in [0..4, 4..8] {
        let text = (&INPUTS[half.clone()], &TARGETS[half]);
        add_gradient(&gpt, &params, text, (1.0 / 8.0, Bug::None), &mut halves);
    }
    let differences = halves.values.iter().zip(&grads).map(|(a, b)| (a - b).abs());
    println!("  largest difference to the whole: {:.0e}", differences.fold(0.0, f64::max));

    println!("\nMEMORY, in numbers");
    println!("  {:36}{:>14}{:>18}", "", "default", "GPT-2 small");
    let models = [config([2048, 64, 4, 4, 128], false), config([50_257, 1024, 12, 12, 768], true)];
    let show = |name: &str, count: fn(&GptConfig) -> usize| {
        let [default, small] = models.each_ref().map(|config| commas(count(config)));
        println!("  {name:36}{default:>14}{small:>18}");
    };
    show("weights", GptConfig::n_params);
    show("weights, gradient and two moments", |config| 4 * config.n_params());
    show("kept for each token", |config| config.activations_per_token() as usize);
    show("kept for twelve full windows", |config| {
        config.activations_per_token() as usize * 12 * config.block_size
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_on_paper() {
        let (values, derivatives) = relay(2.0, 0.5);
        assert_eq!(values, [2.0, 0.5, 2.0, 1.0, 3.0, 6.0, 1.0]);
        assert_eq!(derivatives, [12.0, 8.0, 6.0, 4.0, 4.0, 2.0, 1.0]);
    }

    #[test]
    fn nudges_agree_and_find_both_bugs() {
        let (gpt, params) = small().unwrap();
        assert_eq!(check(&gpt, &params, Bug::None).unwrap().checked, gpt.layout().len());
        assert!(check(&gpt, &params, Bug::NotZeroed).is_err());
        assert!(check(&gpt, &params, Bug::ReadInBetween).is_err());
    }

    #[test]
    fn a_second_pass_doubles_the_gradient() {
        let (gpt, params) = small().unwrap();
        let [once, twice] =
            [Bug::None, Bug::NotZeroed].map(|bug| gradient(&gpt, &params, bug).values);
        assert!(once.iter().zip(twice).all(|(once, twice)| (2.0 * once - twice).abs() < 1e-12));
    }
}
