//! The adapters of a model as a directory, as Hugging Face's `peft` writes and reads them.
//!
//! An adapter changes a *base* model, which is not in the directory:
//!
//! | file | holds | written and read by |
//! |---|---|---|
//! | `adapter_config.json` | rank, alpha, dropout, the names of the layers, the name of the base | `config` |
//! | `adapter_model.safetensors` | A and B of every adapted layer | `weights` |
//! | `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`, `generation_config.json` | as in the directory of a model | [`hugging_face`](super::hugging_face) |
//!
//! So the files are small, and several adapters can share one base: of SmolLM2, with 134.5 million
//! weights, rank 8 for all linear layers has 2.4 million.
//!
//! `peft` multiplies from the other side, y = W x, so both matrices are transposed in the file. A
//! layer has the name that it has in the base's own files:
//!
//! | here | in the file |
//! |---|---|
//! | `h.0.self_attn.q_proj.lora_A` (n_in, rank) | `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` (rank, n_in) |
//! | `h.0.attn.c_attn.lora_B` (rank, n_out) | `base_model.model.transformer.h.0.attn.c_attn.lora_B.weight` (n_out, rank) |
//!
//! `base_model.model.` is what `peft` wraps around a model. A mixture of parts that no other program
//! knows ([`hugging_face::is_known_elsewhere`](super::hugging_face::is_known_elsewhere)) has GPT-2's
//! names; its adapters open here, and not in `peft`.
//!
//! Every file is written atomically. The lock of the directory is the caller's
//! ([`run_directory`](super::run_directory)), as for the directory of a model.
//!
//! What this module leaves out: every other method of `peft`. What a file asks for is computed or refused, by the
//! name of the entry or of the tensor.

mod config;
mod weights;

use std::path::{Path, PathBuf};

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};
use stage02_attention::params::Params;

use self::config::AdapterConfig;
use super::bounded::shown;
use super::hugging_face::{
    INDEX_FILE, TextSettings, load_tokenizer, read_adapter_text_settings, save_texts, write_json,
};
use super::safetensors::TensorFile;
use super::{ADAPTER_CONFIG_FILE, ADAPTER_FILE, ADAPTER_FILES, MODEL_FILE, TOKENIZER_FILE};
use crate::gpt::Gpt;
use crate::lora::{self, LoraSettings};
use crate::model::{Model, ModelWeights, SpecialTokens};

pub use self::weights::save_weights;

/// Whether a directory is one of adapters.
///
/// # Errors
/// [`Error::Format`] when it holds a whole model as well: which of them is meant?
pub(super) fn holds_adapters(directory: &Path) -> Result<bool> {
    let has = |name: &&str| directory.join(name).exists();
    let Some(adapter) = ADAPTER_FILES.iter().find(|name| has(name)) else { return Ok(false) };
    match [MODEL_FILE, INDEX_FILE].iter().find(|name| has(name)) {
        None => Ok(true),
        Some(model) => {
            let problem = format!("it holds a model ({model}) and an adapter ({adapter})");
            let remedy = "move one of them into a directory of its own, with its other files";
            Err(Error::format(directory, problem, remedy))
        }
    }
}

/// Writes what stays the same while adapters are trained: their settings, the tokenizer and the chat
/// template.
///
/// gpt: with adapters. base: the path of the base, or its name on the hub. Other programs understand
/// a relative path from where they were started.
///
/// # Errors
/// [`Error::File`] when a file cannot be written.
///
/// # Panics
/// When the model has no adapters: a bug.
pub fn save_description(
    directory: &Path,
    gpt: &Gpt,
    base: &str,
    tokenizer: &Tokenizer,
    special: &SpecialTokens,
    text_settings: &TextSettings,
) -> Result<()> {
    let settings = gpt.lora().expect("a model with adapters");
    let json = config::adapter_config(settings, gpt.config(), base);
    write_json(&directory.join(ADAPTER_CONFIG_FILE), &json)?;
    save_texts(directory, gpt.config(), tokenizer, special, text_settings)
}

/// Writes the directory of the adapters of a model, to be opened by [`Model::load`] and by `peft`.
/// Files of these names that are there already are replaced.
///
/// # Errors
/// As [`save_description`].
///
/// # Panics
/// As [`save_description`].
pub fn save(directory: &Path, model: &Model, base: &str) -> Result<()> {
    files::create_directory(directory)?;
    let Model { gpt, tokenizer, special, text_settings, .. } = model;
    save_description(directory, gpt, base, tokenizer, special, text_settings)?;
    save_weights(directory, gpt, model.params())
}

/// The adapters in a directory: their settings, and the header of their weights.
pub struct AdapterDirectory<'a> {
    directory: PathBuf,
    config: AdapterConfig,
    weights: TensorFile<'a>,
}

