//! Packed batches, for all weights or for low-rank adapters: the numbers of stage 3 again.

use super::*;
use stage01_bigram::loss::IGNORED;
use stage03_gpt::adamw::Moments;
use stage03_gpt::lora::{LoraSettings, adapt, merge, target_names};
use stage03_gpt::masked_loss::count;
use stage03_gpt::trainer::PackedBatch;
use stage04_training::backend::open_packed;

/// A micro-batch that owns its parts.
struct Packed {
    inputs: Vec<u32>,
    targets: Vec<u32>,
    documents: Vec<Vec<usize>>,
}

/// A micro-batch in which a third of the targets counts, and none at the end of a document.
fn packed(number: u64) -> Packed {
    let documents = match number % 2 {
        0 => vec![vec![9, 15], vec![LENGTH], vec![5, 0, 6, 13]],
        _ => vec![vec![1, 23], vec![12, 12], vec![7, 8, 9]],
    };
    let (inputs, mut targets) = batch(number);
    let mut end = 0;
    for length in documents.iter().flatten().filter(|&&length| length > 0) {
        let question = length * 2 / 3;
        targets[end..end + question].fill(IGNORED);
        end += length;
        targets[end - 1] = IGNORED;
    }
    assert_eq!(end, inputs.len());
    Packed { inputs, targets, documents }
}

impl Packed {
    fn as_batch(&self, targets_of_step: usize) -> PackedBatch<'_> {
        let Packed { inputs, targets, documents } = self;
        PackedBatch { inputs, targets, documents, targets_of_step }
    }
}

/// The model with adapters, none of which is zero, and its weights. The targets change with the number.
fn with_adapters(gpt: &Gpt, number: usize, dropout: f64) -> (Gpt, Params<f32>) {
    let mut targets: Vec<String> = target_names(gpt.config()).into_iter().map(Into::into).collect();
    if number % 2 == 1 {
        targets.remove(number / 2 % targets.len());
    }
    let settings = LoraSettings { rank: 1 + number % 3, alpha: 5.0, dropout, targets };
    let rng = &mut generator(2, Purpose::Other, number as u64);
    let (adapted, mut params) = adapt(gpt, weights(gpt), &settings, rng).unwrap();
    fill_normal(&mut params.values[..adapted.trained()], 0.2, rng);
    (adapted, params)
}

fn torch_of(
    (device, options): (Device, Options),
    (gpt, weights): &(Gpt, Params<f32>),
    settings: Settings,
) -> TorchBackend {
    TorchBackend::new(device, options, gpt.clone(), weights, settings).unwrap()
}

/// Takes these steps, of two micro-batches each. Returns their losses.
fn losses(backend: &mut dyn Backend, steps: std::ops::Range<u64>) -> Vec<f64> {
    let step = |number| {
        let both = [packed(2 * number), packed(2 * number + 1)];
        let targets = both.iter().map(|packed| count(&packed.targets)).sum();
        for packed in &both {
            backend.accumulate_packed(&packed.as_batch(targets)).unwrap();
        }
        backend.step().unwrap().loss
    };
    steps.map(step).collect()
}

/// Loss, every gradient, some steps and the weights after them, of every mixture of parts, where all
/// weights are trained and where adapters are.
#[test]
fn every_architecture_is_the_same() {
    let settings = Settings { threads: 1, ..settings(2) };
    let both = [packed(0), packed(1)];
    let targets = both.iter().map(|packed| count(&packed.targets)).sum();
    for (number, gpt) in mixtures().into_iter().enumerate() {
        for (gpt, weights) in [(gpt.clone(), weights(&gpt)), with_adapters(&gpt, number, 0.0)] {
            let (model, trained) = ((gpt.clone(), weights.clone()), gpt.trained());
            let mut ours = Trainer::for_packed(gpt, weights, settings.clone()).unwrap();
            let evaluated = ours.evaluate_packed(&both[0].as_batch(targets));
            both.iter().for_each(|packed| ours.accumulate_packed(&packed.as_batch(targets)));
            let gradient = ours.gradient().values;
            let mut steps = vec![ours.step().unwrap()];
            both.iter().for_each(|packed| ours.accumulate_packed(&packed.as_batch(targets)));
            steps.push(ours.step().unwrap());

            for variant in variants() {
                let of = format!("{variant:?} {:?} {:?}", model.0.config(), model.0.lora());
                let mut torch = torch_of(variant, &model, settings.clone());
                let theirs = torch.evaluate_packed(&both[0].as_batch(targets)).unwrap();
                assert!((theirs / evaluated - 1.0).abs() < 1e-6, "{evaluated} {theirs} {of}");
                for expected in &steps {
                    for packed in &both {
                        torch.accumulate_packed(&packed.as_batch(targets)).unwrap();
                    }
                    if expected.iter == 0 {
                        let theirs = torch.gradient().unwrap().values;
                        assert_eq!([gradient.len(), theirs.len()], [trained; 2]);
                        let tensors = model.0.layout().tensors().iter();
                        for tensor in tensors.take_while(|tensor| tensor.offset < trained) {
                            let range = tensor.range();
                            let error = difference(&gradient[range.clone()], &theirs[range]);
                            assert!(error < 1e-4, "{}: {error} {of}", tensor.name);
                        }
                    }
                    let theirs = torch.step().unwrap();
                    assert!((theirs.loss - expected.loss).abs() < 1e-4, "{expected:?} {theirs:?}");
                    let error = (theirs.grad_norm / expected.grad_norm - 1.0).abs();
                    assert!(error < 1e-4, "{expected:?} {theirs:?} {of}");
                }
                let (theirs, moments) = torch.state().unwrap();
                let error = difference(&ours.weights.values, &theirs.values);
                assert!(error < 1e-4, "{error} {of}");
                assert_eq!(theirs.values[trained..], model.1.values[trained..], "{of}");
                assert_eq!([moments.m.values.len(), moments.v.values.len()], [trained; 2]);
            }
        }
    }
}

