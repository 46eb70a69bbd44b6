use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bpe::END_OF_TEXT;
use super::*;

fn both(text: &str) -> [Tokenizer; 3] {
    let bpe = BpeTokenizer::train(text, 280).unwrap();
    [
        Tokenizer::Char(CharTokenizer::train(text).unwrap()),
        Tokenizer::Bpe(bpe.clone()),
        Tokenizer::Bpe(bpe.with_end_of_text()),
    ]
}

#[test]
fn tokens_are_shown_visibly() {
    assert_eq!(printable(b" the\n"), "␣the\\n");
    assert_eq!(printable("é'\"\\".as_bytes()), "é'\"\\");
    assert_eq!(printable(&[0xE2, b'a', 0xFF]), "\\xE2a\\xFF");
    let [char, bpe, _] = both("a b\n");
    assert_eq!(char.token_text(0).unwrap(), "\\n");
    assert_eq!(bpe.token_text(220).unwrap(), "␣");
    assert!(char.token_text(4).is_err());
}

#[test]
fn characters_are_numbered_by_code_point() {
    let tokenizer = CharTokenizer::train("b\naé😀 a").unwrap();
    assert_eq!(tokenizer.characters(), ['\n', ' ', 'a', 'b', 'é', '😀']);
    assert_eq!(tokenizer.encode("😀a\n").unwrap(), [5, 2, 0]);
    assert!(matches!(tokenizer.decode(&[0, 6]), Err(Error::UnknownToken { token: 6, .. })));
    assert!(matches!(CharTokenizer::train(""), Err(Error::Text { .. })));
}

