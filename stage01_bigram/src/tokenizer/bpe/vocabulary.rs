//! A tokenizer from a vocabulary that a file spells: checks that its parts fit.
//!
//! A `tokenizer.json` and a GGUF file hold the same: the tokens in order, spelled, and the merges as
//! pairs of spelled tokens. A byte-level vocabulary is spelled in the alphabet of bytes ([`bytes`]),
//! one in the manner of SentencePiece in characters ([`sentence_piece`]).
//!
//! [`bytes`]: super::bytes
//! [`sentence_piece`]: super::sentence_piece

use rustc_hash::FxHashMap;

use super::bytes::{letter, unspell};
use super::rules::Rules;
use super::sentence_piece::{Prepend, SentencePiece, with_spaces};
use super::{BpeTokenizer, Merge};
use crate::tokenizer::added::AddedTokens;
use crate::tokenizer::json::reader::short;

/// A pair of spelled tokens, or the problem with it.
type Pair<'m> = Result<(&'m str, &'m str), String>;

/// The ids of the tokens that merges may name.
type Ids<'t> = FxHashMap<&'t str, u32>;

/// Whether a vocabulary must have a token for this byte: the visible characters of ASCII, the space
/// and the line end. Others are missing where the text for training did not have them; SmolLM2 has
/// no token for some control characters. Such a byte is left out of a text, as the `tokenizers`
/// library does.
fn is_needed(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n')
}

/// Makes a tokenizer of a byte-level vocabulary.
///
/// spelled: the spelling of every token by its id, each once.
///
/// # Errors
/// What does not fit, for a message.
pub(super) fn byte_level<'m>(
    spelled: &[String],
    added: AddedTokens,
    merges: impl Iterator<Item = Pair<'m>>,
    rules: Rules,
) -> Result<BpeTokenizer, String> {
    let mut tokens = Vec::with_capacity(spelled.len());
    let mut ids = Ids::default();
    for (id, token) in (0..).zip(spelled) {
        if added.get(id).is_some() {
            tokens.push(token.clone().into_bytes());
            continue;
        }
        let bytes = unspell(token)
            .ok_or_else(|| format!("token {id}, {:?}, is not spelled in bytes", short(token)))?;
        tokens.push(bytes);
        ids.insert(token, id);
    }
    for byte in 0..=255 {
        let letter = letter(byte).to_string();
        if ids.contains_key(&*letter) {
            continue;
        }
        if is_added(&added, &letter) {
            return Err(format!("the added token {letter:?} is the token of a byte as well"));
        }
        if is_needed(byte) {
            return Err(format!("no token for the byte 0x{byte:02X}"));
        }
    }
    let merges = find_merges(&ids, &added, merges)?;
    Ok(BpeTokenizer::new(&tokens, merges, added, rules))
}

/// Makes a tokenizer of a vocabulary in the manner of SentencePiece.
///
/// # Errors
/// As [`byte_level`].
pub(super) fn of_characters<'m>(
    spelled: &[String],
    added: AddedTokens,
    merges: impl Iterator<Item = Pair<'m>>,
    (prepend, strip): (Prepend, bool),
    rules: Rules,
) -> Result<BpeTokenizer, String> {
    let byte_spellings: Vec<String> = (0..=255).map(SentencePiece::spelled_byte).collect();
    let byte_of: FxHashMap<&str, u8> = byte_spellings.iter().map(|s| &**s).zip(0..=255).collect();
    let mut bytes = [None; 256];
    let mut tokens = Vec::with_capacity(spelled.len());
    let mut ids = Ids::default();
    for (id, token) in (0..).zip(spelled) {
        let shown = short(token);
        if let Some(added) = added.get(id) {
            // Where it is not found, it would be looked up as a character.
            if token.chars().count() == 1 && (added.special || added.single_word) {
                return Err(format!("the added token {shown:?} is a single character"));
            }
        } else if let Some(&byte) = byte_of.get(&**token) {
            bytes[byte as usize] = Some(id);
            tokens.push(vec![byte]);
            continue;
        } else if token.contains(' ') {
            return Err(format!("token {id}, {shown:?}, has a space, which is spelled ▁"));
        } else {
            ids.insert(token, id);
        }
        tokens.push(with_spaces(token).into_bytes());
    }
    let mut byte_ids = [0; 256];
    for (byte, id) in bytes.into_iter().enumerate() {
        byte_ids[byte] = id.ok_or_else(|| {
            format!("no token {} for a byte", SentencePiece::spelled_byte(byte as u8))
        })?;
    }
    let merges = find_merges(&ids, &added, merges)?;
    let sentence_piece = Some(Box::new(SentencePiece { prepend, strip, bytes: byte_ids }));
    Ok(BpeTokenizer::new(&tokens, merges, added, Rules { sentence_piece, ..rules }))
}

/// The merges of spelled pairs. A token is either learned or added: if it were both, one text could
/// be read in two ways.
fn find_merges<'m>(
    ids: &Ids<'_>,
    added: &AddedTokens,
    merges: impl Iterator<Item = Pair<'m>>,
) -> Result<Vec<Merge>, String> {
    let find = |place: usize, token: &str| {
        ids.get(token).copied().ok_or_else(|| {
            let (added, token) = (is_added(added, token), short(token));
            match added {
                true => format!("merge {place} names {token:?}, which is an added token as well"),
                false => format!("merge {place} names {token:?}, which is not in model.vocab"),
            }
        })
    };
    let mut seen = FxHashMap::default();
    let mut found = Vec::new();
    for (place, merge) in merges.enumerate() {
        let (left, right) = merge?;
        let (left, right, id) =
            (find(place, left)?, find(place, right)?, find(place, &format!("{left}{right}"))?);
        // Of two the library uses the last, which cannot be intended.
        if let Some(first) = seen.insert((left, right), place) {
            return Err(format!("merges {first} and {place} are the same"));
        }
        found.push(Merge { left, right, id });
    }
    Ok(found)
}

fn is_added(added: &AddedTokens, token: &str) -> bool {
    added.tokens().iter().any(|added| added.content == token)
}
