//! The type of a file, from its first bytes and its name.
//!
//! Bytes take precedence over names, because many names say little
//! (OpenWebText's `urlsf_subset00-1_data.xz` holds a tar archive) or something else (C4's
//! `c4-train.00000-of-01024.json.gz` holds JSON lines). Text has no magic number, so there the name
//! decides whether it is read.

use std::fmt;
use std::str::FromStr;

use stage01_bigram::form::{self, Form};
use stage01_bigram::{Error, Result};

use super::decode::Compression;
use super::layout::{Layout, layout};

/// The number of first bytes that are examined.
pub const HEAD: usize = form::HEAD;

/// A format that only the name reveals.
const BROTLI: Form = Form { name: "compressed with brotli", remedy: "unpack it first" };

/// How files are read that are neither archives nor compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// By first bytes and name.
    #[default]
    Auto,
    /// One document per file.
    Text,
    /// One document per line, a JSON object.
    Jsonl,
    /// One document per JSON object, over any number of lines; also in a list.
    Json,
}

impl Format {
    const ALL: [(Format, &'static str); 4] = [
        (Format::Auto, "auto"),
        (Format::Text, "text"),
        (Format::Jsonl, "jsonl"),
        (Format::Json, "json"),
    ];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = Self::ALL[*self as usize];
        f.write_str(name)
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|(_, name)| *name == word);
        found
            .map(|(format, _)| format)
            .ok_or_else(|| Error::setting("--format", word, "expected auto, text, jsonl or json"))
    }
}

/// The type of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A compressed file.
    Compressed(Compression),
    /// An archive of files.
    Tar,
    /// A table with the text in one column.
    Parquet,
    /// One document.
    Text,
    /// One document per line, as JSON.
    Lines,
    /// One document per JSON object, over any number of lines.
    Values,
    /// A known format that is not read.
    Unread(Form),
    /// The name has a suffix that its bytes contradict.
    Misnamed(&'static str),
    /// Anything else, with its suffix.
    Unknown(String),
}

/// The type of a file, from its name and its first bytes ([`HEAD`]).
///
/// named: whether the user named it; then it is text if it has no other type.
pub fn kind(name: &str, head: &[u8], named: bool, format: Format) -> Kind {
    let suffix = suffix(name);
    let head = head.strip_prefix(form::BYTE_ORDER_MARK).unwrap_or(head);
    match head {
        [0x1F, 0x8B, 8, ..] => return Kind::Compressed(Compression::Gzip),
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => return Kind::Compressed(Compression::Xz),
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
            return Kind::Compressed(Compression::Zstd);
        }
        _ if form::is_tar(head) => return Kind::Tar,
        _ => {}
    }
    let form = form::recognise(head);
    let says_text = suffix == ".txt";
    let says_json = matches!(suffix.as_str(), ".jsonl" | ".ndjson" | ".jsonlines" | ".jl");
    // Text could begin with these four letters.
    let parquet = head.starts_with(b"PAR1") && (form.is_some() || !(says_text || says_json));
    match suffix.as_str() {
        _ if parquet => return Kind::Parquet,
        ".tar" => return Kind::Tar,
        ".gz" | ".tgz" => return Kind::Misnamed("gzip"),
        ".xz" | ".txz" => return Kind::Misnamed("xz"),
        ".zst" | ".zstd" | ".tzst" => return Kind::Misnamed("zstd"),
        ".parquet" => return Kind::Misnamed("Parquet"),
        _ if !named => {}
        ".bz2" if form.is_none() => return Kind::Misnamed("bzip2"),
        ".lz4" if form.is_none() => return Kind::Misnamed("lz4"),
        ".zip" if form.is_none() => return Kind::Misnamed("zip"),
        // Brotli has no magic number.
        ".br" => return Kind::Unread(BROTLI),
        _ => {}
    }
    let layout = layout(head);
    // Such a file in a directory can be anything; it is read if it has several objects.
    let vague = matches!(suffix.as_str(), ".json" | "(no suffix)")
        && (matches!(layout, Some(Layout::Lines | Layout::Values))
            || format != Format::Auto && form.is_none() && suffix == ".json");
    match (form, format) {
        _ if !(named || says_text || says_json || vague) => Kind::Unknown(suffix),
        (Some(form), _) => Kind::Unread(form),
        (None, Format::Text) => Kind::Text,
        (None, Format::Jsonl) => Kind::Lines,
        (None, Format::Json) => Kind::Values,
        (None, Format::Auto) => match layout {
            Some(Layout::Lines) => Kind::Lines,
            Some(Layout::Values | Layout::Single) => Kind::Values,
            None if says_json || suffix == ".json" => Kind::Lines,
            None => Kind::Text,
        },
    }
}

/// The suffix of a name from its last dot on, in lower case, or `(no suffix)`. A suffix is short,
/// has only letters and digits, and is not a number.
pub fn suffix(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let after = match file.rfind('.') {
        Some(dot) if dot > 0 => &file[dot + 1..],
        _ => "",
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '~');
    match after {
        "" => "(no suffix)".into(),
        _ if after.bytes().all(|byte| byte.is_ascii_digit()) => "(no suffix)".into(),
        _ if after.len() > 10 || !after.chars().all(letters) => "(no suffix)".into(),
        _ => format!(".{}", after.to_lowercase()),
    }
}

