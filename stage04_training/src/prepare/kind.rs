//! What a file is: by its first bytes, and by its name.
//!
//! Bytes are believed before names, because archives are full of names that say little
//! (OpenWebText's `urlsf_subset00-1_data.xz` holds a tar archive) or something else (C4's
//! `c4-train.00000-of-01024.json.gz` holds JSON lines). Text has no first bytes of its own, so
//! there the name decides whether it is wanted.

use std::fmt;
use std::str::FromStr;

use stage01_bigram::form::{self, Form};
use stage01_bigram::{Error, Result};

use super::decode::Compression;
use super::layout::{Layout, layout};

/// How many bytes of the beginning are looked at.
pub const HEAD: usize = form::HEAD;

/// What only a name tells.
const BROTLI: Form = Form { name: "compressed with brotli", remedy: "unpack it first" };

/// How what is neither an archive nor compressed is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As its first bytes and its name say.
    #[default]
    Auto,
    /// A file is a document.
    Text,
    /// A line is a document, as a JSON object.
    Jsonl,
    /// A JSON object is a document, wherever its lines end; also in a list.
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

/// What can be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To be decompressed first.
    Compressed(Compression),
    /// An archive of files.
    Tar,
    /// A table whose column is the text.
    Parquet,
    /// One document.
    Text,
    /// A document a line, as JSON.
    Lines,
    /// Documents as JSON, wherever their lines end.
    Values,
    /// Something that is not read.
    Unread(Form),
    /// Named as a compressed file, but its bytes are something else.
    Misnamed(&'static str),
    /// Anything else; with the end of its name.
    Unknown(String),
}

/// The kind of a file, from its name and its first bytes ([`HEAD`]).
///
/// named: whether the user named it, so that it is text if it is nothing else.
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
        // Its bytes begin in no way of their own.
        ".br" => return Kind::Unread(BROTLI),
        _ => {}
    }
    let layout = layout(head);
    // Such files in a directory can be anything; several objects are documents.
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

/// The end of a name from its last dot on, in lower case, or the words `(no suffix)`: what follows
/// a dot is a suffix if it is short, made of letters and digits, and not a number alone.
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

/// Whether a directory's or an archive's entry is one that people do not see: `.git`,
/// `__MACOSX/._a.txt`.
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
    fn bytes_are_believed_before_names() {
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
    fn json_is_known_whatever_the_name_and_a_format_that_is_given_is_obeyed() {
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
        // The settings that lie beside data are not data.
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
    fn what_a_user_names_is_text_and_what_lies_about_is_not() {
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
