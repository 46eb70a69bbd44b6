//! What the pages of a column say of themselves, checked before they are read.
//!
//! A column is stored in pages, and each begins with a header in Thrift's compact form. It says how
//! long the page is once it is unpacked, and how many values a dictionary has. The crate `parquet`
//! asks for that much memory, up to terabytes; so the headers are looked at first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The largest page that is read, in bytes. Writers make them of about a megabyte.
const LARGEST_PAGE: i64 = 128 << 20;

/// The longest header of a page, in bytes: it may hold the smallest and the largest value.
const LONGEST_HEADER: usize = 1 << 20;

/// What is wrong with the pages in this part of a file; `None` where nothing is.
///
/// # Errors
/// When the file cannot be read.
pub fn check(mut file: &File, start: u64, length: u64) -> io::Result<Option<&'static str>> {
    let (mut at, end) = match start.checked_add(length) {
        Some(end) if end <= file.metadata()?.len() => (start, end),
        _ => return Ok(Some("a column lies outside of it")),
    };
    let mut head = Vec::new();
    while at < end {
        let mut wanted = 1 << 10;
        let (header, length) = loop {
            head.clear();
            file.seek(SeekFrom::Start(at))?;
            file.take((end - at).min(wanted as u64)).read_to_end(&mut head)?;
            let reader = Reader { bytes: &head, at: 0 };
            match reader.header() {
                Some(found) => break found,
                None if head.len() == wanted && wanted < LONGEST_HEADER => wanted *= 8,
                None => return Ok(Some("a page has no header")),
            }
        };
        let Header { packed, unpacked, dictionary } = header;
        let rest = end - at - length as u64;
        if packed < 0 || packed as u64 > rest || unpacked < 0 {
            return Ok(Some("the length of a page cannot be"));
        }
        if unpacked > LARGEST_PAGE {
            return Ok(Some("a page is larger than 128 MiB"));
        }
        // Each text is stored with its length in four bytes.
        if dictionary.is_some_and(|values| values < 0 || values > unpacked / 4) {
            return Ok(Some("the length of a dictionary cannot be"));
        }
        at += length as u64 + packed as u64;
    }
    Ok(None)
}

/// What is of interest in the header of a page.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    /// Its length in the file, and once unpacked, in bytes.
    packed: i64,
    unpacked: i64,
    /// How many values it has, if it is a dictionary.
    dictionary: Option<i64>,
}

/// Reads Thrift's compact form. Everything is `None` where the bytes end too early.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    /// The header of a page, and its length.
    fn header(mut self) -> Option<(Header, usize)> {
        let mut header = Header::default();
        let mut last = 0;
        while let Some((field, kind)) = self.field(&mut last)? {
            match (field, kind) {
                (2, 5) => header.unpacked = self.number()?,
                (3, 5) => header.packed = self.number()?,
                (7, 12) => {
                    let mut last = 0;
                    let mut values = 0;
                    while let Some((field, kind)) = self.field(&mut last)? {
                        match (field, kind) {
                            (1, 5) => values = self.number()?,
                            _ => self.skip(kind, 0)?,
                        }
                    }
                    header.dictionary = Some(values);
                }
                _ => self.skip(kind, 0)?,
            }
        }
        Some((header, self.at))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Seven bits per byte, the lowest ones first.
    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number with a sign, which is its lowest bit.
    fn number(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The number of the next field and the kind of its value; an inner `None` at the end of the
    /// structure.
    fn field(&mut self, last: &mut i64) -> Option<Option<(i64, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *last = match byte >> 4 {
            0 => self.number()?,
            more => last.wrapping_add(i64::from(more)),
        };
        Some(Some((*last, byte & 15)))
    }

    /// Passes over a value.
    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let pass = |reader: &mut Self, length: u64| {
            reader.at = reader.at.checked_add(usize::try_from(length).ok()?)?;
            (reader.at <= reader.bytes.len()).then_some(())
        };
        match kind {
            1 | 2 => Some(()), // the kind is the value
            3 => pass(self, 1),
            4..=6 => self.number().map(|_| ()),
            7 => pass(self, 8),
            8 => {
                let length = self.unsigned()?;
                pass(self, length)
            }
            9 | 10 if depth < 8 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.unsigned()?,
                    count => count.into(),
                };
                for _ in 0..count {
                    match head & 15 {
                        1 | 2 => pass(self, 1)?,
                        kind => self.skip(kind, depth + 1)?,
                    }
                }
                Some(())
            }
            12 if depth < 8 => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    /// A page: a dictionary of so many values if there is a number; its content is zeros.
    fn page(packed: i64, unpacked: i64, dictionary: Option<i64>) -> Vec<u8> {
        fn put(bytes: &mut Vec<u8>, number: i64) {
            let mut number = (number << 1 ^ number >> 63) as u64;
            while number >= 0x80 {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
        }
        let mut bytes = vec![0x15];
        put(&mut bytes, 2);
        bytes.push(0x15);
        put(&mut bytes, unpacked);
        bytes.push(0x15);
        put(&mut bytes, packed);
        if let Some(values) = dictionary {
            bytes.extend([0x4C, 0x15]);
            put(&mut bytes, values);
            bytes.extend([0x15, 0, 0]);
        }
        bytes.push(0);
        bytes.extend(vec![0; packed.clamp(0, 100) as usize]);
        bytes
    }

    fn checked(bytes: &[u8]) -> Option<&'static str> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        check(&file, 0, bytes.len() as u64).unwrap()
    }

    #[test]
    fn pages_that_say_what_cannot_be_are_found() {
        let good = [page(10, 40, Some(10)), page(3, 90, None)].concat();
        assert_eq!(checked(&good), None);
        assert_eq!(checked(&good[..good.len() - 1]), Some("the length of a page cannot be"));
        assert_eq!(checked(&page(-1, 4, None)), Some("the length of a page cannot be"));
        assert_eq!(checked(&page(1, 1 << 30, None)), Some("a page is larger than 128 MiB"));
        assert_eq!(checked(&page(9, 40, Some(11))), Some("the length of a dictionary cannot be"));
        assert_eq!(checked(&[0x15]), Some("a page has no header"));
        let file = tempfile::tempfile().unwrap();
        assert_eq!(check(&file, u64::MAX, 2).unwrap(), Some("a column lies outside of it"));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(bytes: Vec<u8>) {
            checked(&bytes);
        }
    }
}
