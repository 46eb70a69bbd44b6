//! A tokenizer from a vocabulary that a file spells: checks that its parts fit.
//!
//! A `tokenizer.json` and a GGUF file hold the same: the tokens in order, spelled in the alphabet
//! of bytes, and the merges as pairs of spelled tokens.

use rustc_hash::FxHashMap;

use super::bytes::{letter, unspell};
use super::rules::Rules;
use super::{BpeTokenizer, Merge};
use crate::tokenizer::added::AddedTokens;
use crate::tokenizer::json::reader::short;

/// Whether a vocabulary must have a token for this byte: the visible characters of ASCII, the space
/// and the line end. Others are missing where the text for training did not have them; SmolLM2 has
/// no token for some control characters. Such a byte is left out of a text, as the `tokenizers`
/// library does.
fn is_needed(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n')
}

/// Makes a tokenizer.
///
/// spelled: the spelling of every token by its id, each once. merges: pairs of spelled tokens.
///
/// # Errors
/// What does not fit, for a message.
pub(super) fn assemble<'m>(
    spelled: &[String],
    added: AddedTokens,
    merges: impl Iterator<Item = Result<(&'m str, &'m str), String>>,
    rules: Rules,
) -> Result<BpeTokenizer, String> {
    let mut tokens = Vec::with_capacity(spelled.len());
    let mut ids: FxHashMap<&str, u32> = FxHashMap::default();
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
    // A token is either learned or added: if it were both, one text could be read in two ways.
    let is_added = |token: &str| added.tokens().iter().any(|added| added.content == token);
    for byte in 0..=255 {
        let letter = letter(byte).to_string();
        if ids.contains_key(&*letter) {
            continue;
        }
        if is_added(&letter) {
            return Err(format!("the added token {letter:?} is the token of a byte as well"));
        }
        if is_needed(byte) {
            return Err(format!("no token for the byte 0x{byte:02X}"));
        }
    }
    let find = |place: usize, token: &str| {
        ids.get(token).copied().ok_or_else(|| {
            let (added, token) = (is_added(token), short(token));
            match added {
                true => format!("merge {place} names {token:?}, which is an added token as well"),
                false => format!("merge {place} names {token:?}, which is not in model.vocab"),
            }
        })
    };
    let mut seen = FxHashMap::default();
    let mut learned = Vec::new();
    for (place, merge) in merges.enumerate() {
        let (left, right) = merge?;
        let (left, right, id) =
            (find(place, left)?, find(place, right)?, find(place, &format!("{left}{right}"))?);
        // Of two the library uses the last, which cannot be intended.
        if let Some(first) = seen.insert((left, right), place) {
            return Err(format!("merges {first} and {place} are the same"));
        }
        learned.push(Merge { left, right, id });
    }
    Ok(BpeTokenizer::new(&tokens, learned, added, rules))
}
