//! Atomic writing of files.
//!
//! A program can be killed between any two instructions, and a file that was half written by then
//! must not stand where a good one stood. So every file of the course is written to a temporary
//! name beside its place, pushed to the disk, and only then renamed: the rename is one step for the
//! operating system, and every program sees either the whole old file or the whole new one.
//!
//! Two programs that write the same file must not write the same temporary file. So its name
//! contains the process id, it must not exist yet, and links are not followed. What a killed program
//! leaves of it, the next one that writes the same file removes. Two programs that write several
//! files of one directory would still mix theirs: [`DirLock`] keeps the second one out.
//!
//! ```
//! use stage01_bigram::files::{DirLock, read_text, write_bytes};
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path();
//! let lock = DirLock::exclusive(directory, "wait for it to end")?;
//! let path = directory.join("text.txt");
//! write_bytes(&path, b"old")?;
//! write_bytes(&path, b"new")?;
//! assert_eq!(read_text(&path)?, "new");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

mod lock;
mod temporary;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

pub use self::lock::{DirLock, LOCK_FILE};
use self::temporary::Temporary;
pub use self::temporary::{exit, is_temporary, remove_temporaries};
use crate::{Error, Result, form};

/// Writes `path` in one step, as other programs see it.
///
/// `write` fills the file. On any error the file that was there before is untouched. A program that
/// is told to end while it writes calls [`exit`].
///
/// # Errors
/// [`Error::File`] when the directory is missing, cannot be written, or the disk is full;
/// [`Error::Format`] for a device or a pipe, which the new file would replace.
pub fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<()> {
    let failed = |source| Error::File { action: "write", path: path.to_path_buf(), source };
    if fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        let problem = "it is no regular file, and would be replaced by one";
        return Err(Error::format(path, problem, "name a file, new or old"));
    }
    // ANCHOR: atomically
    let (file, temporary) = Temporary::create(path).map_err(failed)?;
    let attempt = || {
        let mut writer = BufWriter::new(file);
        write(&mut writer)?;
        let file = writer.into_inner().map_err(|e| e.into_error())?;
        file.sync_all()?;
        temporary.rename(path)?;
        sync_directory_of(path)
    };
    // ANCHOR_END: atomically
    attempt().map_err(failed)
}

/// [`write_atomically`] for bytes that are already in memory.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| file.write_all(bytes))
}

/// Renames a file or a directory in one step, and syncs the new name to the disk.
///
/// # Errors
/// Those of the operating system.
pub fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)?;
    sync_directory_of(to)
}

/// Creates a directory and those above it; nothing happens where it exists.
///
/// # Errors
/// [`Error::File`] when the operating system refuses.
pub fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::file("create the directory", path))
}

/// Reads a whole file as UTF-8 text, without the byte order mark that some editors put in front.
///
/// # Errors
/// [`Error::File`] when it cannot be read; [`Error::Text`] when it is not UTF-8: with the name of
/// its format, if its first bytes show that, or else with the position of the first invalid byte.
pub fn read_text(path: &Path) -> Result<String> {
    let device = fs::metadata(path).is_ok_and(|about| is_endless(&about));
    let refuse =
        |problem: String, remedy: String| Error::text(path.display().to_string(), problem, remedy);
    if device {
        return Err(refuse("it is a device".into(), "expected a file with text".into()));
    }
    let mut bytes = fs::read(path).map_err(Error::file("read", path))?;
    if bytes.starts_with(form::BYTE_ORDER_MARK) {
        bytes.drain(..form::BYTE_ORDER_MARK.len());
    }
    if let Some(form) = form::recognise(&bytes[..bytes.len().min(form::HEAD)]) {
        return Err(refuse(format!("not UTF-8 text: it is {form}"), form.remedy.into()));
    }
    String::from_utf8(bytes).map_err(|e| {
        let (problem, remedy) = form::not_utf8(e.as_bytes(), &e.utf8_error());
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count();
        refuse(format!("{problem} (byte {at}, line {line})"), remedy)
    })
}

