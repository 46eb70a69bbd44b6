//! Adapters that Hugging Face's `peft` saved: the logits of the adapted and of the merged model are
//! the same, and written again, so are the files. `make_peft_golden.py` says what each of them has.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use parity::{Golden, assert_close, golden_directory};
use stage01_bigram::Float;
use stage02_attention::params::Params;
use stage03_gpt::files::ADAPTER_FILE;
use stage03_gpt::files::peft::{AdapterDirectory, save_weights};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora;

/// The adapters, and how many layers each adapts.
const ADAPTERS: [(&str, usize); 4] = [
    ("gpt2_tiny_lora", 8),
    ("gpt2_tiny_rslora", 4),
    ("llama_tiny_lora", 14),
    ("llama_tiny_qv_lora", 4),
];

/// The adapters on the base that they name.
fn load(name: &str) -> (Gpt, Params<f32>) {
    let adapters = AdapterDirectory::open(&golden_directory().join(name)).unwrap();
    let base = adapters.base().unwrap();
    let (gpt, params) = common::load(base.file_name().unwrap().to_str().unwrap());
    adapters.put_on_weights(&gpt, params).unwrap()
}

fn logits<T: Float>(gpt: &Gpt, params: &Params<T>, golden: &Golden, name: &str) -> Vec<T> {
    let ids = golden.tensor(&format!("{name}.input_ids"));
    let [batch, length] = ids.shape[..] else { panic!("a batch of texts") };
    let mut acts = gpt.activations(batch, length);
    gpt.forward(params, &ids.tokens(), &mut acts, None);
    acts.logits.into_iter().collect()
}

#[test]
fn logits_adapted_and_merged() {
    let golden = Golden::open("peft_expected.safetensors");
    for (name, adapted_layers) in ADAPTERS {
        let (gpt, params) = load(name);
        assert_eq!(gpt.adapters().len(), adapted_layers, "{name}");
        let expected = &golden.tensor(&format!("{name}.logits")).values;
        let wide = common::convert::<f64>(&params);
        // transformers computes the norms and rotations of a Llama in float32.
        let tolerance = if name.starts_with("gpt2") { 1e-9 } else { 3e-6 };
        assert_close(name, &logits(&gpt, &wide, &golden, name), expected, tolerance);
        assert_close(name, &logits(&gpt, &params, &golden, name), expected, 1e-5);
        let (gpt, params) = lora::merge(&gpt, params).unwrap();
        assert_close(name, &logits(&gpt, &params, &golden, name), expected, 1e-5);
    }
    golden.assert_all_used("");
}

/// Names, shapes and numbers.
#[test]
fn our_adapter_files_equal_those_of_peft() {
    for (name, _) in ADAPTERS {
        let (gpt, params) = load(name);
        let directory = tempfile::tempdir().unwrap();
        save_weights(directory.path(), &gpt, &params).unwrap();
        let [ours, theirs] = [directory.path(), &golden_directory().join(name)].map(tensors);
        assert!(ours == theirs, "{name}: {:?} {:?}", ours.keys(), theirs.keys());
    }
}

/// The tensors of a file: shapes, and the bits of numbers in f32. Those of bfloat16 are the upper half.
fn tensors(directory: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u32>)> {
    let bytes = std::fs::read(directory.join(ADAPTER_FILE)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.tensors().into_iter().map(|(name, tensor)| {
        let bits = match tensor.dtype() {
            safetensors::Dtype::F32 => {
                let numbers = tensor.data().chunks_exact(4);
                numbers.map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
            }
            safetensors::Dtype::BF16 => {
                let numbers = tensor.data().chunks_exact(2);
                numbers.map(|b| u32::from_le_bytes([0, 0, b[0], b[1]])).collect()
            }
            other => panic!("{name} holds numbers of the type {other:?}"),
        };
        (name, (tensor.shape().to_vec(), bits))
    });
    tensors.collect()
}
