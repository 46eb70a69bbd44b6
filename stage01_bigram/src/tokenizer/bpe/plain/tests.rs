//! The plain trainer and encoder against the fast ones. On random texts they meet in the tests of
//! `train.rs` and `encode.rs`.

use super::*;
use crate::corpus::Corpus;
use crate::tokenizer::BpeTokenizer;

#[test]
fn on_real_text_both_learn_and_encode_the_same() {
    let corpus = Corpus::built_in();
    let text = &corpus.text[..200_000];
    let merges = train(text, 512);
    let fast = BpeTokenizer::train(text, 512).unwrap();
    assert_eq!(merges.len(), 256);
    assert_eq!(merges, fast.merges());

    let ids = encode(text, &merges);
    assert_eq!(ids, fast.encode(text).unwrap());
    assert_eq!(decode(&ids, &vocabulary(&merges)).unwrap(), text.as_bytes());
}

#[test]
fn a_pair_is_merged_from_left_to_right() {
    let merged = |tokens: &[u32]| {
        let mut tokens = tokens.to_vec();
        merge(&mut tokens, Merge { left: 7, right: 7, id: 256 });
        tokens
    };
    assert_eq!(merged(&[7, 7, 7]), [256, 7]);
    assert_eq!(merged(&[1, 7, 7, 7, 7, 2, 7]), [1, 256, 256, 2, 7]);
    assert!(merged(&[]).is_empty());
}

#[test]
fn of_equal_counts_the_smallest_pair_is_merged() {
    let counts = HashMap::from([((9, 1), 2), ((3, 8), 2), ((3, 9), 2), ((0, 0), 1)]);
    assert_eq!(most_frequent(&counts), Some((3, 8)));
    assert_eq!(most_frequent(&HashMap::from([((0, 0), 1)])), None);
    assert_eq!(most_frequent(&HashMap::new()), None);
}

#[test]
fn a_number_outside_the_vocabulary_is_an_error() {
    let error = decode(&[1, 256], &vocabulary(&[])).unwrap_err();
    assert!(matches!(error, Error::UnknownToken { token: 256, vocab_size: 256 }));
}
