//! JSON lines: a file with one JSON object in each line.
//!
//! [`Lines`] gives the lines of a file one at a time, with their numbers, [`object`] reads one. What
//! this file leaves out: what the objects mean, and compressed files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use stage01_bigram::form;
use stage01_bigram::{Error, Result};

/// The longest line that is read, in bytes. Those of HellaSwag have up to 3,000.
const LONGEST: u64 = 1 << 20;

/// A line of a file, with its number, which counts from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub number: usize,
    /// Its bytes, without the line break.
    pub bytes: Vec<u8>,
}

/// The lines of a file that are not empty.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    number: usize,
    ended: bool,
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be opened; [`Error::Format`] for what is no regular file,
    /// such as a pipe: it is read twice, first to check every line; and for another format.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = || Error::file("read", path);
        if !std::fs::metadata(path).map_err(failed())?.is_file() {
            let remedy = "write the lines into a file: it is read twice, to be checked first";
            return Err(Error::format(path, "this is no regular file", remedy));
        }
        let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(failed())?);
        let head = file.fill_buf().map_err(failed())?;
        if let Some(form) = form::recognise(&head[..head.len().min(form::HEAD)]) {
            let problem = format!("not JSON lines: it is {form}");
            return Err(Error::format(path, problem, form.remedy));
        }
        if head.starts_with(form::BYTE_ORDER_MARK) {
            file.consume(form::BYTE_ORDER_MARK.len());
        }
        Ok(Lines { path: path.to_path_buf(), file, number: 0, ended: false })
    }

    fn read(&mut self) -> Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let part = &mut self.file.by_ref().take(LONGEST + 1);
            part.read_until(b'\n', &mut bytes).map_err(Error::file("read", &self.path))?;
            self.number += 1;
            if bytes.is_empty() {
                return Ok(None);
            }
            if bytes.len() as u64 > LONGEST {
                let problem = format!("line {} has more than {LONGEST} bytes", self.number);
                let remedy = "expected one object in each line, and none that is so long";
                return Err(Error::format(&self.path, problem, remedy));
            }
            bytes.truncate(bytes.trim_ascii_end().len());
            if !bytes.trim_ascii_start().is_empty() {
                return Ok(Some(Line { number: self.number, bytes }));
            }
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line>;

    /// The next line. After an error there is none.
    fn next(&mut self) -> Option<Result<Line>> {
        if self.ended {
            return None;
        }
        let line = self.read().transpose();
        self.ended = !matches!(line, Some(Ok(_)));
        line
    }
}

/// The object in a line.
///
/// # Errors
/// What is wrong, with its column.
pub fn object(line: &[u8]) -> std::result::Result<Map<String, Value>, String> {
    serde_json::from_slice(line).map_err(|e| {
        // The library counts lines and columns within this line.
        let message = e.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        format!("{message} (column {})", e.column())
    })
}

/// What a value of JSON is, for messages.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_whatever_ends_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.jsonl");
        std::fs::write(&path, b"\xEF\xBB\xBF{\"a\": 1}\r\n\r\n  \n{\"b\": 2}\n{\"c\": 3}").unwrap();
        let lines: Vec<Line> = Lines::open(&path).unwrap().map(Result::unwrap).collect();
        let seen: Vec<_> = lines.iter().map(|line| (line.number, &line.bytes[..])).collect();
        assert_eq!(seen, [(1, &b"{\"a\": 1}"[..]), (4, b"{\"b\": 2}"), (5, b"{\"c\": 3}")]);

        std::fs::write(&path, [&b"{}\n"[..], &vec![b'x'; LONGEST as usize + 1]].concat()).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        assert!(lines.next().unwrap().is_ok());
        let message = lines.next().unwrap().unwrap_err().to_string();
        assert!(message.contains("line 2 has more than 1048576 bytes"), "{message}");
        assert!(lines.next().is_none());

        assert!(Lines::open(directory.path()).is_err());
        std::fs::write(&path, b"PAR1\x00\x00").unwrap();
        assert!(Lines::open(&path).unwrap_err().to_string().contains("not JSON lines"));
    }
}
