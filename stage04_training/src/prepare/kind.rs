//! What a file is: by its first bytes, and by its name.
//!
//! Bytes are believed before names, because archives are full of names that say little
//! (OpenWebText's `urlsf_subset00-1_data.xz` holds a tar archive). Text has no first bytes of
//! its own, so there the name decides.

use super::decode::Compression;

/// How many bytes of the beginning are looked at.
pub const HEAD: usize = 512;

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
    /// A known form that is not read; with its name.
    Unread(&'static str),
    /// Named as a compressed file, but its bytes are something else.
    Misnamed(&'static str),
    /// Anything else; with the end of its name.
    Unknown(String),
}

/// The kind of a file. named: whether the user named it, so that it is text if it is nothing
/// else.
pub fn kind(name: &str, head: &[u8], named: bool) -> Kind {
    let suffix = suffix(name);
    let text = match suffix.as_str() {
        ".txt" => Some(Kind::Text),
        ".jsonl" | ".ndjson" => Some(Kind::Lines),
        _ => None,
    };
    match head {
        [0x1F, 0x8B, 8, ..] => return Kind::Compressed(Compression::Gzip),
        [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => return Kind::Compressed(Compression::Xz),
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => {
            return Kind::Compressed(Compression::Zstd);
        }
        [0x04, 0x22, 0x4D, 0x18, ..] => return Kind::Unread("lz4"),
        [b'7', b'z', 0xBC, 0xAF, ..] => return Kind::Unread("7z"),
        [b'P', b'K', 3, 4, ..] => return Kind::Unread("zip"),
        // The remaining marks could begin a text as well, which its name would tell.
        _ if text.is_some() => {}
        [b'P', b'A', b'R', b'1', ..] => return Kind::Parquet,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => return Kind::Unread("bzip2"),
        _ if head.get(257..262) == Some(b"ustar") => return Kind::Tar,
        _ => {}
    }
    match suffix.as_str() {
        ".tar" => Kind::Tar,
        ".gz" | ".tgz" => Kind::Misnamed("gzip"),
        ".xz" | ".txz" => Kind::Misnamed("xz"),
        ".zst" | ".zstd" | ".tzst" => Kind::Misnamed("zstd"),
        ".parquet" => Kind::Misnamed("Parquet"),
        _ => text.unwrap_or(if named { Kind::Text } else { Kind::Unknown(suffix) }),
    }
}

/// The end of a name from its last dot on, in lower case, or the words `(no suffix)`.
pub fn suffix(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    match file.rfind('.') {
        Some(dot) if dot > 0 => file[dot..].to_lowercase(),
        _ => "(no suffix)".into(),
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

/// Whether a folder's or an archive's entry is one that people do not see: `.git`,
/// `__MACOSX/._a.txt`.
pub fn is_hidden(name: &str) -> bool {
    name.split(['/', '\\']).any(|part| part.starts_with('.') && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_believed_before_names() {
        let gzip = [0x1F, 0x8B, 8, 0];
        assert_eq!(kind("a.txt", &gzip, false), Kind::Compressed(Compression::Gzip));
        let mut tar = vec![b'x'; HEAD];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(kind("urlsf_subset00-1_data", &tar, false), Kind::Tar);
        assert_eq!(kind("a.gz", b"plain", true), Kind::Misnamed("gzip"));
        assert_eq!(kind("part-0", b"PAR1\x15", false), Kind::Parquet);
        assert_eq!(kind("b.tar", &[0; HEAD], false), Kind::Tar);
    }

    #[test]
    fn a_text_may_begin_like_anything() {
        assert_eq!(kind("a.txt", b"PAR1 is a mark", false), Kind::Text);
        assert_eq!(kind("a.txt", b"BZh9", false), Kind::Text);
        assert_eq!(kind("dir.d/A.JSONL", b"{}", false), Kind::Lines);
        assert_eq!(kind("a", b"BZh9", true), Kind::Unread("bzip2"));
    }

    #[test]
    fn what_a_user_names_is_text_and_what_lies_about_is_not() {
        assert_eq!(kind("notes.md", b"# Title", true), Kind::Text);
        assert_eq!(kind("notes.md", b"# Title", false), Kind::Unknown(".md".into()));
        assert_eq!(kind("dir.d/Makefile", b"all:", false), Kind::Unknown("(no suffix)".into()));
    }

    #[test]
    fn names_inside_and_hidden_names() {
        assert_eq!(inner_name("d.e/a.txt.gz"), "d.e/a.txt");
        assert_eq!(inner_name("b.TGZ"), "b.tar");
        assert_eq!(inner_name("plain"), "plain");
        assert!(is_hidden("a/.git/x") && is_hidden("__MACOSX/._a.txt"));
        assert!(!is_hidden("./a/../b.txt"));
    }
}
