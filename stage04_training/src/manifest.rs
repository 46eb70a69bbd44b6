//! The description of a directory of tokens: `manifest.json`.
//!
//! The shards hold only token numbers. Their width, their number, the size of the text and the
//! flags of `prepare` are in the manifest. It is written last: a directory with a manifest is
//! complete. Nothing in it depends on time, place or number of threads, so the same inputs and
//! flags give the same bytes. It has a checksum of each other file and of itself.
//!
//! ```
//! use stage04_training::manifest::Split;
//!
//! assert_eq!(Split::Train.shard_file(3), "train-00003.bin");
//! assert_eq!(Split::Train.shard_number("train-00003.bin"), Some(3));
//! ```
//!
//! What this file leaves out: reading the shards ([`crate::shards`]) and making them
//! ([`crate::prepare`]).

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage01_bigram::{Error, Result};

use crate::checksummed;

/// The file's name.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The name of the tokenizer beside it.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// The name of the list of skipped faults, one JSON object per line.
pub const FAULTS_FILE: &str = "skipped.jsonl";

/// The version of the directory format that this program writes and reads.
pub const VERSION: u32 = 2;

/// One of the two parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The training set.
    Train,
    /// The validation set.
    Validation,
}

impl Split {
    /// Both.
    pub const ALL: [Split; 2] = [Split::Train, Split::Validation];

    /// The prefix of its files: `train`, `validation`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
        }
    }

    /// The name of its shard of this number, such as `train-00000.bin`.
    pub fn shard_file(self, number: usize) -> String {
        format!("{}-{number:05}.bin", self.name())
    }

    /// The number of the shard of this name; `None` for any other name.
    pub fn shard_number(self, name: &str) -> Option<usize> {
        let number = name.strip_prefix(self.name())?.strip_prefix('-')?.strip_suffix(".bin")?;
        let number = number.parse().ok()?;
        (self.shard_file(number) == name).then_some(number)
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// ANCHOR: manifest
/// The content of the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// The bytes per token in the shards: 2 or 4.
    pub token_bytes: usize,
    /// The size of the vocabulary; every token is below it.
    pub vocab_size: usize,
    /// The end-of-text token at the end of each document, if the vocabulary has one.
    pub end_of_text: Option<u32>,
    /// The checksum of tokenizer.json.
    pub tokenizer_xxh3: String,
    /// How the text was split.
    pub split: SplitEntry,
    /// The training set.
    pub train: PartEntry,
    /// The validation set.
    pub validation: PartEntry,
    /// The flags of `prepare` that affect the result.
    pub flags: BTreeMap<String, Value>,
    /// The input files.
    pub inputs: InputsEntry,
    /// What was left out.
    pub left_out: LeftOutEntry,
}

/// How the text was split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitEntry {
    /// The criterion.
    pub by: SplitBy,
    /// The fraction of the validation set.
    pub validation: f64,
}

/// The criterion that assigns text to training or validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// The hash of the document.
    Document,
    /// The position: the end of the whole text is for validation.
    Tail,
}

/// One part of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartEntry {
    /// The number of documents that begin in this part.
    pub documents: u64,
    /// The length of its text in bytes of UTF-8.
    pub bytes: u64,
    /// The length of its text in characters.
    pub characters: u64,
    /// The number of tokens, including those between documents.
    pub tokens: u64,
    /// How often its text spelled a special token, however it was read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub special_tokens: u64,
    /// How often it spelled `<|endoftext|>` without such a token in the vocabulary.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown_markers: u64,
    /// Its files, in order.
    pub shards: Vec<ShardEntry>,
}

/// One file of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Its name inside the directory.
    pub file: String,
    /// The number of tokens in it.
    pub tokens: u64,
    /// The checksum of its bytes: XXH3, 64 bits, 16 hexadecimal digits (`xxhsum -H3` agrees).
    pub xxh3: String,
}
// ANCHOR_END: manifest

/// The input files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputsEntry {
    /// The number of files.
    pub files: u64,
    /// Their sizes on the disk, summed.
    pub bytes: u64,
    /// The checksum of all their names and sizes.
    pub fingerprint: String,
}

/// What was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutEntry {
    /// The number of documents that `--sample` left out.
    pub not_sampled: u64,
    /// The number of empty documents.
    pub empty: u64,
    /// The number of faults in the inputs, with `--on-error skip`.
    pub faults: u64,
    /// The file that lists them, if there are any.
    pub faults_file: Option<String>,
    /// The first of them.
    pub first_faults: Vec<String>,
    /// Number of files of unknown type, by suffix.
    pub ignored: BTreeMap<String, u64>,
}

