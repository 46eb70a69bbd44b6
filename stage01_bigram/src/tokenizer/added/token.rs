//! One added token and its attributes.

/// One added token, with the attributes of the `tokenizers` library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedToken {
    /// Its number.
    pub id: u32,
    /// How it is spelled.
    pub content: String,
    /// Whether it counts only where no word character stands directly before or after it.
    pub single_word: bool,
    /// Whether it takes the white space before it along.
    pub lstrip: bool,
    /// Whether it takes the white space after it along.
    pub rstrip: bool,
    /// Whether it is looked for in the normalised text, after all those that are not. This
    /// tokenizer does not normalise, so only the order remains.
    pub normalized: bool,
    /// Whether it is a special token: one that steers a model and is no text.
    pub special: bool,
}

impl AddedToken {
    /// A special token without further attributes, as `<|endoftext|>` is one.
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

    /// Whether a long text may be cut before any white space that follows something else, and
    /// still has this token where it had it.
    ///
    /// Not so where the token takes the white space after it along, or has white space inside.
    pub fn survives_cuts(&self) -> bool {
        let inside = |pair: &[char]| !pair[0].is_whitespace() && pair[1].is_whitespace();
        let characters: Vec<char> = self.content.chars().collect();
        !self.rstrip && !characters.windows(2).any(inside)
    }
}
