//! Directories of instruct models: what is read, what is kept, what is refused.

use serde_json::json;
use stage01_bigram::tokenizer::TokenizerKind;
use stage02_attention::params::Params;

use super::*;
use crate::config::GptConfig;
use crate::files::hugging_face::save_description;
use crate::gpt::Gpt;
use crate::model::{Model, ModelWeights};

const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}\n";

/// A model with the tokens `<|endoftext|>`, `<|im_start|>` and `<|im_end|>`.
fn model() -> Model {
    let tokenizer =
        TokenizerKind::Bpe { vocab_size: 260 }.train(&"one or two words or more ".repeat(3));
    let mut json: Value = serde_json::from_str(&tokenizer.unwrap().to_json()).unwrap();
    let tokens = [(260, "<|endoftext|>"), (261, "<|im_start|>"), (262, "<|im_end|>")];
    json["added_tokens"] = tokens
        .map(|(id, content)| {
            json!({"id": id, "content": content, "special": true, "single_word": false,
                   "lstrip": false, "rstrip": false, "normalized": false})
        })
        .into();
    let tokenizer = Tokenizer::from_json(&json.to_string()).unwrap();
    let (n_layer, n_head, n_embd, block_size) = (1, 1, 8, 16);
    let vocab_size = tokenizer.vocab_size();
    let sizes =
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, ..GptConfig::default() };
    let gpt = Gpt::new(sizes).unwrap();
    let params = Params::zeros(gpt.layout());
    let special = SpecialTokens::of(&tokenizer);
    Model {
        gpt,
        weights: ModelWeights::Full(params),
        tokenizer,
        special,
        text_settings: TextSettings::default(),
    }
}

/// A model in a directory, with these files beside it.
fn saved(beside: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    model().save(directory.path()).unwrap();
    for (name, content) in beside {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn json_of(directory: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(directory.join(name)).unwrap()).unwrap()
}

/// As SmolLM2-Instruct has it, in the entries that matter.
fn instruct() -> String {
    json!({
        "tokenizer_class": "GPT2Tokenizer",
        "auto_map": {"AutoTokenizer": ["evil.py", null]},
        "add_prefix_space": false,
        "model_max_length": 8192,
        "clean_up_tokenization_spaces": true,
        "bos_token": "<|im_start|>",
        "eos_token": {"content": "<|im_end|>", "lstrip": false, "__type": "AddedToken"},
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "mask_token": "<mask>",
        "sep_token": null,
        "additional_special_tokens": ["<|im_start|>", {"content": "<|im_end|>"}, "<unknown>"],
        "padding_side": "left",
        "chat_template": TEMPLATE,
    })
    .to_string()
}

#[test]
fn a_model_trained_here_names_its_end() {
    let directory = saved(&[]);
    let config = json_of(directory.path(), TOKENIZER_CONFIG_FILE);
    assert_eq!(
        (&config["bos_token"], &config["eos_token"]),
        (&json!("<|endoftext|>"), &json!("<|endoftext|>"))
    );
    assert!(config.get("pad_token").is_none() && config.get("chat_template").is_none());
    let generation = json_of(directory.path(), GENERATION_CONFIG_FILE);
    assert_eq!(generation, json!({"bos_token_id": 260, "eos_token_id": 260, "pad_token_id": 260}));
    let model = Model::load(directory.path()).unwrap();
    assert_eq!(model.special, SpecialTokens { bos: Some(260), eos: vec![260] });
    assert_eq!(model.text_settings.chat_template, None);
}

#[test]
fn what_was_loaded_is_kept() {
    let generation = json!({
        "_from_model_config": true, "bos_token_id": 261, "eos_token_id": [262, 260],
        "pad_token_id": 262, "temperature": 0.2, "transformers_version": "4.42.3",
    });
    let generation = generation.to_string();
    let beside = [(TOKENIZER_CONFIG_FILE, &*instruct()), (GENERATION_CONFIG_FILE, &generation)];
    let first = Model::load(saved(&beside).path()).unwrap();
    assert_eq!(first.text_settings.chat_template.as_deref(), Some(TEMPLATE));
    assert_eq!(first.special, SpecialTokens { bos: Some(261), eos: vec![262, 260] });

    let directory = saved(&[]);
    first.save(directory.path()).unwrap();
    let config = json_of(directory.path(), TOKENIZER_CONFIG_FILE);
    for (entry, expected) in [
        ("tokenizer_class", json!("PreTrainedTokenizerFast")),
        ("model_max_length", json!(16)),
        ("clean_up_tokenization_spaces", json!(false)),
        ("bos_token", json!("<|im_start|>")),
        ("eos_token", json!("<|im_end|>")),
        ("pad_token", json!("<|im_end|>")),
        ("unk_token", json!("<|endoftext|>")),
        ("additional_special_tokens", json!(["<|im_start|>", "<|im_end|>"])),
        ("padding_side", json!("left")),
        ("chat_template", json!(TEMPLATE)),
        // Code of other people, and tokens that the model does not have.
        ("auto_map", Value::Null),
        ("mask_token", Value::Null),
        ("sep_token", Value::Null),
    ] {
        assert_eq!(config.get(entry).unwrap_or(&Value::Null), &expected, "{entry}");
    }
    assert_eq!(fs::read_to_string(directory.path().join(CHAT_TEMPLATE_FILE)).unwrap(), TEMPLATE);
    let generation = json_of(directory.path(), GENERATION_CONFIG_FILE);
    let expected = json!({
        "bos_token_id": 261, "eos_token_id": [262, 260], "pad_token_id": 262,
        "temperature": 0.2, "transformers_version": "4.42.3",
    });
    assert_eq!(generation, expected);
    // The file that llama.cpp and others read.
    let config = json_of(directory.path(), CONFIG_FILE);
    assert_eq!(config["eos_token_id"], json!([262, 260]));
    let second = Model::load(directory.path()).unwrap();
    assert_eq!((second.special, second.text_settings), (first.special, first.text_settings));

    // A model without a template takes the place of one that has one.
    model().save(directory.path()).unwrap();
    let last = Model::load(directory.path()).unwrap();
    assert_eq!(last.text_settings, Model::load(saved(&[]).path()).unwrap().text_settings);
    assert!(!directory.path().join(CHAT_TEMPLATE_FILE).exists());
}

#[test]
fn templates_in_all_their_places() {
    let template = |beside: &[(&str, &str)]| {
        Model::load(saved(beside).path()).unwrap().text_settings.chat_template
    };
    let list = r#"{"chat_template": [{"name": "tool_use", "template": "t"},
                                     {"name": "default", "template": "d"}]}"#;
    assert_eq!(template(&[(TOKENIZER_CONFIG_FILE, list)]).as_deref(), Some("d"));
    let tools = r#"{"chat_template": [{"name": "tool_use", "template": "t"}]}"#;
    assert_eq!(template(&[(TOKENIZER_CONFIG_FILE, tools)]), None);
    assert_eq!(
        template(&[(CHAT_TEMPLATE_FILE, "own {{ x }}\n")]).as_deref(),
        Some("own {{ x }}\n")
    );
    let both = [(TOKENIZER_CONFIG_FILE, &*instruct()), (CHAT_TEMPLATE_FILE, "own")];
    assert_eq!(template(&both).as_deref(), Some("own"));
    // The newest versions have another name for the further tokens.
    let newest = instruct().replace("additional_special", "extra_special");
    let model = Model::load(saved(&[(TOKENIZER_CONFIG_FILE, &newest)]).path()).unwrap();
    assert_eq!(model.text_settings.tokenizer[FURTHER[0]], json!(["<|im_start|>", "<|im_end|>"]));
}

