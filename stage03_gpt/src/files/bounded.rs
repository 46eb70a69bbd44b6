//! Reading untrusted files with bounds: JSON of limited length, and excerpts for messages.

use std::fs;
use std::path::Path;

use stage01_bigram::{Error, Result, files};

/// Reads a file of JSON that has at most `limit` bytes.
pub(super) fn read_json(path: &Path, limit: u64) -> Result<String> {
    let described = fs::metadata(path).map_err(Error::file("read", path))?;
    if !described.is_file() && !described.is_dir() {
        // Opening a pipe would wait for its other end.
        return Err(Error::format(path, "it is not a regular file", "copy the directory again"));
    }
    if described.is_file() && described.len() > limit {
        let problem = format!("it has {} bytes, and no such file is that long", described.len());
        return Err(Error::format(path, problem, "copy it again"));
    }
    files::read_text(path)
}

/// A text from a file, shortened for a message. Control characters are escaped by [`Error`].
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
