//! `adapter_model.safetensors`: A and B of every adapted layer, under `peft`'s names.
//!
//! Both are transposed in the file: A is (rank, n_in) there and B (n_out, rank). Names and shapes
//! of all tensors are compared with the header, before anything is allocated.

use std::collections::HashSet;
use std::path::Path;

use ndarray::Array2;
use stage01_bigram::{Error, Result};
use stage02_attention::lora::Adapter;
use stage02_attention::params::{Matrix, Params};

use crate::config::GptConfig;
use crate::files::bounded::shown;
use crate::files::hugging_face::layer_name;
use crate::files::safetensors::{F32Tensor, TensorFile, dims, write_tensors};
use crate::files::{ADAPTER_CONFIG_FILE, ADAPTER_FILE};
use crate::gpt::Gpt;
use crate::lora::{Site, move_behind};

/// One of the two matrices of an adapter.
#[derive(Clone, Copy)]
pub(super) enum Part {
    A,
    B,
}

/// The name of a tensor in the file.
pub(super) fn tensor_name(config: &GptConfig, block: usize, path: &str, part: Part) -> String {
    let part = match part {
        Part::A => "lora_A",
        Part::B => "lora_B",
    };
    format!("base_model.model.{}.{part}.weight", layer_name(config, block, path))
}

/// The tensors of the file, in order: names, and handles into the parameters.
fn tensors(gpt: &Gpt) -> Vec<(String, Matrix)> {
    let both = |(block, site, Adapter { a, b, .. }): (usize, Site, Adapter)| {
        [(Part::A, a), (Part::B, b)]
            .map(|(part, matrix)| (tensor_name(gpt.config(), block, site.path, part), matrix))
    };
    gpt.adapters().into_iter().flat_map(both).collect()
}

/// Writes the weights of the adapters of a model.
///
/// # Errors
/// [`Error::File`] when the file cannot be written.
pub fn save_weights(directory: &Path, gpt: &Gpt, params: &Params<f32>) -> Result<()> {
    let transposed = |(name, matrix): (String, Matrix)| {
        let values: Vec<f32> = params.matrix(matrix).t().iter().copied().collect();
        (name, [matrix.cols(), matrix.rows()], values)
    };
    let all: Vec<_> = tensors(gpt).into_iter().map(transposed).collect();
    let tensors = all
        .iter()
        .map(|(name, shape, values)| (name.clone(), F32Tensor { shape: shape.to_vec(), values }));
    write_tensors(&directory.join(ADAPTER_FILE), tensors, ("format", "pt"))
}

/// Compares all names and shapes with those that a model with adapters needs.
pub(super) fn check(file: &TensorFile, gpt: &Gpt) -> Result<()> {
    let wrong = |problem, remedy: String| Err(Error::format(file.path(), problem, remedy));
    let mut known = HashSet::new();
    for (name, matrix) in tensors(gpt) {
        let shape = [matrix.cols(), matrix.rows()];
        match file.find(&name) {
            None => {
                let remedy = format!(
                    "target_modules of {ADAPTER_CONFIG_FILE} asks for it on this base: the \
                     adapter is of another one, or its files do not belong together"
                );
                return wrong(format!("the tensor {name} is missing"), remedy);
            }
            Some(found) if found.shape != shape => {
                let problem = format!("the tensor {name} has the shape {}", dims(&found.shape));
                let remedy = format!(
                    "{ADAPTER_CONFIG_FILE} and the sizes of the base need {shape:?}: the adapter \
                     is of another base, or its files do not belong together"
                );
                return wrong(problem, remedy);
            }
            Some(_) => known.insert(name),
        };
    }
    match file.tensors().iter().find(|tensor| !known.contains(&tensor.name)) {
        None => Ok(()),
        Some(other) => wrong(
            format!("the tensor {} is none of A and B of a target layer", shown(&other.name)),
            format!(
                "target_modules of {ADAPTER_CONFIG_FILE} does not choose it, or it is of another \
                 method than LoRA, or of a layer that was trained as a whole: merge such an \
                 adapter in Python, with peft's merge_and_unload"
            ),
        ),
    }
}

/// Reads the adapters of a model, after [`check`], in front of the weights of its base.
pub(super) fn read(file: &TensorFile, gpt: &Gpt, mut params: Params<f32>) -> Result<Params<f32>> {
    move_behind(&mut params, gpt.trained());
    for (name, matrix) in tensors(gpt) {
        let mut transposed = Array2::zeros((matrix.cols(), matrix.rows()));
        let to = transposed.as_slice_mut().expect("rows one after another");
        file.read(file.tensor(&name)?, to)?;
        params.matrix_mut(matrix).assign(&transposed.t());
    }
    Ok(params)
}
