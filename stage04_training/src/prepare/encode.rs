//! Encodes texts into the bytes of a shard.

use serde::{Deserialize, Serialize};
use stage01_bigram::Error;
use stage01_bigram::tokenizer::{END_OF_TEXT, Tokenizer};

use super::fault::{Fault, Lost};
use super::settings::SpecialTokens;
use super::split::SplitAssignment;
use super::texts::{Digest, Note, Text};
use crate::manifest::Split;

/// The size of a chunk of results, in bytes.
const CHUNK: usize = 1 << 20;

/// The most notes in a chunk: in a file of the wrong format, each line gives one.
const NOTES: usize = 1 << 10;

/// How texts are encoded.
#[derive(Debug)]
pub struct Encoding<'a> {
    /// The vocabulary.
    pub tokenizer: &'a Tokenizer,
    /// The bytes per token in the shards.
    pub token_bytes: usize,
    /// How special tokens that a text spells are read.
    pub special_tokens: SpecialTokens,
    /// The separator at the end of a document.
    pub separator: Separator,
    /// The start of the validation set, if it is the end of the whole text.
    pub tail: Option<Tail>,
}

/// The separator at the end of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Separator {
    /// None: there is only one document.
    Nothing,
    /// The end-of-text token.
    EndOfText(u32),
    /// The tokens of a line break, unless the document ends in one.
    LineBreak(Vec<u32>),
}

/// A position in the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// The job.
    pub job: u64,
    /// The number of characters of the job before it.
    pub characters: u64,
}

/// Some tokens, ready to be written.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The tokens of both parts; see [`Encoded::part`].
    parts: [EncodedPart; 2],
    /// Notes, in order.
    pub notes: Vec<Note>,
}

/// Some tokens of one part.
#[derive(Debug, Default)]
pub struct EncodedPart {
    /// The number of documents that begin here.
    pub documents: u64,
    /// The length of the text in bytes.
    pub bytes: u64,
    /// The length of the text in characters.
    pub characters: u64,
    /// How often the text spells a special token.
    pub special_tokens: u64,
    /// How often it spells `<|endoftext|>` without such a token in the vocabulary.
    pub unknown_markers: u64,
    /// The tokens, little-endian.
    pub tokens: Vec<u8>,
}

impl Encoded {
    /// The tokens of a part.
    pub fn part(&self, which: Split) -> &EncodedPart {
        &self.parts[which as usize]
    }
}

impl EncodedPart {
    fn push(&mut self, tokens: &[u32], token_bytes: usize) {
        if token_bytes == 2 {
            self.tokens.extend(tokens.iter().flat_map(|&token| (token as u16).to_le_bytes()));
        } else {
            self.tokens.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
        }
    }
}

/// Encodes the texts of one job.
pub struct Encoder<'a> {
    encoding: &'a Encoding<'a>,
    job: u64,
    /// The number of characters of this job so far.
    characters: u64,
    chunk: Encoded,
}

impl<'a> Encoder<'a> {
    /// An encoder of the job of this number.
    pub fn new(encoding: &'a Encoding<'a>, job: u64) -> Self {
        Encoder { encoding, job, characters: 0, chunk: Encoded::default() }
    }

    /// How many of the next `characters` characters are for training, if the end of the whole text
    /// is the validation set.
    fn before_tail(&self, tail: Tail, characters: u64) -> u64 {
        match self.job.cmp(&tail.job) {
            std::cmp::Ordering::Less => characters,
            std::cmp::Ordering::Equal => {
                tail.characters.saturating_sub(self.characters).min(characters)
            }
            std::cmp::Ordering::Greater => 0,
        }
    }