#[test]
fn an_unknown_character_is_placed() {
    let tokenizer = CharTokenizer::train("abcé\n").unwrap();
    for (text, unknown) in [("ab\néécx", 'x'), ("ab\nééc中", '中')] {
        match tokenizer.encode(text).unwrap_err() {
            Error::UnknownCharacter { character, line, column, vocab_size } => {
                assert_eq!((character, line, column, vocab_size), (unknown, 2, 4, 5));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_part_of_a_character_decodes_to_the_replacement_character() {
    let [_, bpe, _] = both("x");
    let ids = bpe.encode("é").unwrap();
    assert_eq!(bpe.decode(&ids).unwrap(), "é");
    assert_eq!(bpe.decode(&ids[..1]).unwrap(), "\u{FFFD}");
    assert_eq!(bpe.decode_bytes(&ids[..1]).unwrap(), [0xC3]);
}

#[test]
fn files_give_the_same_tokenizer_back() {
    let text = "In the beginning\nGod created the heaven and the earth. é 日本 \"\\ \u{1}\t";
    let path = std::env::temp_dir().join(format!("tokenizer-{}.json", std::process::id()));
    for tokenizer in both(text) {
        assert_eq!(Tokenizer::from_json(&tokenizer.to_json()).unwrap(), tokenizer);
        tokenizer.save(&path).unwrap();
        let kind: TokenizerKind = path.to_str().unwrap().parse().unwrap();
        assert_eq!(kind.train("").unwrap(), tokenizer);
        assert_eq!(tokenizer.encode(text).unwrap(), kind.train("").unwrap().encode(text).unwrap());
    }
    std::fs::remove_file(&path).unwrap();
    let missing = Tokenizer::load(&path).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read"), "{missing}");
}

/// The newer spelling of merges, and a special token that the vocabulary has as well.
#[test]
fn files_of_the_library_are_read() {
    let [_, _, tokenizer] = both("to be, or not to be");
    let mut file: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
    for merge in file["model"]["merges"].as_array_mut().unwrap() {
        let (left, right) = merge.as_str().unwrap().split_once(' ').unwrap();
        *merge = json!([left, right]);
    }
    file["model"].as_object_mut().unwrap().shift_remove("type");
    assert_eq!(Tokenizer::from_json(&file.to_string()).unwrap(), tokenizer);
    file["model"]["vocab"].as_object_mut().unwrap().shift_remove(END_OF_TEXT);
    assert_eq!(Tokenizer::from_json(&file.to_string()).unwrap(), tokenizer);
}

#[test]
fn a_wrong_file_is_explained() {
    let [char, _, bpe] = both("to be, or not to be");
    let cases: [(&Tokenizer, &str, Value, &str); 21] = [
        (&bpe, "/model", json!(null), "the object `model` is missing"),
        (&bpe, "/model/type", json!("Unigram"), "model.type is \"Unigram\""),
        (&char, "/model/type", json!(7), "model.type is missing"),
        (&bpe, "/model/vocab", json!([]), "the object `model.vocab` is missing"),
        (&bpe, "/model/vocab/a", json!("one"), "the number of token \"a\" is \"one\""),
        (&bpe, "/model/vocab/a", json!(-1), "the number of token \"a\" is -1"),
        (&bpe, "/model/vocab/a", json!(5_000_000_000u64), "the number of token \"a\""),
        (&bpe, "/model/vocab/a", json!(9999), "no token has the number 64"),
        (&bpe, "/model/vocab/a", json!(3), "have one number, 3"),
        (&bpe, "/model/merges", json!(null), "the list `model.merges` is missing"),
        (&bpe, "/model/merges/0", json!("nosuch o"), "merge 0 names \"nosuch\""),
        (&bpe, "/model/merges/0", json!("o !"), "merge 0 names \"o!\""),
        (&bpe, "/model/merges/1", json!(["a"]), "merge 1 is [\"a\"], not a pair"),
        (&bpe, "/model/dropout", json!(0.1), "model.dropout is 0.1"),
        (&bpe, "/normalizer", json!({"type": "NFKC"}), "normalizer is {\"type\":\"NFKC\"}"),
        (&bpe, "/pre_tokenizer/type", json!("Split"), "pre_tokenizer is Split, which"),
        (&bpe, "/decoder", json!(null), "decoder is not ByteLevel"),
        (&bpe, "/added_tokens/0", json!({"id": 3}), "an added token lacks `content`"),
        (&char, "/pre_tokenizer", json!(null), "does not cut the text into characters"),
        (&char, "/model/vocab", json!({"ab": 0}), "token 0, \"ab\", is not a character"),
        (&char, "/model/vocab", json!({}), "model.vocab is empty"),
    ];
    for (tokenizer, pointer, value, expected) in cases {
        let mut file: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
        *file.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        let error = Tokenizer::from_json(&file.to_string()).unwrap_err();
        assert!(matches!(error, Error::Format { .. }));
        assert!(error.to_string().contains(expected), "{pointer}: {error}");
    }
    let mut file: Value = serde_json::from_str(&bpe.to_json()).unwrap();
    let vocab = file["model"]["vocab"].as_object_mut().unwrap();
    let id = vocab.shift_remove("a").unwrap();
    vocab.insert("a-a".into(), id);
    let error = Tokenizer::from_json(&file.to_string()).unwrap_err().to_string();
    assert!(error.contains("no token for the byte 0x61"), "{error}");
}

/// What `transformers` 5 writes for GPT-2, and what tokenizers with markers around a text have.
#[test]
fn a_post_processor_tells_the_tokens_around_a_text() {
    let [_, _, bpe] = both("to be, or not to be");
    let end = bpe.end_of_text().unwrap();
    let read = |processor: &Value| {
        let mut file: Value = serde_json::from_str(&bpe.to_json()).unwrap();
        file["post_processor"] = processor.clone();
        Tokenizer::from_json(&file.to_string())
    };
    let (text, other) = (
        json!({"Sequence": {"id": "A", "type_id": 0}}),
        json!({"Sequence": {"id": "B", "type_id": 1}}),
    );
    let marker = |name: &str| json!({"SpecialToken": {"id": name, "type_id": 0}});
    let template = |single: &Value| {
        json!({
            "type": "TemplateProcessing", "single": single, "pair": [text, other],
            "special_tokens": {
                "<s>": {"id": "<s>", "ids": [end], "tokens": [END_OF_TEXT]},
                "far": {"id": "far", "ids": [end + 1], "tokens": ["far"]},
                "a": {"id": "a", "ids": [64], "tokens": ["a"]},
            },
        })
    };
    let alone = template(&json!([text]));
    let byte_level = json!({"type": "ByteLevel", "trim_offsets": false});
    let several = |all: &Value| json!({"type": "Sequence", "processors": all});
    for good in [&alone, &several(&json!([byte_level, alone])), &several(&json!([])), &json!(null)]
    {
        assert_eq!(read(good).unwrap(), bpe, "{good}");
    }
    let marked = template(&json!([marker("<s>"), text]));
    let around = template(&json!([marker("<s>"), marker("<s>"), text, marker("<s>")]));
    for (good, before, after) in [
        (&marked, vec![end], vec![]),
        (&several(&json!([byte_level, marked, alone])), vec![end], vec![]),
        (&around, vec![end, end], vec![end]),
    ] {
        let tokenizer = read(good).unwrap();
        assert_eq!(*tokenizer.template(), Template { before, after });
        assert_eq!(tokenizer.encode("to be").unwrap(), bpe.encode("to be").unwrap());
        let again = Tokenizer::from_json(&tokenizer.to_json()).unwrap();
        assert_eq!(again, tokenizer);
    }
    for (bad, expected) in [
        (template(&json!([])), "does not have the text once"),
        (template(&json!([text, text])), "does not have the text once"),
        (template(&json!([other])), "another text than A"),
        (template(&json!(null)), "single is missing"),
        (template(&json!([text, {}])), "single has {}"),
        (template(&json!([marker("none"), text])), "says that \"none\" is null"),
        (template(&json!([marker("far"), text])), "\"far\" is [260], not added tokens"),
        (template(&json!([marker("a"), text])), "\"a\" is [64], not added tokens"),
        (several(&json!([marked, marked])), "has two templates"),
        (several(&json!([several(&json!([]))])), "post_processor is {"),
        (json!({"type": "RobertaProcessing", "sep": ["</s>", 2]}), "RobertaProcessing"),
        (json!({}), "post_processor is {}"),
    ] {
        let error = read(&bad).unwrap_err().to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
}

/// A pipe would be waited for, and a device may have no end.
#[cfg(unix)]
#[test]
fn a_tokenizer_is_a_regular_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokenizer.json");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    for path in [&path, std::path::Path::new("/dev/zero"), directory.path()] {
        let error = Tokenizer::load(path).unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
    }
}

/// Every entry of the format is followed, does not change tokens, or is refused by name.
#[test]
fn an_entry_that_is_not_followed_is_refused_by_name() {
    let [char, _, bpe] = both("to be, or not to be");
    let (on, word) = (json!(true), json!("word"));
    let cases: [(&Tokenizer, &str, &Value, &str); 28] = [
        (&bpe, "/version", &json!("2.0"), "version is \"2.0\""),
        (&bpe, "/truncation", &json!({"max_length": 8}), "set truncation to null"),
        (&char, "/truncation", &json!({"max_length": 8}), "set truncation to null"),
        (&bpe, "/padding", &json!({"strategy": "BatchLongest"}), "set padding to null"),
        (&char, "/padding", &json!({}), "set padding to null"),
        (&char, "/normalizer", &json!({"type": "Lowercase"}), "normalizer is"),
        (&bpe, "/new", &on, "new is not known"),
        (&bpe, "/model/new", &on, "model.new is not known"),
        (&bpe, "/pre_tokenizer/add_prefix_space", &on, "add_prefix_space is true"),
        (&bpe, "/pre_tokenizer/add_prefix_space", &json!(null), "add_prefix_space is null"),
        (&bpe, "/pre_tokenizer/use_regex", &json!(false), "pre_tokenizer.use_regex is false"),
        (&bpe, "/pre_tokenizer/new", &on, "pre_tokenizer.new is not known"),
        (
            &bpe,
            "/post_processor",
            &json!({"type": "Sequence"}),
            "post_processor.processors is missing",
        ),
        (&bpe, "/post_processor/new", &on, "post_processor.new is not known"),
        (&bpe, "/decoder/new", &on, "decoder.new is not known"),
        (&bpe, "/model/ignore_merges", &word, "model.ignore_merges is \"word\""),
        (&bpe, "/model/byte_fallback", &word, "model.byte_fallback is \"word\""),
        (&bpe, "/model/byte_fallback", &on, "decoder is {\"type\":\"ByteLevel\""),
        (&bpe, "/model/continuing_subword_prefix", &word, "continuing_subword_prefix is \"word\""),
        (&bpe, "/model/end_of_word_suffix", &word, "end_of_word_suffix is \"word\""),
        (&bpe, "/model/dropout", &word, "model.dropout is \"word\""),
        (&char, "/pre_tokenizer/behavior", &json!("Removed"), "pre_tokenizer.behavior is"),
        (&char, "/pre_tokenizer/invert", &on, "pre_tokenizer.invert is true"),
        (&char, "/post_processor", &json!({"type": "ByteLevel"}), "post_processor is not"),
        (&char, "/decoder", &json!({"type": "ByteLevel"}), "decoder.type is \"ByteLevel\""),
        (&char, "/decoder/type", &json!(null), "decoder is not Fuse"),
        (&char, "/model/unk_token", &json!("t"), "model.unk_token is \"t\""),
        (&char, "/model/new", &on, "model.new is not known"),
    ];
    for (tokenizer, pointer, value, expected) in cases {
        let mut file: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
        let (object, key) = pointer.rsplit_once('/').unwrap();
        file.pointer_mut(object).unwrap()[key] = value.clone();
        let error = Tokenizer::from_json(&file.to_string()).unwrap_err().to_string();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
    let harmless = [
        "/pre_tokenizer/trim_offsets",
        "/post_processor/add_prefix_space",
        "/decoder/use_regex",
        "/model/fuse_unk",
        "/model/unk_token",
    ];
    for pointer in harmless {
        let mut file: Value = serde_json::from_str(&bpe.to_json()).unwrap();
        *file.pointer_mut(pointer).unwrap() = json!(null);
        assert_eq!(Tokenizer::from_json(&file.to_string()).unwrap(), bpe, "{pointer}");
    }
    let mut file: Value = serde_json::from_str(&char.to_json()).unwrap();
    file["added_tokens"] =
        serde_json::from_str::<Value>(&bpe.to_json()).unwrap()["added_tokens"].clone();
    file["added_tokens"][0]["id"] = char.vocab_size().into();
    let error = Tokenizer::from_json(&file.to_string()).unwrap_err().to_string();
    assert!(error.contains("added_tokens are not supported for a WordLevel"), "{error}");
}

/// Of two equal merges the library counts the last; a token of nothing is never found.
#[test]
fn merges_that_stand_twice_and_empty_tokens_are_refused() {
    let [char, bpe, _] = both("to be, or not to be");
    let mut file: Value = serde_json::from_str(&bpe.to_json()).unwrap();
    let again = file["model"]["merges"][0].clone();
    file["model"]["merges"].as_array_mut().unwrap().push(again);
    let error = Tokenizer::from_json(&file.to_string()).unwrap_err().to_string();
    assert!(error.contains("merges 0 and") && error.contains("are the same"), "{error}");
    for tokenizer in [&bpe, &char] {
        let mut file: Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
        file["model"]["vocab"][""] = tokenizer.vocab_size().into();
        let error = Tokenizer::from_json(&file.to_string()).unwrap_err().to_string();
        assert!(error.contains("has an empty spelling"), "{error}");
    }
}

#[test]
fn a_directory_is_its_tokenizer_and_a_file_of_another_form_says_so() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("tokenizer.json");
    let [_, _, bpe] = both("to be, or not to be");
    let error = |path: &Path| Tokenizer::load(path).unwrap_err().to_string();
    assert!(error(place.path()).contains("a directory without a tokenizer.json"));
    let kind = || place.path().to_str().unwrap().parse::<TokenizerKind>();
    assert!(kind().unwrap_err().to_string().contains("a directory without a tokenizer.json"));
    bpe.save(&path).unwrap();
    assert_eq!(Tokenizer::load(place.path()).unwrap(), bpe);
    assert_eq!(kind().unwrap(), TokenizerKind::File(path.clone()));

    let json = bpe.to_json();
    std::fs::write(&path, format!("\u{FEFF}{json}")).unwrap();
    assert!(error(&path).contains("byte-order mark"), "{}", error(&path));
    for utf16 in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["", "\u{FEFF}"] {
            let units: Vec<u16> = format!("{mark}{json}").encode_utf16().collect();
            std::fs::write(&path, units.into_iter().flat_map(utf16).collect::<Vec<u8>>()).unwrap();
            assert!(error(&path).contains("iconv -f UTF-16"), "{}", error(&path));
        }
    }
    std::fs::write(&path, b"{\xff").unwrap();
    assert!(error(&path).contains("byte 1 is 0xFF"), "{}", error(&path));
    std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(error(&path).contains("larger than 256 MiB"), "{}", error(&path));
}

/// A tokenizer with these special tokens.
fn with_special(spellings: &[&str]) -> Tokenizer {
    let mut file: Value = serde_json::from_str(&both("to be")[1].to_json()).unwrap();
    let first = file["model"]["vocab"].as_object().unwrap().len();
    let entry = |(id, content): (usize, &&str)| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    };
    file["added_tokens"] = (first..).zip(spellings).map(entry).collect();
    Tokenizer::from_json(&file.to_string()).unwrap()
}

#[test]
fn the_end_of_text_is_known_by_its_spelling_or_by_its_name() {
    let end =
        |tokenizer: &Tokenizer| tokenizer.end_of_text_token().map(|(_, word)| word.to_string());
    for known in KNOWN {
        assert_eq!(end(&with_special(&["<pad>", known])).as_deref(), Some(known));
    }
    let both_known = with_special(&["</s>", "<|endoftext|>"]);
    assert_eq!(end(&both_known).as_deref(), Some("<|endoftext|>"));
    let none = with_special(&["<pad>", "<|im_end|>"]);
    assert_eq!(none.end_of_text(), None);

    for (tokenizer, named) in [(both_known, "</s>"), (none, "<|im_end|>")] {
        let named_it = tokenizer.clone().with_end_token(named).unwrap();
        assert_eq!(end(&named_it).as_deref(), Some(named));
        let id = named_it.end_of_text().unwrap();
        assert_eq!(named_it.decode(&[id]).unwrap(), named);
        assert_eq!(
            end(&Tokenizer::from_json(&named_it.to_json()).unwrap()).as_deref(),
            Some(named)
        );
        let error = tokenizer.with_end_token("<eof>").unwrap_err().to_string();
        assert!(error.contains("--end-token = <eof>") && error.contains(named), "{error}");
    }
    let [char, bpe, _] = both("to be");
    assert!(char.with_end_token("t").unwrap_err().to_string().contains("no special tokens"));
    assert!(bpe.with_end_token("<eof>").unwrap_err().to_string().contains("no special tokens"));
    let mut file: Value = serde_json::from_str(&with_special(&["<a>", "<b>"]).to_json()).unwrap();
    for place in 0..2 {
        file["added_tokens"][place]["end_of_text"] = true.into();
    }
    assert!(Tokenizer::from_json(&file.to_string()).is_err());
}

#[test]
fn a_file_beside_the_tokenizer_may_name_the_end_of_text() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("tokenizer.json");
    let tokenizer = with_special(&["<pad>", "<stop>", "</s>", "<|im_end|>"]);
    tokenizer.save(&path).unwrap();
    let first = tokenizer.end_of_text().unwrap() - 2;
    let cases = [
        ("tokenizer_config.json", json!({"eos_token": "<stop>"}), "<stop>"),
        ("tokenizer_config.json", json!({"eos_token": {"content": "<pad>"}}), "<pad>"),
        ("tokenizer_config.json", json!({"eos_token": "<|im_end|>"}), "</s>"),
        ("tokenizer_config.json", json!({"eos_token": "<unknown>"}), "</s>"),
        ("special_tokens_map.json", json!({"eos_token": "<stop>"}), "<stop>"),
        ("config.json", json!({"eos_token_id": first + 1}), "<stop>"),
        ("config.json", json!({"eos_token_id": [first + 3, first]}), "<pad>"),
        ("config.json", json!({"eos_token_id": 3}), "</s>"),
        ("config.json", json!(["damaged"]), "</s>"),
    ];
    for (name, content, expected) in cases {
        let beside = place.path().join(name);
        std::fs::write(&beside, content.to_string()).unwrap();
        let loaded = Tokenizer::load(&path).unwrap();
        assert_eq!(loaded.end_of_text_token().unwrap().1, expected, "{name} {content}");
        // What was found is saved with the tokenizer.
        let again = Tokenizer::from_json(&loaded.to_json()).unwrap();
        assert_eq!(again.end_of_text_token(), loaded.end_of_text_token());
        std::fs::remove_file(&beside).unwrap();
    }
}

