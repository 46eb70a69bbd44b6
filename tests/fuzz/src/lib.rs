//! What several targets need: an input in two parts, and what must hold of every error.

use stage01_bigram::Error;

/// No error is longer, in characters: what a file says is cut before it is shown.
const LONGEST: usize = 1_500;

/// An error is one short line that no terminal obeys, whatever stands in the file.
///
/// # Panics
/// When it is not.
pub fn refused(error: &Error) {
    line(&error.to_string());
}

/// The same for a message that is not an [`Error`].
///
/// # Panics
/// When it is not one short line.
pub fn line(message: &str) {
    let length = message.chars().count();
    assert!((1..=LONGEST).contains(&length), "{length} characters");
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// An input as two files: what stands before the first zero byte, and what stands behind it.
/// JSON has no zero byte, so any pair with JSON in front can be written so.
pub fn two_files(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
