//! Raw text to a folder of tokens. A stand-in for small texts.

use std::path::{Path, PathBuf};

use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result, files};

use crate::shards::{Manifest, PartEntry, ShardEntry};

/// Makes a folder of tokens from texts, or from the built-in one.
///
/// # Errors
/// When a text or the tokenizer cannot be used, or the folder cannot be written.
pub fn prepare(texts: &[PathBuf], tokenizer: &TokenizerKind, folder: &Path) -> Result<()> {
    let corpus = Corpus::open(texts)?;
    let (train, validation) = split(&corpus.text, 0.9)?;
    let tokenizer = match tokenizer {
        TokenizerKind::Char => tokenizer.train(&corpus.text)?,
        _ => tokenizer.train(train)?,
    };
    if tokenizer.vocab_size() > 1 << 16 {
        let expected = "at most 65,536 tokens";
        return Err(Error::setting("the vocabulary", tokenizer.vocab_size(), expected));
    }
    files::create_folder(folder)?;
    let write = |name: &str, text: &str| {
        let ids = tokenizer.encode(text)?;
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| (id as u16).to_le_bytes()).collect();
        files::write_bytes(&folder.join(format!("{name}-00000.bin")), &bytes)?;
        let sum = bytes.iter().fold(7, |sum: u64, &b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let (bytes, tokens) = (text.len() as u64, ids.len() as u64);
        Ok::<_, Error>(PartEntry { bytes, tokens, shards: vec![ShardEntry { sum }] })
    };
    let (train, validation) = (write("train", train)?, write("validation", validation)?);
    tokenizer.save(&folder.join("tokenizer.json"))?;
    let manifest = Manifest { vocab_size: tokenizer.vocab_size(), train, validation };
    let text = serde_json::to_string_pretty(&manifest).expect("plain JSON") + "\n";
    files::write_bytes(&folder.join("manifest.json"), text.as_bytes())
}
