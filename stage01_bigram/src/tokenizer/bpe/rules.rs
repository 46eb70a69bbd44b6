//! What a byte-level vocabulary says about encoding besides its tokens and merges.

use super::pre_tokenizer::PreTokenizer;
use super::sentence_piece::SentencePiece;

/// The rules of a vocabulary. GPT-2's are the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// In the manner of SentencePiece, which has no pre-tokens.
    pub(super) sentence_piece: Option<Box<SentencePiece>>,
    /// Where a text is cut into pre-tokens.
    pub(super) pre_tokenizer: PreTokenizer,
    /// Whether a text is brought into Unicode's normal form C before.
    pub(super) nfc: bool,
    /// Whether a pre-token that is a token is that token, without merging. The vocabulary of Llama
    /// 3 has tokens that no merges lead to.
    pub(super) ignore_merges: bool,
    /// The special tokens around a text.
    pub(super) template: Template,
}

/// The special tokens that a model expects around a text, such as Llama 3's
/// `<|begin_of_text|>` before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Their ids before the text.
    pub before: Vec<u32>,
    /// Their ids after the text.
    pub after: Vec<u32>,
}