/// The name of what a compressed file holds: `a.txt.gz` holds `a.txt`, `b.tgz` holds `b.tar`.
pub fn inner_name(name: &str) -> String {
    let stem = &name[..name.rfind('.').unwrap_or(name.len())];
    match suffix(name).as_str() {
        ".gz" | ".xz" | ".zst" | ".zstd" => stem.into(),
        ".tgz" | ".txz" | ".tzst" => format!("{stem}.tar"),
        _ => name.into(),
    }
}

/// Whether an entry of a directory or an archive is hidden: `.git`, `__MACOSX/._a.txt`.
pub fn is_hidden(name: &str) -> bool {
    name.split(['/', '\\']).any(|part| part.starts_with('.') && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::archives::tar;

    fn auto(name: &str, head: &[u8], named: bool) -> Kind {
        kind(name, head, named, Format::Auto)
    }

    #[test]
    fn bytes_take_precedence_over_names() {
        let gzip = [0x1F, 0x8B, 8, 0];
        assert_eq!(auto("a.txt", &gzip, false), Kind::Compressed(Compression::Gzip));
        let archive = tar(&[("a", b"b")]);
        assert_eq!(auto("urlsf_subset00-1_data", &archive, false), Kind::Tar);
        assert_eq!(auto("a.txt", &archive, false), Kind::Tar);
        assert_eq!(auto("a.gz", b"plain", true), Kind::Misnamed("gzip"));
        assert_eq!(auto("part-0", b"PAR1\x15", false), Kind::Parquet);
        assert_eq!(auto("a.txt", b"PAR1\x15\x04\0\xFF\x80\0", false), Kind::Parquet);
        assert_eq!(auto("b.tar", &[0; HEAD], false), Kind::Tar);
        for name in ["a.txt", "a.jsonl", "a"] {
            let Kind::Unread(form) = auto(name, b"%PDF-1.4\n", true) else { panic!("{name}") };
            assert_eq!(form.name, "a PDF document");
        }
        assert_eq!(auto("a.pdf", b"%PDF-1.4\n", false), Kind::Unknown(".pdf".into()));
    }

    #[test]
    fn json_is_recognised_under_any_name_unless_a_format_is_given() {
        let (lines, list) =
            (&b"{\"text\": \"a\"}\n{\"text\": \"b\"}\n"[..], b"[{\"text\": \"a\"}]");
        let single = b"{\n  \"text\": \"a\"\n}\n";
        for name in ["a.json", "a.txt", "a.jsonl", "a.ndjson", "part-00000", "part.00000"] {
            assert_eq!(auto(name, lines, false), Kind::Lines, "{name}");
            assert_eq!(auto(name, list, false), Kind::Values, "{name}");
            assert_eq!(auto(name, single, true), Kind::Values, "{name}");
            assert_eq!(kind(name, lines, true, Format::Text), Kind::Text, "{name}");
            assert_eq!(kind(name, b"text", true, Format::Json), Kind::Values, "{name}");
        }
        // Settings beside the data are not data.
        assert_eq!(auto("dataset_infos.json", single, false), Kind::Unknown(".json".into()));
        assert_eq!(auto("a.ipynb", lines, false), Kind::Unknown(".ipynb".into()));
        assert_eq!(auto("a.json", b"no JSON", true), Kind::Lines);
        assert_eq!(auto("a.txt", b"{\\bf LaTeX}", false), Kind::Text);
    }

    #[test]
    fn a_text_may_begin_like_anything() {
        assert_eq!(auto("a.txt", b"PAR1 is a mark", false), Kind::Text);
        assert_eq!(auto("a.txt", b"BZh9", false), Kind::Text);
        assert_eq!(auto("dir.d/A.JSONL", b"{}", false), Kind::Lines);
        assert!(matches!(auto("a", b"BZh91AY&SY", true), Kind::Unread(_)));
    }

    #[test]
    fn a_named_file_is_text_and_one_found_in_a_directory_is_not() {
        assert_eq!(auto("notes.md", b"# Title", true), Kind::Text);
        assert_eq!(auto("notes.md", b"# Title", false), Kind::Unknown(".md".into()));
        assert_eq!(auto("dir.d/Makefile", b"all:", false), Kind::Unknown("(no suffix)".into()));
    }

    #[test]
    fn names_inside_and_hidden_names() {
        assert_eq!(inner_name("d.e/a.txt.gz"), "d.e/a.txt");
        assert_eq!(inner_name("b.TGZ"), "b.tar");
        assert_eq!(inner_name("plain"), "plain");
        assert!(is_hidden("a/.git/x") && is_hidden("__MACOSX/._a.txt"));
        assert!(!is_hidden("./a/../b.txt"));
    }

    #[test]
    fn a_strange_suffix_is_none() {
        assert_eq!(suffix("a.TXT"), ".txt");
        for name in ["a", ".hidden", "a.", "a.\u{1B}[31m", "a.0001", "a.x y", "Mr. Smith's letters"]
        {
            assert_eq!(suffix(name), "(no suffix)", "{name}");
        }
    }
}
