//! A model from a path: which format the path has, and who reads it.
//!
//! | the path | is read by |
//! |---|---|
//! | a directory in Hugging Face's layout | [`hugging_face`] |
//! | a file that ends in `.gguf` | [`gguf`] |
//! | a directory of adapters, and the base that it names | [`peft`], and one of the others |
//!
//! What this file leaves out: names on the hub ([`hub`](super::hub)).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use stage01_bigram::{Error, Result};

use super::peft::AdapterDirectory;
use super::{gguf, hugging_face, peft};
use crate::lora;
use crate::model::{Model, ModelWeights};

/// What a path holds.
enum Format {
    Directory,
    Gguf,
    Adapters,
}

impl Format {
    fn of(path: &Path) -> Result<Format> {
        let there = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let remedy = "train a model first, or name the directory of one";
                return Err(Error::format(path, "there is no such directory", remedy));
            }
            there => there.map_err(Error::file("read", path))?,
        };
        match there.is_dir() {
            true if peft::holds_adapters(path)? => Ok(Format::Adapters),
            true => Ok(Format::Directory),
            false if path.extension().is_some_and(|ending| ending == "gguf") => Ok(Format::Gguf),
            false => {
                let problem =
                    "it is a file, and a model is a directory, or a file that ends in .gguf";
                Err(Error::format(path, problem, "name the directory that the file is in"))
            }
        }
    }
}

impl Model {
    /// Reads the directory of a model, or a file that ends in `.gguf`. Of a directory of adapters,
    /// the base that it names is read, and they are merged into it.
    ///
    /// # Errors
    /// [`Error::File`] when a file is missing or unreadable; [`Error::Format`] when it is not
    /// what it should be, naming the tensor or the entry.
    pub fn load(path: &Path) -> Result<Self> {
        match Format::of(path)? {
            Format::Directory => hugging_face::load(path),
            Format::Gguf => gguf::load(path),
            Format::Adapters => Model::load_adapted(path, None)?.merge(),
        }
    }

    /// [`Model::load`] for inference: quantised matrices of a GGUF file stay as they are. They take a
    /// quarter of the memory or less, and are multiplied several times faster. The model can neither be
    /// trained nor saved.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_quantised(path: &Path) -> Result<Self> {
        match path.is_file() && path.extension().is_some_and(|ending| ending == "gguf") {
            true => gguf::load_blocks(path),
            false => Model::load(path),
        }
    }

    /// Reads a directory of adapters and puts them on their base, without merging: to train them
    /// further. The layout of the parameters is that of [`lora`].
    ///
    /// base: a directory or a GGUF file; none: the one that the adapters name.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_adapted(directory: &Path, base: Option<&Path>) -> Result<Self> {
        let adapters = AdapterDirectory::open(directory)?;
        let base = base.map_or_else(|| adapters.base(), |base| Ok(base.to_path_buf()))?;
        let model = match Format::of(&base)? {
            Format::Directory => hugging_face::load(&base)?,
            Format::Gguf => gguf::load(&base)?,
            Format::Adapters => {
                let problem = "the base of adapters cannot be a directory of adapters itself";
                let remedy = "merge them into their base first (stage03_gpt merge), and name that";
                return Err(Error::format(base, problem, remedy));
            }
        };
        adapters.put_on(model)
    }

    /// The model without adapters that computes the same: see [`lora::merge`].
    ///
    /// # Errors
    /// [`Error::Setting`] when a weight becomes infinite, because the adapters' numbers are too large.
    ///
    /// # Panics
    /// As [`Model::into_params`].
    pub fn merge(self) -> Result<Self> {
        let Model { gpt, weights, tokenizer, special, text_settings } = self;
        let ModelWeights::Full(params) = weights else { panic!("adapters stand on full weights") };
        let (gpt, params) = lora::merge(&gpt, params)?;
        if let Some(bad) = params.values.iter().find(|weight| !weight.is_finite()) {
            let expected = "the adapters' numbers are too large: copy their files again";
            return Err(Error::setting("a weight of the merged model", bad, expected));
        }
        let weights = ModelWeights::Full(params);
        Ok(Model { gpt, weights, tokenizer, special, text_settings })
    }
}
