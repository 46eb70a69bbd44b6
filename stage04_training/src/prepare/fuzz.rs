//! The readers without the rest of the program, for fuzzing: they read any bytes as a file.
//!
//! A fuzz target can call [`documents`]. The program does not use this module.

use std::ops::ControlFlow;
use std::path::Path;

use stage01_bigram::tokenizer::END_OF_TEXT;

use super::fault::Fault;
use super::kind::Format;
use super::split::{SplitAssignment, SplitRule};
use super::texts::{Digest, Note, Text, Texts};
use super::walk::{Flow, Item, Walker};

/// The content of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its documents, as far as they could be read.
    pub documents: Vec<String>,
    /// The faults, each in one line.
    pub faults: Vec<String>,
    /// The number of files of unknown type and of empty or unsampled documents.
    pub passed_over: u64,
    /// Whether the limit was exceeded.
    pub more: bool,
}

/// All documents of a file that is in memory, up to `most` bytes of text or `most` faults.
///
/// hand_out: whether compressed files go through a second walker, as in the program.
pub fn documents(name: &str, bytes: &[u8], most: usize, hand_out: bool) -> Found {
    read(name, bytes, most, Format::Auto, hand_out, "text")
}

/// [`documents`], with a format and the name of a field.
pub fn read(
    name: &str,
    bytes: &[u8],
    most: usize,
    format: Format,
    hand_out: bool,
    field: &str,
) -> Found {
    walk(most, format, hand_out, field, &mut |walker| {
        walker.bytes("file".into(), name, true, bytes)
    })
}

/// [`documents`] of a file on the disk, the only way to read Parquet.
pub fn file(path: &Path, most: usize) -> Found {
    let bytes = std::fs::read(path).expect("a file that can be read");
    walk(most, Format::Auto, true, "text", &mut |walker| {
        walker.file(path, Box::new(&bytes[..]), bytes.len() as u64, true)
    })
}

