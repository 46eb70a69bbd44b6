//! The plain GPT and the fast one are held to each other, in `f64`.

use super::*;
use crate::config::GptConfig;
use proptest::prelude::*;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::backward::Backward;
use stage02_attention::matmul;
use stage02_attention::params::{Tensor, fill_normal};

const ADAMW: AdamW =
    AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };

fn model(n_layer: usize, n_head: usize, size: usize, bias: bool) -> Gpt {
    let n_embd = n_head * size;
    let sizes =
        GptConfig { vocab_size: 11, block_size: 7, n_layer, n_head, n_embd, dropout: 0.0, bias };
    Gpt::new(sizes).unwrap()
}

fn normal(gpt: &Gpt, std: f64, seed: u64) -> Params<f64> {
    let mut params = Params::zeros(gpt.layout());
    fill_normal(&mut params.values, std, &mut generator(seed, Purpose::Initialisation, 0));
    params
}

fn tokens(n: usize, seed: u64) -> Vec<u32> {
    let mut rng = generator(seed, Purpose::Other, 0);
    (0..n).map(|_| rng.random_range(0..11u32)).collect()
}

/// How far two lists are apart, as a share of the largest number in the first.
fn apart(tensor: &Tensor, a: &Params<f64>, b: &Params<f64>) -> f64 {
    let (a, b) = (&a.values[tensor.range()], &b.values[tensor.range()]);
    let largest = a.iter().fold(0.0, |largest: f64, a| largest.max(a.abs()));
    let furthest = a.iter().zip(b).fold(0.0, |far: f64, (a, b)| far.max((a - b).abs()));
    furthest / largest.max(f64::MIN_POSITIVE)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_fast_model_has_the_same_loss_and_gradients(
        n_layer in 1usize..4, n_head in 1usize..4, size in 3usize..9, batch in 1usize..4,
        length in 1usize..8, bias: bool, blocked: bool, seed: u64,
    ) {
        let gpt = model(n_layer, n_head, size, bias);
        let params = normal(&gpt, 0.5, seed);
        let (x, y) = (tokens(batch * length, seed), tokens(batch * length, seed ^ 1));

        let product = if blocked { matmul::gemm } else { matmul::plain };
        let plain = Plain { gpt: &gpt, length, product };
        // Gradients are added to what is there: begin with something.
        let mut slow = normal(&gpt, 1e-2, seed ^ 2);
        let mut fast = slow.clone();
        let acts = plain.forward(&params, &x);
        let loss = plain.backward(&params, &x, &y, &acts, &mut slow);

        let (acts, scratch) = (&mut gpt.activations(batch, length), &mut gpt.scratch(batch, length));
        let scale = 1.0 / x.len() as f64;
        gpt.forward(&params, &x, acts, None);
        let pass = Backward { params: &params, grads: &mut fast, scratch };
        let expected = scale * gpt.backward(&x, &y, scale, acts, pass);

        prop_assert!((loss - expected).abs() < 1e-10 * expected, "{loss} {expected}");
        for tensor in gpt.layout().tensors() {
            let apart = apart(tensor, &fast, &slow);
            prop_assert!(apart < 1e-10, "{}: {apart:e}", tensor.name);
        }
    }

    #[test]
    fn the_fast_optimiser_takes_the_same_steps(bias: bool, long: bool, seed: u64) {
        let gpt = model(1, 2, 5, bias);
        let (mut slow, mut slow_moments) = (normal(&gpt, 1.0, seed), Moments::new(gpt.layout()));
        let (mut fast, mut fast_moments) = (slow.clone(), slow_moments.clone());
        for t in 1..4 {
            let mut gradient = normal(&gpt, if long { 0.5 } else { 1e-3 }, seed ^ t as u64);
            let squares: f64 = gradient.values.iter().map(|g| g * g).sum();
            let factor = ADAMW.clip_factor(squares.sqrt());
            let mut taken = gradient.clone();
            ADAMW.step(t, 1e-2, factor, gpt.layout(), &mut fast, &mut taken, &mut fast_moments);
            clip(&ADAMW, &mut gradient);
            adamw(&ADAMW, t, 1e-2, gpt.layout(), &mut slow, &gradient, &mut slow_moments);
            for tensor in gpt.layout().tensors() {
                prop_assert!(apart(tensor, &fast, &slow) < 1e-12, "{}", tensor.name);
                prop_assert!(apart(tensor, &fast_moments.m, &slow_moments.m) < 1e-12);
                prop_assert!(apart(tensor, &fast_moments.v, &slow_moments.v) < 1e-12);
            }
        }
    }
}

#[test]
fn steps_of_both_lead_to_the_same_weights() {
    use crate::schedule::Schedule;
    use crate::trainer::{Settings, Trainer};
    let gpt = model(2, 2, 4, true);
    let mut weights: Params<f64> = normal(&gpt, 0.3, 1);
    let schedule =
        Schedule { learning_rate: 1e-2, min_lr: 1e-2, warmup_iters: 0, lr_decay_iters: 1 };
    let (batch_size, threads) = (3, 2);
    let settings = Settings {
        batch_size,
        gradient_accumulation_steps: 1,
        schedule,
        adamw: ADAMW,
        seed: 1,
        threads,
    };
    let mut trainer = Trainer::new(gpt.clone(), weights.clone(), settings).unwrap();
    let plain = Plain { gpt: &gpt, length: 7, product: matmul::plain };
    let mut moments = Moments::new(gpt.layout());
    for t in 1..5 {
        let (x, y) = (tokens(21, t as u64), tokens(21, t as u64 + 100));
        let loss = plain.step(&x, &y, (t, 1e-2), &ADAMW, &mut weights, &mut moments);
        trainer.accumulate(&x, &y);
        let step = trainer.step().unwrap();
        assert!((loss - step.loss).abs() < 1e-9, "{loss} {}", step.loss);
    }
    for tensor in gpt.layout().tensors() {
        let apart = apart(tensor, &trainer.weights, &weights);
        assert!(apart < 1e-7, "{}: {apart:e}", tensor.name);
    }
}
