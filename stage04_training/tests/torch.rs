//! libtorch against stage 3: the same weights and batches must give the same numbers.
//!
//! On the CPU, where both can run, and also on a GPU if libtorch sees one. `torch/packed.rs` does the
//! same for packed batches and low-rank adapters.

#[path = "torch/packed.rs"]
mod packed;

use std::io::Write;
use std::sync::Once;

use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::attention::rotary::Rope;
use stage02_attention::params::{Params, fill_normal};
use stage03_gpt::adamw::AdamW;
use stage03_gpt::architecture::{Architecture, MlpKind, NormKind, Positions};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};
use stage04_training::backend::device::{Device, Precision};
use stage04_training::backend::torch::{Options, TorchBackend};
use stage04_training::backend::{Backend, open};
use stage04_training::backend::{DeviceInfo, Verdict, judge};

const VOCABULARY: usize = 61;
const LENGTH: usize = 24;
const BATCH: usize = 3;

fn gpt(bias: bool, dropout: f64) -> Gpt {
    let (n_layer, n_head, n_embd) = (3, 4, 32);
    let (vocab_size, block_size) = (VOCABULARY, LENGTH);
    Gpt::new(GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        ..GptConfig::default()
    })
    .unwrap()
}

/// The model of [`gpt`] with other parts.
fn gpt_of(arch: Architecture, bias: bool, dropout: f64) -> Gpt {
    Gpt::new(GptConfig { arch, ..gpt(bias, dropout).config().clone() }).unwrap()
}

/// A Llama with grouped queries and an output layer of its own.
fn llama(dropout: f64) -> Gpt {
    let arch = Architecture { n_kv_head: Some(2), tie_weights: false, ..Architecture::LLAMA };
    gpt_of(arch, false, dropout)
}

/// Every mixture of parts. Sizes and constants change with the number of the mixture.
fn mixtures() -> Vec<Gpt> {
    let mut all = Vec::new();
    for number in 0..3 * 3 * 32 {
        let chosen = |bit: usize| number >> bit & 1 == 1;
        let (n_kv_head, biases) = ([4, 2, 1][number / 32 % 3], number / 96);
        let theta = if number % 5 == 0 { 50.0 } else { 10_000.0 };
        let eps = if number % 3 == 0 { 1e-2 } else { 1e-6 };
        let arch = Architecture {
            norm: if chosen(0) { NormKind::RmsNorm { eps } } else { NormKind::LayerNorm },
            positions: match chosen(1) {
                true => Positions::Rotary(Rope::new(theta)),
                false => Positions::Learned,
            },
            mlp: if chosen(2) { MlpKind::SwiGlu } else { MlpKind::Gelu },
            tie_weights: chosen(3),
            n_inner: chosen(4).then_some(23),
            n_kv_head: Some(n_kv_head),
            qkv_bias: biases == 1,
        };
        let small = gpt_of(arch, biases == 2, 0.0).config().clone();
        all.push(Gpt::new(GptConfig { n_layer: 2, n_embd: 16, ..small }).unwrap());
    }
    all
}

/// Weights as during training: no bias is zero, and no weight of a norm is one.
fn weights(gpt: &Gpt) -> Params<f32> {
    let mut weights = gpt.initialise(&mut generator(5, Purpose::Initialisation, 0));
    let mut noise = vec![0.0; weights.values.len()];
    fill_normal(&mut noise, 0.05, &mut generator(5, Purpose::Other, 0));
    for (weight, noise) in weights.values.iter_mut().zip(noise) {
        *weight += noise;
    }
    weights
}

fn settings(gradient_accumulation_steps: usize) -> Settings {
    let schedule =
        Schedule { learning_rate: 3e-3, min_lr: 3e-4, warmup_iters: 2, lr_decay_iters: 20 };
    let adamw = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };
    let (seed, threads) = (7, 2);
    Settings { batch_size: BATCH, gradient_accumulation_steps, schedule, adamw, seed, threads }
}

