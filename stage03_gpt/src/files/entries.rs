//! A file's own words: an error about a size that came from a file names the entry of that file, not
//! the flag that sets the same size in a training.

use stage01_bigram::Error;

/// The entry of a file for each setting that it holds: (`--n-head`, `num_attention_heads`).
pub(super) type Entries = [(&'static str, &'static str)];

/// The message of an error, with entries in place of settings.
pub(super) fn in_the_words_of(entries: &Entries, error: &Error) -> String {
    let Error::Setting { setting, given, expected } = error else { return error.to_string() };
    let entry = |word: &str| {
        entries
            .iter()
            .find(|(setting, _)| *setting == word)
            .map_or(word, |(_, entry)| entry)
            .to_string()
    };
    let word_end = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let words = expected.split_inclusive(word_end).map(|part| match part.strip_suffix(word_end) {
        Some(word) => entry(word) + &part[word.len()..],
        None => entry(part),
    });
    Error::setting(entry(setting), given, words.collect::<String>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_entries_and_nothing_else_changes() {
        let entries = [("--n-head", "heads"), ("--n-kv-head", "kv_heads"), ("the vocabulary", "v")];
        let message =
            |setting, expected| in_the_words_of(&entries, &Error::setting(setting, 3, expected));
        assert_eq!(
            message("--n-kv-head", "a divisor of --n-head = 4, --n-head, not --n-heads: --n-head"),
            "kv_heads = 3: a divisor of heads = 4, heads, not --n-heads: heads"
        );
        assert_eq!(message("the vocabulary", "take ―\"--n-head\"―"), "v = 3: take ―\"heads\"―");
        assert_eq!(message("--dropout", "0"), "--dropout = 3: 0");
        let other = Error::format("a.gguf", "--n-head", "convert it");
        assert_eq!(in_the_words_of(&entries, &other), "a.gguf: --n-head; convert it");
    }
}
