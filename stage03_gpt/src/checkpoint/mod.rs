//! A model as a folder that the rest of the world can open.
//!
//! The layout is Hugging Face's for GPT-2, so `transformers` loads it as it is, and what
//! `transformers` saved loads here:
//!
//! | file | holds |
//! |---|---|
//! | `config.json` | the sizes: [`GptConfig`] |
//! | `model.safetensors` | the weights in f32, under GPT-2's names and orientations |
//! | `tokenizer.json`, `tokenizer_config.json` | the tokenizer, in the format of the `tokenizers` library |
//! | `trainer.safetensors` | weights, both moments and the iteration: what resuming needs |
//!
//! Every file is written whole or not at all. The trainer's file holds the weights a second
//! time, because two files cannot be replaced in one instant: a process that is killed between
//! them leaves a model that is newer or older than the trainer's state, never a mixture.
//!
//! A model without biases is saved with biases of zero, which compute the same: GPT-2 in
//! `transformers` always has them. The entry `bias` of `config.json`, which others ignore,
//! tells us to leave them out again.

mod config_json;
mod safetensors;
mod weights;

use std::path::Path;

use serde_json::json;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};
use stage02_attention::params::Params;

use self::config_json::config_json;
use crate::config::GptConfig;
use crate::gpt::Gpt;

pub use self::config_json::read_config;
pub(crate) use self::safetensors::{Entry, TensorFile, write_tensors};
pub use self::weights::{read_model, save_logits, save_model};

/// The weights of a model folder.
pub const MODEL_FILE: &str = "model.safetensors";
/// The sizes of a model folder.
pub const CONFIG_FILE: &str = "config.json";
/// The tokenizer of a model folder.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// A model that was read from a folder, ready for use.
#[derive(Debug)]
pub struct Model {
    /// Its plan.
    pub gpt: Gpt,
    /// Its weights.
    pub params: Params<f32>,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
}

impl Model {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`Error::File`] when a file is missing or unreadable; [`Error::Format`] when it is not
    /// what it should be, naming the tensor or the entry.
    pub fn load(folder: &Path) -> Result<Self> {
        let gpt = Gpt::new(read_config(folder)?)?;
        let params = read_model(folder, &gpt)?;
        let path = folder.join(TOKENIZER_FILE);
        let tokenizer = Tokenizer::load(&path)?;
        let (given, expected) = (tokenizer.vocab_size(), gpt.config().vocab_size);
        if given > expected {
            return Err(Error::format(
                path,
                format!("it has {given} tokens, the model only {expected}"),
                "use the tokenizer the model was trained with",
            ));
        }
        Ok(Model { gpt, params, tokenizer })
    }
}

/// Writes the sizes and the tokenizer: what stays the same while a model is trained.
///
/// # Errors
/// [`Error::File`] when they cannot be written.
pub fn save_description(folder: &Path, config: &GptConfig, tokenizer: &Tokenizer) -> Result<()> {
    let text = serde_json::to_string_pretty(&config_json(config, tokenizer)).expect("plain JSON");
    files::write_bytes(&folder.join(CONFIG_FILE), (text + "\n").as_bytes())?;
    // Without this `transformers` takes GPT-2's own tokenizer class, which drops the spaces of
    // a character tokenizer.
    let class = json!({ "tokenizer_class": "PreTrainedTokenizerFast" }).to_string() + "\n";
    files::write_bytes(&folder.join("tokenizer_config.json"), class.as_bytes())?;
    tokenizer.save(&folder.join(TOKENIZER_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use stage01_bigram::random::{Purpose, generator};
    use stage01_bigram::tokenizer::TokenizerKind;

    fn model(bias: bool) -> (Gpt, Params<f32>, Tokenizer) {
        let tokenizer = TokenizerKind::Char.train("the quick brown fox").unwrap();
        let config = GptConfig {
            vocab_size: tokenizer.vocab_size(),
            block_size: 8,
            n_layer: 2,
            n_head: 2,
            n_embd: 8,
            dropout: 0.1,
            bias,
        };
        let gpt = Gpt::new(config).unwrap();
        let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
        (gpt, params, tokenizer)
    }

    fn saved(bias: bool) -> (tempfile::TempDir, Gpt, Params<f32>) {
        let (gpt, params, tokenizer) = model(bias);
        let folder = tempfile::tempdir().unwrap();
        save_description(folder.path(), gpt.config(), &tokenizer).unwrap();
        save_model(folder.path(), &gpt, &params).unwrap();
        (folder, gpt, params)
    }

    #[test]
    fn what_was_saved_is_loaded_to_the_bit() {
        for bias in [true, false] {
            let (folder, gpt, params) = saved(bias);
            let model = Model::load(folder.path()).unwrap();
            assert_eq!(model.gpt.config(), gpt.config());
            assert_eq!(model.params, params);
            assert_eq!(model.tokenizer.encode("fox").unwrap().len(), 3);
        }
    }

    #[test]
    fn a_damaged_file_is_named_at_every_length() {
        let (folder, ..) = saved(true);
        let path = folder.path().join(MODEL_FILE);
        let bytes = fs::read(&path).unwrap();
        for n in (0..bytes.len()).step_by(97) {
            fs::write(&path, &bytes[..n]).unwrap();
            let message = Model::load(folder.path()).unwrap_err().to_string();
            assert!(message.contains("model.safetensors: damaged"), "{n}: {message}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let broken = |file: &str, from: &str, to: &str| {
            let (folder, ..) = saved(true);
            let path = folder.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(&path, text.replace(from, to)).unwrap();
            Model::load(folder.path()).unwrap_err().to_string()
        };
        let cases = [
            ("\"n_embd\": 8", "\"n_embd\": 16", "the tensor transformer.wte.weight has the shape"),
            ("\"n_layer\": 2", "\"n_layer\": 3", "transformer.h.2.ln_1.weight is missing"),
            ("\"n_layer\": 2", "\"n_layer\": 1", "transformer.h.1"),
            ("\"n_head\": 2", "\"n_head\": 3", "multiple of --n-head"),
            ("\"gpt2\"", "\"llama\"", "model_type is \"llama\""),
            ("\"gelu_new\"", "\"relu\"", "activation_function is \"relu\""),
            ("\"n_positions\": 8", "\"n_positions\": \"8\"", "n_positions is \"8\""),
            ("{", "{{", "not JSON"),
        ];
        for (from, to, expected) in cases {
            let message = broken(CONFIG_FILE, from, to);
            assert!(message.contains(expected), "{message}");
        }
        // Biases that are not zero cannot be left out.
        let (folder, gpt, mut params) = saved(true);
        params.values.fill(0.5);
        save_model(folder.path(), &gpt, &params).unwrap();
        let path = folder.path().join(CONFIG_FILE);
        let text = fs::read_to_string(&path).unwrap().replace("\"bias\": true", "\"bias\": false");
        fs::write(&path, text).unwrap();
        let message = Model::load(folder.path()).unwrap_err().to_string();
        assert!(message.contains("bias does not belong to the model"), "{message}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let message = Model::load(Path::new("no/such/model")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read no/such/model"), "{message}");
    }
}