#[test]
fn damaged_files_are_refused_by_their_entry() {
    for (name, content, words) in [
        (TOKENIZER_CONFIG_FILE, "{", "not JSON"),
        (TOKENIZER_CONFIG_FILE, "[]", "no JSON object"),
        (TOKENIZER_CONFIG_FILE, r#"{"eos_token": 3}"#, "eos_token is 3"),
        (TOKENIZER_CONFIG_FILE, r#"{"pad_token": {"id": 3}}"#, "pad_token is"),
        (TOKENIZER_CONFIG_FILE, r#"{"padding_side": "top"}"#, "padding_side is \"top\""),
        (TOKENIZER_CONFIG_FILE, r#"{"chat_template": 1}"#, "chat_template is 1"),
        (TOKENIZER_CONFIG_FILE, r#"{"chat_template": [{"name": "default"}]}"#, "chat_template is"),
        (
            TOKENIZER_CONFIG_FILE,
            r#"{"additional_special_tokens": [1]}"#,
            "additional_special_tokens is 1",
        ),
        (GENERATION_CONFIG_FILE, "3", "no JSON object"),
        (GENERATION_CONFIG_FILE, r#"{"eos_token_id": "x"}"#, "eos_token_id is \"x\""),
    ] {
        let message = Model::load(saved(&[(name, content)]).path()).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(words), "{message}");
    }
}

#[test]
fn a_model_without_special_tokens_has_none() {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = TokenizerKind::Char.train("one").unwrap();
    let sizes = GptConfig { vocab_size: tokenizer.vocab_size(), ..GptConfig::default() };
    save_description(directory.path(), &sizes, &tokenizer).unwrap();
    let generation = json_of(directory.path(), GENERATION_CONFIG_FILE);
    assert_eq!(generation, json!({"bos_token_id": null, "eos_token_id": null}));
    let config = json_of(directory.path(), TOKENIZER_CONFIG_FILE);
    assert!(config.get("eos_token").is_none());
}
