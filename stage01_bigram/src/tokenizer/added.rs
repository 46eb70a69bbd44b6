//! Added tokens: strings that are tokens as a whole, before any text is cut into words.
//!
//! A vocabulary is learned from text. Some tokens are added by hand: a marker between documents
//! (`<|endoftext|>`), the names of speakers (`<user>`), a gap to fill (`<mask>`). They are called
//! *added tokens*. Those that control a model and are not text are *special tokens*: they are left
//! out when a text is shown to a user.
//!
//! Added tokens are found in a text before pre-tokenization (`search`), so `<user>the` is the token
//! `<user>` and then the word `the`. Its attributes are those of the `tokenizers` library, and mean
//! the same here.
//!
//! What this file leaves out: which of them is the end-of-text token ([`super::end_of_text`]).

mod search;
mod token;

pub(super) use self::search::Part;
use self::search::Search;
pub use self::token::AddedToken;
use super::end_of_text;
use crate::{Error, Result};

/// The longest spelling of an added token, in bytes.
pub const LONGEST: usize = 1024;

/// The most bytes that the spellings of all added tokens may have together.
pub const MOST: usize = 4 << 20;

/// All added tokens of a vocabulary.
#[derive(Clone, Default)]
pub(super) struct AddedTokens {
    /// In the order of their numbers.
    tokens: Vec<AddedToken>,
    /// The index of the end-of-text token.
    end_of_text: Option<usize>,
    search: Search,
}

impl AddedTokens {
    /// Checks the tokens and builds their search. Without `end_of_text`, the id of the end-of-text
    /// token, the spelling decides: [`end_of_text::known`].
    ///
    /// # Errors
    /// A message: for an empty or very long spelling, or the same spelling twice.
    pub(super) fn new(
        mut tokens: Vec<AddedToken>,
        end_of_text: Option<u32>,
    ) -> std::result::Result<AddedTokens, String> {
        tokens.sort_by_key(|token| token.id);
        let mut bytes = 0;
        for AddedToken { id, content, .. } in &tokens {
            bytes += content.len();
            if content.is_empty() {
                return Err(format!("the added token {id} has an empty spelling"));
            }
            if content.len() > LONGEST {
                let length = content.len();
                return Err(format!(
                    "the added token {id} is {length} bytes long, and at most {LONGEST} are allowed"
                ));
            }
        }
        if bytes > MOST {
            return Err(format!(
                "the added tokens are {bytes} bytes in all, and at most {MOST} are allowed"
            ));
        }
        let mut spellings: Vec<&AddedToken> = tokens.iter().collect();
        spellings.sort_by_key(|token| &token.content);
        for pair in spellings.windows(2) {
            if pair[0].content == pair[1].content {
                let AddedToken { id, content, .. } = pair[0];
                let other = pair[1].id;
                return Err(format!(
                    "the added tokens {id} and {other} are both spelled {content:?}"
                ));
            }
        }
        let end_of_text = match end_of_text {
            Some(id) => tokens.iter().position(|token| token.id == id),
            None => known(&tokens),
        };
        let search = Search::new(&tokens)?;
        Ok(AddedTokens { tokens, end_of_text, search })
    }

    /// All of them, in the order of their numbers.
    pub(super) fn tokens(&self) -> &[AddedToken] {
        &self.tokens
    }

    /// The token of this id.
    pub(super) fn get(&self, id: u32) -> Option<&AddedToken> {
        let place = self.tokens.binary_search_by_key(&id, |token| token.id).ok()?;
        Some(&self.tokens[place])
    }

    /// The end-of-text token, where there is one.
    pub(super) fn end_of_text(&self) -> Option<&AddedToken> {
        self.end_of_text.map(|place| &self.tokens[place])
    }

    /// Sets the end-of-text token, by its spelling.
    ///
    /// # Errors
    /// [`Error::Setting`] of `--end-token` when there is none of this spelling.
    pub(super) fn set_end_of_text(&mut self, content: &str) -> Result<()> {
        self.end_of_text = self.tokens.iter().position(|token| token.content == content);
        if self.end_of_text.is_some() {
            return Ok(());
        }
        let expected = match self.spellings() {
            None => {
                "the tokenizer has no special tokens, so none of them can end a document".into()
            }
            Some(all) => {
                format!("the tokenizer has no special token of this spelling; it has {all}")
            }
        };
        Err(Error::setting("--end-token", content, expected))
    }

    /// Adds a special token as the end-of-text token.
    pub(super) fn with_end_of_text(self, id: u32, content: &str) -> Result<AddedTokens> {
        let mut tokens = self.tokens;
        tokens.push(AddedToken::special(id, content));
        AddedTokens::new(tokens, Some(id)).map_err(|problem| {
            Error::setting("--end-token", content, format!("{problem}; choose another spelling"))
        })
    }

    /// Whether the spelling alone identifies the end-of-text token.
    pub(super) fn end_of_text_is_known(&self) -> bool {
        self.end_of_text == known(&self.tokens)
    }

    /// The first spellings, for a message; `None` where there are no added tokens.
    pub(super) fn spellings(&self) -> Option<String> {
        let shown: Vec<&str> = self.tokens.iter().take(8).map(|token| &*token.content).collect();
        let more = if self.tokens.len() > shown.len() { " …" } else { "" };
        (!shown.is_empty()).then(|| shown.join(" ") + more)
    }

    /// A text as added tokens and the ordinary text between them; see [`Search::parts`].
    pub(super) fn parts<'t>(&self, text: &'t str, special: bool) -> Vec<Part<'t>> {
        self.search.parts(&self.tokens, text, special)
    }

    /// The same for the tokens that are not `normalized` alone.
    pub(super) fn parts_as_written<'t>(&self, text: &'t str, special: bool) -> Vec<Part<'t>> {
        self.search.parts_of(&[false], &self.tokens, text, special)
    }

    /// The same for the tokens that are `normalized` alone.
    pub(super) fn parts_of_normalized<'t>(&self, text: &'t str, special: bool) -> Vec<Part<'t>> {
        self.search.parts_of(&[true], &self.tokens, text, special)
    }

    /// Whether [`AddedTokens::parts`] can find nothing but ordinary text.
    pub(super) fn are_none(&self, special: bool) -> bool {
        !self.tokens.iter().any(|token| special || !token.special)
    }
}

/// The index of the token whose spelling means the end of a document.
fn known(tokens: &[AddedToken]) -> Option<usize> {
    end_of_text::known(tokens.iter().map(|token| &*token.content))
}

impl PartialEq for AddedTokens {
    /// The search is determined by the tokens.
    fn eq(&self, other: &Self) -> bool {
        self.tokens == other.tokens && self.end_of_text == other.end_of_text
    }
}

impl std::fmt::Debug for AddedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_list().entries(self.tokens.iter().map(|token| (token.id, &token.content))).finish()
    }
}

#[cfg(test)]
pub(super) mod tests;
