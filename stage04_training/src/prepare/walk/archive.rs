//! Tar archives: one file after another, each with its length in front.
//!
//! The crate `tar` parses the headers. Their values are checked here: a name or an extended header
//! is read into memory only if it is short, and memory for content grows only with the bytes that
//! are there.

use std::io::{self, BufRead, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::{Flow, Item, Visit, Walker};
use crate::prepare::fault::{Fault, Lost};
use crate::prepare::kind::is_hidden;

/// The size of a block: headers and contents are padded to whole blocks.
const BLOCK: usize = 512;

/// The longest name of a file, in bytes. Systems allow 4096.
const LONGEST_NAME: u64 = 1 << 16;

/// The longest extended header, in bytes.
const LONGEST_HEADER: u64 = 1 << 20;

/// One file of an archive, from its headers.
struct Member {
    name: String,
    size: u64,
    kind: EntryType,
    /// Whether it is a sparse file, stored without its holes: then its bytes are not its text.
    sparse: bool,
}

impl Walker<'_> {
    /// An archive: one file after another, each with its length in front.
    pub(super) fn tar(&mut self, visit: &Visit<'_>, mut source: Box<dyn BufRead + '_>) -> Flow {
        loop {
            let member = match next(&mut source) {
                Ok(Some(member)) => member,
                Ok(None) => break,
                Err(error) => {
                    return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
                }
            };
            let mut whole = Whole { source: &mut source, missing: member.size };
            self.member(visit, &member, &mut whole)?;
            let rest = whole.missing + (member.size.next_multiple_of(BLOCK as u64) - member.size);
            if let Err(error) = skip(&mut source, rest) {
                return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
            }
        }
        // Two empty blocks end an archive, and nothing but zeros may follow.
        match only_zeros(&mut source) {
            Ok(true) => Flow::Continue(()),
            Ok(false) => self.fault(Fault::new(
                &*visit.origin,
                "data follows its end",
                "the archive may have been joined to another: give them separately",
                Lost::RestOfFile,
            )),
            Err(error) => self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile)),
        }
    }

    /// Walks through one file of an archive, unless it is a link, a device, or hidden.
    fn member(&mut self, visit: &Visit<'_>, member: &Member, whole: &mut dyn Read) -> Flow {
        let Member { name, size, kind, sparse } = member;
        let file = matches!(kind, EntryType::Regular | EntryType::Continuous) || *sparse;
        let ignored = match kind {
            EntryType::Directory => return Flow::Continue(()),
            _ if !file => "(link or device)",
            // Old archives mark a directory only by this slash.
            _ if name.ends_with('/') => return Flow::Continue(()),
            _ if is_hidden(name) => "(hidden)",
            _ => "",
        };
        if !ignored.is_empty() {
            return (self.emit)(Item::Ignored(ignored.into()));
        }
        let origin = format!("{}!{name}", visit.origin);
        if *sparse {
            return self.fault(Fault::new(
                origin,
                "a file with holes (GNU tar's --sparse), which is not read",
                "pack it without --sparse",
                Lost::Document,
            ));
        }
        let inner = Visit {
            origin: origin.into(),
            name,
            named: false,
            size: Some(*size),
            depth: visit.depth + 1,
            path: None,
            window: visit.window,
        };
        self.visit(inner, Box::new(io::BufReader::with_capacity(1 << 14, whole)))
    }
}