/// Whether an entry can be left out.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Manifest {
    /// The entry of a part.
    pub fn part(&self, which: Split) -> &PartEntry {
        match which {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
        }
    }

    /// Reads the manifest of a directory.
    ///
    /// # Errors
    /// [`Error::File`] when there is none; [`Error::Format`] when it is not a manifest of this
    /// version, was altered, or is inconsistent.
    pub fn load(directory: &Path) -> Result<Manifest> {
        let path = directory.join(MANIFEST_FILE);
        match checksummed::read(&path)? {
            Some(text) => Manifest::parse(&path, &text),
            None => Err(Error::file("read", &path)(io::ErrorKind::NotFound.into())),
        }
    }

    /// Parses the text of a manifest. path: its file, for messages.
    ///
    /// # Errors
    /// [`Error::Format`], as [`Manifest::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Manifest> {
        let manifest = checksummed::parse(text, "manifest of tokens", VERSION)
            .and_then(|manifest: Manifest| manifest.check().map(|()| manifest));
        manifest.map_err(|problem| {
            Error::format(path, problem, "make the directory again with `prepare --restart`")
        })
    }

    /// Writes it atomically: a reader sees the old or the new content.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn save(&self, directory: &Path) -> Result<()> {
        checksummed::save(self, &directory.join(MANIFEST_FILE))
    }

    /// Checks that it is consistent.
    fn check(&self) -> Check {
        if !matches!(self.token_bytes, 2 | 4) {
            return Err(format!("token_bytes is {}, expected 2 or 4", self.token_bytes));
        }
        if self.vocab_size == 0 || self.vocab_size as u64 > 1 << (8 * self.token_bytes) {
            return Err(format!(
                "{} tokens do not fit into {} bytes each",
                self.vocab_size, self.token_bytes
            ));
        }
        if self.end_of_text.is_some_and(|token| token as usize >= self.vocab_size) {
            return Err(format!("end_of_text is not one of {} tokens", self.vocab_size));
        }
        if !checksummed::is_hex(&self.tokenizer_xxh3) {
            return Err("tokenizer_xxh3 is not a checksum".into());
        }
        self.split.check()?;
        self.left_out.check()?;
        let longest = |part: &PartEntry| part.shards.first().map_or(0, |shard| shard.tokens);
        for which in Split::ALL {
            let part = self.part(which);
            part.check(which, self.token_bytes, longest(part))?;
        }
        Ok(())
    }
}

/// The result of a check: a description of the problem.
pub(crate) type Check = std::result::Result<(), String>;

/// The largest plausible count. Sums of a few of them still fit into a u64.
pub(crate) const MOST: u64 = 1 << 60;

impl SplitEntry {
    pub(crate) fn check(&self) -> Check {
        if !(0.0..1.0).contains(&self.validation) {
            return Err(format!("the fraction for validation is {}", self.validation));
        }
        Ok(())
    }
}

impl PartEntry {
    /// Refuses what `prepare` never writes. The names of shards must match their numbers, so that
    /// none leads out of the directory.
    ///
    /// shard_tokens: the tokens of each shard; the last may have fewer.
    pub(crate) fn check(&self, which: Split, token_bytes: usize, shard_tokens: u64) -> Check {
        let PartEntry {
            documents,
            bytes,
            characters,
            tokens,
            special_tokens,
            unknown_markers,
            shards,
        } = self;
        let numbers = [documents, bytes, characters, tokens, special_tokens, unknown_markers];
        if numbers.into_iter().any(|&n| n > MOST) {
            return Err(format!("the numbers of {which} are larger than any text"));
        }
        for (number, shard) in shards.iter().enumerate() {
            let name = which.shard_file(number);
            if shard.file != name {
                return Err(format!(
                    "{:?} is not the name of a shard, expected {name}",
                    shard.file
                ));
            }
            let last = number + 1 == shards.len();
            let full = shard.tokens == shard_tokens;
            if shard.tokens == 0 || !(full || last && shard.tokens < shard_tokens) {
                return Err(format!("{name} has {} tokens, expected {shard_tokens}", shard.tokens));
            }
            if !checksummed::is_hex(&shard.xxh3) {
                return Err(format!("the checksum of {name} is not a checksum"));
            }
        }
        let sum = shards.iter().try_fold(0u64, |sum, shard| sum.checked_add(shard.tokens));
        if sum != Some(*tokens) || tokens.checked_mul(token_bytes as u64).is_none() {
            return Err(format!("the shards of {which} do not add up to its {tokens} tokens"));
        }
        Ok(())
    }
}