impl AdapterDirectory<'_> {
    /// Reads the settings and the header. The weights themselves are read when it is known what they
    /// stand on.
    ///
    /// # Errors
    /// [`Error::File`] when a file is missing; [`Error::Format`] when it asks for what is not
    /// computed here, naming the entry.
    pub fn open(directory: &Path) -> Result<AdapterDirectory<'static>> {
        let [config, weights, pickle] = ADAPTER_FILES.map(|name| directory.join(name));
        let wrong = |problem: String, remedy: &str| Err(Error::format(directory, problem, remedy));
        let alone = |file, beside| {
            let remedy = "both belong to an adapter: copy the one that is missing as well";
            wrong(format!("it holds {file}, and no {beside}"), remedy)
        };
        match (config.exists(), weights.exists(), pickle.exists()) {
            (true, true, _) => {}
            (_, false, true) => {
                let pickle = "adapter_model.bin is a Python pickle, which can run any program when \
                              it is opened";
                return wrong(
                    pickle.into(),
                    "convert it in Python: peft's save_pretrained writes adapter_model.safetensors",
                );
            }
            (false, true, _) => return alone(ADAPTER_FILE, ADAPTER_CONFIG_FILE),
            (true, false, false) => return alone(ADAPTER_CONFIG_FILE, ADAPTER_FILE),
            (false, false, false) => {
                return wrong(
                    "it is no directory of adapters".into(),
                    "name one that holds adapter_config.json and adapter_model.safetensors",
                );
            }
        }
        let config = AdapterConfig::read(&config)?;
        let weights = TensorFile::open_file(&weights)?;
        Ok(AdapterDirectory { directory: directory.to_path_buf(), config, weights })
    }

    /// Adapters from the contents of both files, without a directory: for tests and fuzzers.
    ///
    /// # Errors
    /// As [`AdapterDirectory::open`].
    pub fn from_bytes<'b>(config: &[u8], weights: &'b [u8]) -> Result<AdapterDirectory<'b>> {
        let path = Path::new(ADAPTER_CONFIG_FILE);
        let not_text = |e| Error::format(path, format!("not UTF-8 text: {e}"), "restore it");
        let config = AdapterConfig::parse(path, std::str::from_utf8(config).map_err(not_text)?)?;
        let weights = TensorFile::open(Path::new(ADAPTER_FILE), weights)?;
        Ok(AdapterDirectory { directory: PathBuf::new(), config, weights })
    }

    /// The settings, without the names of the layers, which depend on the base. With `use_rslora`
    /// the files scale by alpha / sqrt(rank): here alpha is larger instead.
    pub fn settings(&self) -> &LoraSettings {
        &self.config.settings
    }

    /// The path of the base that the adapters name: from the working directory, as `peft`
    /// understands it, or from their own directory.
    ///
    /// # Errors
    /// [`Error::Format`] when there is none.
    pub fn base(&self) -> Result<PathBuf> {
        let missing = |problem| {
            let remedy = format!(
                "give the base: stage03_gpt merge --model {} --base DIR --out-dir NEW, and use \
                 NEW from then on",
                self.directory.display()
            );
            Err(Error::format(self.directory.join(ADAPTER_CONFIG_FILE), problem, remedy))
        };
        let Some(name) = &self.config.base else {
            return missing("base_model_name_or_path does not name the base".into());
        };
        let paths = [PathBuf::from(name), self.directory.join(name)];
        match paths.into_iter().find(|path| path.exists()) {
            Some(path) => Ok(path),
            None => missing(format!(
                "base_model_name_or_path is {:?}, and there is no such directory or file here",
                shown(name)
            )),
        }
    }

    /// The base with these adapters, which stand before its weights as in [`lora`].
    ///
    /// params: of `base`, which has no adapters.
    ///
    /// # Errors
    /// [`Error::Format`] when they do not fit the base, naming the tensor or the entry, and when a
    /// number is NaN or infinite.
    pub fn put_on_weights(&self, base: &Gpt, params: Params<f32>) -> Result<(Gpt, Params<f32>)> {
        let targets = self.config.targets(base.config(), &self.weights)?;
        let settings = LoraSettings { targets, ..self.settings().clone() };
        let adapted = lora::declare(base, &settings).map_err(|e| self.config.wrong_settings(&e))?;
        weights::check(&self.weights, &adapted)?;
        // Only now: what is allocated is as large as the file.
        let params = weights::read(&self.weights, &adapted, params)?;
        Ok((adapted, params))
    }

    /// [`AdapterDirectory::put_on_weights`] for a whole model. Where the directory has a tokenizer, it
    /// is the adapted model's, with the chat template beside it.
    pub(super) fn put_on(&self, base: Model) -> Result<Model> {
        let Model { gpt, weights, mut tokenizer, mut special, mut text_settings } = base;
        let ModelWeights::Full(params) = weights else { panic!("the base was loaded in full") };
        let (gpt, params) = self.put_on_weights(&gpt, params)?;
        if self.directory.join(TOKENIZER_FILE).exists() {
            tokenizer = load_tokenizer(&self.directory, gpt.config())?;
            let base = (&special, &text_settings);
            (special, text_settings) =
                read_adapter_text_settings(&self.directory, &tokenizer, base)?;
        }
        let weights = ModelWeights::Full(params);
        Ok(Model { gpt, weights, tokenizer, special, text_settings })
    }
}

#[cfg(test)]
mod tests;