fn walk(
    most: usize,
    format: Format,
    hand_out: bool,
    field: &str,
    begin: &mut dyn FnMut(&mut Walker<'_>) -> Flow,
) -> Found {
    let (rule, marker) = (SplitRule { sample: 1.0, validation: 0.0 }, Some(END_OF_TEXT));
    let mut found = Found::default();
    let mut send = |chunk: Found| {
        found.add(chunk);
        let held: usize = found.documents.iter().map(String::len).sum();
        found.more = held > most || found.faults.len() > most;
        if found.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let collector = Collector::default();
    let mut texts = Texts { digest: collector, field, format, marker, rule, send: &mut send };
    let mut emit = |item: Item| -> Flow { texts.item(item) };
    let _ = begin(&mut Walker { emit: &mut emit, marker, rule, format, hand_out });
    let rest = texts.digest.rest();
    let _ = send(rest);
    found
}

impl Found {
    fn add(&mut self, chunk: Found) {
        self.documents.extend(chunk.documents);
        self.faults.extend(chunk.faults);
        self.passed_over += chunk.passed_over;
    }
}

/// Collects texts.
#[derive(Default)]
struct Collector {
    found: Found,
    open: String,
}

impl Digest for Collector {
    type Chunk = Found;

    fn text(&mut self, text: Text<'_>) -> Result<(), Fault> {
        self.open.push_str(text.text);
        if text.last {
            self.end(text.assignment);
        }
        Ok(())
    }

    fn end(&mut self, _: SplitAssignment) {
        self.found.documents.push(std::mem::take(&mut self.open));
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Fault(fault) => self.found.faults.push(fault.line()),
            Note::Marker(_) => {}
            Note::Ignored(_) | Note::Empty | Note::NotSampled => self.found.passed_over += 1,
        }
    }

    fn full(&mut self) -> Option<Found> {
        // A document without an end is counted, too.
        if self.open.len() > 1 << 22 {
            self.end(SplitAssignment::Train);
        }
        Some(std::mem::take(&mut self.found))
    }

    fn rest(&mut self) -> Found {
        if !self.open.is_empty() {
            self.end(SplitAssignment::Train);
        }
        std::mem::take(&mut self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::archives::{gzip, tar, xz, zstd};
    use proptest::prelude::*;

    const MOST: usize = 1 << 20;

    fn lines(texts: &[String]) -> Vec<u8> {
        texts
            .iter()
            .map(|text| format!("{}\n", serde_json::json!({ "text": text })))
            .collect::<String>()
            .into()
    }

    /// A small file of each type, some nested.
    fn files() -> Vec<(&'static str, Vec<u8>)> {
        let texts: Vec<String> = (0..9).map(|n| format!("text {n} été \"語\"\n")).collect();
        let lines = lines(&texts);
        let list =
            serde_json::to_vec_pretty(&[serde_json::json!({"text": "a", "n": [{}]})]).unwrap();
        let archive = tar(&[
            ("a.txt", b"one"),
            (&"long/".repeat(40), b""),
            ("b.jsonl.gz", &gzip(&lines)),
            (&format!("{}.txt", "n".repeat(200)), b"two"),
            ("c.tar", &tar(&[("d.txt", b"three")])),
        ]);
        vec![
            ("a.jsonl", lines.clone()),
            ("a.json", list),
            ("a.txt", texts.concat().into_bytes()),
            ("a.gz", [gzip(&lines), gzip(b"\n"), vec![0; 9]].concat()),
            ("a.xz", xz(&lines)),
            ("a.zst", [zstd(&lines), zstd(&lines)].concat()),
            ("a.tar", archive.clone()),
            ("a.tgz", gzip(&archive)),
            ("a.tar.zst", zstd(&archive)),
        ]
    }

    /// One change to some bytes.
    #[derive(Clone, Debug)]
    enum Change {
        Set(usize, u8),
        Cut(usize),
        Remove(usize, usize),
        Repeat(usize, usize),
        Insert(usize, Vec<u8>),
        /// Other bytes in the header of an archive, with a matching checksum.
        Header(usize, usize, Vec<u8>),
    }

    fn change() -> impl Strategy<Value = Change> {
        let place = || any::<usize>();
        let snippets = prop::sample::select(vec![
            &b"{"[..],
            b"}",
            b"[",
            b"]",
            b"\"",
            b"\\",
            b"\n",
            b"\0",
            b"\xFF\xFF\xFF\xFF",
            b"\xEF\xBB\xBF",
            b"\x28\xB5\x2F\xFD\x04\xA8",
            b"\x1F\x8B\x08\0",
            b"{\"text\": ",
            b"\\ud800",
            b"77777777777\0",
        ]);
        let numbers = prop::sample::select(vec![
            &b"77777777777\0"[..],
            b"\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            b"\xFF\0\0\0",
            b"L",
            b"K",
            b"x",
            b"g",
            b"S",
            b"0",
            b"00000004000\0",
            b"\x80\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ]);
        prop_oneof![
            (place(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
            place().prop_map(Change::Cut),
            (place(), 1usize..600).prop_map(|(at, n)| Change::Remove(at, n)),
            (place(), 1usize..600).prop_map(|(at, n)| Change::Repeat(at, n)),
            (place(), snippets).prop_map(|(at, snippet)| Change::Insert(at, snippet.to_vec())),
            (
                place(),
                prop::sample::select(vec![0usize, 100, 124, 156, 345, 386, 482, 483]),
                numbers
            )
                .prop_map(|(at, field, bytes)| Change::Header(
                    at,
                    field,
                    bytes.to_vec()
                )),
        ]
    }

    fn apply(bytes: &mut Vec<u8>, change: Change) {
        let length = bytes.len().max(1);
        match change {
            Change::Set(at, byte) => {
                if let Some(place) = bytes.get_mut(at % length) {
                    *place = byte;
                }
            }
            Change::Cut(at) => bytes.truncate(at % length),
            Change::Remove(at, n) => {
                let at = (at % length).min(bytes.len());
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Change::Repeat(at, n) => {
                let at = (at % length).min(bytes.len());
                let copy = bytes[at..(at + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
            Change::Insert(at, snippet) => {
                let at = (at % length).min(bytes.len());
                bytes.splice(at..at, snippet);
            }
            Change::Header(at, field, content) => {
                let begin = at % length / 512 * 512;
                if begin + 512 <= bytes.len() {
                    let header = &mut bytes[begin..begin + 512];
                    let end = (field + content.len()).min(512);
                    header[field..end].copy_from_slice(&content[..end - field]);
                    header[148..156].fill(b' ');
                    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
                    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
                }
            }
        }
    }

    /// Properties of any bytes: the output is bounded, and the same wherever they are decompressed.
    fn check(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
        let found = documents(name, bytes, MOST, false);
        let held: usize = found.documents.iter().map(String::len).sum();
        prop_assert!(held <= MOST + (16 << 20), "{}", held);
        prop_assert!(found.faults.iter().all(|line| line.len() < 10_000 && !line.contains('\n')));
        if !found.more {
            let other = documents(name, bytes, MOST, true);
            prop_assert_eq!(&found.documents, &other.documents);
            prop_assert_eq!(found.faults.len(), other.faults.len());
            prop_assert_eq!(found.passed_over, other.passed_over);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn any_change_of_a_file_is_handled(
            file in prop::sample::select(files()), changes in prop::collection::vec(change(), 1..4),
        ) {
            let (name, mut bytes) = file;
            changes.into_iter().for_each(|change| apply(&mut bytes, change));
            check(name, &bytes)?;
            check("a.txt.gz", &gzip(&bytes))?;
        }

        #[test]
        fn any_bytes_of_any_name_can_be_read(
            bytes: Vec<u8>,
            name in prop::sample::select(&["a", "a.txt", "a.jsonl", "a.json", "a.tar", "a.gz", "a.xz", "a.zst"]),
        ) {
            check(name, &bytes)?;
            for format in [Format::Text, Format::Jsonl, Format::Json] {
                read(name, &bytes, MOST, format, true, "a.b.c");
            }
        }

        #[test]
        fn the_same_documents_come_out_of_every_form(
            texts in prop::collection::vec("[a-z é語\n\"]{1,50}", 1..20),
        ) {
            let lines = lines(&texts);
            let rows: Vec<_> = texts.iter().map(|text| serde_json::json!({ "n": 1, "text": text })).collect();
            let list = serde_json::to_vec(&rows).unwrap();
            let pretty = serde_json::to_vec_pretty(&rows).unwrap();
            let bom = [&b"\xEF\xBB\xBF"[..], &lines].concat();
            let crlf = String::from_utf8(lines.clone()).unwrap().replace("}\n", "}\r\n\r\n");
            for (name, bytes) in [
                ("a.jsonl", lines.clone()),
                ("a.json", lines.clone()),
                ("a.txt", lines.clone()),
                ("a", bom.clone()),
                ("a.ndjson", crlf.into_bytes()),
                ("a.json", list.clone()),
                ("a.jsonl", pretty.clone()),
                ("a.json.gz", gzip(&lines)),
                ("a.txt", gzip(&zstd(&bom))),
                ("a.gz", zstd(&pretty)),
                ("a.tar", tar(&[("b", &lines)])),
                ("a.gz", gzip(&tar(&[("b.json", &list)]))),
                ("a.jsonl", xz(&lines[..lines.len() - 1])),
            ] {
                for hand_out in [false, true] {
                    let found = documents(name, &bytes, MOST, hand_out);
                    let expected = Found { documents: texts.clone(), ..Found::default() };
                    prop_assert_eq!(&found, &expected, "{} {}", name, hand_out);
                }
            }
        }
    }

    #[test]
    fn unusual_json_is_read_or_is_a_fault() {
        let bytes = b"{\"text\": \"nul\\u0000 \\r\\n\"}\r\n\n  \n{\"text\": 3}\n{\"text\": \"\\ud800\"}\n\
            {\"text\": \"a\", \"text\": \"b\", \"score\": NaN}\n{\"text\": \"a\", \"text\": \"b\"}\n{\"text\": \"\xE9\"}\n{\"text\": \"last\"}";
        let found = documents("a.json", bytes, MOST, true);
        assert_eq!(found.documents, ["nul\0 \r\n", "b", "last"]);
        let places: Vec<&str> =
            found.faults.iter().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["file:4", "file:5", "file:6", "file:8"]);
        assert!(found.faults[0].contains("is a number") && found.faults[3].contains("0xE9"));
    }

    #[test]
    fn a_byte_order_mark_is_not_text() {
        let found = documents("a.txt", b"\xEF\xBB\xBFtext", MOST, true);
        assert_eq!(found.documents, ["text"]);
        let found = documents("a.txt", b"\xEF\xBB\xBF", MOST, true);
        assert_eq!(found.faults, ["file: the file is empty"]);
    }

    #[test]
    fn names_and_sizes_in_archives_are_checked() {
        // The header of a member and what follows.
        let header = |kind: u8, size: &[u8], after: &[u8]| {
            let mut header = tar(&[("a.txt", b"")])[..512].to_vec();
            header[156] = kind;
            header[124..124 + size.len()].copy_from_slice(size);
            header.extend(after);
            apply(&mut header, Change::Header(0, 500, Vec::new()));
            header
        };
        let huge = b"\x80\0\0\0\0\0\0\x01\x80\0\0\0"; // 6 GiB
        for kind in *b"LKx" {
            let found = documents("a.tar", &header(kind, huge, &[b'n'; 2048]), MOST, true);
            assert!(
                found.faults[0].contains("a name or extended header of 6442450944 bytes"),
                "{found:?}"
            );
        }
        let wrap = b"\x80\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        let found = documents("a.tar", &header(b'0', wrap, b"text"), MOST, true);
        assert!(found.faults[0].contains("too large"), "{found:?}");
        let found = documents("a.tar", &header(b'0', b"\xFF\xFF", b"text"), MOST, true);
        assert!(found.faults[0].contains("is not a number"), "{found:?}");
        let found = documents("a.tar", &header(b'S', b"00000000000\0", &[0; 1024]), MOST, true);
        assert!(found.faults[0].contains("a file with holes"), "{found:?}");
        let name = tar(&[("evil\u{1b}[31m\n.txt", b"caf\xE9 au lait")]);
        let found = documents("a.tar", &name, MOST, true);
        assert!(
            found.faults[0].starts_with("file!evil\\u{1b}[31m\\n.txt:1: not UTF-8"),
            "{found:?}"
        );
    }
}
