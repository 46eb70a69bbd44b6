//! File formats other than UTF-8 text, recognised by their first bytes.
//!
//! A name proves nothing: a PDF can be called `a.txt`. Most formats begin with magic bytes, and the
//! readers of text check for them, so that an error can say what the file is and what to do with
//! it, instead of the position of a byte.
//!
//! ```
//! use stage01_bigram::form::recognise;
//! let form = recognise(b"%PDF-1.7").unwrap();
//! assert_eq!(form.name, "a PDF document");
//! assert!(form.remedy.contains("pdftotext"));
//! assert_eq!(recognise("In the beginning".as_bytes()), None);
//! ```
//!
//! What this file leaves out: reading any of these formats.

use std::fmt;
use std::str::Utf8Error;

/// Number of bytes at the beginning of a file that are enough for [`recognise`].
pub const HEAD: usize = 4096;

/// The three bytes that some editors put before UTF-8 text. They are not part of the text.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A format that is not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// What it is, with its article: `a PDF document`.
    pub name: &'static str,
    /// What the user can do.
    pub remedy: &'static str,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// For formats that stage 4 reads.
const PREPARE: &str =
    "unpack it first, or give it to `prepare` of stage 4, which reads it as it is";
const UNPACK: &str = "unpack it first";
const EXPORT: &str = "export its text first, as plain text or as JSON lines";
const NO_TEXT: &str = "expected text; take the file away";

/// The condition under which the first bytes of a file show its format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Always: no text begins so.
    Always,
    /// Only where the bytes after them are not text: a text could begin so, too.
    Binary,
}

use When::{Always, Binary};

/// The first bytes of formats: the condition, the name of the format, the remedy.
#[rustfmt::skip]
const MAGIC: &[(&[u8], When, &str, &str)] = &[
    (b"\x1F\x8B\x08", Always, "compressed with gzip", PREPARE),
    (b"\xFD7zXZ\0", Always, "compressed with xz", PREPARE),
    (b"\x28\xB5\x2F\xFD", Always, "compressed with zstd", PREPARE),
    (b"\x04\x22\x4D\x18", Always, "compressed with lz4", UNPACK),
    (b"\x1F\x9D", Always, "compressed with compress", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", Always, "a 7z archive", UNPACK),
    (b"PK\x03\x04", Always, "a zip archive, or a document of Word or LibreOffice", "unpack it, or save it as plain text"),
    (b"PK\x05\x06", Always, "an empty zip archive", NO_TEXT),
    (b"Rar!\x1A\x07", Always, "a rar archive", UNPACK),
    (b"\xFF\xFE\0\0", Always, "UTF-32 text", "convert it with `iconv -f UTF-32 -t UTF-8`"),
    (b"\0\0\xFE\xFF", Always, "UTF-32 text", "convert it with `iconv -f UTF-32 -t UTF-8`"),
    (b"\xFF\xFE", Always, "UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xFE\xFF", Always, "UTF-16 text", "convert it with `iconv -f UTF-16 -t UTF-8`"),
    (b"\x89PNG\r\n\x1A\n", Always, "a PNG picture", NO_TEXT),
    (b"\xFF\xD8\xFF", Always, "a JPEG picture", NO_TEXT),
    (b"\x7FELF", Always, "a program (ELF)", NO_TEXT),
    (b"\xFE\xED\xFA\xCE", Always, "a program (Mach-O)", NO_TEXT),
    (b"\xCF\xFA\xED\xFE", Always, "a program (Mach-O)", NO_TEXT),
    (b"\xCA\xFE\xBA\xBE", Always, "a program (Java or Mach-O)", NO_TEXT),
    (b"\0asm", Always, "a program (WebAssembly)", NO_TEXT),
    (b"SQLite format 3\0", Always, "an SQLite database", EXPORT),
    (b"\x93NUMPY", Always, "an array of NumPy", EXPORT),
    (b"\x89HDF\r\n\x1A\n", Always, "an HDF5 file", EXPORT),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Always, "an old document of Word or Excel", "save it as plain text"),
    (b"ARROW1\0\0", Always, "an Arrow file", EXPORT),
    (b"\xFF\xFF\xFF\xFF\0", Always, "an Arrow stream", EXPORT),
    (b"Obj\x01", Always, "an Avro file", EXPORT),
    (b"{\\rtf1", Always, "an RTF document", "save it as plain text"),
    (b"PAR1", Binary, "a Parquet file", "give it to `prepare` of stage 4, built with `--features parquet`"),
    (b"GIF8", Binary, "a GIF picture", NO_TEXT),
    (b"RIFF", Binary, "a sound, a film or a picture (RIFF)", NO_TEXT),
    (b"OggS", Binary, "a sound (Ogg)", NO_TEXT),
    (b"ID3", Binary, "a sound (MP3)", NO_TEXT),
    (b"fLaC", Binary, "a sound (FLAC)", NO_TEXT),
    (b"MZ", Binary, "a program (Windows)", NO_TEXT),
    (b"BM", Binary, "a BMP picture", NO_TEXT),
    (b"II*\0", Binary, "a TIFF picture", NO_TEXT),
    (b"MM\0*", Binary, "a TIFF picture", NO_TEXT),
    (b"FEA1", Binary, "a Feather file", EXPORT),
    (b"ORC", Binary, "an ORC file", EXPORT),
    (b"GGUF", Binary, "a model (GGUF)", NO_TEXT),
];