/// The inputs and targets of a micro-batch.
fn batch(number: u64) -> (Vec<u32>, Vec<u32>) {
    let mut rng = generator(1, Purpose::Other, number);
    let mut draw = || (0..BATCH * LENGTH).map(|_| rng.random_range(0..VOCABULARY as u32)).collect();
    (draw(), draw())
}

fn torch_on(device: Device, options: Options, gpt: &Gpt, settings: Settings) -> TorchBackend {
    TorchBackend::new(device, options, gpt.clone(), &weights(gpt), settings).unwrap()
}

fn full() -> Options {
    Options::new(Precision::F32)
}

/// All devices and options that should give the same numbers.
fn variants() -> Vec<(Device, Options)> {
    let plain = Options { fused_attention: false, fused_optimiser: false, ..full() };
    let mut variants = vec![(Device::TorchCpu, full()), (Device::TorchCpu, plain)];
    match judge(&DeviceInfo::gather()) {
        Verdict::Ready => variants.extend([(Device::Cuda(0), full()), (Device::Cuda(0), plain)]),
        Verdict::No(reason) => print_once(&format!("CUDA is not tested: {}", reason.problem())),
    }
    variants
}

/// Prints a message once, also if the output of passing tests is captured.
fn print_once(words: &str) {
    static PRINTED: Once = Once::new();
    PRINTED.call_once(|| {
        let _ = writeln!(std::io::stderr(), "{words}");
    });
}

// ANCHOR: difference
/// The largest difference of two lists, divided by the largest absolute value of the first.
fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let largest = ours.iter().fold(0f32, |most, x| most.max(x.abs()));
    let error = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    error / largest.max(1e-30)
}
// ANCHOR_END: difference

#[test]
fn logits_are_the_same() {
    for bias in [true, false] {
        let gpt = gpt(bias, 0.0);
        for (device, options) in variants() {
            let torch = torch_on(device, options, &gpt, settings(1));
            let (tokens, _) = batch(0);
            let theirs = torch.logits(&tokens, LENGTH).unwrap();
            for (i, sequence) in tokens.chunks(LENGTH).enumerate() {
                let ours = gpt.logits(&weights(&gpt), sequence).unwrap();
                let ours = ours.as_slice().unwrap();
                let theirs = &theirs[i * ours.len()..][..ours.len()];
                let difference = difference(ours, theirs);
                assert!(difference < 1e-5, "{device} {options:?} bias {bias}: {difference}");
            }
        }
    }
}

#[test]
fn every_gradient_is_the_same() {
    for (bias, micro_batches) in [(true, 1), (false, 1), (true, 3)] {
        let gpt = gpt(bias, 0.0);
        let mut ours = Trainer::new(gpt.clone(), weights(&gpt), settings(micro_batches)).unwrap();
        for number in 0..micro_batches as u64 {
            let (x, y) = batch(number);
            ours.accumulate(&x, &y);
        }
        let ours = ours.gradient();
        // ANCHOR: gradients
        for (device, options) in variants() {
            let mut torch = torch_on(device, options, &gpt, settings(micro_batches));
            for number in 0..micro_batches as u64 {
                let (x, y) = batch(number);
                torch.accumulate(&x, &y).unwrap();
            }
            let theirs = torch.gradient().unwrap();
            for tensor in gpt.layout().tensors() {
                let difference =
                    difference(&ours.values[tensor.range()], &theirs.values[tensor.range()]);
                let name = &tensor.name;
                assert!(difference < 1e-4, "{device} {options:?} {name}: {difference}");
            }
        }
        // ANCHOR_END: gradients
    }
}