#[test]
fn a_batch_with_one_document_in_a_row_and_all_targets_is_an_ordinary_batch() {
    let (gpt, (inputs, targets)) = (llama(0.0), batch(0));
    let documents = vec![vec![LENGTH]; BATCH];
    let packed = Packed { inputs, targets, documents };
    let n = packed.inputs.len();
    for variant in variants() {
        let new = || torch_of(variant, &(gpt.clone(), weights(&gpt)), settings(1));
        let (mut one, mut other) = (new(), new());
        one.accumulate(&packed.inputs, &packed.targets).unwrap();
        other.accumulate_packed(&packed.as_batch(n)).unwrap();
        assert!(one.gradient().unwrap() == other.gradient().unwrap());
        assert_eq!(one.step().unwrap(), other.step().unwrap());
        let loss = one.evaluate(&packed.inputs, &packed.targets).unwrap();
        assert_eq!(loss, other.evaluate_packed(&packed.as_batch(n)).unwrap());
    }
}

#[test]
fn without_a_target_nothing_is_learned_and_nothing_is_nan() {
    let model = with_adapters(&llama(0.0), 0, 0.0);
    let none = Packed { targets: vec![IGNORED; BATCH * LENGTH], ..packed(0) };
    for variant in variants() {
        // No weight decay: then a step without a gradient changes nothing.
        let adamw = AdamW { weight_decay: 0.0, ..settings(1).adamw };
        let mut torch = torch_of(variant, &model, Settings { adamw, ..settings(1) });
        assert_eq!(torch.evaluate_packed(&none.as_batch(0)).unwrap(), 0.0);
        torch.accumulate_packed(&none.as_batch(0)).unwrap();
        let step = torch.step().unwrap();
        assert_eq!((step.loss, step.grad_norm), (0.0, 0.0));
        assert!(*torch.state().unwrap().0 == model.1);
    }
}

#[test]
fn a_token_outside_the_vocabulary_is_refused() {
    let mut torch = torch_on(Device::TorchCpu, full(), &gpt(true, 0.0), settings(1));
    for outside in [VOCABULARY as u32, IGNORED] {
        let (mut inputs, mut targets) = (packed(0), packed(0));
        inputs.inputs[7] = outside;
        assert!(torch.accumulate_packed(&inputs.as_batch(9)).is_err());
        assert!(torch.evaluate_packed(&inputs.as_batch(9)).is_err());
        targets.targets[7] = outside;
        assert_eq!(torch.accumulate_packed(&targets.as_batch(9)).is_ok(), outside == IGNORED);
        // An ordinary batch has a target everywhere.
        assert!(torch.accumulate(&targets.inputs, &targets.targets).is_err());
    }
}

#[test]
fn merged_adapters_give_the_same_logits() {
    for (number, gpt) in [gpt(true, 0.0), llama(0.0), llama(0.0)].iter().enumerate() {
        let (adapted, params) = with_adapters(gpt, number, 0.5);
        let merged = merge(&adapted, params.clone()).unwrap();
        let (tokens, _) = batch(0);
        for variant in variants() {
            let logits = |model: &(Gpt, Params<f32>)| {
                torch_of(variant, model, settings(1)).logits(&tokens, LENGTH).unwrap()
            };
            let error = difference(&logits(&merged), &logits(&(adapted.clone(), params.clone())));
            assert!(error < 1e-5, "{variant:?}: {error}");
        }
    }
}

