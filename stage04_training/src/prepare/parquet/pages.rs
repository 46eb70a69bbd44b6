//! Checks the page headers of a column before the column is read.
//!
//! A column is stored in pages, and each begins with a header in Thrift's compact protocol. It has
//! the decompressed length of the page, and the number of values of a dictionary. The crate
//! `parquet` allocates that much memory, up to terabytes; so the headers are checked first.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// The largest page that is read, in bytes. Usual pages have about a megabyte.
const LARGEST_PAGE: i64 = 128 << 20;

/// The longest header of a page, in bytes: it may contain the smallest and the largest value.
const LONGEST_HEADER: usize = 1 << 20;

/// The first problem of the pages in this range of a file, or `None`.
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
            return Ok(Some("the length of a page is invalid"));
        }
        if unpacked > LARGEST_PAGE {
            return Ok(Some("a page is larger than 128 MiB"));
        }
        // Each text is stored with its length in four bytes.
        if dictionary.is_some_and(|values| values < 0 || values > unpacked / 4) {
            return Ok(Some("the length of a dictionary is invalid"));
        }
        at += length as u64 + packed as u64;
    }
    Ok(None)
}

/// The relevant fields of the header of a page.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    /// Its length in the file, in bytes.
    packed: i64,
    /// Its decompressed length, in bytes.
    unpacked: i64,
    /// The number of values, if it is a dictionary.
    dictionary: Option<i64>,
}

/// A reader of Thrift's compact protocol. All results are `None` if the bytes end too early.
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

    /// A signed number in zigzag encoding.
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

    /// Skips a value.
    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let advance = |reader: &mut Self, length: u64| {
            reader.at = reader.at.checked_add(usize::try_from(length).ok()?)?;
            (reader.at <= reader.bytes.len()).then_some(())
        };
        match kind {
            1 | 2 => Some(()), // the kind is the value
            3 => advance(self, 1),
            4..=6 => self.number().map(|_| ()),
            7 => advance(self, 8),
            8 => {
                let length = self.unsigned()?;
                advance(self, length)
            }
            9 | 10 if depth < 8 => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.unsigned()?,
                    count => count.into(),
                };
                for _ in 0..count {
                    match head & 15 {
                        1 | 2 => advance(self, 1)?,
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

    /// A page of zeros; a dictionary if `dictionary` is the number of its values.
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
    fn invalid_page_headers_are_found() {
        let good = [page(10, 40, Some(10)), page(3, 90, None)].concat();
        assert_eq!(checked(&good), None);
        assert_eq!(checked(&good[..good.len() - 1]), Some("the length of a page is invalid"));
        assert_eq!(checked(&page(-1, 4, None)), Some("the length of a page is invalid"));
        assert_eq!(checked(&page(1, 1 << 30, None)), Some("a page is larger than 128 MiB"));
        assert_eq!(checked(&page(9, 40, Some(11))), Some("the length of a dictionary is invalid"));
        assert_eq!(checked(&[0x15]), Some("a page has no header"));
        let file = tempfile::tempfile().unwrap();
        assert_eq!(check(&file, u64::MAX, 2).unwrap(), Some("a column lies outside of it"));
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_checked(bytes: Vec<u8>) {
            checked(&bytes);
        }
    }
}
