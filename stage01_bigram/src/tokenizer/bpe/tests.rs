use proptest::prelude::*;

use super::split::tests::awkward_text;
use super::*;

#[test]
fn a_vocabulary_has_at_least_the_bytes() {
    let error = BpeTokenizer::train("abc", 255).unwrap_err().to_string();
    assert!(error.contains("255") && error.contains("256 bytes"), "{error}");
    assert_eq!(BpeTokenizer::train("abc", 256).unwrap().vocab_size(), 256);
    assert!(matches!(BpeTokenizer::train("abc", usize::MAX), Err(Error::Setting { .. })));
}

#[test]
fn nothing_is_learned_from_nothing() {
    assert!(matches!(BpeTokenizer::train("", 300), Err(Error::Text { .. })));
}

#[test]
fn a_small_text_gives_a_small_vocabulary() {
    let tokenizer = BpeTokenizer::train("to be or not to be", 4096).unwrap();
    assert!((257..300).contains(&tokenizer.vocab_size()));
}

#[test]
fn the_end_of_text_is_the_last_token_and_no_text() {
    let tokenizer = BpeTokenizer::train("low low low lower lowest", 260).unwrap();
    assert_eq!(tokenizer.end_of_text(), None);
    let plain = tokenizer.encode(END_OF_TEXT).unwrap();
    let tokenizer = tokenizer.with_end_of_text().with_end_of_text();
    assert_eq!(tokenizer.end_of_text(), Some(260));
    assert_eq!(tokenizer.vocab_size(), 261);
    assert_eq!(tokenizer.encode(END_OF_TEXT).unwrap(), plain);
    assert_eq!(tokenizer.decode_bytes(&[260]).unwrap(), END_OF_TEXT.as_bytes());
}

#[test]
fn a_number_outside_the_vocabulary_is_named() {
    let tokenizer = BpeTokenizer::train("abc", 256).unwrap();
    let error = tokenizer.decode_bytes(&[1, 256]).unwrap_err();
    assert!(matches!(error, Error::UnknownToken { token: 256, vocab_size: 256 }));
    assert_eq!(tokenizer.token_bytes(256), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_gives_the_text_back(learned in awkward_text(), text in any::<String>(), other in awkward_text()) {
        prop_assume!(!learned.is_empty());
        let tokenizer = BpeTokenizer::train(&learned.repeat(2), 320).unwrap();
        for text in [text, other] {
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(tokenizer.decode_bytes(&ids).unwrap(), text.as_bytes());
        }
    }

    /// Decoding is putting bytes in a row, for tokens in any order.
    #[test]
    fn tokens_decode_one_by_one(ids in proptest::collection::vec(0u32..260, 0..20)) {
        let tokenizer = BpeTokenizer::train("low low low lower lowest", 260).unwrap();
        let one_by_one: Vec<u8> =
            ids.iter().flat_map(|&id| tokenizer.token_bytes(id).unwrap()).copied().collect();
        prop_assert_eq!(tokenizer.decode_bytes(&ids).unwrap(), one_by_one);
    }
}

/// What tiktoken 0.14 makes of these texts (../golden.py).
#[cfg(feature = "gpt2")]
#[test]
fn gpt2_gives_the_tokens_of_tiktoken() {
    let expected: [(&str, &[u32]); 9] = [
        (
            "In the beginning God created the heaven and the earth.",
            &[818, 262, 3726, 1793, 2727, 262, 9538, 290, 262, 4534, 13],
        ),
        (
            "I'll say they've said it's 1234567 o'clock, DON'T",
            &[
                40, 1183, 910, 484, 1053, 531, 340, 338, 17031, 2231, 3134, 267, 6, 15750, 11,
                23917, 6, 51,
            ],
        ),
        (
            "a  b   c\r\n\r\n\td \u{a0}e\n",
            &[64, 220, 275, 220, 220, 269, 201, 198, 201, 198, 197, 67, 220, 1849, 68, 198],
        ),
        (
            "naïve café über Straße Ελλάδα Москва",
            &[
                2616, 38776, 40304, 6184, 120, 527, 15195, 39683, 68, 7377, 243, 39377, 39377, 138,
                105, 138, 112, 17394, 12466, 250, 15166, 21727, 31583, 38857, 16142,
            ],
        ),
        (
            "日本語 한국어 中文",
            &[
                33768, 98, 17312, 105, 45739, 252, 220, 47991, 250, 166, 113, 255, 168, 244, 112,
                220, 40792, 23877, 229,
            ],
        ),
        (
            "👩\u{200d}👩\u{200d}👧 🇩🇪 e\u{301} \u{915}\u{94d}\u{937}",
            &[
                41840, 102, 447, 235, 41840, 102, 447, 235, 41840, 100, 12520, 229, 102, 8582, 229,
                103, 304, 136, 223, 28225, 243, 24231, 235, 11976, 115,
            ],
        ),
        ("<|endoftext|>", &[27, 91, 437, 1659, 5239, 91, 29]),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &[24794; 10]),
        ("\0\u{7f}\u{2028}", &[188, 221, 447, 101]),
    ];
    let tokenizer = BpeTokenizer::gpt2().unwrap();
    assert_eq!(tokenizer.vocab_size(), 50_257);
    assert_eq!(tokenizer.end_of_text(), Some(50_256));
    for (text, ids) in expected {
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text}");
    }
}
