//! The GPT that is made of the solutions: PyTorch's numbers, every gradient, and stage 3's losses.

use clap::ValueEnum;
use exercises::gpt::model::Model;
use exercises::gpt::parts::{Arch, Parts, TodaysParts};
use exercises::gpt::{cached, exchanged, golden, nudged, train};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::matmul;
use stage02_attention::params::Params;
use stage03_gpt::plain::Plain;
use stage03_gpt::plain::train::{Hyperparameters, Report};
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{Settings, Trainer};

include!(concat!(env!("OUT_DIR"), "/solutions.rs"));

/// The parts as the solutions have them.
fn solutions() -> Parts {
    exercises::gpt_parts!()
}

const BOTH: [Arch; 2] = [Arch::Gpt2, Arch::Llama];

#[test]
fn it_computes_what_pytorch_computes() {
    for finding in BOTH.into_iter().flat_map(|arch| golden(solutions(), arch).unwrap()) {
        assert!(finding.holds(), "{}: {:e}", finding.what, finding.error);
    }
}

#[test]
fn every_gradient_is_that_of_a_nudge() {
    for arch in BOTH {
        for finding in nudged(solutions(), arch).unwrap() {
            assert!(finding.holds(), "{}: {:e}", finding.what, finding.error);
        }
        assert!(cached(solutions(), arch).unwrap().holds());
    }
}

#[test]
fn a_wrong_part_is_found() {
    let mut parts = solutions();
    parts.gelu_derivative = |x| if x > 0.0 { 1.0 } else { 0.0 };
    assert!(nudged(parts, Arch::Gpt2).unwrap().iter().any(|finding| !finding.holds()));
    assert!(golden(parts, Arch::Gpt2).unwrap().iter().any(|finding| !finding.holds()));
    let mut parts = solutions();
    parts.gelu = |x| {
        let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.0447 * x * x * x); // 0.044715
        0.5 * x * (1.0 + u.tanh())
    };
    assert!(golden(parts, Arch::Gpt2).unwrap().iter().any(|finding| !finding.holds()));
    assert!(nudged(parts, Arch::Gpt2).unwrap().iter().any(|finding| !finding.holds()));
    let mut parts = solutions();
    parts.append_and_attend = |keys, values, q, k, v| {
        (*keys, *values) = (k.clone(), v.clone()); // forgets what was read before
        (solutions().attention)(q, keys, values).1
    };
    assert!(!cached(parts, Arch::Gpt2).unwrap().holds());
}

/// Of each part of today, a mistake in the forward pass and one in the backward pass.
#[test]
fn a_wrong_part_of_today_is_named() {
    let right = solutions().today;
    assert_eq!(wrong(right), [""; 0]);
    for (name, today) in [
        ("RMSNorm", TodaysParts { rms_norm: |x, gamma| x * gamma, ..right }),
        ("RMSNorm", TodaysParts { rms_norm_backward: |_, gamma, dy, _| dy * gamma, ..right }),
        ("rotary positions", TodaysParts { rotate: |x, _| x.clone(), ..right }),
        ("rotary positions", TodaysParts { rotate_backward: right.rotate, ..right }),
        ("SwiGLU", TodaysParts { gated: |gate, up| gate * up, ..right }),
        (
            "SwiGLU",
            TodaysParts {
                gated_backward: |gate, up, dh| {
                    let [dgate, dup] = swiglu::gated_backward(gate, up, dh);
                    [dup, dgate]
                },
                ..right
            },
        ),
        ("grouped queries", TodaysParts { kv_head: |h, _, n_kv_head| h % n_kv_head, ..right }),
        (
            "grouped queries",
            TodaysParts { add_groups: |d, n_kv_head| d[..n_kv_head].to_vec(), ..right },
        ),
    ] {
        assert_eq!(wrong(today), [name]);
        let parts = Parts { today, ..solutions() };
        let fails = |arch| golden(parts, arch).unwrap().iter().any(|finding| !finding.holds());
        assert!(fails(Arch::Llama), "{name}");
        assert!(!fails(Arch::Gpt2), "GPT-2 needs no {name}");
    }
}

/// Which of the exchanged parts are found to be wrong.
fn wrong(today: TodaysParts) -> Vec<String> {
    let findings = exchanged(Parts { today, ..solutions() }).unwrap();
    findings.into_iter().filter(|finding| !finding.holds()).map(|finding| finding.what).collect()
}