#[test]
fn ten_steps_give_the_same_losses() {
    for (bias, micro_batches) in [(true, 1), (false, 2)] {
        let gpt = gpt(bias, 0.0);
        let mut ours = Trainer::new(gpt.clone(), weights(&gpt), settings(micro_batches)).unwrap();
        let steps: Vec<_> = (0..10)
            .map(|_| {
                for number in 0..micro_batches as u64 {
                    // The same two batches in every step, so that the loss falls fast.
                    let (x, y) = batch(number);
                    ours.accumulate(&x, &y);
                }
                ours.step().unwrap()
            })
            .collect();
        assert!(steps[9].loss < 0.9 * steps[0].loss, "the loss does not fall: {steps:?}");
        for (device, options) in variants() {
            let mut torch = torch_on(device, options, &gpt, settings(micro_batches));
            for ours in &steps {
                for number in 0..micro_batches as u64 {
                    let (x, y) = batch(number);
                    torch.accumulate(&x, &y).unwrap();
                }
                let theirs = torch.step().unwrap();
                assert_eq!((theirs.iter, theirs.lr), (ours.iter, ours.lr));
                let error = (theirs.loss - ours.loss).abs();
                assert!(error < 1e-4, "{device} {options:?}: {ours:?} {theirs:?}");
                let error = (theirs.grad_norm / ours.grad_norm - 1.0).abs();
                assert!(error < 1e-4, "{device} {options:?}: {ours:?} {theirs:?}");
            }
        }
    }
}

/// Logits, loss, every gradient and some steps of every mixture of parts.
#[test]
fn every_architecture_is_the_same() {
    let half = LENGTH / 2;
    let ((x, y), (x2, y2)) = (batch(0), batch(1));
    // One thread: in models as small as these, threads wait for one another most of the time.
    let settings = Settings { threads: 1, ..settings(2) };
    for gpt in mixtures() {
        let mut ours = Trainer::new(gpt.clone(), weights(&gpt), settings.clone()).unwrap();
        // A sequence shorter than block_size.
        let logits = gpt.logits(&weights(&gpt), &x[..half]).unwrap();
        let evaluated = ours.evaluate(&x, &y);
        ours.accumulate(&x, &y);
        ours.accumulate(&x2, &y2);
        let gradient = ours.gradient();
        let mut steps = vec![ours.step().unwrap()];
        for _ in 0..2 {
            ours.accumulate(&x, &y);
            ours.accumulate(&x2, &y2);
            steps.push(ours.step().unwrap());
        }
        assert!(steps[2].loss < steps[0].loss, "the loss does not fall: {steps:?}");

        for (device, options) in variants() {
            let of = format!("{device} {options:?} {:?}", gpt.config());
            let mut torch = torch_on(device, options, &gpt, settings.clone());
            let theirs = torch.logits(&x[..half], half).unwrap();
            let error = difference(logits.as_slice().unwrap(), &theirs);
            assert!(error < 1e-5, "logits: {error} {of}");
            let theirs = torch.evaluate(&x, &y).unwrap();
            assert!((theirs / evaluated - 1.0).abs() < 1e-6, "{evaluated} {theirs} {of}");
            for (number, expected) in steps.iter().enumerate() {
                torch.accumulate(&x, &y).unwrap();
                torch.accumulate(&x2, &y2).unwrap();
                if number == 0 {
                    let theirs = torch.gradient().unwrap();
                    for tensor in gpt.layout().tensors() {
                        let [ours, theirs] =
                            [&gradient, &theirs].map(|all| &all.values[tensor.range()]);
                        let error = difference(ours, theirs);
                        assert!(error < 1e-4, "{}: {error} {of}", tensor.name);
                    }
                }
                let theirs = torch.step().unwrap();
                let error = (theirs.loss - expected.loss).abs();
                assert!(error < 1e-4, "{expected:?} {theirs:?} {of}");
            }
        }
    }
}

#[test]
fn the_evaluated_loss_is_the_same() {
    let gpt = gpt(true, 0.1);
    let mut ours = Trainer::new(gpt.clone(), weights(&gpt), settings(1)).unwrap();
    let (x, y) = batch(0);
    let ours = ours.evaluate(&x, &y);
    for (device, options) in variants() {
        let mut torch = torch_on(device, options, &gpt, settings(1));
        let theirs = torch.evaluate(&x, &y).unwrap();
        assert!((theirs / ours - 1.0).abs() < 1e-6, "{device} {options:?}: {ours} {theirs}");
        // It leaves no gradient.
        assert!(torch.gradient().unwrap().values.iter().all(|&g| g == 0.0));
    }
}

