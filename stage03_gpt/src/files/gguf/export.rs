//! Writing a model as a GGUF file, which llama.cpp, ollama and their relatives open.
//!
//! Matrices are written in one type, f32, float16 or a quantised one, with these exceptions:
//!
//! | tensor | type | because |
//! |---|---|---|
//! | vectors (norms and biases), position embedding | f32 | llama.cpp expects it, and they are small |
//! | the output layer, which may be the token embedding, beside 4 bits | Q8_0 | its errors go straight into the logits |
//! | a matrix whose rows are no whole number of blocks | float16 | a block has 32 numbers of one row |
//!
//! Without a token that ends a text, llama.cpp would take token 11 for it. So where the tokenizer
//! has none, a byte-level vocabulary names the token of a byte that no text has. A vocabulary of
//! characters has no such byte: it gets a token more, and the embedding a row of zeros, whose logit is
//! 0. An entry of our own notes it, and a file that is read again has no such token.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use stage01_bigram::{Error, Result};
use stage02_attention::params::Tensor;

use super::names::{Mapping, OUTPUT, POSITION_EMBD, ROPE_FREQS, TOKEN_EMBD, mappings};
use super::{NewTensor, TensorType, Value, sizes, tokenizer, write_gguf};
use crate::config::GptConfig;
use crate::files::hugging_face::without_adapters;
use crate::model::Model;

/// The version of the layout of quantised blocks, which llama.cpp asks for.
const QUANTIZATION_VERSION: u32 = 2;

impl Model {
    /// Writes the model as one GGUF file.
    ///
    /// name: what programs show as the name of the model. matrices: the type of its matrices, one of
    /// [`TensorType::WRITABLE`].
    ///
    /// # Errors
    /// [`Error::Setting`] for another type, for a model with adapters, and for a model or a tokenizer
    /// that GGUF cannot describe; [`Error::Format`] for weights that are not finite, or too large for float16;
    /// [`Error::File`] when the file cannot be written.
    pub fn save_gguf(&self, path: &Path, name: &str, matrices: TensorType) -> Result<()> {
        without_adapters(&self.gpt)?;
        let file_type = match matrices {
            TensorType::F32 => 0,
            TensorType::F16 => 1,
            TensorType::Q4_0 => 2,
            TensorType::Q4_1 => 3,
            TensorType::Q8_0 => 7,
            other => {
                let types = TensorType::WRITABLE.map(TensorType::name).join(", ");
                let expected = format!("a model is written in one of {types}");
                return Err(Error::setting("the type of the tensors", other, expected));
            }
        };
        let config = self.gpt.config();
        let tokens = tokenizer::write(&self.tokenizer, &self.special, config.vocab_size)?;
        // A row more, perhaps.
        let config = GptConfig { vocab_size: tokens.vocab_size, ..config.clone() };
        let mut metadata = sizes::metadata(&config)?;
        for (key, value) in [
            ("general.type", Value::String("model".into())),
            ("general.name", Value::String(name.into())),
            ("general.file_type", Value::U32(file_type)),
            ("general.quantization_version", Value::U32(QUANTIZATION_VERSION)),
        ] {
            metadata.push((key.into(), value));
        }
        metadata.extend(tokens.metadata);
        if let Some(template) = &self.text_settings.chat_template {
            metadata.push((tokenizer::CHAT_TEMPLATE.into(), Value::String(template.clone())));
        }

        let mappings = mappings(&config);
        let of_matrix = |mapping: &Mapping| NewTensor {
            name: mapping.name.clone(),
            dims: mapping.dims.clone(),
            kind: kind_of(mapping, matrices, config.arch.tie_weights),
        };
        let mut tensors: Vec<NewTensor> = mappings.iter().map(of_matrix).collect();
        let head_size = config.n_embd / config.n_head;
        let factors = sizes::has_freq_factors(&config)
            .map(|rope| sizes::freq_factors(&rope, head_size))
            .unwrap_or_default();
        if !factors.is_empty() {
            let (name, dims) = (ROPE_FREQS.to_string(), vec![factors.len()]);
            tensors.push(NewTensor { name, dims, kind: TensorType::F32 });
        }

        let place = |tensor: &Tensor| (tensor.name.clone(), tensor.range());
        let places: HashMap<String, Range<usize>> =
            self.gpt.layout().tensors().iter().map(place).collect();
        write_gguf(path, &metadata, &tensors, |number| {
            let Some(mapping) = mappings.get(number) else { return Cow::Borrowed(&factors[..]) };
            // A bias that the model does not have is zero.
            let Some(place) = places.get(&mapping.ours) else {
                return Cow::Owned(vec![0.0; mapping.len()]);
            };
            let ours = &self.params().values[place.clone()];
            if mapping.is_same() && ours.len() == mapping.len() {
                return Cow::Borrowed(ours);
            }
            let mut numbers = mapping.gather(ours);
            numbers.resize(mapping.len(), 0.0);
            Cow::Owned(numbers)
        })
    }
}

// ANCHOR: kind_of
/// The type of a tensor in a file whose matrices have a type.
fn kind_of(mapping: &Mapping, matrices: TensorType, tied: bool) -> TensorType {
    let name = mapping.name.as_str();
    let is_output = name == OUTPUT || (tied && name == TOKEN_EMBD);
    let quantised = matrices.block_len() > 1;
    match matrices {
        _ if mapping.is_vector() => TensorType::F32,
        _ if quantised && name == POSITION_EMBD => TensorType::F32,
        _ if !mapping.dims[0].is_multiple_of(matrices.block_len()) => TensorType::F16,
        TensorType::Q4_0 | TensorType::Q4_1 if is_output => TensorType::Q8_0,
        _ => matrices,
    }
}
// ANCHOR_END: kind_of
