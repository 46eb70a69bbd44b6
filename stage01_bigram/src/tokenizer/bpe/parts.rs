//! A byte-level vocabulary in the parts that a GGUF file holds.
//!
//! A GGUF file has the tokenizer among its metadata: the spelled tokens by id
//! (`tokenizer.ggml.tokens`), the type of each (`tokenizer.ggml.token_type`), the merges
//! (`tokenizer.ggml.merges`), and the name of the pre-tokenization rule (`tokenizer.ggml.pre`).
//! [`Parts`] holds these, [`Parts::tokenizer`] checks them and makes a tokenizer of them, and
//! [`BpeTokenizer::parts`] is the way back.
//!
//! What a GGUF file does not have, and is lost on the way: the attributes of added tokens
//! (`lstrip`, `rstrip`, `single_word`), and the normal form C, which llama.cpp does not know.
//!
//! One difference to llama.cpp remains: a byte that the vocabulary lacks is left out before pairs are
//! merged, as in the `tokenizers` library, and after it there.
//!
//! What this file leaves out: the container (stage 3), and vocabularies in the manner of
//! SentencePiece (`tokenizer.ggml.model` is `llama`), which have scores in place of merges.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::BpeTokenizer;
use super::pre_tokenizer::PreTokenizer;
use super::rules::{Rules, Template};
use super::vocabulary;
use crate::tokenizer::added::{AddedToken, AddedTokens};
use crate::tokenizer::json::reader::short;
use crate::{Error, Result};

/// The types of a token in a GGUF file.
pub mod token_type {
    /// A learned token.
    pub const NORMAL: i32 = 1;
    /// The token for what the vocabulary does not have.
    pub const UNKNOWN: i32 = 2;
    /// A special token.
    pub const CONTROL: i32 = 3;
    /// An added token that is text.
    pub const USER_DEFINED: i32 = 4;
    /// A number that no text leads to.
    pub const UNUSED: i32 = 5;
    /// A byte, in vocabularies in the manner of SentencePiece.
    pub const BYTE: i32 = 6;
}

use token_type::*;

/// The parts of a byte-level vocabulary, unchecked.
///
/// ```
/// use std::path::Path;
/// use stage01_bigram::tokenizer::BpeTokenizer;
/// let tokenizer = BpeTokenizer::train("low low low lower lowest", 260)?.with_end_of_text();
/// let parts = tokenizer.parts()?;
/// assert_eq!(parts.tokens[256..], ["lo", "low", "Ġlow", "Ġlowe", "<|endoftext|>"]);
/// assert_eq!(parts.types[256..], [1, 1, 1, 1, 3]);
/// assert_eq!(parts.merges, ["l o", "lo w", "Ġ low", "Ġlow e"]);
/// assert_eq!(parts.pre_tokenizer, "gpt-2");
/// assert_eq!(parts.tokenizer(Path::new("model.gguf"))?, tokenizer);
/// # Ok::<(), stage01_bigram::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The spelling of every token, by id: a learned token in the alphabet of bytes (`Ġthe`), an
    /// added token as it is.
    pub tokens: Vec<String>,
    /// The type of every token, a number of [`token_type`]; none at all where all are learned.
    pub types: Vec<i32>,
    /// The merges in the order of their ranks, each two spelled tokens with a space between.
    pub merges: Vec<String>,
    /// The name of the pre-tokenization rule, one of [`PreTokenizer::name`].
    pub pre_tokenizer: String,
    /// The token that begins every text: `tokenizer.ggml.bos_token_id` where
    /// `tokenizer.ggml.add_bos_token` is true.
    pub bos: Option<u32>,
}

impl Parts {
    /// Makes the tokenizer of these parts.
    ///
    /// path: the file they came from, for the messages.
    ///
    /// # Errors
    /// [`Error::Format`] where the rule is not known, a token or merge does not fit, or a token has
    /// a type that a byte-level vocabulary has not.
    pub fn tokenizer(&self, path: &Path) -> Result<BpeTokenizer> {
        self.assemble().map_err(|(problem, remedy)| Error::format(path, problem, remedy))
    }

    fn assemble(&self) -> std::result::Result<BpeTokenizer, (String, String)> {
        let wrong = |problem: String| {
            let remedy = "the file may be damaged; fetch or convert it again";
            (problem, remedy.to_string())
        };
        let Some(pre_tokenizer) = PreTokenizer::from_name(&self.pre_tokenizer) else {
            let name = short(&self.pre_tokenizer);
            let known = PreTokenizer::ALL.map(PreTokenizer::name).join(", ");
            let remedy = format!("use a model whose rule is one of {known}");
            return Err((format!("the pre-tokenizer {name:?} is not known"), remedy));
        };
        let added = self.added().map_err(wrong)?;
        let vocab_size = self.tokens.len();
        if let Some(bos) = self.bos.filter(|&bos| bos as usize >= vocab_size) {
            return Err(wrong(format!(
                "the token that begins a text is {bos}, and there are {vocab_size} tokens"
            )));
        }
        let rules = Rules {
            pre_tokenizer,
            sentence_piece: None,
            nfc: pre_tokenizer == PreTokenizer::Qwen2,
            ignore_merges: ignores_merges(pre_tokenizer),
            template: Template { before: self.bos.into_iter().collect(), after: Vec::new() },
        };
        let merges = self.merges.iter().enumerate().map(|(place, merge)| {
            let merge = merge.as_str();
            merge
                .split_once(' ')
                .ok_or_else(|| format!("merge {place} is {:?}, not a pair of tokens", short(merge)))
        });
        vocabulary::byte_level(&self.tokens, added, merges, rules).map_err(wrong)
    }

