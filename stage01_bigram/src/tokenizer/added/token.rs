//! One added token and its attributes.

/// One added token, with the attributes of the `tokenizers` library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedToken {
    /// Its id.
    pub id: u32,
    /// Its spelling.
    pub content: String,
    /// Whether it is found only where no word character is directly before or after it.
    pub single_word: bool,
    /// Whether it includes the white space before it.
    pub lstrip: bool,
    /// Whether it includes the white space after it.
    pub rstrip: bool,
    /// Whether it is searched for in the normalised text, after all those that are not. This
    /// tokenizer does not normalise, so only the order matters.
    pub normalized: bool,
    /// Whether it is a special token: one that controls a model and is not text.
    pub special: bool,
}

impl AddedToken {
    /// A special token without further attributes, such as `<|endoftext|>`.
    pub fn special(id: u32, content: impl Into<String>) -> AddedToken {
        AddedToken {
            id,
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        }
    }

    /// Whether this token is still found when a text is cut before white space that follows another
    /// character.
    ///
    /// False where the token includes the white space after it, or has white space inside.
    pub fn survives_cuts(&self) -> bool {
        let inside = |pair: &[char]| !pair[0].is_whitespace() && pair[1].is_whitespace();
        let characters: Vec<char> = self.content.chars().collect();
        !self.rstrip && !characters.windows(2).any(inside)
    }
}
