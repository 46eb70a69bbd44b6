//! The plain GPT and the fast one are held to each other, in `f64`.

use super::train::{Hyperparameters, Report};
use super::*;
use crate::adamw::AdamW;
use crate::architecture::Architecture;
use crate::config::GptConfig;
use crate::generate::Decoder;
use crate::gpt::tests::random_weights;
use crate::schedule::Schedule;
use crate::trainer::{Settings, Trainer};
use proptest::prelude::*;
use rand::RngExt;
use stage01_bigram::dataset::Dataset;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage02_attention::backward::Backward;
use stage02_attention::params::Tensor;

const ADAMW: AdamW =
    AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };

const SIZES: GptConfig = GptConfig {
    vocab_size: 11,
    block_size: 7,
    n_layer: 2,
    n_head: 2,
    n_embd: 8,
    dropout: 0.0,
    bias: true,
    arch: Architecture::GPT2,
};

fn tokens(n: usize, seed: u64) -> Vec<u32> {
    let mut rng = generator(seed, Purpose::Other, 0);
    (0..n).map(|_| rng.random_range(0..11u32)).collect()
}

fn rngs(n: usize, seed: u64) -> Vec<Generator> {
    (0..n).map(|b| generator(seed, Purpose::Dropout, b as u64)).collect()
}

/// The largest distance of two tensors, relative to the largest number in the first.
fn distance(tensor: &Tensor, a: &Params<f64>, b: &Params<f64>) -> f64 {
    let (a, b) = (&a.values[tensor.range()], &b.values[tensor.range()]);
    let largest = a.iter().fold(0.0, |largest: f64, a| largest.max(a.abs()));
    let furthest = a.iter().zip(b).fold(0.0, |far: f64, (a, b)| far.max((a - b).abs()));
    furthest / largest.max(f64::MIN_POSITIVE)
}

