//! Reading the head of a GGUF file, number after number.
//!
//! What the head says is not believed before it is checked: a length or a count is compared with
//! the bytes that are left in the file, before anything is allocated by it.
//!
//! What this file leaves out: the meaning of what is read (`value`, `metadata`, `tensor_info`).

use std::io::{self, Read};

/// The longest head. The lists of a tokenizer are most of it: 262,144 tokens with their merges
/// take about 20 MB.
pub(super) const HEAD_LIMIT: u64 = 256 << 20;

/// Why a head cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// The operating system's error.
    Read(io::Error),
    /// The file is damaged, or no GGUF file at all: the reason.
    Damaged(String),
    /// The file is whole, but none that is read here: the reason, and what to do.
    Unsupported(String, &'static str),
}

impl Fault {
    /// The same fault, with the place in front of it: which entry, which tensor.
    pub(super) fn within(self, place: impl FnOnce() -> String) -> Fault {
        match self {
            Fault::Damaged(why) => Fault::Damaged(format!("{}: {why}", place())),
            Fault::Unsupported(why, remedy) => {
                Fault::Unsupported(format!("{}: {why}", place()), remedy)
            }
            read @ Fault::Read(_) => read,
        }
    }
}

/// A damaged file.
pub(super) fn damaged<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Damaged(why.into()))
}

/// A position in the head.
pub(super) struct Cursor<R> {
    from: R,
    at: u64,
    end: u64,
}

impl<R: Read> Cursor<R> {
    /// Begins at the first byte. length: of the whole file, in bytes.
    pub(super) fn new(from: R, length: u64) -> Self {
        Cursor { from, at: 0, end: length.min(HEAD_LIMIT) }
    }

    /// The number of bytes that were read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Checks that a list can be as long as the file says.
    ///
    /// least: the smallest number of bytes of an element.
    // ANCHOR: list
    pub(super) fn list(&self, count: u64, least: u64, what: &str) -> Result<usize, Fault> {
        let left = self.end - self.at;
        match usize::try_from(count) {
            Ok(count) if count as u64 <= left / least => Ok(count),
            _ => damaged(format!("it would have {count} {what}, and {left} bytes are left")),
        }
    }
    // ANCHOR_END: list

    /// The next bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A number of 32 bits.
    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.bytes().map(u32::from_le_bytes)
    }

    /// A number of 64 bits.
    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A string: its length in bytes as 64 bits, then UTF-8.
    pub(super) fn string(&mut self) -> Result<String, Fault> {
        let (at, length) = (self.at, self.u64()?);
        let length = self.list(length, 1, "bytes of a string")?;
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes)
            .or_else(|e| damaged(format!("the string at byte {at} is not UTF-8: {e}")))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        let (wanted, left) = (bytes.len() as u64, self.end - self.at);
        if wanted > left {
            let at = self.at;
            return damaged(format!("its head ends at byte {at}: {wanted} bytes are needed there"));
        }
        self.from.read_exact(bytes).map_err(Fault::Read)?;
        self.at += wanted;
        Ok(())
    }
}
