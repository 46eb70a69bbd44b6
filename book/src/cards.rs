//! Flashcards and key terms: `cards/CHAPTER.toml`.
//!
//! From the same cards come the page of flashcards, the glossary (those that have a `term`) and
//! a file for the program Anki.

use serde::Deserialize;
use toml::Spanned;

use crate::markdown::{escape, inline_html};
use crate::math::{Piece, pieces};
use crate::problem::{Problem, line_of};

/// The cards of one chapter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deck {
    /// The cards, in order.
    #[serde(default, rename = "card")]
    pub cards: Vec<Card>,
    /// The line of each card in its file.
    #[serde(skip)]
    pub lines: Vec<usize>,
}

/// One card.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The question, as Markdown.
    pub front: Spanned<String>,
    /// The answer, as Markdown.
    pub back: String,
    /// The term that it explains: the glossary's entry.
    pub term: Option<String>,
}

impl Card {
    /// A name that stays the same when other cards come and go: the reader's browser remembers
    /// by it how well the card is known.
    pub fn id(&self, chapter: &str) -> String {
        // FNV-1a: short, and the same on every machine.
        let hash = self.front.get_ref().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{chapter}-{hash:016x}")
    }
}

impl Deck {
    /// What is wrong with the cards. `source` is the text of the file.
    pub fn problems(&mut self, file: &str, source: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.lines = self.cards.iter().map(|c| line_of(source, c.front.span().start)).collect();
        for (at, card) in self.cards.iter().enumerate() {
            let line = self.lines[at];
            let front = card.front.get_ref();
            if front.trim().is_empty() || card.back.trim().is_empty() {
                let problem = "a card with an empty side";
                problems.push(Problem::new(file, line, problem, "write its front and its back"));
            }
            if self.cards[..at].iter().any(|other| other.front.get_ref() == front) {
                let problem = format!("a second card with the front \"{front}\"");
                problems.push(Problem::new(file, line, problem, "ask something else"));
            }
        }
        problems
    }
}

/// A text file that Anki imports: front, back and chapter, parted by tabs.
pub fn anki<'a>(decks: impl IntoIterator<Item = (&'a str, &'a Deck)>) -> String {
    let mut file =
        String::from("#separator:tab\n#html:true\n#columns:Front\tBack\tTags\n#tags column:3\n");
    for (chapter, deck) in decks {
        for card in &deck.cards {
            let (front, back) = (anki_html(card.front.get_ref()), anki_html(&card.back));
            file += &format!("{front}\t{back}\t{chapter}\n");
        }
    }
    file
}

/// Markdown as Anki shows it: HTML in one line, formulas left to its own typesetter.
fn anki_html(markdown: &str) -> String {
    let (mut text, mut formulas) = (String::new(), Vec::new());
    for piece in pieces(markdown) {
        match piece {
            Piece::Text(t) | Piece::Code(t) | Piece::Stray(t) => text += t,
            Piece::Math(tex) => {
                text += &format!("\u{1a}{}\u{1a}", formulas.len());
                formulas.push(format!("\\({}\\)", escape(tex)));
            }
        }
    }
    let mut html = inline_html(&text).replace(['\n', '\t'], " ");
    for (number, formula) in formulas.iter().enumerate() {
        html = html.replace(&format!("\u{1a}{number}\u{1a}"), formula);
    }
    html.replace(['\n', '\t'], " ").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARDS: &str = "
[[card]]
front = \"What is *loss*?\"
back = \"Surprise: $-\\\\ln p_{a}$\\n\\nin nats.\"
term = \"loss\"
[[card]]
front = \"What is *loss*?\"
back = \" \"
";

    #[test]
    fn empty_and_double_cards_are_refused() {
        let mut deck: Deck = toml::from_str(CARDS).unwrap();
        let problems = deck.problems("c.toml", CARDS);
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [7, 7]);
    }

    #[test]
    fn anki_gets_one_line_for_a_card() {
        let deck: Deck = toml::from_str(CARDS).unwrap();
        let file = anki([("loss", &deck)]);
        let line = file.lines().nth(4).unwrap();
        let parts: Vec<_> = line.split('\t').collect();
        assert_eq!(parts[0], "What is <em>loss</em>?");
        assert_eq!(parts[1], "<p>Surprise: \\(-\\ln p_{a}\\)</p> <p>in nats.</p>");
        assert_eq!(parts[2], "loss");
    }

    #[test]
    fn a_card_keeps_its_name() {
        let deck: Deck = toml::from_str(CARDS).unwrap();
        assert_eq!(deck.cards[0].id("loss"), deck.cards[1].id("loss"));
        assert!(deck.cards[0].id("loss").starts_with("loss-"));
    }
}
