//! A small JSON file on the disk: where it is, how large it may be, and that it is UTF-8.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The largest file that is read, in bytes; the largest vocabularies take a tenth of it.
const LARGEST: u64 = 256 << 20;

/// The name of a tokenizer in the directory of a model.
const NAME: &str = "tokenizer.json";

/// The path of the file: in a model's directory its `tokenizer.json`.
///
/// # Errors
/// [`Error::Format`] for a directory that has none.
pub(in crate::tokenizer) fn locate(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let inside = path.join(NAME);
    if inside.exists() {
        return Ok(inside);
    }
    let problem = "a directory without a tokenizer.json";
    let remedy = "name a model's directory that has one; an older model gets one in Python by \
                  `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`";
    Err(Error::format(path, problem, remedy))
}

/// Reads a file as text.
///
/// # Errors
/// [`Error::File`] when it cannot be read; [`Error::Format`] when it is too large, begins with a
/// byte-order mark, or is not UTF-8.
pub(in crate::tokenizer) fn read(path: &Path) -> Result<String> {
    let wrong = |problem: &str, remedy: &str| Error::format(path, problem, remedy);
    let about = fs::metadata(path).map_err(Error::file("read", path))?;
    if !about.is_file() && !about.is_dir() {
        // Opening a pipe would wait for its other end.
        return Err(wrong(
            "it is no regular file",
            "copy what it gives into a file, and name that",
        ));
    }
    let file = File::open(path).map_err(Error::file("read", path))?;
    let length = file.metadata().map_err(Error::file("read", path))?.len();
    let mut bytes = Vec::new();
    if length <= LARGEST {
        // It may grow while it is read.
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    }
    if length.max(bytes.len() as u64) > LARGEST {
        return Err(wrong(
            &format!("it is larger than {} MiB, and no tokenizer is", LARGEST >> 20),
            "name another file",
        ));
    }
    match bytes[..] {
        [0xEF, 0xBB, 0xBF, ..] => Err(wrong(
            "it begins with a byte-order mark, which JSON may not have",
            "save it as UTF-8 without that mark, for example with `tail -c +4`",
        )),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'{', 0, ..] | [0, b'{', ..] => Err(wrong(
            "it is UTF-16, and JSON is UTF-8",
            "convert it, for example with `iconv -f UTF-16 -t UTF-8`",
        )),
        _ => String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            wrong(
                &format!("not UTF-8: byte {at} is 0x{byte:02X}"),
                "convert it, for example with `iconv -t UTF-8`, or fetch it again",
            )
        }),
    }
}
