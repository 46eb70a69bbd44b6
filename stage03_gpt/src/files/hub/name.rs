//! The name of a model on the hub, as it stands where a directory could stand.
//!
//! | text | means |
//! |---|---|
//! | `owner/name` | the directory of the model, as it is now |
//! | `owner/name@revision` | the same at a branch, a tag or a commit |
//! | `owner/name:FILE.gguf` | one file of it |
//! | `owner/name@revision:FILE.gguf` | both |
//!
//! A local path goes first: a text whose path exists is never a name, and without an `@` or a `:`
//! neither is one whose first part is a directory here. So a misspelled `out/modle` is not asked
//! for on the hub, as long as there is a directory `out`.
//!
//! What this file leaves out: the network ([`hub`](super)), so that a program that is compiled
//! without it can say what the name is.

use std::fmt;
use std::path::Path;

use stage01_bigram::{Error, Result};

/// The longest `owner/name`, in characters: the hub's own limit.
const LONGEST: usize = 96;

/// A model on the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubName {
    /// Owner and name, such as `HuggingFaceTB/SmolLM2-135M-Instruct`.
    pub repository: String,
    /// A branch, a tag or a commit; `main` where none was named.
    pub revision: String,
    /// One file in the GGUF format; without it all files that a directory of a model needs.
    pub file: Option<String>,
}

impl HubName {
    /// The name in a text, if it is one and no local path.
    ///
    /// # Errors
    /// [`Error::Setting`] of `--model` when it is a name with a wrong revision or file behind it.
    pub fn find(model: &Path) -> Result<Option<HubName>> {
        let Some(text) = model.to_str() else { return Ok(None) };
        if model.symlink_metadata().is_ok() {
            return Ok(None);
        }
        let plain = !text.contains(['@', ':']);
        let first = text.split('/').next().unwrap_or_default();
        if plain && Path::new(first).is_dir() {
            return Ok(None);
        }
        HubName::parse(text)
    }

    /// The name in a text, whatever files there are. `None` when it is none.
    ///
    /// ```
    /// use stage03_gpt::files::hub::HubName;
    /// let name = HubName::parse("bartowski/SmolLM2-GGUF:SmolLM2-Q8_0.gguf")?.unwrap();
    /// assert_eq!(name.repository, "bartowski/SmolLM2-GGUF");
    /// assert_eq!(name.revision, "main");
    /// assert_eq!(name.file.as_deref(), Some("SmolLM2-Q8_0.gguf"));
    /// assert!(HubName::parse("../models/mine")?.is_none());
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`HubName::find`].
    pub fn parse(text: &str) -> Result<Option<HubName>> {
        let (head, file) = match text.split_once(':') {
            Some((head, file)) => (head, Some(file)),
            None => (text, None),
        };
        let (repository, revision) = match head.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (head, None),
        };
        if !is_repository(repository) {
            return Ok(None);
        }
        let wrong = |expected: &str| Err(Error::setting("--model", text, expected));
        if !revision.is_none_or(is_path) {
            return wrong("expected a branch, a tag or a commit behind the @, such as @main");
        }
        if !file.is_none_or(|file| is_path(file) && file.to_lowercase().ends_with(".gguf")) {
            return wrong(
                "expected a file in the GGUF format behind the colon, such as :model.gguf",
            );
        }
        Ok(Some(HubName {
            repository: repository.to_string(),
            revision: revision.unwrap_or("main").to_string(),
            file: file.map(str::to_string),
        }))
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        self.file.iter().try_for_each(|file| write!(f, ":{file}"))
    }
}

/// Whether it is `owner/name`, by the hub's rules: letters, digits, `-`, `_` and `.`, without `--`
/// and `..`, and with neither `-` nor `.` at an end of a part.
fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        let all = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty()
            && part.chars().all(all)
            && !part.contains("--")
            && !part.contains("..")
            && !part.starts_with(['-', '.'])
            && !part.ends_with(['-', '.'])
    };
    text.len() <= LONGEST
        && text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

/// Whether it is a relative path that stays below its directory, on every system: parts of letters,
/// digits and some signs, none of which begins with a dot.
pub(super) fn is_path(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.+ ()".contains(c);
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with(['.', ' '])
            && part.chars().all(good)
    };
    text.len() <= 255 && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths() {
        for name in
            ["HuggingFaceTB/SmolLM2-135M-Instruct", "a/b", "a_b/c.d-e", "a/b@v1", "a/b:c.gguf"]
        {
            assert_eq!(HubName::parse(name).unwrap().unwrap().to_string(), name);
        }
        let both = HubName::parse("a/b@refs/pr/1:q/c.GGUF").unwrap().unwrap();
        assert_eq!((&*both.revision, both.file.as_deref()), ("refs/pr/1", Some("q/c.GGUF")));
        let long = format!("a/{}", "b".repeat(95));
        for path in [
            "", "gpt", "/a/b", "./a", "../a", "a/b/c", "a/", "a/..", "a/.b", "a b/c", "a/b--c",
            "C:\\a/b", "é/b", &long,
        ] {
            assert!(HubName::parse(path).unwrap().is_none(), "{path}");
        }
    }

    #[test]
    fn what_stands_behind_a_name_is_checked() {
        for text in ["a/b@", "a/b@../c", "a/b@a\nb", "a/b@x?y", "a/b@/x"] {
            let error = HubName::parse(text).unwrap_err().to_string();
            assert!(error.contains("a branch, a tag or a commit"), "{error}");
        }
        for text in
            ["a/b:", "a/b:model.safetensors", "a/b:../x.gguf", "a/b:.x.gguf", "a/b:x//y.gguf"]
        {
            let error = HubName::parse(text).unwrap_err().to_string();
            assert!(error.contains("a file in the GGUF format"), "{error}");
        }
    }

    #[test]
    fn a_local_path_is_no_name() {
        // Tests run in the directory of their package.
        for local in ["src/files", "src/fiels"] {
            assert!(HubName::find(Path::new(local)).unwrap().is_none());
        }
        for name in ["no-such-owner/model", "src/fiels@main", "src/fiels:x.gguf"] {
            assert!(HubName::find(Path::new(name)).unwrap().is_some());
        }
    }
}
