//! The corpus: the text that a model is trained on.
//!
//! A [`Corpus`] holds one text: files of the user's choice, or the built-in King James Bible of
//! 1611/1769. That is real English, too large for a small model to memorise in a few minutes, small
//! enough for a laptop, in the public domain nearly everywhere, and it comes with the program.
//!
//! It comes from the crate `bible-lib`. The functions of that crate end each verse at its first
//! colon, so `build.rs` takes the text from the file in the crate's source.
//!
//! ```
//! use stage01_bigram::corpus::Corpus;
//! let corpus = Corpus::built_in();
//! assert!(corpus.text.starts_with("Genesis 1\n\nIn the beginning"));
//! assert_eq!(corpus.describe().distinct_chars, 73);
//! ```
//!
//! What this file leaves out: cutting the text into a training and a validation part
//! ([`crate::dataset`]), and texts larger than memory (`stage04_training`).

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use crate::text::printable;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result, files};

// ANCHOR: corpus
/// A text and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corpus {
    /// The whole text.
    pub text: String,
    /// Its origin: file names, or the name of the built-in text.
    pub origin: String,
}
// ANCHOR_END: corpus

/// The size of a text: bytes, characters, lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its length in bytes, as UTF-8.
    pub bytes: usize,
    /// Its length in characters: Unicode scalar values.
    pub chars: usize,
    /// Number of distinct characters: the vocabulary size of a character tokenizer.
    pub distinct_chars: usize,
    /// Number of lines.
    pub lines: usize,
}

impl Corpus {
    /// The built-in text: the King James Bible.
    ///
    /// A heading such as `Genesis 1`, an empty line, the verses of that chapter, one per line and
    /// without numbers, an empty line, and so on through all 1189 chapters. The editors' marks
    /// (brackets around words that the Hebrew or Greek does not have, angle quotes around words of
    /// Jesus) are left out. All of it is ASCII. Always the same, to the byte; see `build.rs` for
    /// the one exception.
    pub fn built_in() -> Self {
        let mut text = String::with_capacity(4_400_000);
        let mut chapter = String::new();
        for (heading, verse) in verses() {
            if heading != chapter {
                let gap = if chapter.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{gap}{heading}\n\n"));
                chapter = heading;
            }
            text.extend(verse.chars().filter(|c| !matches!(c, '[' | ']' | '‹' | '›')));
            text.push('\n');
        }
        Self { text, origin: "King James Bible".into() }
    }

    /// The texts of several files as one, in the order given.
    ///
    /// A line break is added between two files where the first does not end in one; nothing else is
    /// changed.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read; [`Error::Text`] for one that is empty or
    /// not UTF-8; [`Error::Setting`] for no files at all.
    pub fn from_files(paths: &[PathBuf]) -> Result<Self> {
        if paths.is_empty() {
            return Err(Error::setting("--text", "nothing", "expected one file name or more"));
        }
        let mut text = String::new();
        for path in paths {
            let part = files::read_text(path)?;
            if part.is_empty() {
                return Err(Error::text(
                    path.display().to_string(),
                    "the file is empty",
                    "give a text of some thousand characters at least",
                ));
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&part);
        }
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        Ok(Self { text, origin: names.join(", ") })
    }

    /// The files that a user named, or the built-in text when there are none.
    ///
    /// # Errors
    /// As [`Corpus::from_files`].
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        if paths.is_empty() { Ok(Self::built_in()) } else { Self::from_files(paths) }
    }

    /// Notes for the user on how this text is read, none of them an error: special tokens that it
    /// spells ([`Tokenizer::special_note`]), and JSON lines that are read as plain text.
    pub fn notes(&self, tokenizer: &Tokenizer) -> impl Iterator<Item = String> {
        [tokenizer.special_note(&self.text), self.json_note()].into_iter().flatten()
    }

    /// A note on a text whose first line is a JSON object, as each line of JSON lines is.
    fn json_note(&self) -> Option<String> {
        type Object = serde_json::Map<String, serde_json::Value>;
        let first = self.text.lines().find(|line| !line.trim().is_empty())?;
        serde_json::from_str::<Object>(first).ok().filter(|object| !object.is_empty())?;
        Some(format!(
            "note: {} looks like JSON lines, and is read as plain text, names and quotes \
             included; `prepare` of stage 4 takes the documents out of it",
            printable(&self.origin)
        ))
    }

    // ANCHOR: describe
    /// Counts bytes, characters and lines.
    pub fn describe(&self) -> Facts {
        let distinct: HashSet<char> = self.text.chars().collect();
        Facts {
            bytes: self.text.len(),
            chars: self.text.chars().count(),
            distinct_chars: distinct.len(),
            lines: self.text.lines().count(),
        }
    }
    // ANCHOR_END: describe
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, chars, distinct_chars, lines } = self;
        write!(f, "{bytes} bytes, {chars} characters ({distinct_chars} different), {lines} lines")
    }
}

