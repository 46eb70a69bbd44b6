//! A model as a directory in Hugging Face's layout, which other programs can open.
//!
//! It is the layout of GPT-2, so `transformers` loads the directory as it is, and directories that
//! `transformers` saved load here:
//!
//! | file | holds | written and read by |
//! |---|---|---|
//! | `config.json` | the sizes: [`GptConfig`]; the tokens that begin and end a text | `config_json` |
//! | `generation_config.json` | the same two tokens as `config.json`, and defaults of generation | `text_settings` |
//! | `model.safetensors` | the weights in f32, under GPT-2's names and orientations | `weights` |
//! | `tokenizer.json` | the tokenizer, in the format of the `tokenizers` library | [`Tokenizer`] |
//! | `tokenizer_config.json` | settings of the tokenizer in `transformers` | `tokenizer_config`, `text_settings` |
//! | `chat_template.jinja` | the chat template, where the model has one | `text_settings` |
//! | `trainer.safetensors` | weights, both moments and the iteration, to resume the run | [`resume`](super::resume) |
//!
//! Every file is written atomically. The trainer's file holds the weights a second time, because
//! two files cannot be replaced in one instant: a process that is killed between them leaves a
//! model that is newer or older than the trainer's state, never a mixture.
//!
//! A model without biases is saved with biases of zero, which compute the same: GPT-2 in
//! `transformers` always has them. By the entry `bias` of `config.json`, which other programs
//! ignore, this crate leaves them out again when it loads the model, as long as they are zero.
//!
//! ```
//! use stage01_bigram::tokenizer::TokenizerKind;
//! use stage03_gpt::{config::GptConfig, text_data::TextData, text_training::TextTraining};
//! use stage03_gpt::model::Model;
//! # use stage01_bigram::corpus::Corpus;
//! # let text = "One fish, two fish. ".repeat(50);
//! # let corpus = Corpus { text, origin: "a rhyme".into() };
//!
//! let tokenizer = TokenizerKind::Char.train(&corpus.text)?;
//! let config = GptConfig { vocab_size: tokenizer.vocab_size(), ..GptConfig::default() };
//! let data = TextData::new(&corpus, &tokenizer, config.block_size)?;
//! let model = TextTraining::new(config, data, Default::default())?.into_model(tokenizer);
//! let directory = tempfile::tempdir().unwrap();
//! model.save(directory.path())?;
//! assert_eq!(Model::load(directory.path())?.params(), model.params());
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! Files are untrusted. None of them can make this program allocate more memory than a small
//! multiple of its own length, and what one says about another is checked.

mod config_json;
mod family;
mod names;
mod text_settings;
mod tokenizer_config;
mod transpose;
mod weights;

use std::path::Path;

use serde_json::Value;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};
use stage02_attention::params::Params;

use self::config_json::{Config, config_json, require_memory};
use self::family::Family;
use self::tokenizer_config::tokenizer_config;
use self::weights::Weights;
use super::bounded::{read_json, shown};
use super::{CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE};
use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::model::{Model, ModelWeights, SpecialTokens};

pub use self::config_json::read_config;
pub(super) use self::names::layer_name;
pub(super) use self::text_settings::read_adapter_text_settings;
pub use self::text_settings::{TextSettings, read_text_settings};
pub use self::weights::{INDEX_FILE, read_model, save_model};

/// The settings of the tokenizer in `transformers`.
pub const TOKENIZER_CONFIG_FILE: &str = "tokenizer_config.json";
/// The chat template, in the language Jinja.
pub const CHAT_TEMPLATE_FILE: &str = "chat_template.jinja";
/// Defaults of generation in `transformers`.
pub const GENERATION_CONFIG_FILE: &str = "generation_config.json";

/// Whether the files of such a model keep queries, keys and values in one matrix, as GPT-2's do.
pub fn joins_qkv(config: &GptConfig) -> bool {
    matches!(Family::of(config), Family::Gpt2 | Family::Own)
}

/// Whether the model is of a family that `transformers` knows. Another one is a mixture of parts, and
/// its files open here alone.
pub fn is_known_elsewhere(config: &GptConfig) -> bool {
    Family::of(config) != Family::Own
}

impl Model {
    /// Writes the directory of a model, to be opened by [`Model::load`] and by `transformers`.
    /// Files of these names that are there already are replaced.
    ///
    /// # Errors
    /// [`Error::File`] when a file cannot be written; [`Error::Setting`] for a model with adapters.
    pub fn save(&self, directory: &Path) -> Result<()> {
        without_adapters(&self.gpt)?;
        files::create_directory(directory)?;
        let Model { gpt, tokenizer, special, text_settings, .. } = self;
        save_description_with(directory, gpt.config(), tokenizer, special, text_settings)?;
        save_model(directory, &self.gpt, self.params())
    }
}

/// Refuses a model with adapters, whose files would hold it without them.
///
/// # Errors
/// [`Error::Setting`], saying what to do.
pub(super) fn without_adapters(gpt: &Gpt) -> Result<()> {
    match gpt.lora() {
        None => Ok(()),
        Some(_) => {
            let expected = "merge them into it first, or save the adapters alone";
            Err(Error::setting("the model", "a model with adapters", expected))
        }
    }
}

