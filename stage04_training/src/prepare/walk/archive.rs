//! Tar archives: one file after another, each with its length in front.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use super::{Flow, Item, Visit, Walker};
use crate::prepare::fault::{Fault, Lost};
use crate::prepare::kind::is_hidden;

impl Walker<'_> {
    /// An archive: one file after another, each with its length in front.
    pub(super) fn tar(&mut self, visit: &Visit<'_>, source: Box<dyn BufRead + '_>) -> Flow {
        let ended = Cell::new(false);
        let mut archive = tar::Archive::new(Watched { source, ended: &ended });
        let entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => {
                return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let kind =
                        if ended.get() { io::ErrorKind::UnexpectedEof } else { error.kind() };
                    let error = io::Error::new(kind, error);
                    return self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile));
                }
            };
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let form = entry.header().entry_type();
            if form.is_dir() || form.is_pax_global_extensions() {
                continue;
            }
            if !(form.is_file() || form.is_contiguous() || form.is_gnu_sparse()) {
                (self.emit)(Item::Ignored("(link or device)".into()))?;
                continue;
            }
            if is_hidden(&name) {
                (self.emit)(Item::Ignored("(hidden)".into()))?;
                continue;
            }
            let size = entry.size();
            let inner = Visit {
                origin: format!("{}!{name}", visit.origin).into(),
                name: &name,
                named: false,
                size: Some(size),
                depth: visit.depth + 1,
                path: None,
            };
            let whole = Whole { source: entry, missing: size };
            self.visit(inner, Box::new(io::BufReader::with_capacity(1 << 14, whole)))?;
        }
        // Two empty blocks end an archive, and nothing but zeros may follow.
        let mut rest = archive.into_inner();
        let problem =
            if ended.get() { Ok(Some("its end is missing")) } else { only_zeros(&mut rest) };
        match problem {
            Ok(None) => Flow::Continue(()),
            Ok(Some(problem)) => self.fault(Fault::new(
                &*visit.origin,
                problem,
                "the archive may have been cut short or joined to another: fetch it again",
                Lost::RestOfFile,
            )),
            Err(error) => self.fault(Fault::unreadable(&*visit.origin, &error, Lost::RestOfFile)),
        }
    }
}

/// Reads to the end, and says what is wrong if there is anything but zeros.
fn only_zeros(source: &mut impl Read) -> io::Result<Option<&'static str>> {
    let mut buffer = vec![0; 1 << 14];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(read) if buffer[..read].iter().all(|&byte| byte == 0) => {}
            Ok(_) => return Ok(Some("something stands behind its end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A source that remembers whether it was read to its end.
struct Watched<'e, R> {
    source: R,
    ended: &'e Cell<bool>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.ended.set(self.ended.get() || read == 0 && !buffer.is_empty());
        Ok(read)
    }
}

/// A file of known length: its end before that is an error.
struct Whole<R> {
    source: R,
    missing: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if read == 0 && self.missing > 0 && !buffer.is_empty() {
            let text = format!("{} bytes are missing", self.missing);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        self.missing = self.missing.saturating_sub(read as u64);
        Ok(read)
    }
}
