//! Finding the mathematics in a piece of Markdown, and setting it in type.
//!
//! `$…$` is mathematics, `\$` is a dollar, and code is left alone. The typesetting is done by
//! the crate `katex-rs` while the book is built: the page needs no program to show a formula,
//! and carries it a second time as MathML for those who listen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use katex::{KatexContext, Settings, render_to_string};

/// A piece of a paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Markdown without mathematics.
    Text(&'a str),
    /// A code span, with its backticks.
    Code(&'a str),
    /// A formula, without its dollars.
    Math(&'a str),
    /// A dollar that nothing answers.
    Stray(&'a str),
}

/// Cuts Markdown into pieces. Together they are the text, but for the dollars of formulas.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = text.as_bytes();
    let put = |pieces: &mut Vec<_>, from: usize, to: usize| {
        if from < to {
            pieces.push(Piece::Text(&text[from..to]));
        }
    };
    while at < bytes.len() {
        let (piece, end) = match bytes[at] {
            b'\\' => {
                at += 2;
                continue;
            }
            b'`' => match code_end(text, at) {
                Some(end) => (Piece::Code(&text[at..end]), end),
                None => {
                    at += run(bytes, at, b'`');
                    continue;
                }
            },
            b'$' => match math_end(text, at) {
                Some(end) => (Piece::Math(&text[at + 1..end]), end + 1),
                None => (Piece::Stray(&text[at..=at]), at + 1),
            },
            _ => {
                at += 1;
                continue;
            }
        };
        put(&mut pieces, start, at);
        pieces.push(piece);
        (start, at) = (end, end);
    }
    put(&mut pieces, start, text.len());
    pieces
}

/// How often a byte stands in a row.
fn run(bytes: &[u8], at: usize, byte: u8) -> usize {
    bytes[at..].iter().take_while(|&&b| b == byte).count()
}

/// Behind the code span that begins here: it ends with as many backticks as it began.
fn code_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let ticks = run(bytes, at, b'`');
    let mut next = at + ticks;
    while next < bytes.len() {
        let length = run(bytes, next, b'`');
        if length == ticks {
            return Some(next + length);
        }
        next += length.max(1);
    }
    None
}

/// The dollar that ends the formula which begins here. A formula neither begins nor ends with
/// a space: "from $5 to $10" is none.
fn math_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.get(at + 1).is_none_or(|b| b.is_ascii_whitespace() || *b == b'$') {
        return None;
    }
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'\\' => next += 1,
            b'$' if !bytes[next - 1].is_ascii_whitespace() => return Some(next),
            b'$' => return None,
            _ => {}
        }
        next += 1;
    }
    None
}

/// A formula and whether it stands on lines of its own.
type Formula = (String, bool);

/// Sets formulas in type. Each is set once, however often it appears.
#[derive(Default)]
pub struct Typesetter {
    context: KatexContext,
    done: RefCell<HashMap<Formula, Typeset>>,
}

/// A formula as HTML, or what is wrong with it.
pub type Typeset = Result<Rc<str>, String>;

impl Typesetter {
    /// The HTML of a formula, `display` for one on lines of its own.
    ///
    /// # Errors
    /// What KaTeX says about a formula it does not understand.
    pub fn set(&self, tex: &str, display: bool) -> Typeset {
        let key = (tex.trim().to_string(), display);
        if let Some(done) = self.done.borrow().get(&key) {
            return done.clone();
        }
        let settings = Settings::builder().display_mode(display).throw_on_error(true).build();
        let html = render_to_string(&self.context, &key.0, &settings)
            .map(Rc::from)
            .map_err(|error| said(&error.to_string()));
        self.done.borrow_mut().insert(key, html.clone());
        html
    }
}

/// A message of KaTeX in one line, without the letters by which it underlines.
fn said(message: &str) -> String {
    let words = message.replace('\u{332}', "");
    let words = words.trim_start_matches("KaTeX parse error: ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A formula as the search may find it: TeX without its grammar.
pub fn in_words(tex: &str) -> String {
    let words = tex.replace(['\\', '{', '}', '$', '&', '|'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn code_and_escaped_dollars_are_no_mathematics() {
        let text = r"a `$x$` costs \$5, $p_i$ and ``a ` $b$``";
        let expected = [
            Piece::Text("a "),
            Piece::Code("`$x$`"),
            Piece::Text(r" costs \$5, "),
            Piece::Math("p_i"),
            Piece::Text(" and "),
            Piece::Code("``a ` $b$``"),
        ];
        assert_eq!(pieces(text), expected);
    }

    #[test]
    fn a_formula_may_cross_a_line_and_hold_a_dollar() {
        assert_eq!(pieces("$a +\nb$"), [Piece::Math("a +\nb")]);
        assert_eq!(pieces(r"$\$5$"), [Piece::Math(r"\$5")]);
    }

    #[test]
    fn a_lonely_dollar_is_noticed() {
        for text in ["costs $5", "from $5 to $10", "a $ b", "$x $"] {
            assert!(pieces(text).iter().any(|p| matches!(p, Piece::Stray(_))), "{text}");
        }
    }

    #[test]
    fn formulas_carry_mathml_and_errors_speak() {
        let typesetter = Typesetter::default();
        let html = typesetter.set(r"-\ln p", false).unwrap();
        assert!(html.contains("<math") && html.contains("katex-html"));
        assert!(typesetter.set(r"\frac{1}{", true).is_err());
        assert!(typesetter.set(r"\nonsense", true).is_err());
    }

    proptest! {
        #[test]
        fn no_letter_is_lost(text in r"[a$`\\ \n]{0,20}") {
            let whole: String = pieces(&text)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(t) | Piece::Code(t) | Piece::Stray(t) => t.to_string(),
                    Piece::Math(t) => format!("${t}$"),
                })
                .collect();
            prop_assert_eq!(whole, text);
        }
    }
}
