//! Writing files so that nothing is ever lost.
//!
//! A program can be killed between any two instructions, and a file that was half written
//! by then must not stand where a good one stood. So every file of the course is written to
//! a temporary name beside its place, pushed to the disk, and only then renamed: the rename
//! is one step for the operating system, and whoever looks sees the old file or the new
//! one, whole.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::{Error, Result};

/// Writes `path` in one step as far as anybody else can see.
///
/// `write` fills the file. On any error the file that was there before is untouched.
///
/// # Errors
/// [`Error::File`] when the folder is missing, cannot be written, or the disk is full.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<()> {
    // ANCHOR: atomically
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let attempt = || {
        let mut writer = BufWriter::new(File::create(&temporary)?);
        write(&mut writer)?;
        writer.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_folder(path)
    };
    // ANCHOR_END: atomically
    attempt().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::File { action: "write", path: path.to_path_buf(), source }
    })
}

/// [`write_atomically`] for bytes that are already in memory.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| file.write_all(bytes))
}

/// Creates a folder and those above it; nothing happens where it exists.
///
/// # Errors
/// [`Error::File`] when the operating system refuses.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::file("create the folder", path))
}

/// Reads a whole file as UTF-8 text.
///
/// # Errors
/// [`Error::File`] when it cannot be read; [`Error::Text`] when it is not UTF-8, with the
/// place of the first bad byte.
pub fn read_text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).map_err(Error::file("read", path))?;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count();
        Error::text(
            path.display().to_string(),
            format!("not UTF-8 text: byte {at} (line {line}) is 0x{:02X}", e.as_bytes()[at]),
            "convert it to UTF-8 first, for example with `iconv -t UTF-8`",
        )
    })
}

/// A rename is only safe against a power cut once the folder is on the disk as well.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}
