use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::PreTokenizer;
use super::super::split::tests::awkward_text;
use super::super::{BpeTokenizer, Parts};
use crate::tokenizer::Tokenizer;
use crate::tokenizer::added::tests::{apply, change};

fn read(file: &Value) -> Result<Tokenizer, String> {
    Tokenizer::from_json(&file.to_string()).map_err(|error| error.to_string())
}

/// The files of `golden.py`, and the texts of each.
fn golden() -> Vec<(String, Value, Vec<Value>)> {
    let all: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    let whole = |case: &Value| {
        let mut file = case["file"].clone();
        let vocabulary = &all["vocabularies"][case["vocabulary"].as_u64().unwrap() as usize];
        for part in ["vocab", "merges"] {
            file["model"][part] = vocabulary[part].clone();
        }
        let name = case["name"].as_str().unwrap().to_string();
        (name, file, case["texts"].as_array().unwrap().clone())
    };
    all["cases"].as_array().unwrap().iter().map(whole).collect()
}

/// What tokenizers 0.23 makes of the same files and texts (`golden.py`).
#[test]
fn tokens_are_those_of_the_library() {
    let cases = golden();
    assert_eq!(cases.len(), 8);
    for (name, file, texts) in cases {
        let tokenizer = read(&file).unwrap();
        let again = Tokenizer::from_json(&tokenizer.to_json()).unwrap();
        assert_eq!(again, tokenizer, "{name}");
        let begin = tokenizer.added_tokens()[0].id;
        assert_eq!(tokenizer.template().before, [begin], "{name}");
        for text in texts {
            let numbers =
                |value: &Value| serde_json::from_value::<Vec<u32>>(value.clone()).unwrap();
            let given = text[0].as_str().unwrap();
            for tokenizer in [&tokenizer, &again] {
                let ids = tokenizer.encode_with_special(given).unwrap();
                assert_eq!(ids, numbers(&text[1]), "{name}: {given:?}");
                assert_eq!(
                    tokenizer.encode(given).unwrap(),
                    numbers(&text[2]),
                    "{name}: {given:?}"
                );
                assert_eq!(tokenizer.decode(&ids).unwrap(), text[3], "{name}: {given:?}");
                assert_eq!(tokenizer.decode_without_special(&ids).unwrap(), text[4], "{name}");
            }
        }
    }
}

/// What is written means what was read: the entries are equal but for offsets, which are not used.
#[test]
fn a_saved_file_has_the_entries_of_the_file_it_came_from() {
    for (name, file, _) in golden() {
        let saved: Value = serde_json::from_str(&read(&file).unwrap().to_json()).unwrap();
        for entry in ["normalizer", "pre_tokenizer", "decoder", "added_tokens"] {
            assert_eq!(saved[entry], file[entry], "{name}: {entry}");
        }
        for entry in ["ignore_merges", "byte_fallback"] {
            assert_eq!(saved["model"][entry], file["model"][entry], "{name}: {entry}");
        }
        let template = match &saved["post_processor"]["processors"][1] {
            Value::Null => &saved["post_processor"],
            template => template,
        };
        assert_eq!(template["single"], file["post_processor"]["single"], "{name}");
        assert_eq!(template["special_tokens"], file["post_processor"]["special_tokens"]);
    }
}

