//! Reads JSON documents that are not one per line: a list of objects, or concatenated objects.
//!
//! Values are separated by counting brackets, and each is emitted as one line of JSON. Parsing
//! comes later, and finds invalid values.

use std::io::BufRead;
use std::sync::Arc;

use super::{Flow, Item, Walker};
use crate::prepare::cut::LONGEST;
use crate::prepare::fault::{Fault, Lost};

/// The value that is being read.
#[derive(Default)]
struct Cutter {
    /// Whether the values are in a list.
    list: bool,
    /// Whether a value has begun.
    inside: bool,
    /// The number of open brackets in it.
    depth: u64,
    /// Whether it is within a string.
    string: bool,
    /// Whether the next byte of the string is escaped.
    escaped: bool,
    /// Its bytes so far, on one line; at most [`LONGEST`] and one more.
    value: Vec<u8>,
}

impl Cutter {
    /// Takes the next byte; returns whether a value ends with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        let white = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        if !self.inside {
            match byte {
                b'[' if !self.list => self.list = true,
                b']' if self.list => self.list = false,
                _ => self.inside = !white && byte != b',',
            }
            if !self.inside {
                return false;
            }
        }
        let mut kept = Some(byte);
        let mut ends = false;
        if self.string {
            // A line break in a string is an error, and must remain one.
            kept = Some(if byte == b'\n' { 0 } else { byte });
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.string = false;
                    ends = self.depth == 0;
                }
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    ends = self.depth == 0;
                }
                // A number or a word ends at the next separator.
                b']' if self.list => {
                    (kept, ends) = (None, true);
                    self.list = false;
                }
                b'}' | b']' => ends = true,
                _ if self.depth == 0 && (white || byte == b',') => (kept, ends) = (None, true),
                b'\n' => kept = Some(b' '),
                _ => {}
            }
        }
        if self.value.len() <= LONGEST {
            self.value.extend(kept);
        }
        ends
    }
}

impl Walker<'_> {
    /// One document per value.
    pub(super) fn values(&mut self, origin: &Arc<str>, mut source: Box<dyn BufRead + '_>) -> Flow {
        let mut cutter = Cutter::default();
        let (mut line, mut begins) = (1, 1);
        loop {
            let bytes = match source.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => bytes,
                Err(error) => {
                    return self.fault(Fault::unreadable(&**origin, &error, Lost::RestOfFile));
                }
            };
            let length = bytes.len();
            for &byte in bytes {
                if !cutter.inside {
                    begins = line;
                }
                if cutter.ends_with(byte) {
                    self.value(origin, begins, &mut cutter)?;
                }
                line += u64::from(byte == b'\n');
            }
            source.consume(length);
        }
        if cutter.inside && cutter.depth == 0 && !cutter.string {
            self.value(origin, begins, &mut cutter)?;
        }
        let (problem, line) = match cutter {
            Cutter { inside: true, .. } => ("it ends within a JSON value", begins),
            Cutter { list: true, .. } => ("it is a JSON list without an end", line),
            _ => return Flow::Continue(()),
        };
        self.fault(Fault::new(
            format!("{origin}:{line}"),
            problem,
            "it may have been cut short: fetch the file again",
            Lost::RestOfFile,
        ))
    }

    /// Emits a complete value.
    fn value(&mut self, origin: &Arc<str>, line: u64, cutter: &mut Cutter) -> Flow {
        let mut bytes = std::mem::take(&mut cutter.value);
        cutter.inside = false;
        if bytes.len() > LONGEST {
            return self.fault(Fault::new(
                format!("{origin}:{line}"),
                format!("a JSON value of more than {LONGEST} bytes"),
                "check that each document is one JSON object",
                Lost::Document,
            ));
        }
        bytes.push(b'\n');
        (self.emit)(Item::Lines { origin: origin.clone(), line, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::kind::Format;
    use crate::prepare::walk::tests::items;
    use proptest::prelude::*;
    use std::io::{BufReader, Read};

    /// All values with their lines, and the faults.
    fn cut(json: &[u8], step: usize) -> Vec<String> {
        let source = || Box::new(BufReader::with_capacity(step, json));
        let items = items(Format::Json, |walker| walker.values(&"t".into(), source()));
        let shown = |item: &Item| match item {
            Item::Lines { line, bytes, .. } => {
                format!("{line} {}", String::from_utf8_lossy(bytes).trim_end())
            }
            Item::Fault { fault, .. } => fault.line(),
            other => panic!("{other:?}"),
        };
        items.iter().map(shown).collect()
    }

    #[test]
    fn values_are_separated_wherever_their_lines_end() {
        let json = b"[\n {\"a\": \"]}\\\"\", \"b\": [1, {}]},\n{\n\"c\":\n1}, \"text\" , 12]";
        let expected =
            ["2 {\"a\": \"]}\\\"\", \"b\": [1, {}]}", "3 { \"c\": 1}", "5 \"text\"", "5 12"];
        for step in [1, 2, 7, 100] {
            assert_eq!(cut(json, step), expected, "{step}");
        }
        assert_eq!(cut(b"{}{}\n\n {\"a\":1}", 9), ["1 {}", "1 {}", "3 {\"a\":1}"]);
        assert_eq!(cut(b"[]", 9), [""; 0]);
        assert_eq!(
            cut(b"[{\"a\": 1}, {\"b\"", 9),
            ["1 {\"a\": 1}", "t:1: it ends within a JSON value"]
        );
        assert_eq!(cut(b"[{}\n", 9), ["1 {}", "t:2: it is a JSON list without an end"]);
    }

    #[test]
    fn an_endless_value_takes_little_memory() {
        let endless = std::io::repeat(b'x').take(3 * LONGEST as u64);
        let source = b"[\"".chain(endless).chain(&b"\", {}]"[..]);
        let items = items(Format::Json, |walker| {
            walker.values(&"t".into(), Box::new(BufReader::new(source)))
        });
        assert!(matches!(&items[0], Item::Fault { fault, .. } if fault.place == "t:1"));
        assert!(matches!(&items[1], Item::Lines { bytes, .. } if bytes == b"{}\n"));
        assert_eq!(items.len(), 2);
    }

    proptest! {
        #[test]
        fn a_list_and_lines_give_the_same_documents(texts in prop::collection::vec(".{0,20}", 0..9), step in 1usize..40) {
            let rows: Vec<_> = texts.iter().map(|t| serde_json::json!({ "text": t, "n": [1, {}] })).collect();
            let parsed = |json: &[u8]| -> Vec<serde_json::Value> {
                let value = |line: &String| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
                cut(json, step).iter().map(value).collect()
            };
            prop_assert_eq!(&parsed(serde_json::to_string(&rows).unwrap().as_bytes()), &rows);
            prop_assert_eq!(&parsed(serde_json::to_string_pretty(&rows).unwrap().as_bytes()), &rows);
            let pretty: String = rows.iter().map(|r| serde_json::to_string_pretty(r).unwrap()).collect();
            prop_assert_eq!(&parsed(pretty.as_bytes()), &rows);
        }
    }
}
