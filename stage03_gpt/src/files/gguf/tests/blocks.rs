//! Models that are read with their matrices in blocks, beside the same ones in full precision.

use std::path::Path;

use stage02_attention::params::Tensor;
use stage02_attention::weights::{BlockWeights, Part};

use super::super::{GgufFile, TensorType, blocks, read_model};
use super::model::{bpe, llama, model, saved};
use crate::architecture::Architecture;
use crate::generate::Decoder;

const KINDS: [TensorType; 3] = [TensorType::Q8_0, TensorType::Q4_0, TensorType::Q4_1];

/// Both shapes of models, with layers whose rows are whole blocks, and one whose rows are not.
fn architectures() -> [(Architecture, bool); 4] {
    let even = Architecture { n_inner: Some(64), ..llama() };
    [
        (Architecture::GPT2, true),
        (even, false),
        (Architecture { tie_weights: false, qkv_bias: true, ..even }, false),
        (llama(), false),
    ]
}

/// All weights of a tensor, in the order of the parameter vector.
fn values(weights: &BlockWeights, tensor: &Tensor) -> Vec<f32> {
    let [rows, _] = tensor.shape[..] else {
        return weights.vector(tensor).unwrap().to_vec();
    };
    let mut outputs = Vec::new();
    for part in weights.matrix(tensor).unwrap() {
        for row in 0..part.n_out() {
            let mut to = vec![0.0; part.n_in()];
            match part {
                Part::Blocks(matrix) => matrix.row(row, &mut to),
                Part::Full(matrix) => to.copy_from_slice(matrix.row(row).to_slice().unwrap()),
            }
            outputs.push(to);
        }
    }
    // The embeddings have a row for each output here, too.
    match ["wte.weight", "wpe.weight", "lm_head.weight"].contains(&tensor.name.as_str()) {
        true => outputs.concat(),
        false => (0..rows).flat_map(|i| outputs.iter().map(move |output| output[i])).collect(),
    }
}

#[test]
fn every_weight_is_in_its_place() {
    for (arch, bias) in architectures() {
        for kind in KINDS {
            let bytes = saved(&model(arch, bias, bpe()), kind);
            let file = GgufFile::from_bytes(Path::new("a test"), &bytes).unwrap();
            assert!(blocks::has_blocks(&file));
            let (gpt, params) = read_model(&file).unwrap();
            let (same, weights) = blocks::read_model(&file).unwrap();
            assert_eq!((gpt.config(), gpt.layout()), (same.config(), same.layout()));
            for tensor in gpt.layout().tensors() {
                let full = &params.values[tensor.range()];
                assert!(values(&weights, tensor) == full, "{arch:?} {kind} {}", tensor.name);
            }
            let bytes: usize = gpt.layout().tensors().iter().map(|t| weights.bytes_of(t)).sum();
            assert!(bytes < params.values.len() * 4);
        }
    }
}

#[test]
fn the_logits_are_near_those_of_full_precision() {
    for (arch, bias) in architectures() {
        for kind in KINDS {
            let bytes = saved(&model(arch, bias, bpe()), kind);
            let file = GgufFile::from_bytes(Path::new("a test"), &bytes).unwrap();
            let (gpt, params) = read_model(&file).unwrap();
            let (_, weights) = blocks::read_model(&file).unwrap();
            let mut full = Decoder::new(&gpt, &params, None).unwrap();
            let mut quantised = Decoder::new(&gpt, &weights, None).unwrap();
            // A prompt at once, then tokens one by one.
            for tokens in [&[1, 5, 200, 7, 7, 90, 31, 2, 8][..], &[40], &[41]] {
                full.prefill(tokens).unwrap();
                quantised.prefill(tokens).unwrap();
                let (mut error, mut size) = (0.0, 0.0);
                for (a, b) in full.logits().iter().zip(quantised.logits()) {
                    error += f64::from(a - b).powi(2);
                    size += f64::from(*a).powi(2);
                }
                // Activations are rounded to 8 bits, half a percent in each product, and random
                // weights make much of a small difference. A row in the wrong place gives about 1.
                let relative = (error / size).sqrt();
                assert!((1e-6..0.2).contains(&relative), "{arch:?} {kind} {relative}");
            }
        }
    }
}

#[test]
fn a_scale_that_is_not_finite_is_refused() {
    for (kind, at) in [(TensorType::Q8_0, 0), (TensorType::Q4_0, 0), (TensorType::Q4_1, 2)] {
        let mut bytes = saved(&model(Architecture::GPT2, true, bpe()), kind);
        let file = GgufFile::from_bytes(Path::new("a test"), &bytes).unwrap();
        let tensor = file.bytes(file.tensor("blk.1.ffn_up.weight").unwrap()).unwrap();
        let start = bytes.windows(tensor.len()).position(|window| window == tensor).unwrap();
        // Infinity as float16, in the second block.
        bytes[start + kind.block_bytes() + at..][..2].copy_from_slice(&[0x00, 0x7C]);
        let file = GgufFile::from_bytes(Path::new("a test"), &bytes).unwrap();
        let message = blocks::read_model(&file).unwrap_err().to_string();
        assert!(message.contains("blk.1.ffn_up.weight has a scale that is NaN"), "{message}");
    }
}
