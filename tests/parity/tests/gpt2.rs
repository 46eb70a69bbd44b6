//! A complete GPT-2 that `transformers` saved: logits, gradients and text are the same.

use std::borrow::Cow;
use std::path::Path;

use parity::{Golden, assert_close, golden_directory, type_name};
use safetensors::{Dtype, View};
use stage01_bigram::Float;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage02_attention::backward::Backward;
use stage02_attention::params::Params;
use stage03_gpt::files::{CONFIG_FILE, MODEL_FILE, hugging_face};
use stage03_gpt::generate::Decoder;
use stage03_gpt::gpt::Gpt;

/// The model that `transformers` saved.
fn load() -> (Gpt, Params<f32>) {
    let directory = golden_directory().join("gpt2_tiny");
    let gpt = Gpt::new(hugging_face::read_config(&directory).unwrap()).unwrap();
    let params = hugging_face::read_model(&directory, &gpt).unwrap();
    (gpt, params)
}

/// The same weights in another number type. Exact.
fn convert<T: Float>(params: &Params<f32>) -> Params<T> {
    Params { values: params.values.iter().map(|&w| T::of(f64::from(w))).collect() }
}

fn expected() -> Golden {
    Golden::open("gpt2_tiny_expected.safetensors")
}

/// Logits, loss and every gradient of one batch.
fn check_batch<T: Float>(part: &str, tolerance: f64) {
    let ((gpt, params), golden) = (load(), expected());
    let params = convert::<T>(&params);
    let tensor = |name: &str| golden.tensor(&format!("{part}.{name}"));
    let close = |name: &str, ours: &[T]| {
        let what = format!("{}, {part}.{name}", type_name::<T>());
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

#[test]
fn logits_loss_and_every_gradient_of_full_contexts() {
    check_batch::<f64>("full", 1e-9);
    check_batch::<f32>("full", 1e-5);
}

#[test]
fn logits_loss_and_every_gradient_of_short_contexts() {
    check_batch::<f64>("short", 1e-9);
    check_batch::<f32>("short", 1e-5);
}

/// Decodes greedily from the prompt, with a prefill in parts of the given lengths.
fn decode<T: Float>(golden: &Golden, parts: &[usize], length: usize) -> Vec<u32> {
    let (gpt, params) = load();
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

#[test]
fn decoding_with_a_cache_gives_the_text_of_full_forward_passes() {
    let golden = expected();
    for name in ["generate.greedy", "generate.greedy_sliding"] {
        let tokens = golden.tensor(name).tokens();
        for parts in [&[4][..], &[1, 1, 1, 1], &[3, 1]] {
            assert_eq!(decode::<f64>(&golden, parts, tokens.len()), tokens, "{name}");
            assert_eq!(decode::<f32>(&golden, parts, tokens.len()), tokens, "{name}");
        }
    }
    golden.assert_all_used("generate.");
}

#[test]
fn a_full_context_keeps_the_last_tokens() {
    // Prefill with the long text: only its end is in the context, and the next token is the same.
    let (golden, (gpt, params)) = (expected(), load());
    let text = golden.tensor("generate.greedy_sliding").tokens();
    let block_size = gpt.config().block_size;
    for n in block_size..text.len() {
        let mut decoder = Decoder::new(&gpt, &params, Some(1)).unwrap();
        decoder.prefill(&text[..n]).unwrap();
        assert_eq!(decoder.context(), &text[n - block_size..n]);
        let rng = &mut generator(0, Purpose::Sampling, 0);
        assert_eq!(decoder.decode_step(&mut Sampler::greedy(), rng), text[n]);
    }
}

/// A tensor to be written to a file.
struct Raw {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Raw {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The tensors of a model file: name, shape and bytes, sorted.
fn tensors(directory: &Path) -> Vec<(String, Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(directory.join(MODEL_FILE)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<_> = file
        .tensors()
        .into_iter()
        .map(|(name, tensor)| (name, tensor.shape().to_vec(), tensor.data().to_vec()))
        .collect();
    tensors.sort();
    tensors
}

#[test]
fn our_model_file_equals_that_of_transformers() {
    let (gpt, params) = load();
    let directory = tempfile::tempdir().unwrap();
    hugging_face::save_model(directory.path(), &gpt, &params).unwrap();
    let ours = tensors(directory.path());
    assert_eq!(ours, tensors(&golden_directory().join("gpt2_tiny")), "names, shapes and bytes");
    assert_eq!(ours.len(), 28);
    let again = hugging_face::read_model(directory.path(), &gpt).unwrap();
    let bits = |params: &Params<f32>| params.values.iter().map(|w| w.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&again), bits(&params));
}

#[test]
fn names_without_the_prefix_load_too() {
    let source = golden_directory().join("gpt2_tiny");
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(source.join(CONFIG_FILE), directory.path().join(CONFIG_FILE)).unwrap();
    let plain = tensors(&source).into_iter().map(|(name, shape, bytes)| {
        let name = name.strip_prefix("transformer.").expect("transformers writes it").to_string();
        (name, Raw { shape, bytes })
    });
    safetensors::serialize_to_file(plain, None, &directory.path().join(MODEL_FILE)).unwrap();
    let (gpt, params) = load();
    assert_eq!(hugging_face::read_config(directory.path()).unwrap(), *gpt.config());
    assert_eq!(hugging_face::read_model(directory.path(), &gpt).unwrap(), params);
}
