//! The directory that is written: made, locked, and removed again if nothing comes of it.
//!
//! Two runs in one directory would write into each other's shards. So a run holds the
//! directory's lock from its first look to its last file, and a second run is refused. A
//! directory that is finished and may not be written, or is being read by a training, can still
//! be looked at: nothing is to be done there.
//!
//! What this file leaves out: waiting for the lock. That is for a training that prepares its text
//! on the way ([`crate::cli`]).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stage01_bigram::files::{self, DirLock, LOCK_FILE};
use stage01_bigram::{Error, Result};

/// A directory that no other program writes into while this value lives.
#[derive(Debug)]
pub struct OutputDirectory {
    directory: PathBuf,
    /// The directories that were made for it, the innermost first.
    made: Vec<PathBuf>,
    /// Why nothing can be written, if so.
    read_only: Option<Error>,
    lock: DirLock,
}

impl OutputDirectory {
    /// Takes the lock of a directory, which is made where it is missing.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program writes there; [`Error::File`] when there is no such
    /// directory and none can be made.
    pub fn new(directory: &Path) -> Result<OutputDirectory> {
        let busy = || Error::Busy {
            path: directory.to_path_buf(),
            remedy: "wait until it has ended, or name another directory with --out".into(),
        };
        let output = |made, read_only, lock| OutputDirectory {
            directory: directory.to_path_buf(),
            made,
            read_only,
            lock,
        };
        /// So often can another run that refused its work remove its empty directory under us.
        const TRIES: usize = 100;
        let mut tries = 0;
        loop {
            tries += 1;
            let made = make(directory)?;
            // Why it cannot be written, if it can be read all the same.
            let refusal = match DirLock::try_exclusive(directory) {
                Ok(Some(lock)) => return Ok(output(made, None, lock)),
                Ok(None) => busy(),
                Err(Error::File { source, .. })
                    if source.kind() == ErrorKind::NotFound && tries < TRIES =>
                {
                    continue;
                }
                Err(error) if forbids_writing(&error) => error,
                Err(error) => return Err(error),
            };
            return match DirLock::try_shared(directory)? {
                Some(lock) => Ok(output(made, Some(refusal), lock)),
                None => Err(busy()),
            };
        }
    }

    /// Refuses where nothing can be written.
    ///
    /// # Errors
    /// [`Error::Busy`] when others read there, [`Error::File`] when the directory is protected.
    pub fn require_writable(&mut self) -> Result<()> {
        self.read_only.take().map_or(Ok(()), Err)
    }

    /// Refuses to go on where the directory was moved, or another program may have its name. Call
    /// it before anything is written that earlier files belong to.
    ///
    /// # Errors
    /// As [`DirLock::require_at`].
    pub fn require_held(&self) -> Result<()> {
        self.lock.require_at(&self.directory)
    }

    /// Whether something can be written.
    pub fn is_writable(&self) -> bool {
        self.read_only.is_none()
    }
}

/// A run that was refused leaves no empty directory behind.
impl Drop for OutputDirectory {
    fn drop(&mut self) {
        let Some(innermost) = self.made.first() else { return };
        if self.require_held().is_err() {
            return; // what bears the name now may be another run's
        }
        let only_the_lock = fs::read_dir(innermost).is_ok_and(|entries| {
            let mut names = entries.flatten().map(|entry| entry.file_name());
            names.all(|name| name == LOCK_FILE)
        });
        if only_the_lock && *innermost == self.directory {
            let _ = fs::remove_file(innermost.join(LOCK_FILE));
            // One that is not empty stays.
            let _ = self.made.iter().try_for_each(fs::remove_dir);
        }
    }
}

/// Makes a directory, and says which were missing.
fn make(directory: &Path) -> Result<Vec<PathBuf>> {
    let missing = directory.ancestors().take_while(|path| {
        !path.as_os_str().is_empty() && matches!(path.try_exists(), Ok(false)) && !path.is_symlink()
    });
    let missing = missing.map(Path::to_path_buf).collect();
    files::create_directory(directory)?;
    Ok(missing)
}

fn forbids_writing(error: &Error) -> bool {
    matches!(error, Error::File { source, .. }
        if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_and_told_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let first = OutputDirectory::new(directory.path()).unwrap();
        let error = OutputDirectory::new(directory.path()).unwrap_err();
        assert!(matches!(error, Error::Busy { .. }));
        assert!(error.to_string().ends_with("name another directory with --out"), "{error}");
        drop(first);
        assert!(OutputDirectory::new(directory.path()).unwrap().is_writable());
        assert!(directory.path().exists(), "it was there before");
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_whose_lock_was_removed_is_no_longer_ours() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        let first = OutputDirectory::new(&path).unwrap();
        first.require_held().unwrap();
        fs::remove_file(path.join(LOCK_FILE)).unwrap();
        let second = OutputDirectory::new(&path).unwrap();
        assert!(first.require_held().is_err());
        drop(first); // it had made the directory, and does not remove that of the second
        second.require_held().unwrap();
    }

    #[test]
    fn where_others_read_one_can_look_and_not_write() {
        let directory = tempfile::tempdir().unwrap();
        let reader = DirLock::try_shared(directory.path()).unwrap();
        let mut output = OutputDirectory::new(directory.path()).unwrap();
        assert!(!output.is_writable());
        assert!(matches!(output.require_writable(), Err(Error::Busy { .. })));
        drop((reader, output));
        OutputDirectory::new(directory.path()).unwrap().require_writable().unwrap();
    }

    #[test]
    fn an_empty_directory_that_was_made_for_nothing_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let (outer, inner) = (parent.path().join("a"), parent.path().join("a/b"));
        drop(OutputDirectory::new(&inner).unwrap());
        assert!(!outer.exists());
        let output = OutputDirectory::new(&inner).unwrap();
        fs::write(inner.join("plan.json"), "").unwrap();
        drop(output);
        assert!(inner.join("plan.json").exists());
    }
}