#[test]
fn a_run_with_adapters_moves_between_the_engines() {
    let run = |(gpt, weights): &(Gpt, Params<f32>), devices: [&str; 2]| {
        let mut state: Option<(Params<f32>, Moments<f32>)> = None;
        let mut loss = 0.0;
        for device in devices {
            let (gpt, weights) = (gpt.clone(), weights.clone());
            let mut backend = open_packed(device, "f32", gpt, weights, settings(2)).unwrap();
            if let Some((weights, moments)) = state.take() {
                backend.restore(4, weights, moments).unwrap();
            }
            let iter = backend.iter() as u64;
            losses(backend.as_mut(), iter..iter + 4);
            let (weights, moments) = backend.state().unwrap();
            state = Some((weights.clone(), moments.clone()));
            let (packed, targets) = (packed(0), 1);
            loss = backend.evaluate_packed(&packed.as_batch(targets)).unwrap();
            loss /= count(&packed.targets) as f64;
        }
        (loss, state.unwrap())
    };
    for gpt in [gpt(true, 0.0), llama(0.0)] {
        let model = with_adapters(&gpt, 1, 0.0);
        let (ours, (weights, moments)) = run(&model, ["cpu", "cpu"]);
        for devices in [["torch-cpu", "cpu"], ["cpu", "torch-cpu"]] {
            let (mixed, (other, other_moments)) = run(&model, devices);
            assert!((ours - mixed).abs() < 1e-4, "{devices:?}: {ours} {mixed}");
            let n = model.0.trained();
            assert!(difference(&weights.values[..n], &other.values[..n]) < 1e-3, "{devices:?}");
            assert!(difference(&moments.m.values, &other_moments.m.values) < 1e-3, "{devices:?}");
            // The model's own weights have passed through both, bit for bit.
            assert!(
                other.values[n..] == model.1.values[n..]
                    && other.values[..n] != model.1.values[..n]
            );
        }
    }
}

#[test]
fn a_resumed_run_ends_with_the_same_bytes() {
    for (number, precision) in [(0, Precision::F32), (1, Precision::F32), (1, Precision::Bf16)] {
        let model = with_adapters(&[gpt(true, 0.2), llama(0.0)][number], number, 0.3);
        let options = Options::new(precision);
        let new = || torch_of((Device::TorchCpu, options), &model, settings(2));
        let mut whole = new();
        losses(&mut whole, 0..8);

        let mut first = new();
        losses(&mut first, 0..3);
        let (weights, moments) = first.state().unwrap();
        // What a checkpoint of adapters holds: what is trained.
        let trained = weights.values[..model.0.trained()].to_vec();
        let (weights, moments) = (Params { values: trained }, moments.clone());
        let mut second = new();
        losses(&mut second, 0..1);
        second.restore(3, weights, moments).unwrap();
        losses(&mut second, 3..8);
        assert!(whole.state().unwrap() == second.state().unwrap());
    }
}

#[test]
fn adapters_drop_only_in_training_and_by_the_seed() {
    let loss_and_torch = |seed, dropout| {
        let model = with_adapters(&llama(0.0), 0, dropout);
        let settings = Settings { seed, ..settings(2) };
        let mut torch = torch_of((Device::TorchCpu, full()), &model, settings);
        let first = losses(&mut torch, 0..1)[0];
        torch.restore(0, model.1.clone(), Moments::of_first(model.0.trained())).unwrap();
        let packed = packed(0);
        (first, torch.evaluate_packed(&packed.as_batch(1)).unwrap())
    };
    let (none, plain, again, other) = (
        loss_and_torch(1, 0.0),
        loss_and_torch(1, 0.4),
        loss_and_torch(1, 0.4),
        loss_and_torch(2, 0.4),
    );
    assert_eq!(plain, again);
    assert_ne!(plain.0, other.0);
    assert_ne!(plain.0, none.0);
    // An evaluation drops nothing.
    assert_eq!([plain.1, other.1], [none.1; 2]);
}

#[test]
fn bf16_is_near_f32_and_leaves_the_models_own_weights() {
    for gpt in [gpt(true, 0.0), llama(0.0)] {
        let model = with_adapters(&gpt, 2, 0.0);
        let n = model.0.trained();
        let fused = variants().into_iter().filter(|(_, options)| options.fused_attention);
        for (device, _) in fused {
            let run = |precision| {
                let settings =
                    Settings { schedule: Schedule::constant(5e-3), threads: 1, ..settings(2) };
                let mut torch = torch_of((device, Options::new(precision)), &model, settings);
                // The same two batches in every step, so that the loss falls fast.
                let losses: Vec<_> = (0..10).map(|_| losses(&mut torch, 0..1)[0]).collect();
                (losses, torch.state().unwrap().0.values.clone())
            };
            let ((full, weights), (half, rounded)) = (run(Precision::F32), run(Precision::Bf16));
            assert_ne!(weights, rounded);
            assert!(full[9] < 0.95 * full[0], "the loss does not fall: {full:?}");
            for (a, b) in full.iter().zip(&half) {
                assert!((a - b).abs() < 0.02 * a, "{device}: {full:?} {half:?}");
            }
            assert_eq!(rounded[n..], model.1.values[n..]);
            let coarse = rounded[..n].iter().filter(|w| w.to_bits() & 0xffff == 0).count();
            assert!(coarse < n / 100 + 1, "{coarse} weights were rounded");
        }
    }
}
