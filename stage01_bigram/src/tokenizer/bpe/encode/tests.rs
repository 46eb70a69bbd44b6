use proptest::prelude::*;

use super::super::bytes::BYTE_OF_TOKEN;
use super::super::split::tests::awkward_text;
use super::super::{BpeTokenizer, plain, split};
use super::*;

/// Pseudo-random words of the letters a to d, so that pairs repeat.
fn words(count: u64) -> String {
    let mut text = String::new();
    for i in 0..count {
        let mut x = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        for _ in 0..3 + x % 9 {
            text.push(char::from(b'a' + (x % 4) as u8));
            x = x.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 7;
        }
        text.push(if i % 17 == 0 { '\n' } else { ' ' });
    }
    text
}

#[test]
fn the_number_of_threads_makes_no_difference() {
    let text = words(100_000);
    assert!(split::chunks(&text, CHUNK).len() > 2);
    let tokenizer = BpeTokenizer::train(&text[..20_000], 600).unwrap();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (tokenizer.encode(&text).unwrap(), BpeTokenizer::train(&text, 600)))
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one.0, three.0);
    assert_eq!(one.1.unwrap(), three.1.unwrap());
    // The cache has far fewer places than there are words here; it changes nothing either.
    let mut uncached = Vec::new();
    for pre_token in split::pre_tokens(&text) {
        tokenizer.encoder.merge(pre_token.as_bytes(), &mut uncached);
    }
    assert_eq!(one.0, uncached);
}

#[test]
fn a_megabyte_of_one_letter() {
    let tokenizer = BpeTokenizer::train("aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaa", 300).unwrap();
    let text = "a".repeat(1 << 20);
    let ids = tokenizer.encode(&text).unwrap();
    assert!(ids.len() <= text.len() / 8);
    assert_eq!(tokenizer.decode_bytes(&ids).unwrap(), text.as_bytes());
}

/// The bytes of a token need not be encoded as that token: here `bc` is merged first.
#[test]
fn a_pre_token_is_looked_up_only_where_merging_gives_the_same() {
    let mut tokens: Vec<Vec<u8>> = BYTE_OF_TOKEN.iter().map(|&byte| vec![byte]).collect();
    let id = |byte: u8| BYTE_OF_TOKEN.iter().position(|&b| b == byte).unwrap() as u32;
    tokens.extend([b"bc".to_vec(), b"ab".to_vec(), b"abc".to_vec()]);
    let merges = [
        Merge { left: id(b'b'), right: id(b'c'), id: 256 },
        Merge { left: id(b'a'), right: id(b'b'), id: 257 },
        Merge { left: 257, right: id(b'c'), id: 258 },
    ];
    let tokenizer =
        BpeTokenizer::new(&tokens, merges.to_vec(), AddedTokens::default(), Rules::default());
    assert_eq!(tokenizer.encode("abc").unwrap(), [id(b'a'), 256]);
    assert_eq!(tokenizer.encode("ab").unwrap(), [257]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tokens_are_those_of_the_plain_encoder(
        learned in "([abc]{1,9} ?){1,30}", text in "[abcd]{0,30}( [abc]{1,20}){0,4}", more in 0usize..60,
    ) {
        let tokenizer = BpeTokenizer::train(&learned, 256 + more).unwrap();
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert_eq!(&ids, &plain::encode(&text, tokenizer.merges()));
        // The second time, from the cache.
        prop_assert_eq!(&ids, &tokenizer.encode(&text).unwrap());
    }

    #[test]
    fn tokens_of_any_text_are_those_of_the_plain_encoder(text in awkward_text(), more in 0usize..60) {
        prop_assume!(!text.is_empty());
        let tokenizer = BpeTokenizer::train(&text.repeat(2), 256 + more).unwrap();
        prop_assert_eq!(tokenizer.encode(&text).unwrap(), plain::encode(&text, tokenizer.merges()));
    }

    /// Both ways of merging, on both sides of the length that decides between them.
    #[test]
    fn the_heap_merges_like_the_search(learned in "[ab]{20,60} [ab]{20,60}", pre_token in "[ab]{1,64}") {
        let tokenizer = BpeTokenizer::train(&learned, 320).unwrap();
        let (mut short, mut long) = (Vec::new(), Vec::new());
        let symbols = pre_token.bytes().map(|byte| tokenizer.encoder.byte_ids[byte as usize]);
        tokenizer.encoder.pairs.merge_short(symbols.clone(), &mut short);
        tokenizer.encoder.pairs.merge_long(symbols.collect(), &mut long);
        prop_assert_eq!(short, long);
    }
}