    /// Splits a text into its part for training and its part for validation.
    fn halves<'t>(
        &self,
        text: &'t str,
        characters: u64,
        assignment: SplitAssignment,
    ) -> [&'t str; 2] {
        let Some(tail) = self.encoding.tail else {
            return if assignment == SplitAssignment::Train { [text, ""] } else { ["", text] };
        };
        let train = self.before_tail(tail, characters);
        if train == characters {
            return [text, ""];
        }
        let cut = text.char_indices().nth(train as usize).map_or(text.len(), |(at, _)| at);
        let (train, validation) = text.split_at(cut);
        [train, validation]
    }

    /// The part to which the end of a document belongs.
    fn part_at_end(&self, assignment: SplitAssignment) -> Split {
        let train = match self.encoding.tail {
            // The last character decides.
            Some(tail) => match self.job.cmp(&tail.job) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => self.characters <= tail.characters,
                std::cmp::Ordering::Greater => false,
            },
            None => assignment == SplitAssignment::Train,
        };
        if train { Split::Train } else { Split::Validation }
    }

    /// Refuses a text that spells a special token (`--special-tokens error`).
    fn refuse_special(&self, text: &Text<'_>) -> Result<(), Fault> {
        let Text { text, place, .. } = text;
        let tokenizer = self.encoding.tokenizer;
        let unknown = match tokenizer.unknown_markers_in(text) {
            0 => None,
            _ => text.find(END_OF_TEXT).map(|at| (at, END_OF_TEXT)),
        };
        let special = tokenizer.special_in(text);
        let found = special.first().map(|&(at, token)| (at, &*token.content)).or(unknown);
        let Some((at, content)) = found else { return Ok(()) };
        let line = place.line + text[..at].matches('\n').count() as u64;
        Err(Fault::new(
            format!("{}:{}", place.origin, if place.column.is_some() { line } else { place.line }),
            format!("the text spells the special token {content}"),
            "choose --special-tokens tokens to have it as that token, or --special-tokens text to \
             read it letter by letter",
            Lost::Document,
        ))
    }

    /// The fault for a character that the vocabulary lacks, with its position.
    fn fault(&self, error: Error, text: &Text<'_>) -> Fault {
        let Text { text, place, .. } = text;
        let remedy = "choose a tokenizer that has it: `--tokenizer char` collects all characters \
                      of the input, `bpe` encodes every text";
        let origin = place.origin;
        // The text may have been encoded in two halves; the position in the whole is reported.
        let error = self.encoding.tokenizer.encode(text).err().unwrap_or(error);
        match error {
            Error::UnknownCharacter { character, line, column, vocab_size } => {
                let shown = match place.column {
                    None => format!("{origin}:{}", place.line),
                    Some(begin) => {
                        let column = column as u64 + if line == 1 { begin - 1 } else { 0 };
                        format!("{origin}:{}:{column}", place.line + line as u64 - 1)
                    }
                };
                let problem = format!(
                    "the character {character:?} (U+{:04X}) is not in the vocabulary of \
                     {vocab_size} characters",
                    u32::from(character)
                );
                Fault::new(shown, problem, remedy, Lost::Document)
            }
            other => Fault::new(
                format!("{origin}:{}", place.line),
                other.to_string(),
                "choose another tokenizer",
                Lost::Document,
            ),
        }
    }
}

impl Digest for Encoder<'_> {
    type Chunk = Encoded;

    // ANCHOR: text
    fn text(&mut self, text: Text<'_>) -> Result<(), Fault> {
        let characters = text.text.chars().count() as u64;
        let halves = self.halves(text.text, characters, text.assignment);
        self.characters += characters;
        let Encoding { tokenizer, special_tokens, .. } = self.encoding;
        if *special_tokens == SpecialTokens::Error {
            self.refuse_special(&text)?;
        }
        let encode = |half: &str| match half {
            "" => Ok(Vec::new()),
            half => match special_tokens {
                SpecialTokens::Tokens => tokenizer.encode_with_special(half),
                SpecialTokens::Text | SpecialTokens::Error => tokenizer.encode(half),
            }
            .map_err(|e| self.fault(e, &text)),
        };
        let tokens = [encode(halves[0])?, encode(halves[1])?];
        let mut first = text.first;
        for ((part, half), tokens) in self.chunk.parts.iter_mut().zip(halves).zip(&tokens) {
            part.documents += u64::from(first && !half.is_empty());
            first &= half.is_empty();
            part.bytes += half.len() as u64;
            part.characters += half.chars().count() as u64;
            part.special_tokens += tokenizer.special_in(half).len() as u64;
            part.unknown_markers += tokenizer.unknown_markers_in(half) as u64;
            part.push(tokens, self.encoding.token_bytes);
        }
        if text.last && !(text.text.ends_with('\n') && self.ends_in_line_breaks()) {
            self.end(text.assignment);
        }
        Ok(())
    }
    // ANCHOR_END: text

    fn end(&mut self, assignment: SplitAssignment) {
        let part = self.part_at_end(assignment);
        let part = &mut self.chunk.parts[part as usize];
        match &self.encoding.separator {
            Separator::Nothing => {}
            Separator::EndOfText(token) => part.push(&[*token], self.encoding.token_bytes),
            Separator::LineBreak(tokens) => part.push(tokens, self.encoding.token_bytes),
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Marker(assignment) => {
                let part = self.part_at_end(assignment);
                self.chunk.parts[part as usize].special_tokens += 1;
            }
            note => self.chunk.notes.push(note),
        }
    }

    fn full(&mut self) -> Option<Encoded> {
        let bytes: usize = self.chunk.parts.iter().map(|part| part.tokens.len()).sum();
        let enough = bytes >= CHUNK || self.chunk.notes.len() >= NOTES;
        enough.then(|| std::mem::take(&mut self.chunk))
    }

    fn rest(&mut self) -> Encoded {
        std::mem::take(&mut self.chunk)
    }
}

impl Encoder<'_> {
    fn ends_in_line_breaks(&self) -> bool {
        matches!(self.encoding.separator, Separator::LineBreak(_))
    }
}
