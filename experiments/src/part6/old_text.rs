//! What the experiments on forgetting learn from: pieces of the old text for replay, texts that the
//! model writes itself in their place, and a second task, spelling, made of the words of the old text.

use std::collections::BTreeSet;
use std::path::Path;

use rand::seq::SliceRandom;
use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::files;
use stage01_bigram::plot::LineChart;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage03_gpt::generate::Decoder;
use stage04_training::finetune::{Example, Origin, TextEncoder};

use super::base::{BLOCK, Base};

/// The seed of everything here that is drawn.
const SEED: u64 = 1337;

/// Words that are spelled: learned ones, and held-out ones.
const WORDS: [usize; 2] = [900, 100];

// ANCHOR: tokens
/// How many old tokens make the part `r` of all tokens.
pub fn replay_tokens(r: f64, new: &[Example]) -> f64 {
    let tokens: usize = new.iter().map(|example| example.tokens.len()).sum();
    r / (1.0 - r) * tokens as f64
}
// ANCHOR_END: tokens

/// As many of these examples, in their order, as make the part `r` of all tokens.
pub fn replay(r: f64, from: &[Example], new: &[Example]) -> Vec<Example> {
    let wanted = replay_tokens(r, new);
    let mut tokens = 0.0;
    let taken = from.iter().take_while(|piece| {
        let more = tokens < wanted;
        tokens += piece.tokens.len() as f64;
        more
    });
    taken.cloned().collect()
}

/// Pieces of the text that the base model was trained on, in an order by chance.
///
/// # Errors
/// None that can be caused.
pub fn pieces(base: &Base) -> Result<Vec<Example>> {
    let text = Corpus::built_in().text;
    let (train, _) = split(&text, 0.9)?;
    let mut pieces = TextEncoder::new(&base.tokenizer, BLOCK).encode(train)?;
    pieces.shuffle(&mut generator(SEED, Purpose::Other, 0));
    Ok(pieces)
}

// ANCHOR: own
/// Texts that the base model writes itself, each a row long and begun by a new line.
pub fn own_texts(base: &Base, count: usize) -> Result<Vec<Example>> {
    let start = base.tokenizer.encode("\n")?;
    let write = |number| {
        let mut rng = generator(SEED, Purpose::Sampling, number);
        let mut decoder = Decoder::new(&base.gpt, &base.weights, None)?;
        decoder.prefill(&start)?;
        let mut tokens = start.clone();
        while tokens.len() < BLOCK {
            tokens.push(decoder.decode_step(&mut Sampler::default(), &mut rng));
        }
        Ok(text_example(tokens))
    };
    (0..count as u64).map(write).collect()
}
// ANCHOR_END: own

/// A piece of text, of which everything is learned but the first token.
fn text_example(tokens: Vec<u32>) -> Example {
    let answers = std::iter::once(1..tokens.len()).collect();
    Example { tokens, answers, prompt: 0, question: String::new(), origin: Origin::Text }
}

/// Conversations in JSON lines that ask for the letters of a word: those that are learned, and those
/// that are held out.
///
/// # Errors
/// None that can be caused.
pub fn spelling() -> Result<[String; 2]> {
    let text = Corpus::built_in().text;
    let (train, _) = split(&text, 0.9)?;
    let fits = |word: &&str| {
        (4..=9).contains(&word.len()) && word.bytes().all(|letter| letter.is_ascii_lowercase())
    };
    let words: BTreeSet<&str> = train.split_whitespace().filter(fits).collect();
    let mut words: Vec<&str> = words.into_iter().collect();
    words.shuffle(&mut generator(SEED, Purpose::Other, 1));
    let [learned, held_out] = WORDS;
    let parts = [&words[..learned], &words[learned..learned + held_out]];
    Ok(parts.map(|words| words.iter().map(|word| line(word)).collect()))
}

fn line(word: &str) -> String {
    let letters: Vec<String> = word.chars().map(String::from).collect();
    format!(
        "{{\"messages\": [{{\"role\": \"user\", \"content\": \"Spell the word {word}.\"}}, \
         {{\"role\": \"assistant\", \"content\": \"{}\"}}]}}\n",
        letters.join(" ")
    )
}

/// Writes two charts as one picture, the second below the first.
///
/// # Errors
/// When the file cannot be written.
pub fn save_stacked(charts: &[LineChart; 2], file: &Path) -> Result<()> {
    const SIZE: (i32, i32) = (760, 340);
    let [above, below] = charts.each_ref().map(|chart| chart.to_svg_of_size(SIZE));
    // The style is for a picture on its own: inside of another one its height would be all of that.
    let place = |svg: &str, y: i32| {
        let svg = svg.replacen(" style=\"max-width:100%;height:auto\"", "", 1);
        svg.replacen("<svg ", &format!("<svg y=\"{y}\" "), 1)
    };
    let (width, height) = (SIZE.0, 2 * SIZE.1);
    let picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         style=\"max-width:100%;height:auto\">\n{}\n{}\n</svg>\n",
        place(&above, 0).trim_end(),
        place(&below, SIZE.1).trim_end(),
    );
    files::write_bytes(file, picture.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_all_tokens() {
        let new: Vec<Example> = (0..6).map(|_| text_example(vec![1; 10])).collect();
        let old: Vec<Example> = (0..9).map(|_| text_example(vec![2; 4])).collect();
        assert_eq!(replay_tokens(0.25, &new), 20.0);
        assert_eq!(replay(0.25, &old, &new).len(), 5);
        assert!(replay(0.0, &old, &new).is_empty());
    }

    #[test]
    fn words_are_spelled_and_held_out() {
        let [learned, held_out] = spelling().unwrap();
        assert_eq!([learned.lines().count(), held_out.lines().count()], WORDS);
        let learned: BTreeSet<&str> = learned.lines().collect();
        assert!(held_out.lines().all(|line| !learned.contains(line)));
        assert!(line("bread").contains("\"b r e a d\""));
    }
}
