//! Tokenizers as files: the `tokenizer.json` of Hugging Face's `tokenizers` library.
//!
//! `file` reads a file from the disk, `rules` refuses unsupported entries, `reader` takes the
//! vocabulary out of it. Each kind of tokenizer interprets the entries of its model. `beside` reads
//! the other files of a model's directory.

mod beside;
pub(super) mod file;
pub(super) mod reader;
pub(super) mod rules;

use std::path::Path;

use serde_json::Value;

use self::reader::Reader;
use super::{BpeTokenizer, CharTokenizer, Tokenizer};
use crate::{Result, files};

impl Tokenizer {
    /// Writes a `tokenizer.json`.
    ///
    /// # Errors
    /// [`crate::Error::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write_bytes(path, self.to_json().as_bytes())
    }

    /// Reads a `tokenizer.json`, one of ours or one that the `tokenizers` library wrote for a
    /// GPT-2 style vocabulary. Of a directory it reads the file of that name. The files that a
    /// model has beside it may tell which token ends a document.
    ///
    /// # Errors
    /// [`crate::Error::File`] when it cannot be read; [`crate::Error::Format`] when it is not such
    /// a file, with the reason.
    pub fn load(path: &Path) -> Result<Tokenizer> {
        let path = file::locate(path)?;
        let content = file::read(&path)?;
        let mut tokenizer = read(&path, &content)?;
        if let Tokenizer::Bpe(bpe) = &mut tokenizer
            && bpe.added().end_of_text_is_known()
            && let Some(content) = beside::end_of_text(&path, bpe.added())
        {
            bpe.set_end_of_text(&content)?;
        }
        Ok(tokenizer)
    }

    /// The content of a `tokenizer.json`.
    pub fn to_json(&self) -> String {
        match self {
            Tokenizer::Char(tokenizer) => tokenizer.to_json(),
            Tokenizer::Bpe(tokenizer) => tokenizer.to_json(),
        }
    }

    /// [`Tokenizer::load`] for a file's content that is already in memory.
    ///
    /// # Errors
    /// [`crate::Error::Format`], naming the file as `tokenizer.json`.
    pub fn from_json(json: &str) -> Result<Tokenizer> {
        read(Path::new("tokenizer.json"), json)
    }
}

/// Reads a file's content; the type of its model decides the kind of tokenizer.
fn read(path: &Path, content: &str) -> Result<Tokenizer> {
    let reader = Reader { path };
    let file: Value =
        serde_json::from_str(content).map_err(|e| reader.wrong(format!("not whole JSON: {e}")))?;
    let Some(model) = file.get("model").filter(|model| model.is_object()) else {
        return Err(reader.wrong("the object `model` is missing"));
    };
    reader.expect(&file, "", rules::FILE)?;
    match model.get("type").and_then(Value::as_str) {
        Some("WordLevel") => CharTokenizer::from_json(path, &file).map(Tokenizer::Char),
        Some("BPE") => BpeTokenizer::from_json(path, &file).map(Tokenizer::Bpe),
        // The oldest files of the library have no type; merges identify BPE.
        None if model.get("merges").is_some() => {
            BpeTokenizer::from_json(path, &file).map(Tokenizer::Bpe)
        }
        Some(other) => Err(reader.wrong(format!("model.type is {other:?}"))),
        None => Err(reader.wrong("model.type is missing")),
    }
}
