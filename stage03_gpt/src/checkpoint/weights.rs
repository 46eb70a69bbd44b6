//! The weights of a model under GPT-2's names and orientations.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use stage01_bigram::{Error, Result};
use stage02_attention::params::{Layout, Params};

use super::safetensors::{Entry, TensorFile, write_tensors};
use super::{CONFIG_FILE, MODEL_FILE};
use crate::config::GptConfig;
use crate::gpt::Gpt;

/// GPT-2's files put this before the names when the output layer is part of the model.
const PREFIX: &str = "transformer.";

/// Writes the weights under GPT-2's names.
///
/// # Errors
/// [`Error::File`] when the file cannot be written.
pub fn save_model(folder: &Path, gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    let layout = gpt.layout();
    // The same model with biases; those that `layout` does not have are zero.
    let full = Gpt::new(GptConfig { bias: true, ..gpt.config().clone() })?;
    let zeros = vec![0.0; 4 * gpt.config().n_embd];
    let tensors = full.layout().tensors().iter().map(|tensor| {
        let own = layout.tensors().iter().find(|own| own.name == tensor.name);
        let values = match own {
            Some(own) => &params.values[own.range()],
            None => &zeros[..tensor.len()],
        };
        (format!("{PREFIX}{}", tensor.name), Entry { shape: tensor.shape.clone(), values })
    });
    write_tensors(&folder.join(MODEL_FILE), tensors, ("format", "pt"))
}

/// Reads the weights of a plan.
///
/// # Errors
/// [`Error::File`] when the file is missing; [`Error::Format`] when it is damaged or holds
/// other tensors than the plan, naming the first.
pub fn read_model(folder: &Path, gpt: &Gpt) -> Result<Params<f32>> {
    let path = folder.join(MODEL_FILE);
    let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
    let file = TensorFile::open(&path, &bytes)?;
    let prefix =
        if file.tensors.names().iter().any(|name| name.starts_with(PREFIX)) { PREFIX } else { "" };
    let params = file.read_params(gpt.layout(), prefix)?;

    // Whatever else is in the file must be something that changes no result.
    let config = GptConfig { bias: true, ..gpt.config().clone() };
    let full = Gpt::new(config)?;
    for name in file.tensors.names() {
        let plain = name.strip_prefix(prefix).unwrap_or(name);
        let known = |layout: &Layout| layout.tensors().iter().any(|t| t.name == plain);
        if known(gpt.layout()) || plain.ends_with(".attn.bias") || plain.ends_with(".masked_bias") {
            continue;
        }
        let harmless = if plain == "lm_head.weight" {
            // Some files repeat the shared table.
            file.read(name)? == params.values[gpt.layout().tensors()[0].range()]
        } else {
            known(full.layout()) && file.read(name)?.iter().all(|&bias| bias == 0.0)
        };
        if !harmless {
            return Err(Error::format(
                &path,
                format!("the tensor {name} does not belong to the model of {CONFIG_FILE}"),
                "both files must come from the same folder",
            ));
        }
    }
    Ok(params)
}

/// Writes the scores of a text, for other programs to compare with theirs.
///
/// The file holds `input_ids`, (1, tokens) of U32, and `logits`, (tokens, vocab_size) of F32.
///
/// # Errors
/// [`Error::File`] when it cannot be written.
pub fn save_logits(path: &Path, tokens: &[u32], logits: &Array2<f32>) -> Result<()> {
    let ids: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let scores: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    let view = |dtype, shape, bytes| {
        TensorView::new(dtype, shape, bytes).expect("as many bytes as the shape says")
    };
    let tensors = [
        ("input_ids".to_string(), view(Dtype::U32, vec![1, tokens.len()], &ids)),
        ("logits".to_string(), view(Dtype::F32, logits.shape().to_vec(), &scores)),
    ];
    write_tensors(path, tensors.into_iter(), ("format", "pt"))
}