/// All verses in order, each with the heading of its chapter: ("Genesis 1", "In the …").
fn verses() -> impl Iterator<Item = (String, String)> {
    // A line reads `Genesis 1:1 In the beginning …`. One verse, Genesis 1:17, occurs twice.
    let mut last = ("", "");
    include_str!(concat!(env!("OUT_DIR"), "/kjv.txt")).lines().filter_map(move |line| {
        let (heading, rest) = line.split_once(':')?;
        let (number, verse) = rest.split_once(' ')?;
        let again = std::mem::replace(&mut last, (heading, number)) == last;
        (!again).then(|| (heading.to_string(), verse.trim_end().to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A checksum of bytes: Fowler, Noll and Vo's FNV-1a, 64 bits.
    fn fnv1a(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }

    #[test]
    fn the_built_in_text_never_changes() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c, "the published value");
        let corpus = Corpus::built_in();
        let facts = corpus.describe();
        assert_eq!(
            (facts.bytes, fnv1a(corpus.text.as_bytes())),
            (4_158_678, 16_693_563_290_274_291_129),
            "{facts}"
        );
        assert_eq!(
            facts,
            Facts { bytes: 4_158_678, chars: 4_158_678, distinct_chars: 73, lines: 34_668 }
        );
        assert!(corpus.text.is_ascii());
    }

    #[test]
    fn the_built_in_text_begins_and_ends_well() {
        let Corpus { text, .. } = Corpus::built_in();
        assert!(text.starts_with(
            "Genesis 1\n\nIn the beginning God created the heaven and the earth.\nAnd the earth \
             was without form, and void; and darkness was upon the face of the deep. And the \
             Spirit of God moved upon the face of the waters.\nAnd God said, Let there be light: and there was light.\n"
        ));
        assert!(text.ends_with("\nThe grace of our Lord Jesus Christ be with you all. Amen.\n"));
        for place in ["\n\nSong of Solomon 1\n\nThe song", "\n\n1 Samuel 2\n\nAnd Hannah prayed"] {
            assert!(text.contains(place), "{place:?}");
        }
        let books = ["Genesis 1", "Exodus 1", "Psalms 1", "Malachi 1", "Matthew 1", "Revelation 1"];
        let places = books.map(|book| text.find(&format!("{book}\n")).unwrap());
        assert!(places.is_sorted(), "{places:?}");
        assert!(!text.contains("  ") && !text.contains("\n\n\n"));
    }

    #[test]
    fn files_are_joined_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str, content: &str| {
            let path = directory.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let (a, b, c) = (path("a", "first"), path("b", "zweité\n"), path("c", "third"));
        let corpus = Corpus::from_files(&[b.clone(), a.clone(), c]).unwrap();
        assert_eq!(corpus.text, "zweité\nfirst\nthird");
        assert_eq!(corpus.describe(), Facts { bytes: 19, chars: 18, distinct_chars: 12, lines: 3 });
        assert_eq!(Corpus::open(std::slice::from_ref(&a)).unwrap().text, "first");

        let error = |paths: &[PathBuf]| Corpus::from_files(paths).unwrap_err().to_string();
        let missing = directory.path().join("missing");
        assert!(error(&[a.clone(), missing.clone()]).contains(&missing.display().to_string()));
        let empty = path("empty", "");
        assert!(
            error(&[a, empty.clone()]).contains(&format!("{}: the file is empty", empty.display()))
        );
        let latin = directory.path().join("latin");
        fs::write(&latin, b"caf\xe9").unwrap();
        assert!(error(std::slice::from_ref(&latin)).contains("not UTF-8"));
        assert!(error(&[]).contains("--text"));
    }

    #[test]
    fn json_lines_are_not_read_in_silence() {
        let note = |text: &str| Corpus { text: text.into(), origin: "a.jsonl".into() }.json_note();
        let said = note("\n{\"text\": \"one\"}\n{\"text\": \"two\"}\n").unwrap();
        assert!(said.starts_with("note: a.jsonl looks like JSON lines"), "{said}");
        for text in ["", "{}\n", "{\n  \"a\": 1\n}", "{\\bf LaTeX}\n", "In {\"a\": 1}\n"] {
            assert_eq!(note(text), None, "{text:?}");
        }
    }
}
