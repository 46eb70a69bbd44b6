//! Opens files that must be regular files of one directory.
//!
//! A directory may come from elsewhere, and an entry with the name of a shard may be a link to
//! another file, a pipe, or a hard link to a file of another directory. Writing through a link
//! would alter its target; opening a pipe would block. So a file is checked before it is opened,
//! and again after that.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use stage01_bigram::{Error, Result};

/// The remedy for an entry that is not a regular file.
const REMEDY: &str = "remove it and start over with --restart";

/// Opens a file for reading. Follows links, because reading alters nothing.
///
/// # Errors
/// [`Error::File`] when it cannot be read, [`Error::Format`] when it is not a regular file.
pub fn read(path: &Path) -> Result<File> {
    let about = fs::metadata(path).map_err(Error::file("read", path))?;
    if !about.is_file() {
        return Err(Error::format(path, "it is not a regular file", "put the file back"));
    }
    File::open(path).map_err(Error::file("read", path))
}

/// Opens an existing file to truncate it and to append.
///
/// # Errors
/// [`Error::Format`] when it is a link, not a regular file, or has a second name, so that writing
/// would alter a file outside the directory; [`Error::File`] when it cannot be opened.
pub fn append(path: &Path) -> Result<File> {
    let about = fs::symlink_metadata(path).map_err(Error::file("write", path))?;
    let refused = |problem: &str| Err(Error::format(path, problem, REMEDY));
    if about.is_symlink() {
        return refused("it is a link, and writing would alter its target");
    }
    if !about.is_file() {
        return refused("it is not a regular file");
    }
    let file = OpenOptions::new().append(true).open(path).map_err(Error::file("write", path))?;
    let opened = file.metadata().map_err(Error::file("write", path))?;
    if !same(&about, &opened) {
        return refused("it was replaced while it was opened");
    }
    if names(&opened) > 1 {
        return refused("it has a second name (a hard link), and writing would alter that file");
    }
    Ok(file)
}

/// Creates a new, empty file. An existing one is removed and not written to.
///
/// # Errors
/// [`Error::File`] when it cannot be created.
pub fn create(path: &Path) -> Result<File> {
    remove(path)?;
    let new = OpenOptions::new().write(true).create_new(true).open(path);
    new.map_err(Error::file("write", path))
}

/// Removes a file, or a link but not its target. Does nothing if there is none.
///
/// # Errors
/// [`Error::Format`] for a directory, whose files are not ours to remove; [`Error::File`] when it
/// cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(_) if path.symlink_metadata().is_ok_and(|about| about.is_dir()) => {
            Err(Error::format(path, "a directory is in the place of this file", "move it away"))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Reads from a position in a file, until `bytes` is full.
///
/// Unlike a memory map this returns an error if the file has become shorter.
///
/// # Errors
/// `UnexpectedEof` when the file has fewer bytes, and those of the operating system.
// ANCHOR: read_at
#[cfg(unix)]
pub fn read_at(file: &File, bytes: &mut [u8], place: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, place)
}
// ANCHOR_END: read_at

/// The same with the function of Windows.
#[cfg(windows)]
pub fn read_at(file: &File, mut bytes: &mut [u8], mut place: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, place) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                place += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(unix)]
fn names(about: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(about)
}

/// On other systems the standard library has no file identity.
#[cfg(not(unix))]
fn same(one: &Metadata, other: &Metadata) -> bool {
    one.file_type() == other.file_type()
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_regular_file_with_one_name_is_appended_to() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("victim"), "precious").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        fs::hard_link(at("victim"), at("second")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        for (name, expected) in [
            ("link", "it is a link"),
            ("second", "a second name"),
            ("directory", "not a regular file"),
            ("missing", "cannot write"),
        ] {
            let error = append(&at(name)).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(name), "{error}");
        }
        fs::remove_file(at("second")).unwrap();
        append(&at("victim")).unwrap().write_all(b"!").unwrap();
        assert_eq!(fs::read(at("victim")).unwrap(), b"precious!");
        assert!(remove(&at("directory")).unwrap_err().to_string().ends_with("move it away"));
        // A link is replaced by a new file.
        create(&at("link")).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read(at("victim")).unwrap(), b"precious!");
        assert_eq!(fs::read(at("link")).unwrap(), b"new");
    }

    #[test]
    fn a_pipe_is_refused_without_blocking() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            assert!(read(&pipe).unwrap_err().to_string().contains("not a regular file"));
            assert!(append(&pipe).unwrap_err().to_string().contains("not a regular file"));
        }
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, [1, 2, 3, 4]).unwrap();
        let file = read(&path).unwrap();
        let mut bytes = [0; 2];
        read_at(&file, &mut bytes, 2).unwrap();
        assert_eq!(bytes, [3, 4]);
        let error = read_at(&file, &mut bytes, 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}
