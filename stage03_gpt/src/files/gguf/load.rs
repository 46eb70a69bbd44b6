//! Reading a model from a GGUF file: its sizes, its weights, its tokenizer.
//!
//! ```no_run
//! use std::path::Path;
//! use stage03_gpt::model::{GenerateSettings, Model};
//!
//! let model = Model::load(Path::new("SmolLM2-135M-Instruct.Q4_1.gguf"))?;
//! println!("{}", model.generate("The capital of France is", &GenerateSettings::default())?);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! [`load`] dequantises the weights to f32: they can be trained and written again. [`load_blocks`]
//! leaves quantised matrices as they are, for inference (`blocks`).

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;

use super::super::bounded::shown;
use super::names::{Mapping, OUTPUT, ROPE_FREQS, mappings};
use super::{GgufFile, TensorInfo, blocks, sizes, tokenizer};
use crate::config::GptConfig;
use crate::files::hugging_face::TextSettings;
use crate::gpt::Gpt;
use crate::model::{Model, ModelWeights};

/// What to do about a file that holds something else than a model.
const REMEDY: &str = "take a file that holds a whole model of the architecture llama or gpt2";

/// Reads a model. [`Model::load`] calls this for a file.
///
/// # Errors
/// [`Error::File`] when the file cannot be read; [`Error::Format`] when it is damaged, or holds
/// another architecture, tokenizer or type of tensors than this program has, naming it.
pub fn load(path: &Path) -> Result<Model> {
    load_with(path, |file| {
        let (gpt, params) = read_model(file)?;
        Ok((gpt, ModelWeights::Full(params)))
    })
}

/// Reads a model for inference: quantised matrices of the types that are multiplied as they are stay
/// so. [`Model::load_quantised`] calls this for a file.
///
/// # Errors
/// As [`load`].
pub fn load_blocks(path: &Path) -> Result<Model> {
    load_with(path, read_blocks)
}

/// Reads the sizes and the weights for inference: [`load_blocks`] without a tokenizer.
///
/// # Errors
/// As [`load`].
pub fn read_blocks(file: &GgufFile) -> Result<(Gpt, ModelWeights)> {
    if blocks::has_blocks(file) {
        let (gpt, weights) = blocks::read_model(file)?;
        Ok((gpt, ModelWeights::Blocks(weights)))
    } else {
        // Nothing is to be gained.
        let (gpt, params) = read_model(file)?;
        Ok((gpt, ModelWeights::Full(params)))
    }
}

fn load_with(
    path: &Path,
    read: impl FnOnce(&GgufFile) -> Result<(Gpt, ModelWeights)>,
) -> Result<Model> {
    let file = GgufFile::open(path)?;
    let tokenizer = tokenizer::read(&file)?;
    let (gpt, weights) = read(&file)?;
    let (given, expected) = (tokenizer.vocab_size(), gpt.config().vocab_size);
    if given > expected {
        let problem = format!("it has {given} tokens, and a model of {expected}");
        return Err(Error::format(path, problem, REMEDY));
    }
    let special = tokenizer::special_tokens(&file, &tokenizer)?;
    let mut text_settings = TextSettings::default();
    text_settings.chat_template = tokenizer::chat_template(&file)?;
    Ok(Model { gpt, weights, tokenizer, special, text_settings })
}

/// Reads the sizes and the weights: a model without its tokenizer.
///
/// # Errors
/// As [`load`].
pub fn read_model(file: &GgufFile) -> Result<(Gpt, Params<f32>)> {
    let (config, tensors) = read_head(file)?;
    let wrong = |e: Error| Error::format(file.path(), e.to_string(), "take another file");
    config.require_memory("take a smaller model").map_err(wrong)?;
    let gpt = Gpt::new(config).map_err(wrong)?;
    let mut params = Params::zeros(gpt.layout());
    let tensor = |tensor: &stage02_attention::params::Tensor| (tensor.name.clone(), tensor.range());
    let places: HashMap<String, Range<usize>> = gpt.layout().tensors().iter().map(tensor).collect();
    let mut numbers = Vec::new();
    for (mapping, tensor) in &tensors {
        // A GPT-2 without biases has zeros in the file, and no place for them here.
        let Some(place) = places.get(&mapping.ours) else { continue };
        let ours = &mut params.values[place.clone()];
        if mapping.is_same() {
            file.read_to(tensor, ours)?;
        } else {
            numbers.resize(tensor.len(), 0.0);
            file.read_to(tensor, &mut numbers)?;
            mapping.scatter(&numbers, ours);
        }
    }
    Ok((gpt, params))
}

/// The sizes of the model, and each of its tensors.
///
/// All dimensions are checked: what they say is in the file, so no more memory is needed than a small
/// multiple of its length.
pub(super) fn read_head<'a>(
    file: &'a GgufFile,
) -> Result<(GptConfig, Vec<(Mapping, &'a TensorInfo)>)> {
    let config = sizes::read(file)?;
    let mappings = mappings(&config);
    let tensors = find(file, &mappings)?;
    check_rest(file, &mappings)?;
    Ok((config, mappings.into_iter().zip(tensors).collect()))
}

/// The tensor of each mapping, with the dimensions that it must have.
fn find<'a>(file: &'a GgufFile, mappings: &[Mapping]) -> Result<Vec<&'a TensorInfo>> {
    let find = |Mapping { name, dims, .. }: &Mapping| {
        let Some(tensor) = file.tensor(name) else {
            return Err(Error::format(
                file.path(),
                format!("the tensor {name} is missing"),
                REMEDY,
            ));
        };
        if tensor.dims != *dims {
            let problem = format!("the tensor {name} has the dimensions {:?}", tensor.dims);
            let remedy = format!("by the metadata it must have {dims:?}; {REMEDY}");
            return Err(Error::format(file.path(), problem, remedy));
        }
        Ok(tensor)
    };
    mappings.iter().map(find).collect()
}

/// Checks that the file has no tensors besides: a model that has them computes something else.
fn check_rest(file: &GgufFile, mappings: &[Mapping]) -> Result<()> {
    let known: HashSet<&str> = mappings.iter().map(|mapping| mapping.name.as_str()).collect();
    // The output layer can be the token embedding again; the factors were read with the sizes.
    let known = |name: &str| known.contains(name) || name == OUTPUT || name == ROPE_FREQS;
    match file.tensors().iter().find(|tensor| !known(&tensor.name)) {
        None => Ok(()),
        Some(tensor) => {
            let problem = format!("it has the tensor {}, for which there is no place here", {
                shown(&tensor.name)
            });
            Err(Error::format(file.path(), problem, REMEDY))
        }
    }
}