/// Rotation is consistent with itself wherever it begins, so it takes a cache to see that the
/// position of a token was ignored.
#[test]
fn keys_that_were_rotated_from_zero_are_found_in_the_cache() {
    let today = TodaysParts { rotate: |x, _| rotary::rotate(x, 0), ..solutions().today };
    let parts = Parts { today, ..solutions() };
    assert!(golden(parts, Arch::Llama).unwrap().iter().all(|finding| finding.holds()));
    assert!(!cached(parts, Arch::Llama).unwrap().holds());
}

/// The same model, weights and batches as the plain GPT of stage 3: the same losses.
#[test]
fn it_trains_as_the_plain_gpt_does() {
    let parts = solutions();
    let steps = 12;
    let mut found = Vec::new();
    let run = train::on_the_built_in_text(parts, Arch::Gpt2, steps, |report| {
        if let train::Report::Step(loss) = report {
            found.push(loss);
        }
    })
    .unwrap();

    let corpus = Corpus::built_in();
    let (text, _) = split(&corpus.text, 0.9).unwrap();
    let tokenizer = TokenizerKind::Char.train(&corpus.text).unwrap();
    let config = run.gpt().config();
    let data = Dataset::new(tokenizer.encode(text).unwrap(), config.block_size).unwrap();
    let mut rng = generator(1337, Purpose::Initialisation, 0);
    let values = train::initial_weights(parts, run.gpt(), &mut rng);
    let mut weights = Params { values };
    let settings = Hyperparameters {
        batch_size: train::BATCH_SIZE,
        max_iters: steps,
        eval_interval: steps + 1,
        eval_iters: 1,
        schedule: Schedule {
            learning_rate: 3e-3,
            min_lr: 3e-4,
            warmup_iters: steps / 20,
            lr_decay_iters: steps,
        },
        ..Hyperparameters::default()
    };
    let plain = Plain { product: matmul::gemm, ..Plain::new(run.gpt()) };
    let mut expected = Vec::new();
    plain.train(&settings, [&data, &data], &mut weights, |report| {
        if let Report::Step { loss, .. } = report {
            expected.push(loss);
        }
    });
    assert_eq!((found.len(), expected.len()), (steps, steps));
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-9, "{found} and {expected}");
    }
}

/// Llama's parts: the losses of stage 3's trainer.
#[test]
fn it_trains_as_a_llama_does() {
    let (parts, steps) = (solutions(), 6);
    let mut found = Vec::new();
    let run = train::on_the_built_in_text(parts, Arch::Llama, steps, |report| {
        if let train::Report::Step(loss) = report {
            found.push(loss);
        }
    })
    .unwrap();

    let corpus = Corpus::built_in();
    let (text, _) = split(&corpus.text, 0.9).unwrap();
    let tokenizer = TokenizerKind::Char.train(&corpus.text).unwrap();
    let gpt = run.gpt().clone();
    let data = Dataset::new(tokenizer.encode(text).unwrap(), gpt.config().block_size).unwrap();
    let values =
        train::initial_weights(parts, &gpt, &mut generator(1337, Purpose::Initialisation, 0));
    let schedule = Schedule {
        learning_rate: 3e-3,
        min_lr: 3e-4,
        warmup_iters: steps / 20,
        lr_decay_iters: steps,
    };
    let adamw = Hyperparameters::default().adamw;
    let settings =
        Settings { batch_size: train::BATCH_SIZE, schedule, adamw, ..Settings::default() };
    let mut trainer = Trainer::new(gpt, Params { values }, settings).unwrap();
    for found in found {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        let (n, rng) = (train::BATCH_SIZE, &mut trainer.batch_rng());
        data.sample_batch(n, trainer.gpt().config().block_size, rng, &mut inputs, &mut targets);
        trainer.accumulate(&inputs, &targets);
        let expected = trainer.step().unwrap().loss;
        assert!((found - expected).abs() < 1e-9, "{found} and {expected}");
    }
    assert_eq!(trainer.iter, steps);
}

#[test]
fn a_text_longer_than_the_context_can_be_written() {
    for arch in BOTH {
        let run = train::on_the_built_in_text(solutions(), arch, 1, |_| ()).unwrap();
        let model = Model { parts: solutions(), gpt: run.gpt() };
        let sampling = exercises::gpt::write::Sampling { temperature: 0.8, top_k: 5 };
        let mut rng = generator(1, Purpose::Sampling, 0);
        let n = 3 * run.gpt().config().block_size;
        let text = model.generate(run.weights(), &[1, 2, 3], n, sampling, &mut rng, |_| ());
        assert_eq!(text.len(), n);
    }
}

#[test]
fn its_parts_are_exercises() {
    assert_eq!(BOTH.map(|arch| arch.exercises().count()), [25, 27]);
    for arch in BOTH {
        assert_eq!(Arch::from_str(arch.name(), false), Ok(arch)); // as `--arch` takes it
    }
}
