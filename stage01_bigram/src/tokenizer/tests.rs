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
        (&bpe, "/normalizer", json!({"type": "NFC"}), "normalizer is"),
        (&bpe, "/pre_tokenizer/type", json!("Split"), "pre_tokenizer does not cut"),
        (&bpe, "/decoder", json!(null), "decoder is not ByteLevel"),
        (&bpe, "/added_tokens/0", json!({"id": 3}), "an added token lacks `content`"),
        (&char, "/pre_tokenizer", json!(null), "does not cut the text into characters"),
        (&char, "/model/vocab", json!({"ab": 0}), "token 0, \"ab\", is no character"),
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
        ("bpe:many", "\"many\" is no size"),
        ("bpe:", "\"\" is no size"),
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
