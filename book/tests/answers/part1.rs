//! The numeric answers of part 1's quizzes, computed by the library that the chapters explain.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use stage01_bigram::bigram::{CountedBigram, LearnedBigram};
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::loss::{bits, bits_per_byte, perplexity, softmax};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::bpe::pre_tokens;
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    vocabulary_of_banana,
    token_of_n_in_banana,
    questions_in_a_batch,
    validation_of_twenty,
    vocabulary_of_aaaa,
    vocabulary_of_abab,
    tokens_of_an_emoji,
    pre_tokens_of_sheep,
    n_after_a,
    n_after_a_smoothed,
    never_seen,
    bits_of_an_eighth,
    perplexity_of_nothing,
    bits_per_byte_of_large_tokens,
    perplexity_of_one_and_three_bits,
    entropy_of_four_tokens,
    softmax_of_equal,
    gradient_at_the_target,
    gradient_of_a_row_adds_up_to,
    logit_after_one_step,
    four_fifths_at_one_half,
    kept_by_top_p,
    share_among_two,
];

/// How many tokens the character vocabulary of "banana" has.
pub fn vocabulary_of_banana() -> f64 {
    CharTokenizer::train("banana").expect("a text").vocab_size() as f64
}

/// The token of `n` in that vocabulary.
pub fn token_of_n_in_banana() -> f64 {
    let tokenizer = CharTokenizer::train("banana").expect("a text");
    f64::from(tokenizer.encode("n").expect("a known letter")[0])
}

/// How many questions, with answers, 4 windows of 8 tokens hold.
pub fn questions_in_a_batch() -> f64 {
    let data = Dataset::new((0..100).collect(), 8).expect("long enough");
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    data.sample_batch(4, 8, &mut generator(1, Purpose::Other, 0), &mut inputs, &mut targets);
    targets.len() as f64
}

/// How many of 20 characters the cut at 0.9 leaves for validation.
pub fn validation_of_twenty() -> f64 {
    let (_, validation) = split("abcdefghijklmnopqrst", 0.9).expect("long enough");
    validation.len() as f64
}

/// The size of the vocabulary that "aaaa" leads to, if it may grow as long as it can.
pub fn vocabulary_of_aaaa() -> f64 {
    BpeTokenizer::train("aaaa", 1000).expect("a text").vocab_size() as f64
}

/// How many tokens there are after training on abab abab as far as it goes.
pub fn vocabulary_of_abab() -> f64 {
    let tokenizer = BpeTokenizer::train("abab abab", 1000).expect("a text");
    tokenizer.vocab_size() as f64
}

/// How many tokens an emoji of four bytes is to a tokenizer that knows single bytes only.
pub fn tokens_of_an_emoji() -> f64 {
    let tokenizer = BpeTokenizer::train("x", 256).expect("a text");
    tokenizer.encode("😀").expect("bytes").len() as f64
}

/// Into how many pre-tokens GPT-2's rules cut "it's 42 sheep!".
pub fn pre_tokens_of_sheep() -> f64 {
    pre_tokens("it's 42 sheep!").count() as f64
}

/// The counted bigram of "banana" (a b n are 0 1 2), with smoothing k.
fn banana(k: f64) -> CountedBigram {
    CountedBigram::count(&[1, 0, 2, 0, 2, 0], 3, k).expect("valid tokens")
}

/// p(n | a) in "banana", bare counts.
pub fn n_after_a() -> f64 {
    banana(0.0).probability(0, 2).expect("valid tokens")
}

/// p(n | a) in "banana", with k = 1.
pub fn n_after_a_smoothed() -> f64 {
    banana(1.0).probability(0, 2).expect("valid tokens")
}

/// p(a | a) of a vocabulary of 50 tokens for an `a` that was never seen.
pub fn never_seen() -> f64 {
    CountedBigram::count(&[1, 2], 50, 1.0).and_then(|m| m.probability(0, 0)).expect("valid tokens")
}

/// The surprise of p = 1/8, in bits.
pub fn bits_of_an_eighth() -> f64 {
    bits(-(0.125f64).ln())
}

/// The perplexity of the uniform baseline with 64 tokens.
pub fn perplexity_of_nothing() -> f64 {
    perplexity(64f64.ln())
}