impl LeftOutEntry {
    pub(crate) fn check(&self) -> Check {
        let LeftOutEntry { not_sampled, empty, faults, faults_file, first_faults, ignored } = self;
        let mut numbers = [not_sampled, empty, faults].into_iter().chain(ignored.values());
        if numbers.any(|&n| n > MOST) {
            return Err("what was left out is more than any text".into());
        }
        let expected = (*faults > 0).then_some(FAULTS_FILE);
        if faults_file.as_deref() != expected || first_faults.len() as u64 > *faults {
            return Err("its list of faults contradicts their number".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest of one training shard of `tokens` tokens.
    fn example(tokens: u64) -> Manifest {
        let shard = ShardEntry { file: Split::Train.shard_file(0), tokens, xxh3: "0".repeat(16) };
        Manifest {
            version: VERSION,
            token_bytes: 2,
            vocab_size: 300,
            end_of_text: Some(299),
            tokenizer_xxh3: "0".repeat(16),
            split: SplitEntry { by: SplitBy::Tail, validation: 0.1 },
            train: PartEntry { tokens, shards: vec![shard], ..PartEntry::default() },
            validation: PartEntry::default(),
            flags: BTreeMap::from([("tokenizer".into(), "bpe:300".into())]),
            inputs: InputsEntry::default(),
            left_out: LeftOutEntry::default(),
        }
    }

    fn error_after(change: impl FnOnce(&mut Value)) -> String {
        let directory = tempfile::tempdir().unwrap();
        let mut value = serde_json::to_value(example(7)).unwrap();
        change(&mut value);
        std::fs::write(directory.path().join(MANIFEST_FILE), checksummed::to_text(&value)).unwrap();
        Manifest::load(directory.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_is_read_back_as_written() {
        let directory = tempfile::tempdir().unwrap();
        example(7).save(directory.path()).unwrap();
        assert_eq!(Manifest::load(directory.path()).unwrap(), example(7));
        assert_eq!(Split::Validation.shard_file(12), "validation-00012.bin");
    }

    #[test]
    fn an_invalid_manifest_is_refused_with_its_reason() {
        let nowhere = Manifest::load(Path::new("no such directory")).unwrap_err().to_string();
        assert!(nowhere.contains("cannot read") && nowhere.contains("manifest.json"), "{nowhere}");
        type Change = fn(&mut Value);
        let cases: [(Change, &str); 17] = [
            (|v| *v = Value::String("{".into()), "`version` is missing"),
            (|v| v["version"] = 9.into(), "version 9, and this program reads version 2"),
            (|v| v["token_bytes"] = 3.into(), "token_bytes is 3, expected 2 or 4"),
            (|v| v["vocab_size"] = 70_000.into(), "70000 tokens do not fit into 2 bytes"),
            (|v| v["vocab_size"] = 0.into(), "0 tokens do not fit"),
            (|v| v["end_of_text"] = 300.into(), "end_of_text is not one of 300 tokens"),
            (|v| v["tokenizer_xxh3"] = "x".into(), "tokenizer_xxh3 is not a checksum"),
            (|v| v["split"]["validation"] = 1.into(), "the fraction for validation is 1"),
            (|v| v["left_out"]["faults"] = 1.into(), "list of faults contradicts"),
            (|v| v["left_out"]["faults_file"] = "../x".into(), "list of faults contradicts"),
            (|v| v["left_out"]["empty"] = u64::MAX.into(), "more than any text"),
            (|v| v["train"]["tokens"] = 8.into(), "shards of train do not add up to its 8 tokens"),
            (|v| v["train"]["tokens"] = u64::MAX.into(), "larger than any text"),
            (|v| v["train"]["shards"][0]["file"] = "../x".into(), "\"../x\" is not the name"),
            (|v| v["train"]["shards"][0]["tokens"] = 0.into(), "train-00000.bin has 0 tokens"),
            (|v| v["train"]["shards"][0]["xxh3"] = "".into(), "checksum of train-00000.bin"),
            (|v| v["train"]["tokens"] = "7".into(), "of tokens: invalid type: string"),
        ];
        for (change, expected) in cases {
            let error = error_after(change);
            assert!(error.contains(expected) && error.contains("--restart"), "{error}");
        }
    }
}
