//! Encoding: merging the pairs of each pre-token in the order in which they were learned.
//!
//! The rule: of all neighbouring pairs that are merges, merge the one of the lowest rank (of equal
//! ones the leftmost), and repeat until none is left. The plain version is in `plain.rs`, and is
//! one loop; this one is fast for three reasons.
//!
//! 1. Most pre-tokens are common words. A small cache (`cache`) holds the tokens of recent
//!    pre-tokens, and a hash map has the pre-tokens that are one token; few must be merged.
//! 2. A pre-token is short, and then a linear search for the next pair is fastest. For a long one it
//!    would take quadratic time; a heap of pairs takes n log n (`pairs`).
//! 3. Pre-tokens do not depend on each other, so a long text is cut where that is safe
//!    ([`split::chunks`]) and encoded on all threads.

mod pairs;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use self::pairs::Pairs;
use super::cache::{Cache, Caches, Key};
use super::merge::Merge;
use super::pre_tokenizer::PreTokenizer;
use super::rules::Rules;
use super::sentence_piece::{self, Characters, SentencePiece};
use super::split;
use crate::tokenizer::added::{AddedTokens, Part};
use crate::{Error, Result};

/// Text per task when encoding with several threads.
const CHUNK: usize = 1 << 18;

/// Stands for no merge, no neighbour, no token.
const NONE: u32 = u32::MAX;

/// Where a text is cut into the sequences whose pairs are merged.
#[derive(Clone, Copy)]
enum Cut {
    /// By a rule of byte-level vocabularies.
    Rule(PreTokenizer),
    /// Before the spaces of each word, in the manner of SentencePiece, where no token goes on from
    /// one word into the next.
    Words,
    /// Nowhere.
    Nowhere,
}

/// The lookup tables for encoding.
#[derive(Clone)]
pub(super) struct Encoder {
    /// Where the text is cut.
    cut: Cut,
    /// The token of each byte; [`NONE`] where there is none.
    byte_ids: Box<[u32; 256]>,
    /// In the manner of SentencePiece: its rules, and the tokens of characters.
    sentence_piece: Option<Box<SentencePiece>>,
    characters: Option<Characters>,
    pairs: Pairs,
    /// Pre-tokens that are one token.
    whole: FxHashMap<Box<[u8]>, u32>,
    caches: Caches,
}

impl Encoder {
    pub(super) fn new(
        tokens: &[Vec<u8>],
        merges: &[Merge],
        added: &AddedTokens,
        rules: &Rules,
    ) -> Encoder {
        let mut encoder = Encoder::of_bytes(tokens, added);
        encoder.cut = Cut::Rule(rules.pre_tokenizer);
        if let Some(rules) = &rules.sentence_piece {
            *encoder.byte_ids = rules.bytes;
            encoder.sentence_piece = Some(rules.clone());
            encoder.characters = Some(Characters::new(tokens, &rules.bytes, added));
            encoder.cut = match sentence_piece::merge_across_words(tokens, merges) {
                false => Cut::Words,
                true => Cut::Nowhere,
            };
        }
        for &merge in merges {
            encoder.learn(merge);
        }
        // The bytes of a token need not be encoded as that token: another merge may come first.
        // Only those that are may be looked up, unless the vocabulary says that all may.
        let whole = |(id, token): (usize, &Vec<u8>)| {
            let id = id as u32;
            let is_whole =
                added.get(id).is_none() && (rules.ignore_merges || encoder.merges_to(token, id));
            is_whole.then(|| (token[..].into(), id))
        };
        encoder.whole = tokens.par_iter().enumerate().filter_map(whole).collect();
        encoder
    }

    /// An encoder without merges: every byte is a token.
    pub(super) fn of_bytes(tokens: &[Vec<u8>], added: &AddedTokens) -> Encoder {
        let mut byte_ids = Box::new([NONE; 256]);
        for (id, token) in (0..).zip(tokens) {
            if let [byte] = token[..]
                && added.get(id).is_none()
            {
                byte_ids[byte as usize] = id;
            }
        }
        Encoder {
            cut: Cut::Rule(PreTokenizer::default()),
            byte_ids,
            sentence_piece: None,
            characters: None,
            pairs: Pairs::default(),
            whole: FxHashMap::default(),
            caches: Caches::default(),
        }
    }

    /// Whether the pairs of a token's bytes are merged to that token.
    pub(super) fn merges_to(&self, token: &[u8], id: u32) -> bool {
        let mut encoded = Vec::new();
        self.merge(token, &mut encoded);
        encoded == [id]
    }

    /// Adds a merge of the next rank.
    pub(super) fn learn(&mut self, merge: Merge) {
        self.pairs.learn(merge);
    }

    /// Whether every byte has a token.
    pub(super) fn has_all_bytes(&self) -> bool {
        self.byte_ids.iter().all(|&id| id != NONE)
    }

    /// The tokens of a text, on all threads where it is long.
    ///
    /// first: whether it is the beginning of the whole text.
    pub(super) fn encode(&self, text: &str, first: bool) -> Result<Vec<u32>> {
        match &self.sentence_piece {
            None => self.encode_prepared(text),
            Some(rules) => self.encode_prepared(&rules.prepared(text, first)),
        }
    }