/// What the file is, if its first bytes (up to [`HEAD`]) show that it is not UTF-8 text. Text in an
/// older encoding is not recognised: its first invalid byte may come late ([`not_utf8`]).
pub fn recognise(head: &[u8]) -> Option<Form> {
    let form = |name, remedy| Some(Form { name, remedy });
    let found = |when| {
        let mut rows = MAGIC.iter().filter(|row| row.1 == when);
        let row = rows.find(|(magic, ..)| head.starts_with(magic));
        row.map(|&(_, _, name, remedy)| Form { name, remedy })
    };
    if let Some(form) = found(Always) {
        return Some(form);
    }
    match head {
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => {
            return form("compressed with bzip2", UNPACK);
        }
        [b'%', b'P', b'D', b'F', b'-', b'0'..=b'9', b'.', ..] => {
            return form("a PDF document", "extract its text first, for example with `pdftotext`");
        }
        [b'%', b'!', b'P', b'S', b'-', b'A', ..] => {
            return form("a PostScript document", "extract its text first");
        }
        [0x5D, 0, 0, _, _, ..] => return form("compressed with lzma", UNPACK),
        [0x80, 2..=5, ..] => return form("a pickle of Python", EXPORT),
        _ => {}
    }
    if is_tar(head) {
        return form("a tar archive", PREPARE);
    }
    if !is_binary(head) {
        return None;
    }
    if let Some(form) = found(Binary) {
        return Some(form);
    }
    match head {
        // The length of the header, and then the header in JSON.
        [_, _, _, _, 0, 0, 0, 0, b'{', b'"', ..] => form("weights (safetensors)", NO_TEXT),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => form("a film or a sound (MP4)", NO_TEXT),
        _ => match zeros(head) {
            (even, odd) if odd > 2 * even => {
                form("UTF-16 text, it seems", "convert it with `iconv -f UTF-16LE -t UTF-8`")
            }
            (even, odd) if even > 2 * odd => {
                form("UTF-16 text, it seems", "convert it with `iconv -f UTF-16BE -t UTF-8`")
            }
            _ => form("binary data", NO_TEXT),
        },
    }
}

/// Whether these bytes begin a tar archive: the header carries a checksum of itself.
pub fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let digits = header[148..156].split(|byte| matches!(byte, 0 | b' ')).find(|d| !d.is_empty());
    let given = digits.and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(given) = given.and_then(|digits| u32::from_str_radix(digits, 8).ok()) else {
        return false;
    };
    // The bytes of the checksum itself count as eight spaces.
    let others = header[..148].iter().chain(&header[156..]);
    header[0] != 0 && given == 8 * 32 + others.map(|&byte| u32::from(byte)).sum::<u32>()
}

/// Whether bytes cannot be text: a zero among bytes that are not UTF-8, or many control
/// characters.
fn is_binary(head: &[u8]) -> bool {
    let control = |&&byte: &&u8| byte < 32 && !matches!(byte, b'\t'..=b'\r' | 0x1B) || byte == 0x7F;
    let controls = head.iter().filter(control).count();
    let broken = match std::str::from_utf8(head) {
        Ok(_) => false,
        // A character that is cut at the end of the head is not an error of the file.
        Err(error) => error.error_len().is_some(),
    };
    controls * 10 > head.len() || broken && head.contains(&0)
}

