use std::collections::HashSet;

use proptest::prelude::*;

use super::super::bytes::spell;
use super::super::{BpeTokenizer, plain};
use super::*;

/// The merges that the trainer of `tokenizers` 0.23 learns from this text (../golden.py).
#[test]
fn merges_are_those_of_hugging_face() {
    let text = "How much wood would a woodchuck chuck\nif a woodchuck could chuck wood?\n\
                He would chuck, he would, as much as he could,\n\
                and chuck as much wood as a woodchuck would\nif a woodchuck could chuck wood.\n";
    let tokenizer = BpeTokenizer::train(text, 300).unwrap();
    let spelled = |id| spell(tokenizer.token_bytes(id).unwrap());
    let merges: Vec<String> = tokenizer
        .merges()
        .iter()
        .map(|merge| format!("{} {}", spelled(merge.left), spelled(merge.right)))
        .collect();
    assert_eq!(
        merges,
        [
            "c h",
            "w o",
            "Ġ wo",
            "c k",
            "u ck",
            "ch uck",
            "o d",
            "Ġ a",
            "Ġwo od",
            "l d",
            "u ld",
            "Ġ chuck",
            "Ġwo uld",
            "Ġa s",
            "Ġwood chuck",
            "c o",
            "m u",
            "Ġ co",
            "Ġ mu",
            "Ġco uld",
            "Ġmu ch",
            "h e",
            "i f",
            "Ġ he"
        ]
    );
}

#[test]
fn a_pair_seen_once_is_not_merged() {
    assert_eq!(BpeTokenizer::train("abcdef", 400).unwrap().vocab_size(), 256);
    assert_eq!(BpeTokenizer::train("abab", 400).unwrap().vocab_size(), 257);
}

/// A very long run of letters is learned from in parts, so no token is longer than a part.
#[test]
fn very_long_pre_tokens_are_learned_from_in_parts() {
    let merges = learn(&[&"é".repeat(10 * LONGEST)], 300);
    let mut lengths = vec![1; 256];
    for merge in &merges {
        lengths.push(lengths[merge.left as usize] + lengths[merge.right as usize]);
    }
    assert_eq!(lengths.iter().max(), Some(&LONGEST));
    assert_eq!(parts(&"日".repeat(1000)).map(str::len).collect::<Vec<_>>(), [1023, 1023, 954]);
    assert_eq!(parts("").count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Few letters, so that runs, ties and repeated spellings are common.
    #[test]
    fn merges_are_those_of_the_plain_trainer(text in "[ab]{0,6}( ?[abc]{1,9}){0,12}", more in 0usize..40) {
        prop_assert_eq!(learn(&[&text], 256 + more), plain::train(&text, 256 + more as u32));
    }

    /// Otherwise a vocabulary file could not hold both.
    #[test]
    fn no_two_tokens_are_spelled_the_same(text in "[ab]{0,20}( ?[abc]{1,9}){0,12}") {
        prop_assume!(!text.is_empty());
        let tokenizer = BpeTokenizer::train(&text, 400).unwrap();
        let all = 0..tokenizer.vocab_size() as u32;
        let spellings: HashSet<_> = all.map(|id| tokenizer.token_bytes(id)).collect();
        prop_assert_eq!(spellings.len(), tokenizer.vocab_size());
    }

    #[test]
    fn merges_of_any_text_are_those_of_the_plain_trainer(
        text in super::split::tests::awkward_text(), again in 1usize..3, more in 0usize..40,
    ) {
        let text = text.repeat(again);
        prop_assert_eq!(learn(&[&text], 256 + more), plain::train(&text, 256 + more as u32));
    }
}
