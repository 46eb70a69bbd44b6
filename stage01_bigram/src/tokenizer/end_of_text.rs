//! The end-of-text token, which ends a document.
//!
//! A training text is many documents in a row, and a model must see where one ends and the next
//! begins. So a special token marks the end of each: the *end-of-text token*. It has a different
//! spelling in each family of models, and the format of `tokenizer.json` has no entry for it. It is
//! taken from the first of these that names it:
//!
//! 1. the user (`--end-token`), through [`Tokenizer::with_end_token`];
//! 2. the entry `"end_of_text": true` of an added token, which this program writes where the
//!    spelling is not known; the `tokenizers` library ignores it;
//! 3. a file beside `tokenizer.json`: `eos_token` in `tokenizer_config.json` or
//!    `special_tokens_map.json`, `eos_token_id` in `config.json`;
//! 4. the spelling, where it is one of [`KNOWN`].
//!
//! The end of a *turn* in a conversation (`<|im_end|>`) is not the end of a document, although
//! models of conversations name it as their `eos_token`. It is taken from the user alone.
//!
//! [`Tokenizer::with_end_token`]: super::Tokenizer::with_end_token

/// The spelling of the end-of-text token in GPT-2 and in the tokenizers trained here.
pub const END_OF_TEXT: &str = "<|endoftext|>";

/// The spellings that mean the end of a document, in order of precedence.
pub const KNOWN: [&str; 9] = [
    END_OF_TEXT,
    "<|end_of_text|>",
    "<|endofdocument|>",
    "<｜end▁of▁sentence｜>",
    "</s>",
    "<eos>",
    "<|eos|>",
    "<EOS>",
    "[EOS]",
];

/// The spellings that mean the end of a turn in a conversation.
pub(super) const END_OF_TURN: [&str; 7] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<end_of_turn>",
    "<|end|>",
    "<|endofturn|>",
];

/// The index of the spelling that means the end of a document.
pub(super) fn known<'t>(spellings: impl Iterator<Item = &'t str> + Clone) -> Option<usize> {
    KNOWN.iter().find_map(|known| spellings.clone().position(|spelling| spelling == *known))
}
