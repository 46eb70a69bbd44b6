//! The metadata of a GGUF file: keys with values, in the order of the file.
//!
//! Keys are names with dots, such as `llama.block_count`. A getter names the key, the value that
//! the file has there, and what was expected.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use stage01_bigram::{Error, Result};

use super::super::bounded::shown;
use super::cursor::{Cursor, Fault, damaged};
use super::value::{Array, Value};

/// The longest key, in bytes, by the format's specification.
const LONGEST_KEY: usize = 65_535;

/// The fewest bytes of an entry: the length of an empty key, a type number, and one byte.
const LEAST: u64 = 8 + 4 + 1;

/// The metadata of a file.
#[derive(Debug)]
pub struct Metadata {
    /// The file, for messages.
    path: PathBuf,
    entries: Vec<(String, Value)>,
    /// The place of each key in `entries`.
    places: HashMap<String, usize>,
}

impl Metadata {
    pub(super) fn read(
        path: &Path,
        cursor: &mut Cursor<impl Read>,
        count: u64,
    ) -> std::result::Result<Metadata, Fault> {
        let count = cursor.list(count, LEAST, "entries of metadata")?;
        let mut metadata =
            Metadata { path: path.to_path_buf(), entries: Vec::new(), places: HashMap::new() };
        for number in 0..count {
            let entry = |name: &str| format!("entry {} of the metadata{name}", number + 1);
            let key = cursor.string().map_err(|fault| fault.within(|| entry("")))?;
            if key.len() > LONGEST_KEY {
                return damaged(format!("{} has a key of {} bytes", entry(""), key.len()));
            }
            let name = shown(&key);
            let value = Value::read(cursor)
                .map_err(|fault| fault.within(|| entry(&format!(", {name}"))))?;
            if metadata.places.insert(key.clone(), number).is_some() {
                return damaged(format!("two entries of the metadata are called {name}"));
            }
            metadata.entries.push((key, value));
        }
        Ok(metadata)
    }

    /// All entries, in the order of the file.
    pub fn entries(&self) -> &[(String, Value)] {
        &self.entries
    }

    /// The value of a key, of any type.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.places.get(key).map(|&place| &self.entries[place].1)
    }

    /// The value of a key, where the file has the key.
    ///
    /// ```
    /// use std::path::Path;
    /// use stage03_gpt::files::gguf::{GgufFile, Value, write_gguf};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("a.gguf");
    /// let metadata = [("llama.block_count".to_string(), Value::U32(30))];
    /// write_gguf(&path, &metadata, &[], |_| unreachable!("no tensors"))?;
    /// let file = GgufFile::open(&path)?;
    /// assert_eq!(file.metadata().optional::<usize>("llama.block_count")?, Some(30));
    /// assert_eq!(file.metadata().optional::<usize>("llama.vocab_size")?, None);
    /// let error = file.metadata().required::<&str>("llama.block_count").unwrap_err().to_string();
    /// assert!(error.contains("llama.block_count is 30 (u32)"), "{error}");
    /// # Ok::<(), stage01_bigram::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Format`] when the value is of another type, or outside the range of `T`.
    pub fn optional<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match T::from_value(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.wrong(key, T::EXPECTED)),
        }
    }

    /// The value of a key that the file must have.
    ///
    /// # Errors
    /// [`Error::Format`] when the key is missing, and as [`Metadata::optional`].
    pub fn required<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T> {
        self.optional(key)?.ok_or_else(|| {
            let problem = format!("the entry {} of its metadata is missing", shown(key));
            Error::format(&self.path, problem, format!("expected {}; {REMEDY}", T::EXPECTED))
        })
    }

    /// An error about the value of a key. expected: what it should have been.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> Error {
        let held = self.value(key).map_or("missing".into(), Value::to_string);
        let problem = format!("the entry {} is {held}", shown(key));
        Error::format(&self.path, problem, format!("expected {expected}; {REMEDY}"))
    }
}

/// What to do about a file that was made with other entries.
const REMEDY: &str = "convert the model again, or take another file";

/// What a value can be read as.
pub trait FromValue<'a>: Sized {
    /// The name for messages.
    const EXPECTED: &'static str;
    /// The value, where it is one of this type.
    fn from_value(value: &'a Value) -> Option<Self>;
}

/// A whole number of any width that is not negative.
impl FromValue<'_> for u64 {
    const EXPECTED: &'static str = "a whole number, not negative";
    fn from_value(value: &Value) -> Option<u64> {
        match *value {
            Value::U8(value) => Some(value.into()),
            Value::U16(value) => Some(value.into()),
            Value::U32(value) => Some(value.into()),
            Value::U64(value) => Some(value),
            Value::I8(value) => value.try_into().ok(),
            Value::I16(value) => value.try_into().ok(),
            Value::I32(value) => value.try_into().ok(),
            Value::I64(value) => value.try_into().ok(),
            _ => None,
        }
    }
}

impl FromValue<'_> for usize {
    const EXPECTED: &'static str = u64::EXPECTED;
    fn from_value(value: &Value) -> Option<usize> {
        u64::from_value(value)?.try_into().ok()
    }
}

impl FromValue<'_> for u32 {
    const EXPECTED: &'static str = "a whole number of 32 bits, not negative";
    fn from_value(value: &Value) -> Option<u32> {
        u64::from_value(value)?.try_into().ok()
    }
}

/// A finite number. One of 32 bits becomes the f64 of the same shortest decimal: 1e-5 is 1e-5.
impl FromValue<'_> for f64 {
    const EXPECTED: &'static str = "a finite number";
    fn from_value(value: &Value) -> Option<f64> {
        let number = match *value {
            Value::F32(value) => value.to_string().parse().ok()?,
            Value::F64(value) => value,
            _ => u64::from_value(value)? as f64,
        };
        number.is_finite().then_some(number)
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "a bool";
    fn from_value(value: &Value) -> Option<bool> {
        match *value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";
    fn from_value(value: &'a Value) -> Option<&'a str> {
        match value {
            Value::String(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a [String] {
    const EXPECTED: &'static str = "a list of strings";
    fn from_value(value: &'a Value) -> Option<&'a [String]> {
        match value {
            Value::Array(Array::String(list)) => Some(list),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for &'a [i32] {
    const EXPECTED: &'static str = "a list of numbers of 32 bits with a sign";
    fn from_value(value: &'a Value) -> Option<&'a [i32]> {
        match value {
            Value::Array(Array::I32(list)) => Some(list),
            _ => None,
        }
    }
}