fn train(backend: &mut dyn Backend, steps: usize) {
    for _ in 0..steps {
        for number in 0..2 {
            let (x, y) = batch(2 * backend.iter() as u64 + number);
            backend.accumulate(&x, &y).unwrap();
        }
        backend.step().unwrap();
    }
}

#[test]
fn a_resumed_run_ends_with_the_same_bytes() {
    let unfused = Options { fused_attention: false, ..full() };
    for (gpt, options) in
        [gpt(true, 0.2), llama(0.2)].iter().flat_map(|gpt| [(gpt, full()), (gpt, unfused)])
    {
        let new = || torch_on(Device::TorchCpu, options, gpt, settings(2));
        let mut whole = new();
        train(&mut whole, 12);

        let mut first = new();
        train(&mut first, 5);
        let (weights, moments) = first.state().unwrap();
        let (weights, moments) = (weights.clone(), moments.clone());
        drop(first);
        let mut second = new();
        // Another RNG state and other weights, which must not matter.
        train(&mut second, 1);
        second.restore(5, weights, moments).unwrap();
        assert_eq!(second.iter(), 5);
        train(&mut second, 7);

        assert!(whole.state().unwrap() == second.state().unwrap());
    }
}

#[test]
fn dropout_is_on_only_in_training_and_depends_on_the_seed() {
    let gpt = gpt(true, 0.3);
    let loss = |seed| {
        let mut torch = torch_on(Device::TorchCpu, full(), &gpt, Settings { seed, ..settings(1) });
        let (x, y) = batch(0);
        torch.accumulate(&x, &y).unwrap();
        let trained = torch.step().unwrap().loss;
        (trained, torch)
    };
    let (a, _) = loss(1);
    let (b, mut torch) = loss(2);
    assert_ne!(a, b);
    let (x, y) = batch(0);
    assert_eq!(torch.evaluate(&x, &y).unwrap(), torch.evaluate(&x, &y).unwrap());

    // Each micro-batch has its own dropout mask: the same batch twice gives two gradients.
    let mut torch = torch_on(Device::TorchCpu, full(), &gpt, settings(2));
    torch.accumulate(&x, &y).unwrap();
    let once = torch.gradient().unwrap().values;
    torch.accumulate(&x, &y).unwrap();
    let twice = torch.gradient().unwrap().values;
    let doubled: Vec<f32> = once.iter().map(|g| 2.0 * g).collect();
    assert!(difference(&twice, &doubled) > 0.1);

    // The mean gradient over many seeds is near that without dropout, because of the scaling.
    let none = self::gpt(true, 0.0);
    let gradient = |gpt: &Gpt, seed| {
        let mut torch = torch_on(Device::TorchCpu, full(), gpt, Settings { seed, ..settings(1) });
        torch.accumulate(&x, &y).unwrap();
        torch.gradient().unwrap().values
    };
    let exact = gradient(&none, 0);
    let mut mean = vec![0f32; exact.len()];
    for seed in 0..200 {
        for (mean, g) in mean.iter_mut().zip(gradient(&gpt, seed)) {
            *mean += g / 200.0;
        }
    }
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let cosine = dot(&mean, &exact) / (dot(&mean, &mean) * dot(&exact, &exact)).sqrt();
    assert!(cosine > 0.9, "{cosine}");
}