/// Reads the directory of a model: what [`Model::load`] does where it is one.
pub(super) fn load(directory: &Path) -> Result<Model> {
    // First, because its errors name other formats and how to convert them.
    let weights = Weights::open(directory)?;
    let path = directory.join(CONFIG_FILE);
    let config = Config::read(&path)?;
    let (gpt, params) = build(&weights, &config, &path)?;
    let tokenizer = load_tokenizer(directory, gpt.config())?;
    let (special, text_settings) = read_text_settings(directory, &tokenizer)?;
    let weights = ModelWeights::Full(params);
    Ok(Model { gpt, weights, tokenizer, special, text_settings })
}

/// Reads the tokenizer in a directory, for a model of these sizes.
pub(super) fn load_tokenizer(directory: &Path, config: &GptConfig) -> Result<Tokenizer> {
    let path = directory.join(TOKENIZER_FILE);
    let tokenizer = Tokenizer::load(&path)?;
    let (given, expected) = (tokenizer.vocab_size(), config.vocab_size);
    if given > expected {
        return Err(Error::format(
            path,
            format!("it has {given} tokens, the model only {expected}"),
            "use the tokenizer the model was trained with",
        ));
    }
    Ok(tokenizer)
}

/// A model from its sizes and its weights, which are compared first.
///
/// path: the file of the sizes, for messages.
fn build(weights: &Weights, config: &Config, path: &Path) -> Result<(Gpt, Params<f32>)> {
    let config = weights.check_sizes(&config.sizes()?, path)?;
    require_memory(&config, path)?;
    let remedy = "restore it, or train the model again";
    let gpt = Gpt::new(config).map_err(|e| Error::format(path, e.to_string(), remedy))?;
    let params = weights.read(&gpt)?;
    Ok((gpt, params))
}

/// A model from the contents of `config.json` and `model.safetensors`: [`Model::load`] without a
/// directory, for tests and fuzzers.
///
/// # Errors
/// As [`Model::load`].
pub fn from_bytes(config: &[u8], weights: &[u8]) -> Result<(Gpt, Params<f32>)> {
    let path = Path::new(CONFIG_FILE);
    let not_text = |e| Error::format(path, format!("not UTF-8 text: {e}"), "restore it");
    let config = Config::parse(path, std::str::from_utf8(config).map_err(not_text)?)?;
    build(&Weights::in_memory(Path::new(MODEL_FILE), weights)?, &config, path)
}

/// The list of shards in the content of `model.safetensors.index.json`: each tensor with the name
/// of its file. For tests and fuzzers; [`Model::load`] follows the list.
///
/// # Errors
/// [`Error::Format`] when it is no such list.
pub fn shards_from_bytes(index: &[u8]) -> Result<Vec<(String, String)>> {
    let path = Path::new(INDEX_FILE);
    let not_text = |e| Error::format(path, format!("not UTF-8 text: {e}"), "restore it");
    weights::parse_index(path, std::str::from_utf8(index).map_err(not_text)?)
}

/// Writes the sizes and the tokenizer: what stays the same while a model is trained.
///
/// # Errors
/// [`Error::File`] when they cannot be written.
pub fn save_description(directory: &Path, config: &GptConfig, tokenizer: &Tokenizer) -> Result<()> {
    let (special, text_settings) = (SpecialTokens::of(tokenizer), TextSettings::default());
    save_description_with(directory, config, tokenizer, &special, &text_settings)
}

/// [`save_description`] for a model that was loaded: what its files said about texts is kept.
///
/// # Errors
/// As [`save_description`].
pub fn save_description_with(
    directory: &Path,
    config: &GptConfig,
    tokenizer: &Tokenizer,
    special: &SpecialTokens,
    text_settings: &TextSettings,
) -> Result<()> {
    let generation = text_settings.generation_config(special);
    let mut model = config_json(config, tokenizer);
    for entry in ["bos_token_id", "eos_token_id"] {
        model[entry] = generation[entry].clone();
    }
    write_json(&directory.join(CONFIG_FILE), &model)?;
    save_texts(directory, config, tokenizer, special, text_settings)
}

/// Writes what a directory says about texts: the tokenizer, the special tokens, the chat template.
pub(super) fn save_texts(
    directory: &Path,
    config: &GptConfig,
    tokenizer: &Tokenizer,
    special: &SpecialTokens,
    text_settings: &TextSettings,
) -> Result<()> {
    let generation = text_settings.generation_config(special);
    write_json(&directory.join(GENERATION_CONFIG_FILE), &generation)?;
    let settings = tokenizer_config(config, tokenizer, text_settings);
    write_json(&directory.join(TOKENIZER_CONFIG_FILE), &settings)?;
    text_settings.save_template(directory)?;
    tokenizer.save(&directory.join(TOKENIZER_FILE))
}

/// Writes a file of JSON, with a line for each entry.
pub(super) fn write_json(path: &Path, json: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(json).expect("plain JSON") + "\n";
    files::write_bytes(path, text.as_bytes())
}

#[cfg(test)]
mod family_tests;
#[cfg(test)]
mod tests;
