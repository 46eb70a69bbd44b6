//! A character tokenizer: one token for each character.
//!
//! The simplest tokenizer: sort the distinct characters of the training text by code point and
//! number them 0, 1, 2, … Nothing is learned, every token is readable, and the vocabulary is so
//! small that a table of all pairs of tokens fits on a page. The price is length: five or six
//! tokens for an English word. nanoGPT's Shakespeare data is made the same way.
//!
//! ```
//! use stage01_bigram::tokenizer::CharTokenizer;
//! let tokenizer = CharTokenizer::train("abracadabra")?;
//! assert_eq!(tokenizer.characters(), ['a', 'b', 'c', 'd', 'r']);
//! assert_eq!(tokenizer.encode("crab")?, [2, 4, 0, 1]);
//! assert_eq!(tokenizer.decode(&[2, 4, 0, 1])?, "crab");
//! assert!(tokenizer.encode("crabs").is_err());
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::path::Path;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};

use super::json::reader::{Reader, short};
use super::json::rules::Allowed::{self, Anything, False, Word};
use crate::{Error, Result};

/// The characters of a text, in the order of their code points.
#[derive(Clone, Debug, PartialEq)]
pub struct CharTokenizer {
    /// Token to character.
    characters: Vec<char>,
    /// Character to token.
    ids: FxHashMap<char, u32>,
    /// The same for ASCII, where most text is; [`ABSENT`] for what the vocabulary lacks.
    ascii: Box<[u32; 128]>,
}

/// Not a token: Unicode has fewer characters.
const ABSENT: u32 = u32::MAX;

impl CharTokenizer {
    /// The vocabulary of a text: each of its characters once.
    ///
    /// # Errors
    /// [`Error::Text`] for an empty text.
    // ANCHOR: train
    pub fn train(text: &str) -> Result<CharTokenizer> {
        if text.is_empty() {
            return Err(Error::empty_text());
        }
        let mut ascii = [false; 128];
        let mut rest = rustc_hash::FxHashSet::default();
        for c in text.chars() {
            match ascii.get_mut(c as usize) {
                Some(seen) => *seen = true,
                None => _ = rest.insert(c),
            }
        }
        let mut characters: Vec<char> =
            (0..128u8).filter(|&c| ascii[c as usize]).map(char::from).chain(rest).collect();
        characters.sort_unstable();
        Ok(Self::from_characters(characters))
    }
    // ANCHOR_END: train

    fn from_characters(characters: Vec<char>) -> CharTokenizer {
        let ids: FxHashMap<char, u32> = characters.iter().copied().zip(0..).collect();
        let ascii =
            std::array::from_fn(|c| ids.get(&char::from(c as u8)).copied().unwrap_or(ABSENT));
        CharTokenizer { characters, ids, ascii: Box::new(ascii) }
    }

    /// The characters of the vocabulary; the id of each is its index.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// The vocabulary size.
    pub fn vocab_size(&self) -> usize {
        self.characters.len()
    }

    /// One token for each character.
    ///
    /// # Errors
    /// [`Error::UnknownCharacter`] for the first character that is not in the vocabulary.
    // ANCHOR: encode
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let id = match self.ascii.get(c as usize) {
                Some(&id) => id,
                None => self.ids.get(&c).copied().unwrap_or(ABSENT),
            };
            if id == ABSENT {
                return Err(self.unknown_character(text, at, c));
            }
            ids.push(id);
        }
        Ok(ids)
    }
    // ANCHOR_END: encode

    fn unknown_character(&self, text: &str, at: usize, character: char) -> Error {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Error::UnknownCharacter {
            character,
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
            vocab_size: self.vocab_size(),
        }
    }

    /// The text of these tokens.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a number outside the vocabulary.
    // ANCHOR: decode
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let character = |&id: &u32| match self.characters.get(id as usize) {
            Some(&c) => Ok(c),
            None => Err(Error::UnknownToken { token: id, vocab_size: self.vocab_size() }),
        };
        ids.iter().map(character).collect()
    }
    // ANCHOR_END: decode

    /// A `tokenizer.json`: every character is a "word" of its own, and the words are put
    /// together again without spaces. `unk_token` names no entry of the vocabulary, so the
    /// library, too, refuses characters that it does not have.
    pub(super) fn to_json(&self) -> String {
        let vocab: Map<String, Value> =
            self.characters.iter().zip(0u32..).map(|(c, id)| (c.to_string(), id.into())).collect();
        let file = json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": [],
            "normalizer": null,
            "pre_tokenizer": {
                "type": "Split",
                "pattern": { "Regex": ANY_CHARACTER },
                "behavior": "Isolated",
                "invert": false,
            },
            "post_processor": null,
            "decoder": { "type": "Fuse" },
            "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]" },
        });
        format!("{file:#}\n")
    }

    /// Reads what [`CharTokenizer::to_json`] writes.
    pub(super) fn from_json(path: &Path, file: &Value) -> Result<CharTokenizer> {
        let reader = Reader { path };
        let pattern = file.pointer("/pre_tokenizer/pattern/Regex").and_then(Value::as_str);
        if pattern != Some(ANY_CHARACTER) {
            return Err(reader.wrong(
                "a WordLevel model whose pre_tokenizer does not cut the text into characters",
            ));
        }
        for (name, rules) in [("pre_tokenizer", PRE_TOKENIZER), ("model", MODEL)] {
            reader.expect(&file[name], name, rules)?;
        }
        reader.expect(&file["decoder"], "decoder", &[("type", Word("Fuse"))])?;
        if file["decoder"]["type"].is_null() {
            return Err(reader.wrong("decoder is not Fuse"));
        }
        for entry in ["normalizer", "post_processor"] {
            if file.get(entry).is_some_and(|value| !value.is_null()) {
                let problem = format!("{entry} is not supported for a WordLevel model");
                return Err(reader.wrong(problem));
            }
        }
        let (words, added) = reader.vocab(file)?;
        if let Some(all) = added.spellings() {
            return Err(reader.wrong(format!(
                "added_tokens are not supported for a WordLevel model, and it has {all}"
            )));
        }
        // An unknown character is an error here, and would become that token in the library.
        let unknown = file["model"]["unk_token"].as_str().unwrap_or_default();
        if words.iter().any(|word| word == unknown) {
            return Err(reader.wrong(format!(
                "model.unk_token is {unknown:?}, a token of the vocabulary, which is not supported"
            )));
        }
        let mut characters = Vec::new();
        for (id, word) in words.into_iter().enumerate() {
            let mut letters = word.chars();
            match (letters.next(), letters.next()) {
                (Some(c), None) => characters.push(c),
                _ => {
                    return Err(
                        reader.wrong(format!("token {id}, {:?}, is not a character", short(&word)))
                    );
                }
            }
        }
        if characters.is_empty() {
            return Err(reader.wrong("model.vocab is empty"));
        }
        Ok(Self::from_characters(characters))
    }
}

/// What may stand in the entries of a file besides the pattern.
const PRE_TOKENIZER: &[(&str, Allowed)] = &[
    ("type", Word("Split")),
    ("pattern", Anything),
    ("behavior", Word("Isolated")),
    ("invert", False),
];
const MODEL: &[(&str, Allowed)] =
    &[("type", Word("WordLevel")), ("vocab", Anything), ("unk_token", Anything)];

/// Any one character, line ends included, in every dialect of regular expressions.
const ANY_CHARACTER: &str = r"[\s\S]";