    fn encode_prepared(&self, text: &str) -> Result<Vec<u32>> {
        let encode = |chunk: &str| {
            let mut cache = self.caches.take();
            let ids = self.encode_chunk(chunk, &mut cache);
            self.caches.give_back(cache);
            ids
        };
        let chunks = match self.cut {
            Cut::Rule(rule) => rule.chunks(text, CHUNK),
            Cut::Words => sentence_piece::chunks(text, CHUNK),
            Cut::Nowhere => vec![text],
        };
        match &chunks[..] {
            [chunk] => encode(chunk),
            chunks => {
                let parts: Result<Vec<Vec<u32>>> = chunks.par_iter().map(|c| encode(c)).collect();
                Ok(parts?.concat())
            }
        }
    }

    /// The tokens of a text that was cut at its added tokens. Short parts are grouped, so that many
    /// of them, too, are encoded on all threads.
    pub(super) fn encode_parts(&self, parts: &[Part<'_>]) -> Result<Vec<u32>> {
        let length = |part: &Part<'_>| match part {
            Part::Text(text) => text.len(),
            Part::Token(..) => 1,
        };
        let mut groups = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (at, part) in parts.iter().enumerate() {
            bytes += length(part);
            if bytes >= CHUNK {
                groups.push(&parts[start..=at]);
                (start, bytes) = (at + 1, 0);
            }
        }
        groups.push(&parts[start..]);
        let encode = |group: &&[Part<'_>]| {
            let mut ids = Vec::new();
            for part in *group {
                let first = std::ptr::eq(part, &parts[0]);
                match part {
                    Part::Text(text) => ids.extend(self.encode(text, first)?),
                    Part::Token(id, _) => ids.push(*id),
                }
            }
            Ok(ids)
        };
        match &groups[..] {
            [group] => encode(group),
            groups => {
                let parts: Result<Vec<Vec<u32>>> = groups.par_iter().map(encode).collect();
                Ok(parts?.concat())
            }
        }
    }

    fn encode_chunk(&self, text: &str, cache: &mut Cache) -> Result<Vec<u32>> {
        match self.cut {
            Cut::Rule(PreTokenizer::Gpt2) => self.encode_cut(text, cache, split::pre_token_end),
            Cut::Rule(rule) => {
                self.encode_cut(text, cache, |text, at| rule.pre_token_end(text, at))
            }
            Cut::Words => self.encode_cut(text, cache, sentence_piece::word_end),
            Cut::Nowhere => self.encode_cut(text, cache, |text, _| text.len()),
        }
    }

    /// Encodes a chunk; `pre_token_end` says where it is cut.
    #[inline]
    fn encode_cut(
        &self,
        text: &str,
        cache: &mut Cache,
        pre_token_end: impl Fn(&str, usize) -> usize,
    ) -> Result<Vec<u32>> {
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut start = 0;
        while start < text.len() {
            let end = pre_token_end(text, start);
            let pre_token = &text.as_bytes()[start..end];
            match Key::of(text.as_bytes(), start, end) {
                Some(key) => {
                    cache.encode(key, &mut ids, |ids| self.encode_pre_token(pre_token, ids))
                }
                None if pre_token.len() < NONE as usize => {
                    self.encode_pre_token(pre_token, &mut ids)
                }
                None => return Err(endless_pre_token()),
            }
            start = end;
        }
        Ok(ids)
    }

    fn encode_pre_token(&self, pre_token: &[u8], ids: &mut Vec<u32>) {
        match self.whole.get(pre_token) {
            Some(&id) => ids.push(id),
            None => self.merge(pre_token, ids),
        }
    }

    /// Merges the pairs of a pre-token. Appends the tokens that remain. A byte without a token is
    /// left out.
    pub(super) fn merge(&self, pre_token: &[u8], ids: &mut Vec<u32>) {
        if let Some(characters) = &self.characters {
            // A token that is a byte need not be a text; no pre-token is one.
            if let Ok(text) = std::str::from_utf8(pre_token) {
                let symbols = characters.symbols(text, &self.byte_ids);
                self.pairs.merge(symbols.into_iter(), ids);
            }
            return;
        }
        let symbols = pre_token.iter().map(|&byte| self.byte_ids[byte as usize]);
        if symbols.clone().any(|symbol| symbol == NONE) {
            let known: Vec<u32> = symbols.filter(|&symbol| symbol != NONE).collect();
            return self.pairs.merge(known.into_iter(), ids);
        }
        self.pairs.merge(symbols, ids)
    }
}

fn endless_pre_token() -> Error {
    Error::text(
        "the text",
        "it has a run of 4 GiB without a border between words",
        "check that the file is text",
    )
}

/// The tables follow from the merges, which are compared already.
impl PartialEq for Encoder {
    fn eq(&self, other: &Encoder) -> bool {
        self.byte_ids == other.byte_ids && self.pairs.merged == other.pairs.merged
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "Encoder({} merges)", self.pairs.merged.len())
    }
}

#[cfg(test)]
mod tests;
