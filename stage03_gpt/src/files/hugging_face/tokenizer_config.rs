//! `tokenizer_config.json`: the settings with which `transformers` uses the tokenizer as this crate
//! does.
//!
//! `tokenizer.json` says how text becomes tokens, and all libraries read it alike. Around it the
//! versions of `transformers` have defaults of their own, made for other models. So each is set:
//!
//! | entry | without it |
//! |---|---|
//! | `tokenizer_class` | GPT-2's own class is taken, which drops the spaces of a character tokenizer |
//! | `model_input_names` | up to version 4 the tokenizer returns `token_type_ids`, and GPT-2 adds the embedding of token 0 to every position |
//! | `model_max_length` | `truncation=True` leaves a text longer than the model has positions |
//! | `clean_up_tokenization_spaces` | up to version 4.44 decoding turns ` ,` into `,` and ` n't` into `n't` |
//! | `bos_token`, `eos_token` | the tokenizer does not know which token ends a text, and `pad_token = eos_token` pads with nothing |
//!
//! `PreTrainedTokenizerFast` is the class that all three versions in which it is checked load for
//! any architecture, GPT-2's and Llama's. What the files of a loaded model said besides is kept
//! ([`TextSettings`]).

use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;

use super::TextSettings;
use crate::config::GptConfig;

// ANCHOR: tokenizer_config
/// `tokenizer_config.json` as all versions of `transformers` read it.
pub(super) fn tokenizer_config(
    config: &GptConfig,
    tokenizer: &Tokenizer,
    text_settings: &TextSettings,
) -> Value {
    let mut json = json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "attention_mask"],
        "model_max_length": config.block_size,
        "clean_up_tokenization_spaces": false,
    });
    if let Some((_, end)) = tokenizer.end_of_text_token() {
        json["bos_token"] = json!(end);
        json["eos_token"] = json!(end);
    }
    text_settings.complete(&mut json);
    json
}
// ANCHOR_END: tokenizer_config
