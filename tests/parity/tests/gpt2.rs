//! A complete GPT-2 that `transformers` saved: logits, gradients and text are the same.

mod common;

use std::borrow::Cow;
use std::path::Path;

use parity::golden_directory;
use safetensors::{Dtype, View};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage02_attention::params::Params;
use stage03_gpt::files::{CONFIG_FILE, MODEL_FILE, hugging_face};
use stage03_gpt::generate::Decoder;
use stage03_gpt::gpt::Gpt;

/// The model that `transformers` saved.
fn load() -> (Gpt, Params<f32>) {
    common::load("gpt2_tiny")
}

#[test]
fn logits_loss_and_every_gradient_of_full_contexts() {
    common::check_batch::<f64>("gpt2_tiny", "full", 1e-9);
    common::check_batch::<f32>("gpt2_tiny", "full", 1e-5);
}

#[test]
fn logits_loss_and_every_gradient_of_short_contexts() {
    common::check_batch::<f64>("gpt2_tiny", "short", 1e-9);
    common::check_batch::<f32>("gpt2_tiny", "short", 1e-5);
}

#[test]
fn decoding_with_a_cache_gives_the_text_of_full_forward_passes() {
    common::check_decoding("gpt2_tiny");
}

#[test]
fn a_full_context_keeps_the_last_tokens() {
    // Prefill with the long text: only its end is in the context, and the next token is the same.
    let (golden, (gpt, params)) = (common::expected("gpt2_tiny"), load());
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
