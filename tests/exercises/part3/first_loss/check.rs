//! The first loss of a real model, guessed and measured.

use super::answer::{first_loss, first_loss_from_zero, first_loss_of_opinions, std_of_scores};
use exercises::probe::Probe;
use ndarray::Array2;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::plain::Plain;
use stage03_gpt::plain::layers::cross_entropy;
use std::sync::OnceLock;

const SIZES: GptConfig = GptConfig {
    vocab_size: 480,
    block_size: 64,
    n_layer: 4,
    n_head: 4,
    n_embd: 100,
    dropout: 0.0,
    bias: true, arch: Architecture::GPT2
};

/// Tokens that look random, always the same for one seed.
fn tokens(seed: u64, len: usize) -> Vec<u32> {
    let mut state = seed;
    let next = |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 480) as u32
    };
    (0..len).map(next).collect()
}

/// The standard deviation of the scores and the mean loss, of an untrained model.
fn measured(zero: bool, len: usize) -> (f64, f64) {
    let gpt = Gpt::new(SIZES).expect("a small GPT");
    let mut params =
        Params::<f64>::initialise(gpt.layout(), &mut generator(1, Purpose::Initialisation, 0));
    if zero {
        params.values.fill(0.0);
    }
    let model = Plain { product: stage02_attention::matmul::gemm, ..Plain::new(&gpt) };
    let logits = model.forward(&params, &tokens(1, len), &[]).logits;
    let std = logits.mapv(|z| z * z).mean().unwrap_or(0.0).sqrt();
    (std, cross_entropy(&logits, &tokens(2, len), 1.0).0 / len as f64)
}

/// The untrained model, measured once.
fn untrained() -> (f64, f64) {
    static FOUND: OnceLock<(f64, f64)> = OnceLock::new();
    *FOUND.get_or_init(|| measured(false, 512))
}

/// The mean loss of a model whose weights are all zero.
fn from_zero() -> f64 {
    static FOUND: OnceLock<f64> = OnceLock::new();
    *FOUND.get_or_init(|| measured(true, 64).1)
}

/// The mean loss of scores from the bell curve with the standard deviation 1.
fn opinions() -> f64 {
    static FOUND: OnceLock<f64> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let mut scores = vec![0.0; 2000 * 480];
        fill_normal(&mut scores, 1.0, &mut generator(1, Purpose::Other, 0));
        let scores = Array2::from_shape_vec((2000, 480), scores).expect("a table");
        cross_entropy(&scores, &tokens(3, 2000), 1.0).0 / 2000.0
    })
}

fn rounded(x: f64, digits: i32) -> f64 {
    (x * 10f64.powi(digits)).round() / 10f64.powi(digits)
}

pub fn probe(p: &mut Probe) {
    p.part("std_of_scores", |p| {
        let (guess, truth) = (std_of_scores(), untrained().0);
        p.predict("the standard deviation of the scores", rounded(guess, 1), rounded(truth, 1));
    });
    p.part("first_loss", |p| {
        let (guess, truth) = (first_loss(), untrained().1);
        p.predict("the first loss", rounded(guess, 1), rounded(truth, 1));
    });
    p.part("first_loss_from_zero", |p| {
        let (guess, truth) = (first_loss_from_zero(), from_zero());
        p.predict("the first loss from zero", rounded(guess, 4), rounded(truth, 4));
    });
    p.part("first_loss_of_opinions", |p| {
        let (guess, truth) = (first_loss_of_opinions(), opinions());
        p.predict("the loss of scores with the deviation 1", rounded(guess, 1), rounded(truth, 1));
    });
}
