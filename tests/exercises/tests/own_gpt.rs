//! The GPT that is made of the solutions: PyTorch's numbers, every gradient, and stage 3's losses.

use exercises::gpt::model::Model;
use exercises::gpt::parts::{Parts, exercises};
use exercises::gpt::{cached, golden, nudged, train};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::matmul;
use stage02_attention::params::Params;
use stage03_gpt::plain::Plain;
use stage03_gpt::plain::train::{Hyperparameters, Report};
use stage03_gpt::schedule::Schedule;

include!(concat!(env!("OUT_DIR"), "/solutions.rs"));

/// The parts as the solutions have them.
fn solutions() -> Parts {
    exercises::gpt_parts!()
}

#[test]
fn it_computes_what_pytorch_computes() {
    for finding in golden(solutions()).unwrap() {
        assert!(finding.holds(), "{}: {:e}", finding.what, finding.error);
    }
}

#[test]
fn every_gradient_is_that_of_a_nudge() {
    for finding in nudged(solutions()).unwrap() {
        assert!(finding.holds(), "{}: {:e}", finding.what, finding.error);
    }
    assert!(cached(solutions()).unwrap().holds());
}

#[test]
fn a_wrong_part_is_found() {
    let mut parts = solutions();
    parts.gelu_derivative = |x| if x > 0.0 { 1.0 } else { 0.0 };
    assert!(nudged(parts).unwrap().iter().any(|finding| !finding.holds()));
    assert!(golden(parts).unwrap().iter().any(|finding| !finding.holds()));
    let mut parts = solutions();
    parts.gelu = |x| {
        let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.0447 * x * x * x); // 0.044715
        0.5 * x * (1.0 + u.tanh())
    };
    assert!(golden(parts).unwrap().iter().any(|finding| !finding.holds()));
    assert!(nudged(parts).unwrap().iter().any(|finding| !finding.holds()));
    let mut parts = solutions();
    parts.append_and_attend = |keys, values, q, k, v| {
        (*keys, *values) = (k.clone(), v.clone()); // forgets what was read before
        (solutions().attention)(q, keys, values).1
    };
    assert!(!cached(parts).unwrap().holds());
}

/// The same model, weights and batches as the plain GPT of stage 3: the same losses.
#[test]
fn it_trains_as_the_plain_gpt_does() {
    let parts = solutions();
    let steps = 12;
    let mut found = Vec::new();
    let run = train::on_the_built_in_text(parts, steps, |report| {
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

#[test]
fn a_text_longer_than_the_context_can_be_written() {
    let run = train::on_the_built_in_text(solutions(), 1, |_| ()).unwrap();
    let model = Model { parts: solutions(), gpt: run.gpt() };
    let sampling = exercises::gpt::write::Sampling { temperature: 0.8, top_k: 5 };
    let mut rng = generator(1, Purpose::Sampling, 0);
    let n = 3 * run.gpt().config().block_size;
    let text = model.generate(run.weights(), &[1, 2, 3], n, sampling, &mut rng, |_| ());
    assert_eq!(text.len(), n);
}

#[test]
fn its_parts_are_exercises() {
    assert_eq!(exercises().count(), 25);
}
