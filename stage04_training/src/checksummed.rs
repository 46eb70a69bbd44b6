//! JSON files with a checksum of their own content.
//!
//! A bit may flip on a disk, a copy may be cut short, an editor may change a number. So the files
//! that `prepare` writes about its work have a field `checksum`: that of all other fields as
//! compact JSON. Spaces and line breaks may change, a value may not.
//!
//! ```
//! use serde_json::{Value, json};
//! use stage04_training::checksummed::{parse, to_text};
//!
//! let text = to_text(&json!({ "version": 1, "tokens": 5 }));
//! assert!(parse::<Value>(&text, "example", 1).is_ok());
//! let altered = text.replace("\"tokens\": 5", "\"tokens\": 6");
//! assert!(parse::<Value>(&altered, "example", 1).unwrap_err().contains("altered"));
//! ```
//!
//! What this file leaves out: what the values mean. A checksum finds accidents; a program that
//! writes a false value can also write its checksum. So the values are validated as well.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use stage01_bigram::{Error, Result, files};
use xxhash_rust::xxh3::xxh3_64;

/// The field with the checksum.
const CHECKSUM: &str = "checksum";

/// A checksum as text: XXH3, 64 bits, 16 hexadecimal digits.
pub fn hex(sum: u64) -> String {
    format!("{sum:016x}")
}

/// Whether a text is a checksum as [`hex`] writes it.
pub fn is_hex(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The text of a JSON object with its checksum. Replaces a checksum that it already has.
pub fn to_text(value: &impl Serialize) -> String {
    let mut value = serde_json::to_value(value).expect("plain JSON");
    if let Some(fields) = value.as_object_mut() {
        fields.shift_remove(CHECKSUM);
        let sum = hex(xxh3_64(Value::Object(fields.clone()).to_string().as_bytes()));
        fields.insert(CHECKSUM.into(), sum.into());
    }
    let mut text = serde_json::to_string_pretty(&value).expect("plain JSON");
    text.push('\n');
    text
}

/// Parses a text of [`to_text`], and checks its checksum and its version.
///
/// what: the name of such a file in messages, such as "manifest".
///
/// # Errors
/// A description of the problem.
pub fn parse<T: DeserializeOwned>(
    text: &str,
    what: &str,
    version: u32,
) -> std::result::Result<T, String> {
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| format!("it is not complete JSON: {error}"))?;
    match value.get("version").and_then(Value::as_u64) {
        Some(found) if found == u64::from(version) => {}
        Some(found) => {
            return Err(format!(
                "it has version {found}, and this program reads version {version}"
            ));
        }
        None => return Err(format!("it is not a {what}: `version` is missing")),
    }
    let fields = value.as_object_mut().expect("it has a version");
    let said = fields.shift_remove(CHECKSUM);
    let is = hex(xxh3_64(value.to_string().as_bytes()));
    if said.as_ref().and_then(Value::as_str) != Some(&is) {
        return Err("it was altered after it was written: its checksum differs".into());
    }
    serde_json::from_value(value).map_err(|error| format!("it is not a {what}: {error}"))
}

/// Writes a file with its checksum, atomically: a reader sees the old or the new content.
///
/// # Errors
/// [`Error::File`] when it cannot be written.
pub fn save(value: &impl Serialize, path: &Path) -> Result<()> {
    files::write_bytes(path, to_text(value).as_bytes())
}

/// The text of a file; `None` where there is none.
///
/// # Errors
/// As [`files::read_text`], and [`Error::Format`] if it is not a regular file: reading a pipe would
/// block for ever.
pub fn read(path: &Path) -> Result<Option<String>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {
            Ok(None)
        }
        Err(error) => Err(Error::file("read", path)(error)),
        Ok(about) if !about.is_file() => {
            Err(Error::format(path, "it is not a regular file", "start over with --restart"))
        }
        Ok(_) => files::read_text(path).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(text: &str) -> std::result::Result<Value, String> {
        super::parse(text, "list", 3)
    }

    #[test]
    fn what_was_written_is_read_back_and_any_other_value_is_refused() {
        let value = json!({ "version": 3, "a": [1, 0.1, "x"], "b": { "c": u64::MAX } });
        let text = to_text(&value);
        assert_eq!(parse(&text).unwrap(), value);
        assert_eq!(to_text(&parse(&text).unwrap()), text);
        assert_eq!(parse(&text.replace(char::is_whitespace, "")).unwrap(), value);
        for (from, to) in [("0.1", "0.2"), ("\"x\"", "\"y\""), ("\"a\"", "\"A\""), ("[", "[1,")] {
            let error = parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains("altered after it was written"), "{error}");
        }
    }

    #[test]
    fn any_other_text_is_refused_with_its_reason() {
        for (text, expected) in [
            ("{", "not complete JSON"),
            ("[3]", "it is not a list: `version` is missing"),
            (r#"{"version": 2}"#, "version 2, and this program reads version 3"),
            (r#"{"version": 3}"#, "its checksum differs"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
