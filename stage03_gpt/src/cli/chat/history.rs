//! The file with what a person typed, which the arrow keys bring back.
//!
//! It is in the directory that the system has for such state: `$XDG_STATE_HOME`, or
//! `.local/state` in the home directory, or `%LOCALAPPDATA%`. People type private things, so
//! nobody else may read it.

use std::fs;
use std::path::PathBuf;

use stage01_bigram::{Error, Result};

/// The name of the file, and of its directory.
const PLACE: [&str; 2] = ["stage03_gpt", "chat_history"];

/// The path of the history, in a directory that is there and private; none where the system names
/// no place for it.
///
/// # Errors
/// [`Error::File`] when its directory cannot be created.
pub fn path() -> Result<Option<PathBuf>> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = match set("XDG_STATE_HOME").filter(|path| path.is_absolute()) {
        Some(state) => Some(state),
        None if cfg!(windows) => set("LOCALAPPDATA"),
        None => set("HOME").map(|home| home.join(".local").join("state")),
    };
    let Some(directory) = state.map(|state| state.join(PLACE[0])) else { return Ok(None) };
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.recursive(true).create(&directory);
    made.map_err(Error::file("create the directory", &directory))?;
    Ok(Some(directory.join(PLACE[1])))
}