    /// The added tokens. Also checks that each token has a type, and a spelling of its own.
    fn added(&self) -> std::result::Result<AddedTokens, String> {
        let (tokens, types) = (&self.tokens, &self.types);
        if !types.is_empty() && types.len() != tokens.len() {
            return Err(format!("it has {} tokens, and types of {}", tokens.len(), types.len()));
        }
        let mut spellings = FxHashMap::default();
        let mut added = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let id = u32::try_from(at).map_err(|_| "it has more than 2^32 tokens".to_string())?;
            if token.is_empty() {
                return Err(format!("token {id} has an empty spelling"));
            }
            if let Some(other) = spellings.insert(token.as_str(), id) {
                let token = short(token);
                return Err(format!("the tokens {other} and {id} are both spelled {token:?}"));
            }
            match types.get(at).copied().unwrap_or(NORMAL) {
                NORMAL | UNUSED => {}
                CONTROL | UNKNOWN => added.push(AddedToken::special(id, token)),
                USER_DEFINED => {
                    added.push(AddedToken { special: false, ..AddedToken::special(id, token) });
                }
                other => {
                    let token = short(token);
                    return Err(format!(
                        "token {id}, {token:?}, has the type {other}, which no byte-level \
                         vocabulary has"
                    ));
                }
            }
        }
        AddedTokens::new(added, None)
    }
}

/// Whether llama.cpp looks a pre-token up before it merges pairs.
fn ignores_merges(pre_tokenizer: PreTokenizer) -> bool {
    pre_tokenizer == PreTokenizer::Llama3
}

impl BpeTokenizer {
    /// The parts of this vocabulary, as a GGUF file has them.
    ///
    /// A learned token that no merges make, and that is not a single byte, has the type `UNUSED`,
    /// except where tokens are looked up as a whole.
    ///
    /// # Errors
    /// [`Error::Setting`] where a GGUF file cannot say how this vocabulary encodes.
    pub fn parts(&self) -> Result<Parts> {
        let refused = |problem: &str| {
            let expected = format!("{problem}; save the model as a directory instead");
            Error::setting("GGUF", "this tokenizer", expected)
        };
        if self.rules.sentence_piece.is_some() {
            return Err(refused("its tokens are not made of bytes, as SentencePiece's"));
        }
        let Rules { pre_tokenizer, ignore_merges, ref template, .. } = self.rules;
        if ignore_merges != ignores_merges(pre_tokenizer) && !self.merges_make_all() {
            let rule = pre_tokenizer.name();
            return Err(refused(&format!(
                "with the pre-tokenizer {rule} it cannot say `ignore_merges`: {ignore_merges}"
            )));
        }
        let bos = match (&template.before[..], &template.after[..]) {
            ([], []) => None,
            (&[bos], []) => Some(bos),
            _ => return Err(refused("it can say one token before a text, and none after it")),
        };
        let spelled = |id: u32| self.spelled(id);
        let mut is_made = vec![ignore_merges; self.vocab_size()];
        for merge in &self.merges {
            is_made[merge.id as usize] = true;
        }
        let kind = |id: u32| match self.added.get(id) {
            Some(token) if token.special => CONTROL,
            Some(_) => USER_DEFINED,
            None if is_made[id as usize] => NORMAL,
            None if self.token_bytes(id).is_some_and(|bytes| bytes.len() == 1) => NORMAL,
            None => UNUSED,
        };
        let ids = 0..self.vocab_size() as u32;
        let merge =
            |merge: &super::Merge| format!("{} {}", spelled(merge.left), spelled(merge.right));
        Ok(Parts {
            tokens: ids.clone().map(spelled).collect(),
            types: ids.map(kind).collect(),
            merges: self.merges.iter().map(merge).collect(),
            pre_tokenizer: pre_tokenizer.name().to_string(),
            bos,
        })
    }

    /// Whether every learned token is what merging its bytes gives, so that looking tokens up first
    /// makes no difference.
    fn merges_make_all(&self) -> bool {
        self.ordinary_tokens()
            .all(|id| self.encoder.merges_to(self.token_bytes(id).unwrap_or_default(), id))
    }
}

#[cfg(test)]
mod tests;
