//! A lock for a directory: one writer, or many readers.
//!
//! A model, or a set of shards, is several files that belong together. Two programs that write into
//! one directory leave the files of one beside those of the other, each of them whole, and nothing
//! shows it. So a program that is going to write into a directory first takes its lock, before it
//! reads any file there on which its output depends.
//!
//! The lock is the operating system's (`flock`, on Windows `LockFileEx`) on the file `.lock` in the
//! directory. It is released when the process ends, in any way: a killed program leaves no lock to
//! remove by hand. The file stays, empty, and has no meaning.
//!
//! What this file leaves out: what to do when the lock is taken. The caller decides whether to wait
//! and what to tell the user.
//!
//! ```
//! use stage01_bigram::files::DirLock;
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path();
//! let lock = DirLock::try_exclusive(directory)?;
//! assert!(lock.is_some() && DirLock::try_exclusive(directory)?.is_none());
//! drop(lock);
//! assert!(DirLock::try_shared(directory)?.is_some());
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use crate::{Error, Result};

/// The name of the lock file, in the directory that it protects.
pub const LOCK_FILE: &str = ".lock";

/// The lock of a directory. It is held while this value lives.
#[derive(Debug)]
pub struct DirLock {
    /// `None` where the directory cannot be written or its file system has no locks: other programs
    /// cannot be kept out there.
    file: Option<File>,
}

/// How many programs may hold the lock at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One program.
    Exclusive,
    /// All programs that only read.
    Shared,
}

impl DirLock {
    /// The lock for writing: no other program may read or write meanwhile. `None` when another
    /// program holds it.
    ///
    /// # Errors
    /// [`Error::File`] when the directory is missing or cannot be written; [`Error::Format`] when
    /// its `.lock` is not a plain file.
    pub fn try_exclusive(directory: &Path) -> Result<Option<DirLock>> {
        acquire(directory, Mode::Exclusive)
    }

    /// [`DirLock::try_exclusive`] for a program that cannot go on without the lock.
    ///
    /// remedy: what the user can do about it, such as "name another one with --out-dir".
    ///
    /// # Errors
    /// [`Error::Busy`] when another program holds the lock, and those of
    /// [`DirLock::try_exclusive`].
    pub fn exclusive(directory: &Path, remedy: &str) -> Result<DirLock> {
        let busy = || Error::Busy { path: directory.to_path_buf(), remedy: remedy.to_string() };
        DirLock::try_exclusive(directory)?.ok_or_else(busy)
    }

    /// The lock for reading: other programs may read, none may write. `None` when a program writes.
    ///
    /// In a directory that may not be written there is nothing to lock, and reading goes on
    /// without.
    ///
    /// # Errors
    /// As [`DirLock::try_exclusive`], except those of writing.
    pub fn try_shared(directory: &Path) -> Result<Option<DirLock>> {
        acquire(directory, Mode::Shared)
    }

    /// An error where the directory at this path is no longer the one that was locked: it was moved
    /// or removed, or its `.lock` was. Another program may then hold the lock of the directory that
    /// has the name now. Call it before each writing of files that belong together.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn require_at(&self, directory: &Path) -> Result<()> {
        match &self.file {
            Some(file) if !is_still_at(file, &directory.join(LOCK_FILE)) => {
                let problem = "the directory was moved or replaced, or its .lock was removed, \
                               while this program was working in it";
                let remedy = "nothing more was written; see that no other program works there, \
                              and go on with what was saved";
                Err(Error::format(directory, problem, remedy))
            }
            _ => Ok(()),
        }
    }

    /// Calls `attempt` five times per second until it returns a lock. `waiting` is called before
    /// each wait; its error ends the waiting.
    ///
    /// # Errors
    /// Those of `attempt` and of `waiting`.
    pub fn wait(
        mut attempt: impl FnMut() -> Result<Option<DirLock>>,
        mut waiting: impl FnMut() -> Result<()>,
    ) -> Result<DirLock> {
        loop {
            if let Some(lock) = attempt()? {
                return Ok(lock);
            }
            waiting()?;
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn acquire(directory: &Path, mode: Mode) -> Result<Option<DirLock>> {
    let path = directory.join(LOCK_FILE);
    loop {
        let file = match open(&path, mode) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Some(DirLock { file: None })),
            Err(Open::NotAFile) => {
                let problem = "this is not a plain file, and it should be the directory's lock";
                return Err(Error::format(&path, problem, "remove it"));
            }
            Err(Open::Io(source)) => return Err(Error::file("write", &path)(source)),
        };
        // ANCHOR: lock
        let locked = match mode {
            Mode::Exclusive => file.try_lock(),
            Mode::Shared => file.try_lock_shared(),
        };
        match locked {
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Between opening and locking, the directory may have been moved aside or replaced,
            // and then this is the lock of another one.
            Ok(()) if !is_still_at(&file, &path) => continue,
            // A file system without locks: go on without one.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Some(DirLock { file: Some(file) })),
        }
        // ANCHOR_END: lock
    }
}

