//! Flashcards and key terms: `cards/CHAPTER.toml`.
//!
//! From the same cards come the page of flashcards, the glossary (those that have a `term`) and
//! a file for the program Anki.
//!
//! An answer needs its question, and a glossary has none. So the glossary shows a sentence that
//! stands by itself: the card's `definition`, or one made of both sides where the question is plain,
//! such as *What is a query?* and *The list of numbers that …*.

use std::collections::BTreeMap;

use regex::Regex;
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
    /// The term that it explains: the glossary's entry. Two that are explained together are parted
    /// by a comma, and each gets an entry.
    pub term: Option<String>,
    /// The glossary's sentence, where front and back do not make one.
    pub definition: Option<String>,
}

/// Questions that make a sentence with their answer: article, terms, and the verb between the two.
/// `TERM` is a word in stars or backticks; what follows it after a comma is asked besides.
const QUESTIONS: [(&str, &str); 4] = [
    (r"^What is ((?:an?|the) )?(TERM(?: \(\w+\))?(?: (?:of|in|to) [^,?]+)?)(?:, .+)?\?$", "is"),
    (r"^What are ((?:the) )?(TERM(?: and TERM)?(?: (?:of|in|to) [^,?]+)?)\?$", "are"),
    (r"^What does ((?:an?|the) )?(TERM) mean\?$", "means"),
    (r"^What does ((?:an?|the) )?(TERM) (?:do|say|show|compute|measure)\?$", "is"),
];

impl Card {
    /// The terms that it explains.
    pub fn terms(&self) -> impl Iterator<Item = &str> {
        self.term.iter().flat_map(|term| term.split(',')).map(str::trim)
    }

    /// The sentence for the glossary: the definition; or the back, where it begins with a term; or
    /// front and back as one sentence, *A query is the list of numbers that …*; none where they do
    /// not make one.
    pub fn sentence(&self) -> Option<String> {
        if self.term.is_none() || self.definition.is_some() {
            return self.definition.clone();
        }
        let (front, back) = (self.front.get_ref().trim(), self.back.trim());
        if self.is_about(back) {
            return Some(back.to_string());
        }
        QUESTIONS.iter().find_map(|(question, verb)| {
            let question = question.replace("TERM", r"(?:\*[^*]+\*|`[^`]+`)");
            let parts = Regex::new(&question).expect("a pattern of this file").captures(front)?;
            let article = parts.get(1).map_or("", |article| article.as_str());
            let subject = capital(&format!("{article}{}", parts[2].replace('*', "")));
            let verb = if back.starts_with("Said of ") { "is" } else { verb };
            Some(match back.strip_prefix("It ") {
                Some(back) => format!("{subject} {back}"),
                None => format!("{subject} {verb} {}", small(back)),
            })
        })
    }

    /// Whether a sentence begins with one of the terms, with or without an article.
    fn is_about(&self, sentence: &str) -> bool {
        let plain = sentence.replace(['*', '`'], "").to_lowercase();
        let articles = ["a ", "an ", "the ", "to "];
        let bare = articles.iter().find_map(|a| plain.strip_prefix(a)).unwrap_or(&plain);
        self.terms().any(|term| {
            let term = term.split(" (").next().unwrap_or(term).to_lowercase();
            [bare, &plain].iter().any(|sentence| sentence.starts_with(&term))
        })
    }

    /// What is wrong with the glossary's entry, if anything.
    fn glossary_problem(&self) -> Option<String> {
        let term = self.term.as_ref()?;
        let Some(sentence) = self.sentence() else {
            return Some(format!("no sentence for the glossary defines `{term}`"));
        };
        let ends = sentence.trim_end().ends_with(['.', ')']);
        match self.is_about(&sentence) && ends {
            true => None,
            false => Some(format!("\"{sentence}\" is no sentence about `{term}`")),
        }
    }

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
            if let Some(problem) = card.glossary_problem() {
                let remedy = "give the card `definition = \"…\"`: a whole sentence that begins with \
                              the term and needs no question";
                problems.push(Problem::new(file, line, problem, remedy));
            }
        }
        problems
    }
}

