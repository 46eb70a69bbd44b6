//! The Rust you will meet: each piece that the chapter shows, run here and tested below.

use ndarray::{ArrayView2, array};
use stage01_bigram::Float;

const VOCABULARY: [char; 5] = ['a', 'b', 'c', 'd', 'r'];

/// Runs each piece in turn.
pub fn run() {
    names();
    lists();
    types_of_our_own();
    nothing_and_errors();
    functions_as_values();
    matrices();
    conversions();
}

fn names() {
    // ANCHOR: names
    let steps = 30;
    let mut loss = 4.5;
    loss -= 1.5;
    let per_step = loss / steps as f64;
    println!("{loss} in all, {per_step:.2} in each of {steps} steps");
    // ANCHOR_END: names
}

// ANCHOR: function
fn mean(numbers: &[f64]) -> f64 {
    let sum: f64 = numbers.iter().sum();
    sum / numbers.len() as f64
}
// ANCHOR_END: function

// ANCHOR: change
fn add_to_each(numbers: &mut [f64], by: f64) {
    for x in numbers {
        *x += by;
    }
}
// ANCHOR_END: change

// ANCHOR: lifetime
fn longer<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.len() >= other.len() { one } else { other }
}
// ANCHOR_END: lifetime

fn lists() {
    // ANCHOR: lists
    let mut losses = vec![4.0, 3.0, 2.0];
    losses.push(1.0);
    let first_two = &losses[..2];
    let rest = &losses[2..];
    println!("{first_two:?} and {rest:?}, of {} numbers", losses.len());
    // ANCHOR_END: lists

    // ANCHOR: lend
    println!("mean {}", mean(&losses));
    add_to_each(&mut losses, 0.5);
    println!("now {losses:?}");
    // ANCHOR_END: lend
    println!("longer: {}", longer("token", "text"));
}

// ANCHOR: struct
/// How often something was tried, and how often it went well.
struct Tally {
    tried: usize,
    good: usize,
}

impl Tally {
    fn new() -> Self {
        Tally { tried: 0, good: 0 }
    }

    fn add(&mut self, good: bool) {
        self.tried += 1;
        self.good += usize::from(good);
    }

    fn ratio(&self) -> f64 {
        self.good as f64 / self.tried as f64
    }
}
// ANCHOR_END: struct

// ANCHOR: enum
enum Token {
    Letter(char),
    Byte(u8),
    EndOfText,
}

fn spell(token: &Token) -> String {
    match token {
        Token::Letter(letter) => letter.to_string(),
        Token::Byte(byte) => format!("byte {byte}"),
        Token::EndOfText => "the end".to_string(),
    }
}
// ANCHOR_END: enum

// ANCHOR: settings
#[derive(Clone, Debug, PartialEq)]
struct Settings {
    n_head: usize,
    block_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { n_head: 4, block_size: 64 }
    }
}
// ANCHOR_END: settings

fn types_of_our_own() {
    // ANCHOR: tally
    let mut tally = Tally::new();
    tally.add(true);
    tally.add(false);
    println!("{} of {}: {}", tally.good, tally.tried, tally.ratio());
    // ANCHOR_END: tally

    let tokens = [Token::Letter('a'), Token::Byte(195), Token::EndOfText];
    println!("{:?}", tokens.map(|token| spell(&token)));

    // ANCHOR: rest
    let settings = Settings { n_head: 2, ..Settings::default() };
    let Settings { block_size, .. } = settings;
    println!("{settings:?}, so block_size is {block_size}");
    // ANCHOR_END: rest
}

// ANCHOR: option
fn token_of(letter: char) -> Option<usize> {
    VOCABULARY.iter().position(|&known| known == letter)
}
// ANCHOR_END: option

// ANCHOR: result
fn encode(text: &str) -> Result<Vec<usize>, String> {
    let mut tokens = Vec::new();
    for letter in text.chars() {
        let token = token_of(letter).ok_or(format!("no token for {letter}"))?;
        tokens.push(token);
    }
    Ok(tokens)
}
// ANCHOR_END: result

