//! Bytes and pairs: byte-pair encoding as a textbook has it, and what it gains.
//!
//! First five words on paper, every round with its counts. Then the real tokenizer: what it makes
//! of other texts, how many bytes a token has, and what happens when tokens are chosen by another
//! rule than the order of the merges. `--plot FILE` draws the bytes a token has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::loss::bits_per_byte;
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::text::thousands;
use stage01_bigram::tokenizer::bpe::pre_tokens;
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};

const WORDS: &str = "low low low lower lowest";

/// Runs the experiment.
pub fn run(plot: Option<&Path>) -> Result<()> {
    on_paper();
    other_texts()?;
    special_token()?;
    let gain = bytes_per_token()?;
    if let Some(file) = plot {
        chart(gain).save(file)?;
    }
    another_rule()
}

/// A pre_token of text as the tokens it has so far, each spelled out.
type Word = Vec<String>;

// ANCHOR: count
/// How often each pair of neighbours occurs. No pair crosses from one word to the next.
fn count_pairs(words: &[Word]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for pair in words.iter().flat_map(|word| word.windows(2)) {
        *counts.entry((pair[0].clone(), pair[1].clone())).or_default() += 1;
    }
    counts
}
// ANCHOR_END: count

// ANCHOR: commonest
/// The commonest pair and its count; of equal ones the first in the alphabet.
fn commonest(counts: &BTreeMap<(String, String), usize>) -> Option<(&(String, String), usize)> {
    let (pair, &count) = counts.iter().min_by_key(|&(_, &count)| Reverse(count))?;
    (count >= 2).then_some((pair, count))
}
// ANCHOR_END: commonest

// ANCHOR: join
/// Makes one token of a pair, wherever it stands.
fn join(words: &mut [Word], (left, right): &(String, String)) {
    for word in words {
        let mut at = 0;
        while at + 1 < word.len() {
            if word[at] == *left && word[at + 1] == *right {
                word.splice(at..at + 2, [format!("{left}{right}")]);
            }
            at += 1;
        }
    }
}
// ANCHOR_END: join

/// The pre-tokens of a text as single letters, the space made visible.
fn letters(text: &str) -> Vec<Word> {
    let visible = |c: char| if c == ' ' { "␣".to_string() } else { c.to_string() };
    pre_tokens(text).map(|pre_token| pre_token.chars().map(visible).collect()).collect()
}

fn on_paper() {
    println!("ON PAPER");
    let mut words = letters(WORDS);
    let show = |words: &[Word]| {
        let words: Vec<String> = words.iter().map(|word| word.join("·")).collect();
        println!("  {}", words.join("   "));
    };
    show(&words);
    // ANCHOR: learn
    loop {
        let counts = count_pairs(&words);
        let Some((pair, count)) = commonest(&counts) else { break };
        println!("{} + {}   {count} times", pair.0, pair.1);
        join(&mut words, pair);
        show(&words);
    }
    // ANCHOR_END: learn
}

fn other_texts() -> Result<()> {
    println!("\nTHE SAME TOKENIZER ON OTHER TEXTS");
    let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(WORDS, 300)?);
    println!("a vocabulary of {}", tokenizer.vocab_size());
    for text in ["lower slow", "é", "😀"] {
        let tokens = tokenizer.encode(text)?;
        let spelled: Result<Vec<_>> =
            tokens.iter().map(|&token| tokenizer.token_text(token)).collect();
        println!("{text:10}  {}   {tokens:?}", spelled?.join("·"));
        assert_eq!(tokenizer.decode(&tokens)?, text);
    }
    let cut: Vec<_> = pre_tokens("I'll say they've 12 sheep,  no?").collect();
    println!("pre-tokens: {cut:?}");
    Ok(())
}

/// What a text can mean that spells a special token.
fn special_token() -> Result<()> {
    println!("\nA SPECIAL TOKEN");
    let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(WORDS, 300)?.with_end_of_text());
    let text = "low<|endoftext|> low";
    for (meaning, tokens) in
        [("text", tokenizer.encode(text)?), ("token", tokenizer.encode_with_special(text)?)]
    {
        let spelled: Result<Vec<_>> =
            tokens.iter().map(|&token| tokenizer.token_text(token)).collect();
        println!("as {meaning:7}{}", spelled?.join("·"));
        println!("  {tokens:?}");
        assert_eq!(tokenizer.decode(&tokens)?, text);
    }
    Ok(())
}