#[test]
fn a_marker_between_documents_is_not_learned_from() {
    let text = "low low<|endoftext|>lower lowest<|endoftext|>".repeat(5);
    let kind = TokenizerKind::Bpe { vocab_size: 262 };
    let tokenizer = kind.train(&text).unwrap();
    let plain = BpeTokenizer::train_on(&["low low", "lower lowest"].repeat(5), 261).unwrap();
    assert_eq!(tokenizer, Tokenizer::Bpe(plain.with_end_of_text()));
    let ids = tokenizer.encode_with_special(&text).unwrap();
    let end = tokenizer.end_of_text().unwrap();
    assert_eq!(ids.iter().filter(|&&id| id == end).count(), 10);
    assert_eq!(tokenizer.decode(&ids).unwrap(), text);
    let note = tokenizer.special_note(&text).unwrap();
    assert!(note.contains("<|endoftext|>") && note.contains("10 places"), "{note}");
    assert_eq!(tokenizer.special_note("low"), None);
    let error = TokenizerKind::Bpe { vocab_size: 256 }.train(&text).unwrap_err().to_string();
    assert!(error.contains("at least 257"), "{error}");
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    for tokenizer in both("to be") {
        let json = tokenizer.to_json();
        for length in (0..json.len() - 2).step_by(97).filter(|&n| json.is_char_boundary(n)) {
            let error = Tokenizer::from_json(&json[..length]).unwrap_err().to_string();
            assert!(error.contains("not whole JSON"), "{error}");
        }
    }
}