/// The number of zero bytes at even and at odd positions, if they are at least a quarter of all: so
/// it is in UTF-16, where one of the two bytes of most letters is zero.
fn zeros(head: &[u8]) -> (usize, usize) {
    let count = |first| head.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (count(0), count(1));
    let letters = |first| {
        let others = head.iter().skip(first).step_by(2);
        others.filter(|byte| matches!(byte, b'\t'..=b'\r' | 32..=126)).count()
    };
    let enough =
        |zeros: usize, others: usize| zeros * 4 >= head.len() && letters(others) * 4 >= head.len();
    if enough(odd, 0) || enough(even, 1) { (even, odd) } else { (0, 0) }
}

/// What is wrong with bytes that are not UTF-8, and what to do.
///
/// error: where they stop being UTF-8.
pub fn not_utf8(bytes: &[u8], error: &Utf8Error) -> (String, String) {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    match error.error_len() {
        None => (
            format!("not UTF-8 text: it ends within a character that begins with 0x{byte:02X}"),
            "fetch the file again if it was cut short; if it is older text, try \
             `iconv -f WINDOWS-1252 -t UTF-8`"
                .into(),
        ),
        Some(_) => (
            format!("not UTF-8 text: found the byte 0x{byte:02X}"),
            // ISO 8859-1 has control characters where Windows has letters and quotes.
            "convert it to UTF-8 first; if it is from Western Europe or old Windows, probably with \
             `iconv -f WINDOWS-1252 -t UTF-8`"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(head: &[u8]) -> Option<&'static str> {
        recognise(head).map(|form| form.name)
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for (head, expected) in [
            (&b"%PDF-1.7\n%\xE2\xE3"[..], "a PDF document"),
            (b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "a PNG picture"),
            (b"\x7FELF\x02\x01\x01", "a program (ELF)"),
            (b"SQLite format 3\0\x10", "an SQLite database"),
            (b"PK\x03\x04\x14", "a zip archive, or a document of Word or LibreOffice"),
            (b"\x80\x04\x95\0\0", "a pickle of Python"),
            (b"\x93NUMPY\x01\0", "an array of NumPy"),
            (b"ARROW1\0\0\xFF", "an Arrow file"),
            (b"\x89HDF\r\n\x1A\n\0", "an HDF5 file"),
            (b"PAR1\x15\x04\x15\x10\0\0\x80\xFF", "a Parquet file"),
            (b"BZh91AY&SY\x12", "compressed with bzip2"),
            (b"\xFF\xFEh\0i\0", "UTF-16 text"),
            (b"\xFF\xFE\0\0h\0\0\0", "UTF-32 text"),
            (b"t\0h\0i\0s\0 \0t\0e\0x\0t\0", "UTF-16 text, it seems"),
            (b"\0t\0h\0i\0s\0 \0t\0e\0x\0t", "UTF-16 text, it seems"),
            (b"\x10\0\0\0\0\0\0\0{\"a\":\xFF\0\0\0", "weights (safetensors)"),
            (b"\x01\x02\x03\xFF\0\x9A\0\x05", "binary data"),
        ] {
            assert_eq!(name(head), Some(expected), "{head:?}");
        }
    }

    #[test]
    fn a_text_may_begin_like_a_format() {
        for text in [
            "PAR1 is a mark",
            "MZ and BM",
            "GIF89a pictures",
            "ID3 tags",
            "ORCs",
            "BZh9",
            "% PDF-1.4",
            "RIFF raff",
            "nul\0 in a long enough text",
            "\u{1B}[31mred\u{1B}[0m text",
            "語語語",
            "",
            "{",
        ] {
            assert_eq!(name(text.as_bytes()), None, "{text}");
        }
        // A character that the end of the head cuts.
        assert_eq!(name(&"語".repeat(2000).as_bytes()[..HEAD]), None);
        assert_eq!(name(b"caf\xE9 latin"), None);
    }

    #[test]
    fn an_archive_is_known_by_its_checksum() {
        let mut header = [0; 512];
        header[..5].copy_from_slice(b"a.txt");
        header[124..135].copy_from_slice(b"00000000003");
        let sum = 8 * 32 + header.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        assert!(is_tar(&header));
        header[0] = b'b';
        assert!(!is_tar(&header) && !is_tar(&[0; 512]) && !is_tar(&[b'x'; 512]));
    }

    proptest! {
        #[test]
        fn no_printable_text_is_taken_for_a_format(text in "[ -$&-~\n語é]{0,300}") {
            prop_assume!(!text.starts_with("{\\rtf1"));
            prop_assert_eq!(recognise(text.as_bytes()), None);
        }

        #[test]
        fn any_bytes_can_be_examined(bytes: Vec<u8>) {
            recognise(&bytes);
        }
    }
}
