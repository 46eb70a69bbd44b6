//! The words of an answer on a terminal: a line breaks between words, while they arrive.
//!
//! A terminal breaks a line in the middle of a word. So a word is held back until it is whole, and
//! goes to the next line if it does not fit. What this file leaves out: hyphens, and the rules by
//! which Chinese and Japanese lines break: their words have no spaces, and the terminal cuts them.

use console::measure_text_width;

/// Wraps a text that arrives in pieces.
pub struct WordWrap {
    width: usize,
    /// The column where the next character is written, and where the held word begins.
    column: usize,
    word: String,
    /// Whether the beginning of the held word was printed, because it is very long.
    begun: bool,
}

impl WordWrap {
    /// For a terminal of this width.
    pub fn new(width: usize) -> WordWrap {
        WordWrap { width, column: 0, word: String::new(), begun: false }
    }

    /// Takes a piece of text. Returns what can be printed.
    pub fn push(&mut self, text: &str) -> String {
        let mut ready = String::new();
        for c in text.chars() {
            match c {
                '\n' => {
                    self.end_word(&mut ready);
                    self.begun = false;
                    ready.push('\n');
                    self.column = 0;
                }
                ' ' | '\t' => {
                    self.end_word(&mut ready);
                    self.begun = false;
                    let columns = if c == ' ' { 1 } else { 8 - self.column % 8 };
                    // A space at the end of a line would begin the next one.
                    if self.column + columns < self.width {
                        ready.push(c);
                        self.column += columns;
                    } else {
                        self.column = self.width;
                    }
                }
                _ => {
                    self.word.push(c);
                    // A word that fills a line is not held back.
                    if measure_text_width(&self.word) >= self.width {
                        self.end_word(&mut ready);
                        self.begun = true;
                    }
                }
            }
        }
        ready
    }

    /// What was held back.
    pub fn end(&mut self) -> String {
        let mut ready = String::new();
        self.end_word(&mut ready);
        ready
    }

    fn end_word(&mut self, ready: &mut String) {
        if self.word.is_empty() {
            return;
        }
        let columns = measure_text_width(&self.word);
        if self.column > 0 && self.column + columns > self.width && !self.begun {
            ready.push('\n');
            self.column = 0;
        }
        ready.push_str(&self.word);
        self.word.clear();
        self.column += columns;
        // The terminal cut it.
        if self.column > self.width {
            self.column = (self.column - 1) % self.width + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped(pieces: &[&str], width: usize) -> String {
        let mut wrap = WordWrap::new(width);
        let mut text: String = pieces.iter().map(|piece| wrap.push(piece)).collect();
        text.push_str(&wrap.end());
        text
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped(&["In the be", "ginning", " God"], 10), "In the \nbeginning\nGod");
        assert_eq!(wrapped(&["one  two\n  three"], 10), "one  two\n  three");
        assert_eq!(wrapped(&["exactly 10 abc"], 10), "exactly 10\nabc");
        assert_eq!(wrapped(&["a 日本語日本"], 10), "a \n日本語日本");
        assert_eq!(wrapped(&["abcdefghijklmn op"], 10), "abcdefghijklmn op");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_line_is_longer(
            pieces in prop::collection::vec("[a-z日 \n]{0,6}", 0..20), width in 8usize..30,
        ) {
            let pieces: Vec<&str> = pieces.iter().map(|piece| &**piece).collect();
            let (text, out) = (pieces.concat(), wrapped(&pieces, width));
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let letters = |text: &str| text.replace([' ', '\n'], "");
            prop_assert_eq!(letters(&out), letters(&text));
            if text.split_whitespace().all(|word| measure_text_width(word) < width) {
                prop_assert_eq!(words(&out), words(&text));
                prop_assert!(out.lines().all(|line| measure_text_width(line) <= width), "{out:?}");
            }
        }
    }
}
