//! The temporary file beside a file that is being written: its name, its owner, its end.
//!
//! | the process | what removes the temporary file |
//! |---|---|
//! | goes on | the rename to the right name, or an error |
//! | is asked to end, as by Ctrl-C | [`exit`] |
//! | is killed | the next process that writes the same file |
//!
//! The last one must know that the owner is dead. The process id in the name does not say so: the
//! system gives it to another process later, and two containers may have the same ones. So the owner
//! locks the file while it is written. The system releases the lock when the process ends, in any
//! way, and only a file that can be locked is removed.
//!
//! What this file leaves out: what is written ([`write_atomically`](super::write_atomically)).

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The temporary files of this process. Who holds the mutex can be sure that none is created or
/// renamed meanwhile.
static OWN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn own() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A temporary file of this process. It is removed when this is dropped, unless it was renamed.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// Creates the temporary file for `path`, a new one in the same directory, and removes those of
    /// dead processes. It has its owner's lock while it is open.
    pub(super) fn create(path: &Path) -> io::Result<(File, Temporary)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        remove_left(path);
        loop {
            let mut name = std::ffi::OsString::from(".");
            name.push(path.file_name().unwrap_or_default());
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            name.push(format!(".{}-{number}.tmp", std::process::id()));
            let temporary = path.with_file_name(name);
            let mut own = own();
            // `create_new` fails where anything has this name, a link included. That can only be the
            // file of a dead process with the same id: take the next name.
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
                Ok(file) if is_claimed(&file, &temporary) => {
                    own.insert(temporary.clone());
                    return Ok((file, Temporary(temporary)));
                }
                Ok(_) => {}
            }
        }
    }

    /// Gives the file its right name.
    pub(super) fn rename(self, path: &Path) -> io::Result<()> {
        let mut own = own();
        fs::rename(&self.0, path)?;
        own.remove(&self.0);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if own().remove(&self.0) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// Locks a file that this process has created. False where another process was faster, between
/// creating and locking: it takes the file for that of a dead process, and removes it.
///
/// On a file system without locks nothing can be locked, and so nothing is removed there.
#[cfg(unix)]
fn is_claimed(file: &File, path: &Path) -> bool {
    use std::fs::TryLockError;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        Ok(()) => super::lock::is_still_at(file, path),
        Err(TryLockError::Error(_)) => true,
    }
}

#[cfg(not(unix))]
fn is_claimed(_: &File, _: &Path) -> bool {
    true
}

/// Removes the temporary files that dead processes left beside `path` for it. Those that cannot be
/// removed stay; they do no harm.
#[cfg(unix)]
fn remove_left(path: &Path) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return };
    let directory = super::directory_of(path);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(written_file) != Some(name) {
            continue;
        }
        let path = entry.path();
        // A link or a pipe of such a name was not made here.
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = OpenOptions::new().write(true).open(&path)
            && file.try_lock().is_ok()
            && super::lock::is_still_at(&file, &path)
        {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Elsewhere a file that is created and not locked yet could not be told from one that was left.
#[cfg(not(unix))]
fn remove_left(_: &Path) {}

/// The name of the file for which a temporary one is written: `NAME` of `.NAME.PROCESS-NUMBER.tmp`.
fn written_file(name: &str) -> Option<&str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, numbers) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let (process, count) = numbers.split_once('-')?;
    (is_number(process) && is_number(count)).then_some(name)
}

/// Whether a name is one that [`write_atomically`](super::write_atomically) gives:
/// `.NAME.PROCESS-NUMBER.tmp`.
pub fn is_temporary(name: &str) -> bool {
    written_file(name).is_some()
}

/// Removes the temporary files that killed processes left in a directory. Call it with the
/// directory's [`DirLock`](super::DirLock) held: then no other program uses one.
///
/// Files that cannot be removed stay; they do no harm.
pub fn remove_temporaries(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_temporary) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Ends the process with an exit status, and removes what it has written in part: for a program that
/// is told to end while it writes. A file that was there before is untouched.
pub fn exit(status: i32) -> ! {
    // Held to the end, so that no other thread creates one, or fails to rename one and says so.
    let own = own();
    for path in own.iter() {
        let _ = fs::remove_file(path);
    }
    std::process::exit(status)
}

#[cfg(test)]
mod tests {
    use super::super::{write_atomically, write_bytes};
    use super::*;
    use std::io::Write;

    #[test]
    fn only_our_temporary_files_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        let (_, left) = Temporary::create(&path).unwrap();
        let others = ["model.safetensors", "notes.tmp", ".a.1-.tmp", ".a.1-2", "a.1-2.tmp"];
        for name in others {
            fs::write(directory.path().join(name), "mine").unwrap();
        }
        remove_temporaries(directory.path());
        assert!(!left.0.exists());
        assert!(others.iter().all(|name| directory.path().join(name).exists()));
    }

    #[cfg(unix)]
    #[test]
    fn the_next_writer_of_a_file_removes_what_dead_ones_left_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let names = || {
            let entries = fs::read_dir(&directory).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let others = [".b.gguf.7-0.tmp", ".gguf.7-0.tmp", "a.gguf.7-0.tmp"];
        for name in others.iter().chain(&[".a.gguf.7-0.tmp", ".a.gguf.123456789-1.tmp"]) {
            fs::write(at(name), "half").unwrap();
        }
        fs::create_dir(at(".a.gguf.7-1.tmp")).unwrap();
        write_bytes(&at("a.gguf"), b"whole").unwrap();
        assert_eq!(
            names(),
            [".a.gguf.7-1.tmp", ".b.gguf.7-0.tmp", ".gguf.7-0.tmp", "a.gguf", "a.gguf.7-0.tmp"]
        );
    }

    /// The lock belongs to the open file, so a thread of this process stands for another process.
    #[test]
    fn the_file_of_a_living_writer_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write_atomically(&path, |slow| {
            slow.write_all(b"slow")?;
            write_bytes(&path, b"quick").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"quick");
            assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"slow");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    }
}
