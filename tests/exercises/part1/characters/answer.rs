//! A tokenizer of characters: text becomes numbers, and numbers become text again.
//!
//! The vocabulary of a text is the list of its different characters, sorted, each of them once.
//! The token of a character is its place in that list, counted from 0. On paper:
//!
//!   text         a b r a c a d a b r a
//!   vocabulary   a b c d r                   tokens 0 to 4
//!   encoded      0 1 4 0 2 0 3 0 1 4 0
//!
//! Decoding undoes encoding:  decode(encode(text)) = text
//!
//! Write the three functions. They work on characters, not on bytes. A character that the
//! vocabulary does not have must stop the program with a panic: `.expect("…")` does that.
//! A tokenizer that leaves out what it does not know loses text in silence.

/// The vocabulary of a text: its different characters, sorted as `char`s are compared.
/// Its length is V.
pub fn vocabulary(text: &str) -> Vec<char> {
    // SOLUTION
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort();
    characters.dedup();
    characters
    // STUB
    // todo!()
    // END
}

/// The token of each character of a text. The result has as many tokens as the text has
/// characters.
///
/// # Panics
/// Where a character is not in the vocabulary.
pub fn encode(text: &str, vocabulary: &[char]) -> Vec<u32> {
    // SOLUTION
    let place = |c: char| vocabulary.iter().position(|&other| other == c);
    text.chars().map(|c| place(c).expect("a character of the vocabulary") as u32).collect()
    // STUB
    // todo!()
    // END
}

/// The text that these tokens stand for.
pub fn decode(tokens: &[u32], vocabulary: &[char]) -> String {
    // SOLUTION
    tokens.iter().map(|&token| vocabulary[token as usize]).collect()
    // STUB
    // todo!()
    // END
}