fn nothing_and_errors() {
    // ANCHOR: some
    match token_of('c') {
        Some(token) => println!("c is token {token}"),
        None => println!("c has no token"),
    }
    if let Some(token) = token_of('x') {
        println!("x is token {token}");
    }
    // ANCHOR_END: some

    // ANCHOR: expect
    let tokens = encode("abba").expect("all its letters have tokens");
    println!("{tokens:?}, but {:?}", encode("abraxas"));
    // ANCHOR_END: expect
}

// ANCHOR: generic
fn sum_of_squares<T: Float>(numbers: &[T]) -> T {
    numbers.iter().map(|&x| x * x).sum()
}
// ANCHOR_END: generic

fn functions_as_values() {
    // ANCHOR: closure
    let factor = 10;
    let scaled = |x: i32| factor * x;
    println!("{}", scaled(3));
    // ANCHOR_END: closure

    let (x, w) = ([1.0, 2.0], [3.0, -1.0]);
    // ANCHOR: iterators
    let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
    let dot: f64 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
    for (i, pair) in "abra".as_bytes().windows(2).enumerate() {
        println!("pair {i}: {} then {}", pair[0], pair[1]);
    }
    // ANCHOR_END: iterators
    println!("{squares:?} {dot}");
    println!("{} {}", sum_of_squares(&[3.0_f32, 4.0]), sum_of_squares(&[0.1_f64]));
}

// ANCHOR: view
fn sum_of_column(w: ArrayView2<f64>, j: usize) -> f64 {
    (0..w.nrows()).map(|i| w[[i, j]]).sum()
}
// ANCHOR_END: view

fn matrices() {
    // ANCHOR: matrix
    let w = array![[1.0, 2.0, -2.0], [3.0, -1.0, 0.0]];
    println!("{} rows, {} columns", w.nrows(), w.ncols());
    println!("row 1 is {}, column 0 adds up to {}", w.row(1), sum_of_column(w.view(), 0));
    println!("(1, 2) times it is {}", array![1.0, 2.0].dot(&w));
    // ANCHOR_END: matrix
}

fn conversions() {
    println!("\nWHAT GOES WRONG");
    // ANCHOR: cut
    for number in [3.9, 300.0, -1.0] {
        println!("{number:?} as u8 is {}", number as u8);
    }
    // ANCHOR_END: cut
    println!("{} as u8 is {}", 300_u32, 300_u32 as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(tokens: &[usize]) -> String {
        tokens.iter().map(|&token| VOCABULARY[token]).collect()
    }

    // ANCHOR: test
    #[test]
    fn abba_has_four_tokens() {
        assert_eq!(encode("abba"), Ok(vec![0, 1, 1, 0]));
    }
    // ANCHOR_END: test

    // ANCHOR: property
    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "[abcdr]{0,20}") {
            let tokens = encode(&text).unwrap();
            prop_assert_eq!(decode(&tokens), text);
        }
    }
    // ANCHOR_END: property

    #[test]
    fn the_pieces_do_what_the_chapter_says() {
        assert_eq!(mean(&[1.0, 3.0]), 2.0);
        let mut numbers = [1.0, 2.0];
        add_to_each(&mut numbers, 0.5);
        assert_eq!(numbers, [1.5, 2.5]);
        assert_eq!(longer("token", "text"), "token");
        assert_eq!(token_of('r'), Some(4));
        assert_eq!(token_of('x'), None);
        assert_eq!(encode("abraxas"), Err("no token for x".to_string()));
        assert_eq!(sum_of_squares(&[3.0_f32, 4.0]), 25.0);
        assert_eq!(sum_of_column(array![[1.0, 2.0], [3.0, 4.0]].view(), 1), 6.0);
        let settings = Settings { n_head: 2, ..Settings::default() };
        assert_eq!(settings, Settings { n_head: 2, block_size: 64 });
        assert_eq!((300_u32 as u8, 300.0_f64 as u8, -1.0_f64 as u8), (44, 255, 0));
    }
}