#[test]
fn another_rule_is_refused_by_name() {
    let of = |name: &str| golden().into_iter().find(|case| case.0 == name).unwrap().1;
    let llama3 = of("Llama 3");
    let smollm = of("SmolLM2");
    let qwen2 = of("Qwen2");
    let regex = "/pre_tokenizer/pretokenizers/0/pattern/Regex";
    let cases: [(&Value, &str, Value, &str); 13] = [
        (&llama3, regex, json!(r"\p{L}+|\P{L}+"), r#"cuts texts at {"Regex":"\\p{L}+|\\P{L}+"}"#),
        (&llama3, "/pre_tokenizer/pretokenizers/0/pattern", json!({"String": " "}), "{\"String\""),
        (&llama3, "/pre_tokenizer/pretokenizers/0/behavior", json!("Removed"), "behavior is"),
        (&llama3, "/pre_tokenizer/pretokenizers/0/behavior", json!(null), "behavior is null"),
        (&llama3, "/pre_tokenizer/pretokenizers/0/invert", json!(true), "invert is true"),
        (&llama3, "/pre_tokenizer/pretokenizers/1/use_regex", json!(true), "use_regex is true"),
        (&llama3, "/pre_tokenizer/pretokenizers/1/use_regex", json!(null), "use_regex is null"),
        (&smollm, "/pre_tokenizer/pretokenizers/0/individual_digits", json!(false), "is false"),
        (&smollm, "/pre_tokenizer/pretokenizers/0/type", json!("Punctuation"), "[Punctuation, "),
        (&smollm, "/pre_tokenizer/pretokenizers", json!([]), "pre_tokenizer is [], which"),
        (&smollm, "/pre_tokenizer", json!(null), "pre_tokenizer is nothing, which"),
        (&qwen2, "/normalizer/type", json!("NFKC"), "normalizer is {\"type\":\"NFKC\"}"),
        (
            &smollm,
            "/model/unk_token",
            json!("<s>"),
            "unk_token is \"<s>\", and the vocabulary lacks",
        ),
    ];
    for (file, pointer, value, expected) in cases {
        let mut file = file.clone();
        *file.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        let error = read(&file).unwrap_err();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
    let mut file = qwen2.clone();
    let id = read(&file).unwrap().vocab_size();
    let mut added = file["added_tokens"][0].clone();
    added["id"] = id.into();
    added["content"] = "e\u{301}".into();
    file["added_tokens"].as_array_mut().unwrap().push(added.clone());
    assert!(read(&file).is_ok());
    added["normalized"] = true.into();
    *file["added_tokens"].as_array_mut().unwrap().last_mut().unwrap() = added;
    assert!(read(&file).unwrap_err().contains("is changed by normalizer NFC"));
    // With `ignore_merges` a special token in the vocabulary is found as a word of a text, too.
    let mut file = llama3.clone();
    let mut word = file["added_tokens"][0].clone();
    word["id"] = id.into();
    word["content"] = "word".into();
    file["added_tokens"].as_array_mut().unwrap().push(word);
    let tokenizer = read(&file).unwrap();
    assert!(tokenizer.encode("word").unwrap().len() > 1);
    assert_eq!(tokenizer.encode_with_special("word").unwrap(), [id as u32]);
    let saved: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
    assert_eq!(saved["model"]["vocab"], llama3["model"]["vocab"]);
}

/// The text in the normal form C is what is encoded, with the added tokens of either kind.
#[test]
fn the_normal_form_is_taken_after_the_tokens_as_written() {
    let mut file = golden().into_iter().find(|case| case.0 == "Qwen2").unwrap().1;
    let id = read(&file).unwrap().vocab_size() as u32;
    for (place, (content, normalized)) in [("e\u{301}", false), ("ő", true)].into_iter().enumerate()
    {
        let mut token = file["added_tokens"][2].clone();
        token["id"] = (id + place as u32).into();
        token["content"] = content.into();
        token["normalized"] = normalized.into();
        token["lstrip"] = false.into();
        file["added_tokens"].as_array_mut().unwrap().push(token);
    }
    let tokenizer = read(&file).unwrap();
    let encode = |text: &str| tokenizer.encode_with_special(text).unwrap();
    assert_eq!(encode("e\u{301}o\u{30b}"), [id, id + 1]);
    assert_eq!(encode("éő"), [&encode("é")[..], &[id + 1]].concat());
    assert_eq!(encode("a\u{301} the"), encode("á the"));
    assert_eq!(tokenizer.decode(&encode("a\u{301}")).unwrap(), "á");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For every rule: decoding undoes encoding, and a saved file gives the same tokens.
    #[test]
    fn decoding_gives_the_text_back(
        learned in awkward_text(), text in any::<String>(), other in awkward_text(),
    ) {
        prop_assume!(!learned.is_empty());
        let parts = BpeTokenizer::train(&learned.repeat(2), 320).unwrap().parts().unwrap();
        for rule in PreTokenizer::ALL {
            let parts = Parts { pre_tokenizer: rule.name().into(), ..parts.clone() };
            let tokenizer = Tokenizer::Bpe(parts.tokenizer("model.gguf".as_ref()).unwrap());
            let again = Tokenizer::from_json(&tokenizer.to_json()).unwrap();
            prop_assert_eq!(&again, &tokenizer);
            for text in [&text, &other] {
                let ids = tokenizer.encode(text).unwrap();
                let decoded = tokenizer.decode(&ids).unwrap();
                // Qwen2's is in the normal form C.
                let nfc: String = unicode_normalization::UnicodeNormalization::nfc(&**text).collect();
                prop_assert_eq!(&decoded, if rule == PreTokenizer::Qwen2 { &nfc } else { text });
                prop_assert_eq!(ids, again.encode(text).unwrap());
            }
        }
    }

    /// A changed file is refused, or can be saved and is then the same; its parts fit.
    #[test]
    fn an_accepted_file_can_be_saved(
        case in 0usize..8, changes in proptest::collection::vec(change(), 1..3), text in awkward_text(),
    ) {
        let mut file = golden()[case].1.clone();
        for change in &changes {
            apply(&mut file, change);
        }
        if let Ok(tokenizer) = read(&file) {
            let saved = tokenizer.to_json();
            let again = Tokenizer::from_json(&saved).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(&again, &tokenizer);
            prop_assert_eq!(again.to_json(), saved);
            let ids = tokenizer.encode_with_special(&text).unwrap();
            prop_assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
            prop_assert_eq!(&ids, &again.encode_with_special(&text).unwrap());
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), again.decode(&ids).unwrap());
            if let Tokenizer::Bpe(bpe) = &tokenizer && let Ok(parts) = bpe.parts() {
                let made = parts.tokenizer("model.gguf".as_ref());
                prop_assert!(made.is_ok(), "{:?}", made);
            }
        }
    }
}