/// Compares the loss and every gradient of a micro-batch of `batch` sequences.
fn compare_gradients(gpt: &Gpt, batch: usize, length: usize, seed: u64, product: Product<f64>) {
    let params = random_weights(gpt, 0.5, seed);
    let (x, y) = (tokens(batch * length, seed), tokens(batch * length, seed ^ 1));

    let plain = Plain { gpt, length, product };
    // Gradients are added to what is there: begin with something.
    let mut slow = random_weights(gpt, 1e-2, seed ^ 2);
    let mut fast = slow.clone();
    let accumulation = 3.0;
    let plain_batch = Batch { tokens: x.clone(), targets: y.clone(), rngs: rngs(batch, seed) };
    let acts = plain.forward(&params, &x, &plain_batch.rngs);
    let loss = plain.backward(&params, &plain_batch, &acts, 1.0 / accumulation, &mut slow);

    let (acts, scratch) = (&mut gpt.activations(batch, length), &mut gpt.scratch(batch, length));
    let n = x.len() as f64;
    gpt.forward(&params, &x, acts, Some(&mut rngs(batch, seed)));
    let scale = 1.0 / (n * accumulation);
    let pass = Backward { params: &params, grads: &mut fast, scratch };
    let expected = gpt.backward(&x, &y, scale, acts, pass) / n;

    assert!((loss - expected).abs() < 1e-10 * expected, "{loss} {expected}");
    for tensor in gpt.layout().tensors() {
        let distance = distance(tensor, &fast, &slow);
        assert!(distance < 1e-10, "{}: {distance:e}", tensor.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_fast_model_has_the_same_loss_and_gradients(
        n_layer in 1usize..4, n_head in 1usize..4, size in 3usize..9, batch in 1usize..4,
        length in 1usize..8, bias: bool, dropout in prop::sample::select(vec![0.0, 0.3]),
        blocked: bool, seed: u64,
    ) {
        let n_embd = n_head * size;
        let gpt = Gpt::new(GptConfig { n_layer, n_head, n_embd, bias, dropout, ..SIZES }).unwrap();
        let product = if blocked { matmul::gemm } else { matmul::plain };
        compare_gradients(&gpt, batch, length, seed, product);
    }

    #[test]
    fn the_fast_optimiser_takes_the_same_steps(bias: bool, long: bool, seed: u64) {
        let gpt = Gpt::new(GptConfig { bias, ..SIZES }).unwrap();
        let mut slow = random_weights(&gpt, 1.0, seed);
        let mut optimiser = Optimiser::new(ADAMW, gpt.layout());
        let (mut fast, mut moments) = (slow.clone(), optimiser.moments.clone());
        for t in 1..4 {
            let mut gradient = random_weights(&gpt, if long { 0.5 } else { 1e-3 }, seed ^ t as u64);
            let squares: f64 = gradient.values.iter().map(|g| g * g).sum();
            let factor = ADAMW.clip_factor(squares.sqrt());
            let mut taken = gradient.clone();
            ADAMW.step(t, 1e-2, factor, gpt.layout(), &mut fast, &mut taken, &mut moments);
            prop_assert_eq!(optimiser.clip(&mut gradient), squares.sqrt());
            optimiser.step(1e-2, &mut slow, &gradient);
            for tensor in gpt.layout().tensors() {
                prop_assert!(distance(tensor, &fast, &slow) < 1e-12, "{}", tensor.name);
                prop_assert!(distance(tensor, &moments.m, &optimiser.moments.m) < 1e-12);
                prop_assert!(distance(tensor, &moments.v, &optimiser.moments.v) < 1e-12);
            }
        }
    }

    /// Prompts shorter and longer than a block, and texts over several context shifts.
    #[test]
    fn the_fast_model_writes_the_same_text(
        block_size in 1usize..8, prompt in 1usize..30, temperature in prop::sample::select(vec![0.0, 1.0]),
        seed: u64,
    ) {
        let gpt = Gpt::new(GptConfig { block_size, ..SIZES }).unwrap();
        let params = random_weights(&gpt, 0.5, seed);
        let prompt = tokens(prompt, seed);
        let sampler = || Sampler::new(temperature, Some(9), None).unwrap();
        let rng = || generator(seed, Purpose::Sampling, 0);

        let mut decoder = Decoder::new(&gpt, &params, None).unwrap();
        decoder.prefill(&prompt).unwrap();
        let (mut fast_sampler, mut fast_rng) = (sampler(), rng());
        let fast: Vec<u32> = (0..30).map(|_| decoder.decode_step(&mut fast_sampler, &mut fast_rng)).collect();
        let plain = Plain::new(&gpt);
        let text = plain.generate(&params, &prompt, 30, &mut sampler(), &mut rng()).unwrap();
        prop_assert_eq!(text, fast);
    }

    /// With the cache and without it.
    #[test]
    fn a_decode_step_gives_the_logits_of_the_whole_text(bias: bool, first in 1usize..7, seed: u64) {
        let gpt = Gpt::new(GptConfig { bias, ..SIZES }).unwrap();
        let (params, text, plain) = (random_weights(&gpt, 0.5, seed), tokens(7, seed), Plain::new(&gpt));
        let (mut cache, mut logits) = plain.prefill(&params, &text[..first]);
        for n in first..=7 {
            prop_assert_eq!(cache.tokens(), n);
            let whole = gpt.logits(&params, &text[..n]).unwrap();
            for (a, b) in logits.iter().zip(whole.row(n - 1)) {
                prop_assert!((a - b).abs() < 1e-10, "{a} {b}");
            }
            if n < 7 {
                logits = plain.decode_step(&params, &mut cache, text[n]);
            }
        }
    }
}

/// The fast attention draws its dropout masks 64 queries at a time, from the last to the first.
#[test]
fn long_sequences_drop_the_same_attention_weights() {
    for length in [64, 65, 130] {
        let sizes = GptConfig { block_size: 130, n_layer: 1, dropout: 0.4, ..SIZES };
        compare_gradients(&Gpt::new(sizes).unwrap(), 2, length, 3, matmul::gemm);
    }
}

/// Runs 20 steps of both on the same text, with micro-batches, schedule and dropout, and compares
/// the loss of every step, the evaluations and the weights.
#[test]
fn runs_of_both_lead_to_the_same_weights() {
    for (dropout, gradient_accumulation_steps) in [(0.0, 1), (0.0, 3), (0.2, 2)] {
        let gpt = Gpt::new(GptConfig { dropout, ..SIZES }).unwrap();
        let data = [200, 50].map(|n| Dataset::new(tokens(n, n as u64), 7).unwrap());
        let (batch_size, seed, max_iters) = (3, 5, 20);
        let schedule =
            Schedule { learning_rate: 1e-2, min_lr: 1e-3, warmup_iters: 5, lr_decay_iters: 15 };
        let start: Params<f64> = random_weights(&gpt, 0.3, 1);

        let settings = Hyperparameters {
            batch_size,
            gradient_accumulation_steps,
            max_iters,
            schedule,
            adamw: ADAMW,
            eval_interval: 10,
            eval_iters: 4,
            seed,
        };
        let (mut weights, mut reports) = (start.clone(), Vec::new());
        let data_sets = [&data[0], &data[1]];
        Plain::new(&gpt).train(&settings, data_sets, &mut weights, |report| reports.push(report));

        let settings = Settings {
            batch_size,
            gradient_accumulation_steps,
            schedule,
            adamw: ADAMW,
            seed,
            threads: 2,
        };
        let mut trainer = Trainer::new(gpt, start, settings).unwrap();
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let mut expected = Vec::new();
        for i in 0..=max_iters {
            if i % 10 == 0 {
                let [train, validation] = [0, 1].map(|set| {
                    let mut rng = generator(seed, Purpose::Evaluation, set as u64);
                    let losses = (0..4).map(|_| {
                        data[set].sample_batch(batch_size, 7, &mut rng, &mut x, &mut y);
                        trainer.evaluate(&x, &y)
                    });
                    losses.sum::<f64>() / (4 * 3 * 7) as f64
                });
                expected.push(Report::Evaluation { iter: i, train, validation });
            }
            if i == max_iters {
                break;
            }
            for _ in 0..gradient_accumulation_steps {
                data[0].sample_batch(batch_size, 7, &mut trainer.batch_rng(), &mut x, &mut y);
                trainer.accumulate(&x, &y);
            }
            let step = trainer.step().unwrap();
            expected.push(Report::Step { iter: step.iter, loss: step.loss, lr: step.lr });
        }

        assert_eq!(reports.len(), expected.len());
        for (report, expected) in reports.iter().zip(&expected) {
            let same = |a: f64, b: f64| (a - b).abs() < 1e-8;
            let same = match (*report, *expected) {
                (
                    Report::Step { iter: i, loss: a, lr: a_rate },
                    Report::Step { iter: j, loss: b, lr: b_rate },
                ) => i == j && same(a, b) && a_rate == b_rate,
                (
                    Report::Evaluation { iter: i, train: a, validation: a_val },
                    Report::Evaluation { iter: j, train: b, validation: b_val },
                ) => i == j && same(a, b) && same(a_val, b_val),
                _ => false,
            };
            assert!(same, "{report:?} {expected:?}");
        }
        for tensor in trainer.gpt().layout().tensors() {
            let distance = distance(tensor, &trainer.weights, &weights);
            assert!(distance < 1e-6, "{}: {distance:e}", tensor.name);
        }
    }
}

#[test]
fn the_default_run_is_that_of_the_command_line() {
    let run = crate::settings::RunSettings::default();
    let plain = Hyperparameters::default();
    let fast = run.settings();
    let min_lr = plain.schedule.min_lr;
    assert!((min_lr - fast.schedule.min_lr).abs() < 1e-12); // a tenth, but for rounding
    assert_eq!(plain.schedule, Schedule { min_lr, ..fast.schedule });
    assert_eq!(plain.adamw, fast.adamw);
    assert_eq!((plain.batch_size, plain.seed), (fast.batch_size, fast.seed));
    assert_eq!(plain.gradient_accumulation_steps, fast.gradient_accumulation_steps);
    assert_eq!((plain.max_iters, plain.eval_iters), (run.max_iters, run.eval_iters));
    assert_eq!(plain.eval_interval, run.eval_interval().unwrap());
}

#[test]
fn prompts_that_cannot_be_read_are_refused() {
    let gpt = Gpt::new(SIZES).unwrap();
    let (params, plain) = (random_weights(&gpt, 0.5, 1), Plain::new(&gpt));
    for (prompt, expected) in [(vec![], "at least one token"), (vec![1, 11], "11")] {
        let rng = &mut generator(1, Purpose::Sampling, 0);
        let error = plain.generate(&params, &prompt, 3, &mut Sampler::greedy(), rng).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
