//! Where the bytes of a file are: in memory, or on the disk.
//!
//! Readers of weights open a file once and read it in pieces, so that no copy of the file is in
//! memory. Tests and fuzzers give them bytes instead of a file.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use stage01_bigram::{Error, Result};

/// The bytes of a file.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// Bytes in memory.
    Memory(&'a [u8]),
    /// A file on the disk.
    Disk(File),
}

impl<'a> Source<'a> {
    /// Opens a regular file of weights. Its length comes with it.
    pub(super) fn open(path: &Path) -> Result<(Source<'static>, u64)> {
        // Anything but a regular file, such as a pipe, might never end.
        let described = fs::metadata(path).map_err(Error::file("read", path))?;
        if !described.is_file() {
            return Err(Error::format(path, "it is not a regular file", "put the weights there"));
        }
        let file = File::open(path).map_err(Error::file("read", path))?;
        Ok((Source::Disk(file), described.len()))
    }

    /// Fills `bytes` with the bytes from `start` on.
    pub(super) fn read_at(&self, start: u64, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Source::Memory(all) => {
                let rest = usize::try_from(start).ok().and_then(|start| all.get(start..));
                let from = rest.and_then(|rest| rest.get(..bytes.len()));
                bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Source::Disk(file) => {
                let mut file = file;
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(bytes)
            }
        }
    }

    /// A reader of all bytes, from the first on. While it is used, [`Source::read_at`] is not.
    pub(super) fn reader(&self) -> io::Result<Box<dyn Read + '_>> {
        match self {
            Source::Memory(all) => Ok(Box::new(*all)),
            Source::Disk(file) => {
                let mut file = file;
                file.seek(SeekFrom::Start(0))?;
                Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
            }
        }
    }
}