#[test]
fn bf16_is_near_f32_but_not_equal() {
    let run = |gpt: &Gpt, device, precision| {
        let mut torch = torch_on(device, Options::new(precision), gpt, settings(1));
        let (x, y) = batch(0);
        let step = |_| {
            torch.accumulate(&x, &y).unwrap();
            torch.step().unwrap().loss
        };
        let losses: Vec<f64> = (0..10).map(step).collect();
        (losses, torch.state().unwrap().0.clone())
    };
    let gpts = [gpt(true, 0.0), llama(0.0)];
    let fused = variants().into_iter().filter(|(_, options)| options.fused_attention);
    for (gpt, device) in fused.flat_map(|(device, _)| gpts.each_ref().map(|gpt| (gpt, device))) {
        let (full, weights) = run(gpt, device, Precision::F32);
        let (half, rounded) = run(gpt, device, Precision::Bf16);
        assert_ne!(weights, rounded);
        for (a, b) in full.iter().zip(&half) {
            assert!((a - b).abs() < 0.02 * a, "{device}: {full:?} {half:?}");
        }
        // The weights stay in full precision: hardly one of them is a bf16 number.
        let coarse = rounded.values.iter().filter(|w| w.to_bits() & 0xffff == 0).count();
        assert!(coarse < rounded.values.len() / 100, "{coarse} weights were rounded");
    }
}

#[test]
fn a_loss_that_is_nan_stops_before_the_weights_are_touched() {
    let gpt = gpt(true, 0.0);
    for (device, options) in variants() {
        let mut broken = weights(&gpt);
        broken.values[0] = f32::NAN;
        let mut torch =
            TorchBackend::new(device, options, gpt.clone(), &broken, settings(1)).unwrap();
        torch.accumulate(&[0; BATCH * LENGTH], &batch(0).1).unwrap();
        let error = torch.step().unwrap_err().to_string();
        assert!(error.starts_with("the loss became NaN at iteration 0"), "{error}");
        assert_eq!(torch.state().unwrap().0.values[1..], broken.values[1..]);
        assert_eq!(torch.iter(), 0);
        assert!(torch.gradient().unwrap().values.iter().all(|&g| g == 0.0));
    }
}

#[test]
fn a_token_outside_the_vocabulary_is_refused() {
    let mut torch = torch_on(Device::TorchCpu, full(), &gpt(true, 0.0), settings(1));
    let (mut x, y) = batch(0);
    x[5] = VOCABULARY as u32;
    let error = torch.accumulate(&x, &y).unwrap_err().to_string();
    assert_eq!(error, "token 61 does not exist: the vocabulary has 61 tokens, 0 to 60");
    assert!(torch.evaluate(&y, &x).is_err());
}

#[test]
fn a_run_moves_between_the_engines() {
    let run = |gpt: &Gpt, devices: [&str; 2]| {
        let mut state = None;
        let mut loss = 0.0;
        for device in devices {
            let mut backend = open(device, "f32", gpt.clone(), weights(gpt), settings(2)).unwrap();
            if let Some((weights, moments)) = state.take() {
                backend.restore(4, weights, moments).unwrap();
            }
            train(backend.as_mut(), 4);
            let (weights, moments) = backend.state().unwrap();
            state = Some((weights.clone(), moments.clone()));
            let (x, y) = batch(0);
            loss = backend.evaluate(&x, &y).unwrap() / x.len() as f64;
        }
        loss
    };
    for gpt in [gpt(true, 0.0), llama(0.0)] {
        let ours = run(&gpt, ["cpu", "cpu"]);
        for devices in [["torch-cpu", "cpu"], ["cpu", "torch-cpu"]] {
            let mixed = run(&gpt, devices);
            assert!((ours - mixed).abs() < 1e-4, "{devices:?}: {ours} {mixed}");
        }
    }
}

#[test]
fn a_missing_device_is_refused_with_the_reason() {
    let gpt = gpt(true, 0.0);
    let facts = DeviceInfo::gather();
    let refused = |device: &str| {
        open(device, "f32", gpt.clone(), weights(&gpt), settings(1)).err().unwrap().to_string()
    };
    match judge(&facts) {
        Verdict::Ready => assert!(refused("cuda:99").contains("choose from cuda:0")),
        Verdict::No(reason) => {
            let expected = format!("cuda:0: {}; {}", reason.problem(), reason.remedy());
            assert_eq!(refused("cuda"), expected);
        }
    }
    assert!(refused("gpu").starts_with("--device = gpu"));
}
