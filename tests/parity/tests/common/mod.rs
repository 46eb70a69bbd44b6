//! A whole model that `transformers` saved: logits, gradients and texts are the same.

#![allow(dead_code, reason = "each test file uses its own part")]

use parity::{Golden, assert_close, golden_directory, type_name};
use stage01_bigram::Float;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage02_attention::backward::Backward;
use stage02_attention::params::Params;
use stage03_gpt::files::hugging_face;
use stage03_gpt::generate::Decoder;
use stage03_gpt::gpt::Gpt;

/// The model that `transformers` saved.
pub fn load(name: &str) -> (Gpt, Params<f32>) {
    let directory = golden_directory().join(name);
    let gpt = Gpt::new(hugging_face::read_config(&directory).unwrap()).unwrap();
    let params = hugging_face::read_model(&directory, &gpt).unwrap();
    (gpt, params)
}

/// The same weights in another number type. Exact.
pub fn convert<T: Float>(params: &Params<f32>) -> Params<T> {
    Params { values: params.values.iter().map(|&w| T::of(f64::from(w))).collect() }
}

/// The numbers of a model.
pub fn expected(name: &str) -> Golden {
    Golden::open(&format!("{name}_expected.safetensors"))
}

/// Logits, loss and every gradient of one batch.
pub fn check_batch<T: Float>(model: &str, part: &str, tolerance: f64) {
    let ((gpt, params), golden) = (load(model), expected(model));
    let params = convert::<T>(&params);
    let tensor = |name: &str| golden.tensor(&format!("{part}.{name}"));
    let close = |name: &str, ours: &[T]| {
        let what = format!("{model}, {}, {part}.{name}", type_name::<T>());
        assert_close(&what, ours, &tensor(name).values, tolerance);
    };
    let (tokens, targets) = (tensor("input_ids").tokens(), tensor("targets").tokens());
    let [batch, length] = tensor("input_ids").shape[..] else { panic!("a batch of texts") };

    let mut acts = gpt.activations(batch, length);
    gpt.forward(&params, &tokens, &mut acts, None);
    close("logits", acts.logits.as_slice().unwrap());
    let mean = |sum: f64| T::of(sum / tokens.len() as f64);
    close("loss", &[mean(gpt.loss(&targets, &acts))]);

    let mut grads = Params::zeros(gpt.layout());
    let mut scratch = gpt.scratch(batch, length);
    let scale = mean(1.0);
    let backward = Backward { params: &params, grads: &mut grads, scratch: &mut scratch };
    let sum = gpt.backward(&tokens, &targets, scale, &mut acts, backward);
    close("loss", &[mean(sum)]);
    for tensor in gpt.layout().tensors() {
        close(&format!("grad.{}", tensor.name), &grads.values[tensor.range()]);
    }
    golden.assert_all_used(&format!("{part}."));
}

/// Decodes greedily from the prompt, with a prefill in parts of the given lengths.
fn decode<T: Float>(model: &str, golden: &Golden, parts: &[usize], length: usize) -> Vec<u32> {
    let (gpt, params) = load(model);
    let params = convert::<T>(&params);
    let mut decoder = Decoder::new(&gpt, &params, Some(1)).unwrap();
    let mut text = golden.tensor("generate.prompt").tokens();
    let mut unread = &text[..];
    for &part in parts {
        decoder.prefill(&unread[..part]).unwrap();
        unread = &unread[part..];
    }
    assert!(unread.is_empty(), "the parts are the whole prompt");
    let rng = &mut generator(0, Purpose::Sampling, 0);
    while text.len() < length {
        text.push(decoder.decode_step(&mut Sampler::greedy(), rng));
    }
    text
}

/// Decoding with a cache gives the text of full forward passes.
pub fn check_decoding(model: &str) {
    let golden = expected(model);
    for name in ["generate.greedy", "generate.greedy_sliding"] {
        let tokens = golden.tensor(name).tokens();
        for parts in [&[4][..], &[1, 1, 1, 1], &[3, 1]] {
            assert_eq!(decode::<f64>(model, &golden, parts, tokens.len()), tokens, "{name}");
            assert_eq!(decode::<f32>(model, &golden, parts, tokens.len()), tokens, "{name}");
        }
    }
    golden.assert_all_used("generate.");
}