/// The next file of an archive; its content follows in the source. `None` at the end.
fn next(source: &mut dyn Read) -> io::Result<Option<Member>> {
    let damaged = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_string());
    let cut = |text: &str| io::Error::new(io::ErrorKind::UnexpectedEof, text.to_string());
    // The extended headers of the next file.
    let (mut long_name, mut pax) = (None, None);
    loop {
        let mut header = Header::new_old();
        match fill(source, header.as_mut_bytes())? {
            0 => return Err(cut("its end is missing")),
            BLOCK => {}
            _ => return Err(cut("it ends within a header")),
        }
        let bytes = header.as_bytes();
        if bytes.iter().all(|&byte| byte == 0) {
            return match (long_name, pax) {
                (None, None) => Ok(None),
                _ => Err(damaged("a name without a file")),
            };
        }
        let others = bytes[..148].iter().chain(&bytes[156..]);
        let sum = 8 * 32 + others.map(|&byte| u32::from(byte)).sum::<u32>();
        if header.cksum().ok() != Some(sum) {
            return Err(damaged("the checksum of a header differs"));
        }
        let size = number(&header.as_old().size);
        let size = size.ok_or_else(|| damaged("the size of a file is not a number"))?;
        let kind = header.entry_type();
        let limit = match kind {
            EntryType::GNULongName | EntryType::GNULongLink => LONGEST_NAME,
            EntryType::XHeader => LONGEST_HEADER,
            EntryType::XGlobalHeader => {
                skip(source, padded(size).ok_or_else(|| damaged("a size is too large"))?)?;
                continue;
            }
            _ => return member(&header, size, long_name, pax.as_deref()).map(Some),
        };
        if size > limit {
            let text = format!("a name or extended header of {size} bytes; {limit} are the most");
            return Err(damaged(&text));
        }
        let mut content = vec![0; size as usize];
        if fill(source, &mut content)? < content.len() {
            return Err(cut("it ends within a name"));
        }
        skip(source, size.next_multiple_of(BLOCK as u64) - size)?;
        match kind {
            EntryType::GNULongName => {
                let end = content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
                content.truncate(end);
                long_name = Some(content);
            }
            EntryType::XHeader => pax = Some(content),
            _ => {}
        }
    }
}

/// A file, from its header and the extended headers before it.
fn member(
    header: &Header,
    size: u64,
    long_name: Option<Vec<u8>>,
    pax: Option<&[u8]>,
) -> io::Result<Member> {
    let damaged = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_string());
    let kind = header.entry_type();
    let mut member = Member { name: String::new(), size, kind, sparse: kind.is_gnu_sparse() };
    let mut name = long_name.unwrap_or_else(|| header.path_bytes().into_owned());
    for extension in PaxExtensions::new(pax.unwrap_or_default()).filter_map(Result::ok) {
        let value = extension.value_bytes();
        match extension.key_bytes() {
            b"path" => name = value.to_vec(),
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                member.size = size.ok_or_else(|| damaged("the size of a file is not a number"))?;
            }
            key => member.sparse |= key.starts_with(b"GNU.sparse."),
        }
    }
    if name.len() as u64 > LONGEST_NAME {
        return Err(damaged(&format!(
            "a name of {} bytes; {LONGEST_NAME} are the most",
            name.len()
        )));
    }
    padded(member.size).ok_or_else(|| damaged("the size of a file is too large"))?;
    member.name = String::from_utf8_lossy(&name).into_owned();
    Ok(member)
}

/// A number in a header: in octal, or in binary if the first bit is set.
fn number(field: &[u8; 12]) -> Option<u64> {
    match field {
        [0x80, 0, 0, 0, rest @ ..] => Some(u64::from_be_bytes(*rest)),
        [first, ..] if *first >= 0x80 => None,
        _ => {
            let mut words = field.split(|byte| matches!(byte, 0 | b' ')).filter(|w| !w.is_empty());
            let Some(octal) = words.next() else { return Some(0) };
            u64::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok()
        }
    }
}

/// A size rounded up to whole blocks; `None` on overflow.
fn padded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK as u64)
}

/// Reads until the buffer is full or the source ends; returns the number of bytes.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Skips a number of bytes.
fn skip(source: &mut dyn Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut source.take(bytes), &mut io::sink())? {
        skipped if skipped < bytes => {
            let text = format!("{} bytes are missing", bytes - skipped);
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, text))
        }
        _ => Ok(()),
    }
}

/// Reads to the end; returns whether all bytes are zero.
fn only_zeros(source: &mut dyn Read) -> io::Result<bool> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        match fill(source, &mut buffer)? {
            0 => return Ok(true),
            read if buffer[..read].iter().any(|&byte| byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

/// A file of known length: an earlier end is an error.
struct Whole<R> {
    source: R,
    missing: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.missing.min(buffer.len() as u64) as usize;
        let read = self.source.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            let text = format!("{} bytes are missing", self.missing);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.missing -= read as u64;
        Ok(read)
    }
}
