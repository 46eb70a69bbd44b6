//! Finds added tokens in a text.
//!
//! All spellings are searched for at once, by the automaton of Aho and Corasick (1975), from the
//! crate `aho-corasick`: one step per byte, for any number of spellings. Where several fit, the
//! leftmost counts, and of those the longest. The tokens that are not `normalized` are searched for
//! first; the others in the text that remains between them.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use unicode_general_category::{GeneralCategory as Category, get_general_category};

use super::token::AddedToken;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tokenizer) enum Part<'t> {
    /// Ordinary text, never empty.
    Text(&'t str),
    /// An added token: its id, and the byte offset of its spelling.
    Token(u32, usize),
}

/// The search for added tokens.
#[derive(Clone, Default)]
pub(super) struct Search {
    /// First the tokens that are not `normalized`, then the others.
    phases: Vec<Phase>,
}

/// The tokens that are searched for together.
#[derive(Clone)]
struct Phase {
    normalized: bool,
    automaton: AhoCorasick,
    /// The index among all added tokens of each spelling of the automaton.
    places: Vec<usize>,
}

impl Search {
    /// Builds the automata.
    pub(super) fn new(tokens: &[AddedToken]) -> Result<Search, String> {
        let mut phases = Vec::new();
        for normalized in [false, true] {
            let places: Vec<usize> =
                (0..tokens.len()).filter(|&at| tokens[at].normalized == normalized).collect();
            if places.is_empty() {
                continue;
            }
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                // The fastest kind, a DFA, takes a kilobyte for each letter of a spelling.
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(places.iter().map(|&at| &tokens[at].content))
                .map_err(|error| format!("the added tokens cannot be searched for: {error}"))?;
            phases.push(Phase { normalized, automaton, places });
        }
        Ok(Search { phases })
    }

    /// The parts of a text, in order. Without `special`, special tokens are ordinary text.
    pub(super) fn parts<'t>(
        &self,
        tokens: &[AddedToken],
        text: &'t str,
        special: bool,
    ) -> Vec<Part<'t>> {
        self.parts_of(&[false, true], tokens, text, special)
    }

    /// The same for the tokens whose `normalized` is one of `kinds`.
    pub(super) fn parts_of<'t>(
        &self,
        kinds: &[bool],
        tokens: &[AddedToken],
        text: &'t str,
        special: bool,
    ) -> Vec<Part<'t>> {
        let mut parts = Vec::new();
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        for phase in self.phases.iter().filter(|phase| kinds.contains(&phase.normalized)) {
            let mut next = Vec::with_capacity(parts.len());
            for part in parts {
                match part {
                    Part::Text(piece) => {
                        let begin = piece.as_ptr() as usize - text.as_ptr() as usize;
                        phase.cut(tokens, piece, begin, special, &mut next);
                    }
                    token => next.push(token),
                }
            }
            parts = next;
        }
        parts
    }
}

impl Phase {
    /// Appends the parts of `piece`, which begins at the byte `begin` of the whole text.
    fn cut<'t>(
        &self,
        tokens: &[AddedToken],
        piece: &'t str,
        begin: usize,
        special: bool,
        parts: &mut Vec<Part<'t>>,
    ) {
        // The beginning of the text that belongs to no part yet, and the end of the last run of
        // white space that a token included.
        let (mut rest, mut white_end) = (0, 0);
        for found in self.automaton.find_iter(piece) {
            let token = &tokens[self.places[found.pattern().as_usize()]];
            let (mut start, mut end) = (found.start(), found.end());
            if (token.special && !special)
                || (token.single_word && !stands_alone(piece, start, end))
            {
                continue;
            }
            if token.lstrip && rest < start {
                start = rest + piece[rest..start].trim_end().len();
            }
            if token.rstrip {
                if end >= white_end {
                    white_end = piece.len() - piece[end..].trim_start().len();
                }
                end = white_end;
            }
            if token.lstrip && end <= rest {
                continue; // only white space that the token before it included
            }
            if rest < start {
                parts.push(Part::Text(&piece[rest..start]));
            }
            parts.push(Part::Token(token.id, begin + found.start()));
            rest = end;
        }
        if rest < piece.len() {
            parts.push(Part::Text(&piece[rest..]));
        }
    }
}

/// Whether no word character is directly before `start` or after `end`.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(is_word) && !after.is_some_and(is_word)
}

/// Whether a character belongs to a word, as `\w` of a regular expression has it: letters, marks,
/// decimal digits, connecting punctuation such as `_`, the two invisible joiners, and letters in
/// circles and squares.
pub(super) fn is_word(c: char) -> bool {
    use Category::*;
    match get_general_category(c) {
        UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter => true,
        NonspacingMark | SpacingMark | EnclosingMark => true,
        LetterNumber | DecimalNumber | ConnectorPunctuation => true,
        _ => matches!(
            c,
            '\u{200C}' | '\u{200D}' | 'Ⓐ'..='ⓩ' | '🄰'..='🅉' | '🅐'..='🅩' | '🅰'..='🆉'
        ),
    }
}