#[test]
fn kinds_are_read_as_they_are_written() {
    for (word, kind) in [
        ("char", TokenizerKind::Char),
        ("bpe:512", TokenizerKind::Bpe { vocab_size: 512 }),
        ("gpt2", TokenizerKind::Gpt2),
        ("out/tokenizer.json", TokenizerKind::File("out/tokenizer.json".into())),
    ] {
        assert_eq!(word.parse::<TokenizerKind>().unwrap(), kind);
        assert_eq!(kind.to_string(), word);
    }
    let default = TokenizerKind::Bpe { vocab_size: DEFAULT_BPE_SIZE };
    assert_eq!("bpe".parse::<TokenizerKind>().unwrap(), default);
    assert_eq!("bpe:4_096".parse::<TokenizerKind>().unwrap(), default);
}

#[test]
fn a_wrong_kind_is_answered_with_the_nearest() {
    for (word, expected) in [
        ("chars", "did you mean char?"),
        ("BPE", "did you mean bpe?"),
        ("gpt-2", "did you mean gpt2?"),
        ("bpe:many", "\"many\" is not a size"),
        ("bpe:", "\"\" is not a size"),
        ("wordpiece", "expected char, bpe, bpe:SIZE, gpt2 or the path"),
        ("", "expected char"),
    ] {
        let error = word.parse::<TokenizerKind>().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(!"wordpiece".parse::<TokenizerKind>().unwrap_err().to_string().contains("mean"));
}

#[cfg(not(feature = "gpt2"))]
#[test]
fn gpt2_says_how_to_get_it() {
    let error = TokenizerKind::Gpt2.train("").unwrap_err().to_string();
    assert!(error.contains("--features gpt2") && error.contains("tokenizer.json"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_gives_the_text_back(text in "\\PC{1,40}|(?s).{1,40}") {
        for tokenizer in both(&text) {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
            prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text.clone());
            let again = Tokenizer::from_json(&tokenizer.to_json()).unwrap();
            prop_assert_eq!(&again, &tokenizer);
            prop_assert_eq!(again.encode(&text).unwrap(), ids);
        }
    }
}