/// The terms that stand in the glossary twice: chapter, line, and what is wrong.
pub fn double_terms<'a>(
    decks: impl IntoIterator<Item = (&'a String, &'a Deck)>,
) -> Vec<(String, usize, String)> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    let mut double = Vec::new();
    for (chapter, deck) in decks {
        for (card, &line) in deck.cards.iter().zip(&deck.lines) {
            for term in card.terms() {
                let Some(first) = known.insert(term.to_lowercase(), chapter) else { continue };
                let problem = format!("the term `{term}` is explained in cards/{first}.toml, too");
                double.push((chapter.clone(), line, problem));
            }
        }
    }
    double
}

/// A sentence begins with a capital letter, unless it begins with code or a formula.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// An answer amid a sentence begins with a small letter, unless its first word has several capitals.
fn small(text: &str) -> String {
    let word = text.split(' ').next().unwrap_or("");
    let (marks, bare) = text.split_at(text.len() - text.trim_start_matches('*').len());
    if word.trim_start_matches('*').chars().skip(1).any(char::is_uppercase) {
        return text.to_string();
    }
    let mut chars = bare.chars();
    let first = chars.next().map(|first| first.to_lowercase().collect::<String>());
    format!("{marks}{}{}", first.unwrap_or_default(), chars.as_str())
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

    fn card(front: &str, back: &str, term: &str, definition: Option<&str>) -> Card {
        let mut card = format!("front = {front:?}\nback = {back:?}\nterm = {term:?}\n");
        card += &definition.map_or(String::new(), |d| format!("definition = {d:?}\n"));
        toml::from_str(&card).unwrap()
    }

    #[test]
    fn front_and_back_make_a_sentence() {
        for (front, back, sentence) in [
            ("What is a *query*?", "The list it asks with.", "A query is the list it asks with."),
            ("What is *SGD* (slow)?", "A way down.", "SGD (slow) is a way down."),
            ("What are *master weights*?", "Those in f32.", "Master weights are those in f32."),
            (
                "What is a *leaf* of a tree?",
                "NVIDIA’s green.",
                "A leaf of a tree is NVIDIA’s green.",
            ),
            ("What is *top-p*, or *nucleus sampling*?", "A cut.", "Top-p is a cut."),
            ("What are *bits* and *nats*?", "Units.", "Bits and nats are units."),
            ("What does *independent* mean?", "Said of two.", "Independent is said of two."),
            ("What does *greedy* mean?", "Taking the best.", "Greedy means taking the best."),
            ("What does the *chain rule* say?", "It multiplies.", "The chain rule multiplies."),
            ("What does *softmax* do?", "A function.", "Softmax is a function."),
            ("What is an *x*, and what a *y*?", "An x is a y.", "An x is a y."),
            ("What is `NaN`?", "*No number.*", "`NaN` is *no number.*"),
        ] {
            assert_eq!(card(front, back, "x", None).sentence().as_deref(), Some(sentence));
        }
        for front in ["Why *synchronise*?", "What is *bias* for?", "How is a *key* made?"] {
            assert_eq!(card(front, "Otherwise it lies.", "x", None).sentence(), None, "{front}");
        }
    }

    #[test]
    fn the_glossary_has_sentences_about_its_terms() {
        let wrong = |definition| {
            card("Why *wait*?", "It lies.", "wait", definition).glossary_problem().is_some()
        };
        assert!(wrong(None), "an answer without its question");
        assert!(wrong(Some("Otherwise you wait.")), "about something else");
        assert!(wrong(Some("To stand still")), "no sentence");
        assert!(!wrong(Some("**Wait** is what a clock counts.")));
        assert!(!wrong(Some("A *wait* is a pause.")));
        let two = card("Which?", "Both.", "encoder, decoder", Some("A decoder writes."));
        assert_eq!((two.glossary_problem(), two.terms().count()), (None, 2));
    }

    #[test]
    fn a_term_stands_in_the_glossary_once() {
        let deck = |term: &str| {
            let cards = vec![card("What is *x*?", "A thing.", term, None)];
            Deck { cards, lines: vec![5] }
        };
        let decks = [("a".to_string(), deck("x, y")), ("b".to_string(), deck("Y"))];
        let double = double_terms(decks.iter().map(|(chapter, deck)| (chapter, deck)));
        assert_eq!(double.len(), 1);
        assert_eq!((double[0].0.as_str(), double[0].1), ("b", 5));
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
