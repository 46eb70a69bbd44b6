//! The output directory: created, locked, and removed again if it stays empty.
//!
//! Two runs in one directory would overwrite each other's shards. So a run holds the directory's
//! lock from start to end, and a second run is refused. A finished directory that is
//! write-protected or in use by a training run can still be opened, because nothing is written
//! there.
//!
//! What this file leaves out: waiting for the lock, as a training run does that prepares its own
//! text (`cli::data`).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stage01_bigram::files::{self, DirLock, LOCK_FILE};
use stage01_bigram::{Error, Result};

/// A directory that no other program writes to while this value lives.
#[derive(Debug)]
pub struct OutputDirectory {
    directory: PathBuf,
    /// The directories that were created for it, the innermost first.
    made: Vec<PathBuf>,
    /// Why the directory cannot be written, if so.
    read_only: Option<Error>,
    lock: DirLock,
}

impl OutputDirectory {
    /// Takes the lock of a directory, which is created if it is missing.
    ///
    /// # Errors
    /// [`Error::Busy`] when another program writes there; [`Error::File`] when the directory cannot
    /// be created.
    pub fn new(directory: &Path) -> Result<OutputDirectory> {
        let busy = || Error::Busy {
            path: directory.to_path_buf(),
            remedy: "wait until that has finished, or name another directory with --out".into(),
        };
        let output = |made, read_only, lock| OutputDirectory {
            directory: directory.to_path_buf(),
            made,
            read_only,
            lock,
        };
        /// A run that fails removes its empty directory, also when another run has just opened it:
        /// try again up to this often.
        const TRIES: usize = 100;
        let mut tries = 0;
        loop {
            tries += 1;
            let made = make(directory)?;
            // Why it cannot be written, if it can still be read.
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

    /// Fails if the directory cannot be written.
    ///
    /// # Errors
    /// [`Error::Busy`] when other programs read there, [`Error::File`] when the directory is
    /// write-protected.
    pub fn require_writable(&mut self) -> Result<()> {
        self.read_only.take().map_or(Ok(()), Err)
    }

    /// Fails if the directory was moved, because another program may now use its name. To be called
    /// before each write that must go with earlier files.
    ///
    /// # Errors
    /// As [`DirLock::require_at`].
    pub fn require_held(&self) -> Result<()> {
        self.lock.require_at(&self.directory)
    }

    /// Whether the directory can be written.
    pub fn is_writable(&self) -> bool {
        self.read_only.is_none()
    }
}

/// Removes a directory that was created and stayed empty.
impl Drop for OutputDirectory {
    fn drop(&mut self) {
        let Some(innermost) = self.made.first() else { return };
        if self.require_held().is_err() {
            return; // the name may now belong to another run
        }
        let only_the_lock = fs::read_dir(innermost).is_ok_and(|entries| {
            let mut names = entries.flatten().map(|entry| entry.file_name());
            names.all(|name| name == LOCK_FILE)
        });
        if only_the_lock && *innermost == self.directory {
            let _ = fs::remove_file(innermost.join(LOCK_FILE));
            // Stops at the first that is not empty.
            let _ = self.made.iter().try_for_each(fs::remove_dir);
        }
    }
}

/// Creates a directory; returns the directories that were missing.
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
    fn a_directory_that_is_being_read_cannot_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let reader = DirLock::try_shared(directory.path()).unwrap();
        let mut output = OutputDirectory::new(directory.path()).unwrap();
        assert!(!output.is_writable());
        assert!(matches!(output.require_writable(), Err(Error::Busy { .. })));
        drop((reader, output));
        OutputDirectory::new(directory.path()).unwrap().require_writable().unwrap();
    }

    #[test]
    fn a_created_directory_that_stays_empty_is_removed() {
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
