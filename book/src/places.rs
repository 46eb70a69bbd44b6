//! Where everything is: the repository, and the directories of the book in it.

use std::path::{Path, PathBuf};

/// The directories of one book. The tests have small books of their own.
#[derive(Clone, Debug)]
pub struct Places {
    /// The root of the repository; paths of code are named from here.
    pub repository: PathBuf,
    /// The directory of the book, from that root.
    pub directory: String,
}

impl Default for Places {
    fn default() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { repository: here.parent().unwrap_or(here).to_path_buf(), directory: "book".into() }
    }
}

impl Places {
    /// The directory of the book.
    pub fn book(&self) -> PathBuf {
        self.repository.join(&self.directory)
    }

    /// A file or directory of the book, such as `quizzes`.
    pub fn of(&self, name: &str) -> PathBuf {
        self.book().join(name)
    }

    /// The name of a file of the book as messages give it, such as `book/cards/loss.toml`.
    pub fn name(&self, file: &str) -> String {
        if self.directory.is_empty() { file.into() } else { format!("{}/{file}", self.directory) }
    }
}

/// The files of a directory with this extension: name without extension, and path; sorted. A
/// directory that does not exist has none.
pub fn files(directory: &Path, extension: &str) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_string(), path)))
        .collect();
    found.sort();
    found
}

/// The way from one page of the book to another, both named from the root of the text.
///
/// ```
/// assert_eq!(book::places::relative("part0/slopes.md", "glossary.md"), "../glossary.md");
/// ```
pub fn relative(from: &str, to: &str) -> String {
    let up = "../".repeat(from.matches('/').count());
    match (from.rsplit_once('/'), to.rsplit_once('/')) {
        (Some((a, _)), Some((b, name))) if a == b => name.to_string(),
        _ => format!("{up}{to}"),
    }
}