/// Bits per byte of 100 tokens of 4 bytes each, at a loss of 8 bits per token.
pub fn bits_per_byte_of_large_tokens() -> f64 {
    bits_per_byte(100.0 * 8.0 * 2f64.ln(), 400)
}

/// The mean of surprises of 1 bit and of 3 bits, as a perplexity.
pub fn perplexity_of_one_and_three_bits() -> f64 {
    perplexity((1.0 + 3.0) / 2.0 * 2f64.ln())
}

/// Four equal logits: the probability of each.
pub fn softmax_of_equal() -> f64 {
    let mut p = [0.0; 4];
    softmax(&[3.0; 4], &mut p);
    p[0]
}

/// The gradient at the target, where four logits are equal.
pub fn gradient_at_the_target() -> f64 {
    let mut model = LearnedBigram::<f64>::new(4).expect("four tokens");
    model.loss_and_gradient(&[0], &[2]).expect("valid tokens").1[2]
}

/// The sum of the gradient over a row of logits that are not equal.
pub fn gradient_of_a_row_adds_up_to() -> f64 {
    let mut model = LearnedBigram::<f64>::new(4).expect("four tokens");
    model.logits_mut()[..4].copy_from_slice(&[0.5, -1.0, 2.0, 0.0]);
    let (_, gradient) = model.loss_and_gradient(&[0], &[1]).expect("valid tokens");
    // Rounded, for sixteen digits do not add up to zero exactly.
    gradient.iter().sum::<f64>().round().abs()
}

/// The logit of the target after one step, learning rate 2, from two equal logits.
pub fn logit_after_one_step() -> f64 {
    let mut model = LearnedBigram::<f64>::new(2).expect("two tokens");
    model.step(&[0], &[1], 2.0).expect("valid tokens");
    model.logits_mut()[1]
}

/// The likelier of p = 0.8 and 0.2 at temperature 0.5.
pub fn four_fifths_at_one_half() -> f64 {
    let mut p = [0.0; 2];
    softmax(&[0.8f64, 0.2].map(|p| p.ln() / 0.5), &mut p);
    two_digits(p[0])
}

/// How many of 0.5, 0.3, 0.15 and 0.05 top-p 0.9 leaves.
pub fn kept_by_top_p() -> f64 {
    let logits = [0.5f64, 0.3, 0.15, 0.05].map(f64::ln);
    let mut sampler = Sampler::new(1.0, None, Some(0.9)).expect("valid settings");
    let rng = &mut generator(1, Purpose::Other, 0);
    let mut seen = [false; 4];
    (0..2000).for_each(|_| seen[sampler.sample(&logits, rng) as usize] = true);
    seen.iter().filter(|&&seen| seen).count() as f64
}

/// The probability of the likeliest of 0.4, 0.3, 0.2 and 0.1 among the top 2.
pub fn share_among_two() -> f64 {
    let mut p = [0.0; 2];
    softmax(&[0.4f64, 0.3].map(f64::ln), &mut p);
    two_digits(p[0])
}

/// Rounded as the question asks.
fn two_digits(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

/// The mean surprise, in bits, of what comes with these probabilities at a model that says `q`.
fn cross_entropy(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p * bits(-q.ln())).sum()
}
pub fn entropy_of_four_tokens() -> f64 {
    let p = [0.5, 0.25, 0.125, 0.125];
    cross_entropy(&p, &p)
}

#[test]
fn entropy_on_paper() {
    let (p, q) = ([0.5, 0.25, 0.25], [1.0 / 3.0; 3]);
    let entropy = cross_entropy(&p, &p);
    assert!((entropy - 1.5).abs() < 1e-12);
    assert!((entropy * std::f64::consts::LN_2 - 1.04).abs() < 5e-3);
    assert!((cross_entropy(&p, &q) - 1.585).abs() < 5e-4);
    assert!((cross_entropy(&p, &q) - entropy - 0.085).abs() < 5e-4);
}

/// The three merges that the chapter on byte-pair encoding works out for aaab aaab.
#[test]
fn the_merges_of_aaab_are_those_of_the_chapter() {
    let tokenizer = BpeTokenizer::train("aaab aaab", 1000).expect("a text");
    let learned: Vec<_> = (256..260).map(|id| tokenizer.token_bytes(id)).collect();
    assert_eq!(learned, [Some(&b"aa"[..]), Some(b"ab"), Some(b"aaab"), None]);
}