/// (vocabulary size, bytes a token has on text that the tokenizer never saw).
fn bytes_per_token() -> Result<Vec<(f64, f64)>> {
    println!("\nWHAT A LARGER VOCABULARY GAINS, on text it was not trained on");
    let text = Corpus::built_in().text;
    let (train, validation) = split(&text, 0.9)?;
    println!("{:>10}{:>10}{:>17}", "vocabulary", "tokens", "bytes per token");
    let mut gain = Vec::new();
    for vocab_size in [256, 512, 1024, 2048, 4096, 8192, 16384] {
        let tokens = BpeTokenizer::train(train, vocab_size)?.encode(validation)?.len();
        let bytes = validation.len() as f64 / tokens as f64;
        println!("{vocab_size:>10}{tokens:>10}{bytes:>17.2}");
        gain.push((vocab_size as f64, bytes));
    }
    let different: HashSet<&str> = pre_tokens(train).collect();
    println!("pre-tokens of the text it learned from: {}", thousands(pre_tokens(train).count()));
    println!("different ones among them: {}", thousands(different.len()));
    Ok(gain)
}

fn chart(gain: Vec<(f64, f64)>) -> LineChart {
    LineChart {
        title: "Each doubling of the vocabulary gains less".into(),
        x_label: "vocabulary size".into(),
        y_label: "bytes per token".into(),
        series: vec![Series { name: "King James, validation text".into(), points: gain }],
        references: vec![("one token for each byte".into(), 1.0)],
    }
}

// ANCHOR: bug
/// The bug: takes the longest token that fits, instead of merging in the order of the merges.
fn encode_longest(longest: &HashMap<&[u8], u32>, text: &str) -> Vec<u32> {
    let known = |bytes: &[u8]| longest.contains_key(bytes);
    let mut tokens = Vec::new();
    for pre_token in pre_tokens(text) {
        let mut rest = pre_token.as_bytes();
        while let Some(length) = (1..=rest.len()).rev().find(|&n| known(&rest[..n])) {
            tokens.push(longest[&rest[..length]]);
            rest = &rest[length..];
        }
    }
    tokens
}
// ANCHOR_END: bug

fn another_rule() -> Result<()> {
    println!("\nA BUG: the longest token that fits, instead of the order of the merges");
    let text = Corpus::built_in().text;
    let (train, validation) = split(&text, 0.9)?;
    let tokenizer = BpeTokenizer::train(train, 1024)?;
    let ids = 0..tokenizer.vocab_size() as u32;
    let longest: HashMap<&[u8], u32> =
        ids.filter_map(|id| Some((tokenizer.token_bytes(id)?, id))).collect();

    let model = CountedBigram::count(&tokenizer.encode(train)?, tokenizer.vocab_size(), 0.01)?;
    let right = tokenizer.encode(validation)?;
    let wrong = encode_longest(&longest, validation);
    for (name, tokens) in [("merges in order", &right), ("longest first", &wrong)] {
        assert_eq!(tokenizer.decode_bytes(tokens)?, validation.as_bytes());
        let bits = bits_per_byte(model.sum_loss(tokens)?, validation.len());
        println!("{name:16}{:>8} tokens, {bits:.4} bits per byte", tokens.len());
    }
    let differs = |pre_token: &&str| {
        tokenizer
            .encode(pre_token)
            .is_ok_and(|tokens| tokens != encode_longest(&longest, pre_token))
    };
    let share = pre_tokens(validation).filter(differs).count() as f64
        / pre_tokens(validation).count() as f64;
    println!("{:.1} % of the pre-tokens have other tokens, such as", 100.0 * share);
    let tokenizer = Tokenizer::Bpe(tokenizer.clone());
    let spelled = |tokens: &[u32]| -> Result<String> {
        let names: Result<Vec<_>> =
            tokens.iter().map(|&token| tokenizer.token_text(token)).collect();
        Ok(names?.join("·"))
    };
    let mut shown: Vec<&str> = Vec::new();
    for pre_token in pre_tokens(validation).filter(differs) {
        if shown.len() < 4 && !shown.contains(&pre_token) {
            let right = spelled(&tokenizer.encode(pre_token)?)?;
            println!("  {right:24}{}", spelled(&encode_longest(&longest, pre_token))?);
            shown.push(pre_token);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let mut words = letters(WORDS);
        let mut joined = Vec::new();
        while let Some((pair, count)) = commonest(&count_pairs(&words)) {
            joined.push((pair.0.clone() + &pair.1, count));
            join(&mut words, &pair.clone());
        }
        let by_hand = [("lo", 5), ("low", 5), ("␣low", 4), ("␣lowe", 2)];
        assert_eq!(joined, by_hand.map(|(token, count)| (token.to_string(), count)));

        // The library learns the same, and then stops as well.
        let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(WORDS, 4096).unwrap());
        assert_eq!(tokenizer.vocab_size(), 260);
        for (id, (token, _)) in (256..).zip(by_hand) {
            assert_eq!(tokenizer.token_text(id).unwrap(), token);
        }
        let tokens = tokenizer.encode("lower slow").unwrap();
        let names: Vec<_> = tokens.iter().map(|&id| tokenizer.token_text(id).unwrap()).collect();
        assert_eq!(names, ["low", "e", "r", "␣", "s", "low"]);
    }
}
