use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tokenizer::Tokenizer;

/// Merges in the order of their ranks: within words, and `▁` before them.
const MERGES: [&str; 9] = ["l o", "lo w", "▁ low", "▁low e", "▁ ▁", "a a", "aa aa", "▁▁ ▁▁", "é é"];

/// A file of this kind: three special tokens, the bytes, characters, and what the merges make.
fn file(prepend: Prepend, merges: &[&str]) -> Value {
    let mut words: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    words.extend((0..=255).map(SentencePiece::spelled_byte));
    words.extend("▁loweraé<>sx/".chars().map(String::from));
    words.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    let vocab: serde_json::Map<String, Value> =
        words.into_iter().zip(0u32..).map(|(word, id)| (word, id.into())).collect();
    let added = ["<unk>", "<s>", "</s>"].map(|content| {
        json!({"id": vocab[content], "content": content, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    });
    let metaspace = |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false});
    let (normalizer, pre_tokenizer) = match prepend {
        Prepend::Part => (
            json!({"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ]}),
            Value::Null,
        ),
        Prepend::Missing => (Value::Null, metaspace("always")),
        Prepend::First => (Value::Null, metaspace("first")),
        Prepend::Never => (Value::Null, metaspace("never")),
    };
    json!({
        "version": "1.0", "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                  "vocab": vocab, "merges": merges},
    })
}

fn read(file: &Value) -> std::result::Result<Tokenizer, String> {
    Tokenizer::from_json(&file.to_string()).map_err(|error| error.to_string())
}

/// The tokens of a text, visibly.
fn shown(tokenizer: &Tokenizer, text: &str) -> String {
    let Tokenizer::Bpe(bpe) = tokenizer else { panic!("the other kind") };
    let ids = tokenizer.encode_with_special(text).unwrap();
    ids.iter().map(|&id| bpe.spelled(id)).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_space_is_put_before_a_text() {
    for (prepend, plain, spaces, parts) in [
        (Prepend::Part, "▁low", "▁▁ ▁low", "<s> ▁low </s> ▁ ▁low"),
        (Prepend::Missing, "▁low", "▁ ▁low", "<s> ▁low </s> ▁low"),
        (Prepend::First, "▁low", "▁ ▁low", "<s> low </s> ▁low"),
        (Prepend::Never, "low", "▁ ▁low", "<s> low </s> ▁low"),
    ] {
        let tokenizer = read(&file(prepend, &MERGES)).unwrap();
        assert_eq!(shown(&tokenizer, "low"), plain, "{prepend:?}");
        assert_eq!(shown(&tokenizer, "  low"), spaces, "{prepend:?}");
        assert_eq!(shown(&tokenizer, "<s>low</s> low"), parts, "{prepend:?}");
        assert_eq!(shown(&tokenizer, ""), "");
        assert_eq!(tokenizer.encode("a▁low").unwrap(), tokenizer.encode("a low").unwrap());
        let saved = tokenizer.to_json();
        assert_eq!(Tokenizer::from_json(&saved).unwrap(), tokenizer);
        let saved: Value = serde_json::from_str(&saved).unwrap();
        let given = file(prepend, &MERGES);
        for entry in ["normalizer", "pre_tokenizer", "decoder", "added_tokens"] {
            assert_eq!(saved[entry], given[entry], "{prepend:?} {entry}");
        }
        assert_eq!(saved["model"]["vocab"], given["model"]["vocab"]);
    }
}

/// A character without a token is its bytes; bytes that are no character are one U+FFFD each.
#[test]
fn bytes_stand_for_characters_without_a_token() {
    let tokenizer = read(&file(Prepend::First, &MERGES)).unwrap();
    assert_eq!(shown(&tokenizer, "low\n日"), "▁low <0x0A> <0xE6> <0x97> <0xA5>");
    let ids = tokenizer.encode("low\n日 low").unwrap();
    assert_eq!(tokenizer.decode(&ids).unwrap(), "low\n日 low");
    assert_eq!(tokenizer.decode(&ids[..4]).unwrap(), "low\u{FFFD}\u{FFFD}\u{FFFD}");
    assert_eq!(tokenizer.decode_bytes(&ids[..3]).unwrap(), b" low\n\xE6");
    assert!(tokenizer.decode(&[9999]).is_err());
    // Such a spelling in a text is text.
    assert_eq!(shown(&tokenizer, "<0x0A>").split(' ').count(), 7);
}

/// Without pre-tokens the whole text is one sequence, and merging it takes n log n.
#[test]
fn a_megabyte_of_one_letter() {
    let across = ["a a", "aa aa", "a ▁", "a▁ a"];
    for (merges, text) in [(&MERGES[..], "a"), (&MERGES, " "), (&across, "a"), (&across, "a ")] {
        let tokenizer = read(&file(Prepend::Never, merges)).unwrap();
        let text = text.repeat((1 << 20) / text.len());
        let ids = tokenizer.encode(&text).unwrap();
        assert_eq!(tokenizer.decode_bytes(&ids).unwrap(), text.as_bytes());
    }
}

#[test]
fn what_does_not_fit_is_explained() {
    let cases: [(&str, Value, &str); 12] = [
        ("/model/vocab/<0x41>", json!("x"), "the number of token"),
        ("/model/merges/0", json!("<0x41> o"), "merge 0 names \"<0x41>\", which is not"),
        ("/model/merges/0", json!("<s> o"), "which is an added token as well"),
        ("/model/ignore_merges", json!(true), "model.ignore_merges is true"),
        ("/decoder/decoders/1", json!({"type": "Fuse"}), "decoder is {"),
        ("/pre_tokenizer/split", json!(true), "pre_tokenizer.split is true"),
        ("/pre_tokenizer/replacement", json!("_"), "pre_tokenizer.replacement is \"_\""),
        ("/pre_tokenizer/prepend_scheme", json!("last"), "pre_tokenizer is {"),
        ("/pre_tokenizer/type", json!("Whitespace"), "pre_tokenizer is {"),
        ("/normalizer", json!({"type": "NFKC"}), "normalizer is {"),
        ("/normalizer", json!({"type": "Replace"}), "not supported with byte_fallback"),
        ("/post_processor", json!({"type": "BertProcessing"}), "post_processor is {"),
    ];
    for (pointer, value, expected) in cases {
        let mut file = file(Prepend::First, &MERGES);
        let (object, key) = pointer.rsplit_once('/').unwrap();
        match file.pointer_mut(object).unwrap() {
            Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
            object => object[key] = value,
        }
        let error = read(&file).unwrap_err();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
    let mut normalized = file(Prepend::Part, &MERGES);
    normalized["added_tokens"][1]["normalized"] = true.into();
    assert!(read(&normalized).unwrap_err().contains("\"<s>\" is `normalized`"));
    let mut missing = file(Prepend::Part, &MERGES);
    let vocab = missing["model"]["vocab"].as_object_mut().unwrap();
    let id = vocab.shift_remove("<0x41>").unwrap();
    vocab.insert("<0xab>".into(), id);
    assert!(read(&missing).unwrap_err().contains("no token <0x41> for a byte"));
    let vocab = missing["model"]["vocab"].as_object_mut().unwrap();
    let id = vocab.shift_remove("<0xab>").unwrap();
    vocab.insert("a b".into(), id);
    assert!(read(&missing).unwrap_err().contains("has a space, which is spelled ▁"));
    let parts = match read(&file(Prepend::Part, &MERGES)).unwrap() {
        Tokenizer::Bpe(bpe) => bpe.parts().unwrap_err().to_string(),
        Tokenizer::Char(_) => String::new(),
    };
    assert!(parts.contains("SentencePiece"), "{parts}");
}

/// The rule, as a textbook has it: one sequence, the lowest rank first, then the leftmost.
fn plainly(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let Tokenizer::Bpe(bpe) = tokenizer else { panic!("the other kind") };
    let rules = bpe.rules.sentence_piece.as_ref().unwrap();
    let spelled = rules.prepared(text, true).replace(' ', "▁");
    let id = |word: &str| (0..bpe.vocab_size() as u32).find(|&id| bpe.spelled(id) == word);
    let mut ids = Vec::new();
    for c in spelled.chars() {
        match id(&c.to_string()) {
            Some(id) => ids.push(id),
            None => ids.extend(c.to_string().bytes().map(|byte| rules.bytes[byte as usize])),
        }
    }
    let rank =
        |pair: &[u32]| bpe.merges().iter().position(|merge| [merge.left, merge.right] == *pair);
    while let Some(lowest) = ids.windows(2).filter_map(rank).min() {
        let at = ids.windows(2).position(|pair| rank(pair) == Some(lowest)).unwrap();
        ids[at] = bpe.merges()[lowest].id;
        ids.remove(at + 1);
    }
    ids
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Cut into words or not, the tokens are those of the whole text as one sequence.
    #[test]
    fn tokens_are_those_of_the_whole_text(text in "[loweraé日 ▁]{0,40}", across in any::<bool>()) {
        let merges = match across {
            false => MERGES.to_vec(),
            true => [&["w ▁", "a ▁", "a▁ a"][..], &MERGES[..]].concat(),
        };
        let tokenizer = read(&file(Prepend::First, &merges)).unwrap();
        prop_assert_eq!(tokenizer.encode(&text).unwrap(), plainly(&tokenizer, &text));
    }

    /// Decoding gives the text back, but for `▁` and one space at the beginning.
    #[test]
    fn decoding_gives_the_text_back(text in "(?s).{0,30}|[low \n日]{0,30}") {
        let tokenizer = read(&file(Prepend::First, &MERGES)).unwrap();
        let decoded = tokenizer.decode(&tokenizer.encode(&text).unwrap()).unwrap();
        let expected = text.replace('▁', " ");
        prop_assert_eq!(decoded, expected.strip_prefix(' ').unwrap_or(&expected));
    }

    #[test]
    fn chunks_end_between_words(text in "[a ]{0,60}", size in 1usize..20) {
        let words = |text: &str| {
            let mut ends = vec![0];
            while ends[ends.len() - 1] < text.len() {
                ends.push(word_end(text, ends[ends.len() - 1]));
            }
            ends.windows(2).map(|ends| text[ends[0]..ends[1]].to_string()).collect::<Vec<_>>()
        };
        let chunks = chunks(&text, size);
        prop_assert_eq!(chunks.concat(), text.clone());
        prop_assert_eq!(chunks.into_iter().flat_map(words).collect::<Vec<_>>(), words(&text));
    }
}
