//! The whole GPT in numbers: every matrix and vector of a tiny one, the sizes of known ones, and
//! which token sees which.

use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

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

fn paper() -> GptConfig {
    config([5, 4, 1, 1, 2], true)
}

fn default() -> GptConfig {
    config([2048, 64, 4, 4, 128], false)
}

fn gpt2_small() -> GptConfig {
    config([50_257, 1024, 12, 12, 768], true)
}

fn gpt2_xl() -> GptConfig {
    config([50_257, 1024, 48, 25, 1600], true)
}

// ANCHOR: change
/// How far the scores behind each token move when one token of a text is changed.
fn changed(gpt: &Gpt, params: &Params<f64>, text: &[u32], other: &[u32]) -> Result<Vec<f64>> {
    let moved = gpt.logits(params, text)? - gpt.logits(params, other)?;
    let rows = moved.rows().into_iter();
    Ok(rows.map(|row| row.iter().fold(0.0, |m, x| x.abs().max(m))).collect())
}
// ANCHOR_END: change

/// A model whose every number is random, so that nothing is hidden by a zero.
fn random_model(n_layer: usize, positions: bool) -> Result<(Gpt, Params<f64>)> {
    let gpt = Gpt::new(config([5, 8, n_layer, 2, 16], true))?;
    let mut params = Params::zeros(gpt.layout());
    fill_normal(&mut params.values, 0.3, &mut generator(1, Purpose::Initialisation, 0));
    if !positions {
        let wpe = gpt.layout().tensors().iter().find(|tensor| tensor.name == "wpe.weight");
        params.values[wpe.expect("every GPT has positions").range()].fill(0.0);
    }
    Ok((gpt, params))
}

// ANCHOR: order
/// Two tests for the order of tokens: how far the last scores move when two early tokens change
/// places, and how far the first and the last scores are apart when all tokens are the same.
fn order_tests(n_layer: usize, positions: bool) -> Result<[f64; 2]> {
    let (gpt, params) = random_model(n_layer, positions)?;
    let mut exchanged = ABRACADA;
    exchanged.swap(1, 2);
    let moved = changed(&gpt, &params, &ABRACADA, &exchanged)?[7];
    let logits = gpt.logits(&params, &[0; 8])?;
    let apart = &logits.row(0) - &logits.row(7);
    Ok([moved, apart.iter().fold(0.0, |most, x| x.abs().max(most))])
}
// ANCHOR_END: order

/// The word of the paper examples, in tokens: a b c d r are 0 1 2 3 4.
const ABRACADA: [u32; 8] = [0, 1, 4, 0, 2, 0, 3, 0];

/// A number with a comma after each three digits.
fn commas(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", commas(n / 1000), n % 1000) }
}

/// Runs the experiment.
pub fn run() -> Result<()> {
    println!(
        "EVERY TENSOR OF A GPT FOR PAPER: 5 tokens, context 4, 1 layer, 1 head, embedding width 2"
    );
    let gpt = Gpt::new(paper())?;
    for tensor in gpt.layout().tensors() {
        println!("  {:24}{:10}{:>6}", tensor.name, format!("{:?}", tensor.shape), tensor.len());
    }
    println!("  {:34}{:>6}", "together", gpt.layout().len());
    println!("  {:34}{:>6}", "by the formula", gpt.config().n_params());

    println!("\nHOW MANY NUMBERS?");
    println!("  {:14}{:>14}{:>15}{:>16}{:>16}", "", "embeddings", "blocks", "together", "untied");
    let models = [
        ("paper", paper()),
        ("default", default()),
        ("GPT-2 small", gpt2_small()),
        ("GPT-2 XL", gpt2_xl()),
    ];
    for (name, config) in &models {
        let all = config.n_params();
        let blocks = all - GptConfig { n_layer: 0, ..config.clone() }.n_params();
        let embeddings = (config.vocab_size + config.block_size) * config.n_embd;
        let untied = all + config.vocab_size * config.n_embd;
        let [embeddings, blocks, all, untied] = [embeddings, blocks, all, untied].map(commas);
        println!("  {name:14}{embeddings:>14}{blocks:>15}{all:>16}{untied:>16}");
    }

    println!("\nHOW MUCH WORK? Multiplications and additions to train on one token");
    for (name, config) in &models[1..] {
        println!("  {name:14}{:>16}", commas(config.flops_per_token() as usize));
    }

    println!(
        "\nWHO SEES WHOM? The fifth token of abracada is changed; the scores behind each move by"
    );
    let (gpt, params) = random_model(2, true)?;
    let mut other = ABRACADA;
    other[4] = 3;
    show(&changed(&gpt, &params, &ABRACADA, &other)?);

    println!("\nA BUG: NO POSITIONS. How far the scores move or differ, in two tests");
    println!("  {:28}{:>14}{:>14}", "", "two exchanged", "eight alike");
    for (n_layer, positions) in [(1, true), (1, false), (2, false)] {
        let [exchanged, alike] = order_tests(n_layer, positions)?;
        let name = format!("{n_layer} block(s), {}", if positions { "with" } else { "without" });
        println!("  {name:28}{exchanged:>14.4}{alike:>14.4}");
    }
    Ok(())
}

fn show(moved: &[f64]) {
    let letters = ABRACADA.map(|token| ["a", "b", "c", "d", "r"][token as usize]);
    println!("  {}", letters.map(|letter| format!("{letter:>8}")).concat());
    println!("  {}", moved.iter().map(|x| format!("{x:>8.4}")).collect::<String>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_the_chapter() {
        let counts = [paper(), default(), gpt2_small()].map(|config| config.n_params());
        assert_eq!(counts, [96, 1_057_920, 124_439_808]);
        assert_eq!(Gpt::new(paper()).unwrap().layout().len(), 96);
    }

    #[test]
    fn the_past_does_not_see_the_future() {
        let (gpt, params) = random_model(2, true).unwrap();
        let mut other = ABRACADA;
        other[4] = 3;
        let moved = changed(&gpt, &params, &ABRACADA, &other).unwrap();
        assert!(moved[..4].iter().all(|&x| x == 0.0) && moved[4..].iter().all(|&x| x > 0.0));
    }

    #[test]
    fn exchanging_is_a_test_for_one_block_only() {
        let [with, without, two] = [(1, true), (1, false), (2, false)]
            .map(|(n_layer, positions)| order_tests(n_layer, positions).unwrap());
        assert!(with.iter().all(|&x| x > 1e-3) && without.iter().all(|&x| x < 1e-12));
        assert!(two[0] > 1e-6 && two[1] < 1e-12);
    }
}