/// Whether reading it may never end, as with `/dev/zero`. A pipe ends.
#[cfg(unix)]
fn is_endless(about: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    about.file_type().is_char_device() || about.file_type().is_block_device()
}

#[cfg(not(unix))]
fn is_endless(_: &fs::Metadata) -> bool {
    false
}

/// A rename is only safe against a power cut once the directory is on the disk as well.
#[cfg(unix)]
fn sync_directory_of(path: &Path) -> std::io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

/// The directory that a file is in, as a path that can be opened.
#[cfg(unix)]
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

#[cfg(not(unix))]
fn sync_directory_of(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn other_formats_are_named_and_a_byte_order_mark_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let read = |bytes: &[u8]| {
            let path = directory.path().join("a.txt");
            fs::write(&path, bytes).unwrap();
            read_text(&path).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"\xEF\xBB\xBFtext").unwrap(), "text");
        assert_eq!(read("nul\0 in a text".as_bytes()).unwrap(), "nul\0 in a text");
        for (bytes, words) in [
            (&b"\x1F\x8B\x08\0\0\0"[..], ["it is compressed with gzip", "prepare"]),
            (b"\x28\xB5\x2F\xFD\0\0", ["it is compressed with zstd", "prepare"]),
            (b"PK\x03\x04\x14\0", ["it is a zip archive", "unpack it"]),
            (b"%PDF-1.4\nall ASCII", ["it is a PDF document", "pdftotext"]),
            (b"\xFF\xFEa\0b\0", ["it is UTF-16 text", "iconv -f UTF-16 -t UTF-8"]),
            (b"one\ncaf\xE9 au lait", ["byte 0xE9 (byte 7, line 2)", "iconv -f WINDOWS-1252"]),
            ("語".as_bytes().split_last().unwrap().1, ["it ends within a character", "fetch"]),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
            assert!(error.contains("not UTF-8 text"), "{error}");
        }
        #[cfg(unix)]
        assert!(read_text(Path::new("/dev/zero")).unwrap_err().to_string().contains("a device"));
    }

    /// Otherwise root would lose `/dev/null`.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_replaced_by_a_file() {
        use std::os::unix::fs::FileTypeExt;
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = write_bytes(&pipe, b"new").unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model");
        write_bytes(&path, b"old").unwrap();
        let refused = write_atomically(&path, |file| {
            file.write_all(b"half")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert!(refused.unwrap_err().to_string().contains("free some space"));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    /// Two threads of one process, like two processes, never use the same temporary file: the
    /// result is one of the texts, whole.
    #[test]
    fn concurrent_writers_leave_one_whole_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let text = |letter: u8| vec![letter; 100_000];
        std::thread::scope(|scope| {
            for letter in [b'a', b'b', b'c'] {
                let path = &path;
                scope
                    .spawn(move || (0..30).for_each(|_| write_bytes(path, &text(letter)).unwrap()));
            }
        });
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes, text(bytes[0]));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_temporary_file_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let path = directory.path().join("file");
        // Links at the next names that this process would take.
        let mut first = std::path::PathBuf::new();
        write_atomically(&path, |_| {
            let mut entries = fs::read_dir(&directory)?.map(|entry| entry.unwrap().path());
            let ours = |path: &std::path::PathBuf| {
                path.file_name().and_then(|name| name.to_str()).is_some_and(is_temporary)
            };
            first = entries.find(ours).unwrap();
            Ok(())
        })
        .unwrap();
        let name = first.file_name().unwrap().to_str().unwrap();
        let (head, tail) = name.rsplit_once('-').unwrap();
        let number: u64 = tail.trim_end_matches(".tmp").parse().unwrap();
        for number in number + 1..number + 200 {
            let link = directory.path().join(format!("{head}-{number}.tmp"));
            let _ = std::os::unix::fs::symlink(&victim, link);
        }
        write_bytes(&path, b"new").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        remove_temporaries(directory.path()); // removes the links, not their targets
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}