/// Why the lock's file cannot be opened.
enum Open {
    NotAFile,
    Io(io::Error),
}

impl From<io::Error> for Open {
    fn from(error: io::Error) -> Self {
        Open::Io(error)
    }
}

/// Opens the lock file, or creates it. Nothing is written into it, so even a link to another file,
/// made just after the check, would not change that file. `None`: for reading, in a directory that
/// cannot be written.
fn open(path: &Path, mode: Mode) -> std::result::Result<Option<File>, Open> {
    loop {
        match fs::symlink_metadata(path) {
            Ok(data) if !data.is_file() => return Err(Open::NotAFile),
            Ok(_) => {
                match OpenOptions::new().read(true).write(mode == Mode::Exclusive).open(path) {
                    Err(e) if e.kind() == ErrorKind::NotFound => continue,
                    opened => return Ok(Some(opened?)),
                }
            }
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
            Err(_) => {}
        }
        match OpenOptions::new().read(true).write(true).create_new(true).open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
            Err(e)
                if mode == Mode::Shared
                    && matches!(
                        e.kind(),
                        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                    ) =>
            {
                return Ok(None);
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// Whether `path` still names this open file.
#[cfg(unix)]
pub(super) fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |data: fs::Metadata| (data.dev(), data.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => identity(open) == identity(there),
        _ => false,
    }
}

/// On these systems a directory with an open file in it cannot be moved.
#[cfg(not(unix))]
fn is_still_at(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_or_many_read() {
        let directory = tempfile::tempdir().unwrap();
        let exclusive = || DirLock::try_exclusive(directory.path()).unwrap();
        let shared = || DirLock::try_shared(directory.path()).unwrap();
        let writer = exclusive().unwrap();
        assert!(exclusive().is_none() && shared().is_none());
        drop(writer);
        let (reader, other) = (shared().unwrap(), shared().unwrap());
        assert!(exclusive().is_none());
        drop((reader, other));
        let _writer = exclusive().unwrap();
        let busy = DirLock::exclusive(directory.path(), "name another one").unwrap_err();
        let expected = "another program is using this directory; name another one";
        assert!(busy.to_string().ends_with(expected), "{busy}");
    }

    #[test]
    fn waiting_ends_with_the_lock_or_with_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mut held = DirLock::try_exclusive(directory.path()).unwrap();
        let attempt = || DirLock::try_exclusive(directory.path());
        let gave_up = DirLock::wait(attempt, || Err(Error::setting("a", "b", "c")));
        assert!(gave_up.is_err());
        DirLock::wait(attempt, || {
            held = None;
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_missing_directory_is_named() {
        let error = DirLock::try_exclusive(Path::new("no/such")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write no/such/.lock"), "{error}");
    }

    /// The lock is that of the directory that has the name now, not of the one that had it.
    #[cfg(unix)]
    #[test]
    fn a_directory_that_was_moved_aside_takes_its_lock_with_it() {
        let parent = tempfile::tempdir().unwrap();
        let [here, aside] = ["here", "aside"].map(|name| parent.path().join(name));
        fs::create_dir(&here).unwrap();
        let held = DirLock::try_exclusive(&here).unwrap().unwrap();
        fs::rename(&here, &aside).unwrap();
        fs::create_dir(&here).unwrap();
        let _new = DirLock::try_exclusive(&here).unwrap().unwrap();
        assert!(DirLock::try_exclusive(&aside).unwrap().is_none());
        held.require_at(&aside).unwrap();
        let lost = held.require_at(&here).unwrap_err().to_string();
        assert!(lost.contains("was moved or replaced"), "{lost}");
        drop(held);
        let held = DirLock::try_exclusive(&aside).unwrap().unwrap();
        fs::remove_file(aside.join(LOCK_FILE)).unwrap();
        assert!(held.require_at(&aside).is_err());
        // The directory that now has the name may belong to another program.
        let _other = DirLock::try_exclusive(&aside).unwrap().unwrap();
        assert!(held.require_at(&aside).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_is_a_link_is_refused_and_its_target_untouched() {
        let directory = tempfile::tempdir().unwrap();
        let victim = directory.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, directory.path().join(LOCK_FILE)).unwrap();
        for attempt in [DirLock::try_exclusive, DirLock::try_shared] {
            let error = attempt(directory.path()).unwrap_err().to_string();
            assert!(error.contains("not a plain file") && error.ends_with("remove it"), "{error}");
        }
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
}
