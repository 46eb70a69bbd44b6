//! Special tokens that are spelled in a text: what they become, and which of them ends a document.
//!
//! In a text `<|endoftext|>` can be two things: thirteen letters that speak about a token, or the
//! token. Only the user can know. The usual case of training data is the second, and it is
//! what the `tokenizers` library does, so it is the default; how often it was found is reported.
//!
//! The marker that ends a document inside of a text is the spelling of the tokenizer's
//! end-of-text token, and `<|endoftext|>` where it has none.

use stage01_bigram::tokenizer::{AddedToken, END_OF_TEXT, Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};

use super::settings::{Settings, SpecialTokens};

impl Settings {
    /// The tokenizer, where it is finished before the text is seen: GPT-2's, or a file.
    ///
    /// # Errors
    /// When it cannot be read, has no such `--end-token`, or has a token that cannot be found in
    /// long texts.
    pub(super) fn given_tokenizer(&self) -> Result<Option<Tokenizer>> {
        let trained = match &self.tokenizer {
            TokenizerKind::Char if self.end_token.is_none() => return Ok(None),
            TokenizerKind::Bpe { .. } => return Ok(None),
            // So that the vocabulary itself says that it has no such token.
            TokenizerKind::Char => TokenizerKind::Char.train("\n")?,
            kind => kind.train("")?,
        };
        let tokenizer = match &self.end_token {
            Some(content) => trained.with_end_token(content)?,
            None => trained,
        };
        let found =
            |token: &&AddedToken| self.special_tokens == SpecialTokens::Tokens || !token.special;
        for token in tokenizer.added_tokens().iter().filter(found) {
            let ends = tokenizer.end_of_text() == Some(token.id);
            self.can_be_found(token, ends)?;
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
        // It might be a token of the vocabulary that does not end documents.
        let mut added = given.into_iter().flat_map(Tokenizer::added_tokens);
        if added.any(|token| token.content == content) {
            return Ok(None);
        }
        self.can_be_found(&AddedToken::special(0, content), true)?;
        Ok(Some(content.into()))
    }

    /// Refuses a token whose place in a text depends on more of it than is in memory: texts are
    /// cut at white space, and documents at their marker, before tokens are looked for.
    fn can_be_found(&self, token: &AddedToken, ends: bool) -> Result<()> {
        let content = &token.content;
        if content.is_empty() {
            let expected = "it is spelled by nothing; expected a spelling such as </s>";
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
            "its token {content:?} {problem}, and cannot be found in texts that are read piece by \
             piece; change it, or take special tokens for text with --special-tokens text"
        );
        Err(Error::setting("--tokenizer", &self.tokenizer, expected))
    }
}
