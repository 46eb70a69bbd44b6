use std::sync::LazyLock;

use fancy_regex::Regex;
use proptest::prelude::*;

use super::super::PreTokenizer;
use super::*;

const GPT2: &str = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// All expressions, compiled once: that of GPT-2, of Llama 3, of Qwen2, and of digits.
static REGEXES: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    let qwen2 = LLAMA3.replace("{1,3}", "");
    [GPT2, LLAMA3, &qwen2, r"\p{N}|\P{N}+"].map(|pattern| Regex::new(pattern).unwrap())
});

fn find(regex: usize, text: &str) -> Vec<&str> {
    REGEXES[regex].find_iter(text).map(|found| found.unwrap().as_str()).collect()
}

fn by_regex(text: &str) -> Vec<&str> {
    find(0, text)
}

/// The other rules, by their regular expressions.
fn by_regex_of(rule: PreTokenizer, text: &str) -> Vec<&str> {
    match rule {
        PreTokenizer::Gpt2 => by_regex(text),
        PreTokenizer::Llama3 => find(1, text),
        PreTokenizer::Qwen2 => find(2, text),
        PreTokenizer::SmolLm => find(3, text).into_iter().flat_map(by_regex).collect(),
    }
}

fn by_hand(text: &str) -> Vec<&str> {
    pre_tokens(text).collect()
}

/// Text that reaches every branch of the expression.
pub(in super::super) fn awkward_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[ \t\n\r\u{a0}\u{3000}\u{85}]{1,3}",
        1 => "[.!] ?(\r\n|\n){1,2}",
        3 => " ?[a-zA-Zéßλ日本]{1,4}",
        2 => "('|''| ')(s|d|m|t|ll|ve|re|l|S|LL|Re|ſ|x)?[a-z]?",
        2 => "[0-9½Ⅷ٣]{1,4}",
        2 => "[.,!…—\u{301}\u{200b}\u{94d}😀🇩\u{0}\u{7f}]{1,3}",
        1 => any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

#[test]
fn pre_tokens_of_english() {
    assert_eq!(
        by_hand("I'll say  they've 12 sheep, 's'\n\n  ok \n"),
        [
            "I", "'ll", " say", " ", " they", "'ve", " 12", " sheep", ",", " '", "s", "'", "\n\n ",
            " ok", " \n"
        ]
    );
    assert!(by_hand("").is_empty());
}

/// The same letters, numbers and white space as in the regular expression, for all of Unicode.
#[test]
fn classes_are_those_of_the_regex() {
    let all: String = (char::MIN..=char::MAX).collect();
    for (class, pattern) in
        [(Class::Letter, r"\p{L}"), (Class::Number, r"\p{N}"), (Class::Space, r"\s")]
    {
        let found = Regex::new(pattern).unwrap();
        let mut regex = found.find_iter(&all).map(|found| found.unwrap().as_str());
        for c in all.chars().filter(|&c| class_of(c) == class) {
            assert_eq!(regex.next(), Some(&*c.to_string()), "{c:?} is a {class:?} here");
        }
        assert_eq!(regex.next(), None);
    }
    for c in 0..128u8 {
        assert_eq!(ASCII[c as usize], class_of(char::from(c)));
    }
}

#[test]
fn long_texts_are_cut_in_chunks_of_the_size_asked_for() {
    let text = "It is not good that the man should be alone. ".repeat(100);
    let chunks = chunks(&text, 100);
    assert!(chunks.len() > 40);
    assert!(chunks.iter().all(|chunk| chunk.len() < 120));
    assert_eq!(super::chunks("aaaaaaaaaaaaaaaa", 3), ["aaaaaaaaaaaaaaaa"]);
    // Languages without spaces still have punctuation.
    assert_eq!(super::chunks("日本語。中文,한국어", 4).len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn pre_tokens_are_those_of_the_regex(text in awkward_text()) {
        prop_assert_eq!(by_hand(&text), by_regex(&text));
    }

    #[test]
    fn pre_tokens_of_every_rule_are_those_of_its_regex(text in awkward_text()) {
        for rule in PreTokenizer::ALL {
            prop_assert_eq!(rule.pre_tokens(&text).collect::<Vec<_>>(), by_regex_of(rule, &text), "{:?}", rule);
        }
    }

    #[test]
    fn chunks_of_every_rule_have_the_pre_tokens_of_the_whole(text in awkward_text(), size in 1usize..20) {
        for rule in PreTokenizer::ALL {
            let chunks = rule.chunks(&text, size);
            prop_assert_eq!(chunks.concat(), text.clone());
            let in_chunks: Vec<&str> = chunks.into_iter().flat_map(|c| rule.pre_tokens(c)).collect();
            prop_assert_eq!(in_chunks, rule.pre_tokens(&text).collect::<Vec<_>>(), "{:?}", rule);
        }
    }

    #[test]
    fn chunks_have_the_pre_tokens_of_the_whole(text in awkward_text(), size in 1usize..20) {
        let chunks = chunks(&text, size);
        prop_assert_eq!(chunks.concat(), text.clone());
        let in_chunks: Vec<&str> = chunks.into_iter().flat_map(pre_tokens).collect();
        prop_assert_eq!(in_chunks, by_hand(&text));
    }
}
