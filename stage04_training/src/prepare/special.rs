//! Special tokens that a text spells: how they are read, and which of them ends a document.
//!
//! `<|endoftext|>` in a text can be the thirteen characters, in a text about tokenizers, or the
//! token. Only the user can know. In training data it is usually the token, which is also what the
//! `tokenizers` library assumes, so that is the default; the report counts them.
//!
//! The marker that ends a document inside of a text is the spelling of the tokenizer's
//! end-of-text token, and `<|endoftext|>` where it has none.

use stage01_bigram::tokenizer::{AddedToken, END_OF_TEXT, Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};

use super::settings::{Settings, SpecialTokens};

impl Settings {
    /// The tokenizer, unless it is made from the text: GPT-2's, or a file.
    ///
    /// # Errors
    /// When it cannot be read, has no such `--end-token`, gives other tokens for a text that is cut,
    /// or has a token that cannot be found in one.
    pub(super) fn given_tokenizer(&self) -> Result<Option<Tokenizer>> {
        let trained = match &self.tokenizer {
            TokenizerKind::Char if self.end_token.is_none() => return Ok(None),
            TokenizerKind::Bpe { .. } => return Ok(None),
            // Gives the error that the vocabulary has no such token.
            TokenizerKind::Char => TokenizerKind::Char.train("\n")?,
            kind => kind.train("")?,
        };
        let tokenizer = match &self.end_token {
            Some(content) => trained.with_end_token(content)?,
            None => trained,
        };
        if !tokenizer.survives_cuts() {
            let expected = "it reads a text otherwise when the text is cut, and long texts are read \
                            in segments; expected a tokenizer with the rules of GPT-2 or SmolLM2, \
                            such as bpe or gpt2";
            return Err(Error::setting("--tokenizer", &self.tokenizer, expected));
        }
        let found =
            |token: &&AddedToken| self.special_tokens == SpecialTokens::Tokens || !token.special;
        for token in tokenizer.added_tokens().iter().filter(found) {
            let ends = tokenizer.end_of_text() == Some(token.id);
            self.require_findable(token, ends)?;
        }
        Ok(Some(tokenizer))
    }

    /// The spelling that ends a document inside of a text, if one does.
    ///
    /// # Errors
    /// As [`Settings::given_tokenizer`].
    pub(super) fn marker(&self, given: Option<&Tokenizer>) -> Result<Option<String>> {
        if self.special_tokens != SpecialTokens::Tokens {
            return Ok(None);
        }
        if let Some((_, content)) = given.and_then(Tokenizer::end_of_text_token) {
            return Ok(Some(content.into()));
        }
        let content = self.end_token.as_deref().unwrap_or(END_OF_TEXT);
        // It may be a token of the vocabulary that does not end documents.
        let mut added = given.into_iter().flat_map(Tokenizer::added_tokens);
        if added.any(|token| token.content == content) {
            return Ok(None);
        }
        self.require_findable(&AddedToken::special(0, content), true)?;
        Ok(Some(content.into()))
    }

    /// Refuses a token that cannot be found after a text is cut: texts are cut at white space, and
    /// documents at their marker, before tokens are searched for.
    fn require_findable(&self, token: &AddedToken, ends: bool) -> Result<()> {
        let content = &token.content;
        if content.is_empty() {
            let expected = "it is empty; expected a spelling such as </s>";
            return Err(Error::setting("--end-token", "\"\"", expected));
        }
        let problem = if token.rstrip {
            "has `rstrip`"
        } else if !token.survives_cuts() {
            "has white space inside"
        } else if ends && (token.lstrip || token.single_word) {
            "ends documents and has `lstrip` or `single_word`"
        } else {
            return Ok(());
        };
        let expected = format!(
            "its token {content:?} {problem}, and cannot be found in texts that are read in \
             segments; change it, or read special tokens as text with --special-tokens text"
        );
        Err(Error::setting("--tokenizer", &self.tokenizer, expected))
    }
}
