//! The cache of the hub's files, in the layout that all programs share.
//!
//! It is the layout of Python's `huggingface_hub` ("Understand caching" in its documentation), so a
//! model that another program fetched is found here, and the other way round:
//!
//! | below the cache's directory | holds |
//! |---|---|
//! | `models--OWNER--NAME/blobs/ETAG` | the content of a file, under the hub's name for this content |
//! | `…/blobs/ETAG.incomplete` | the beginning of one, from a transfer that broke |
//! | `…/snapshots/COMMIT/FILE` | a link to the content of FILE at that commit |
//! | `…/refs/REVISION` | the commit that a branch or a tag was at |
//! | `…/.no_exist/COMMIT/FILE` | empty: the model has no such file |
//! | `.locks/models--OWNER--NAME/ETAG.lock` | held by the program that is fetching it |
//!
//! What this file leaves out: what is fetched, and from where.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stage01_bigram::files::{create_directory, rename, write_bytes};
use stage01_bigram::{Error, Result};

/// The files of one model in the cache.
pub(super) struct Cache {
    /// `models--OWNER--NAME`.
    directory: PathBuf,
    locks: PathBuf,
}

/// Whether it is the name of a commit: 40 hexadecimal digits.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Cache {
    pub(super) fn new(cache: &Path, repository: &str) -> Cache {
        let name = format!("models--{}", repository.replace('/', "--"));
        Cache { locks: cache.join(".locks").join(&name), directory: cache.join(name) }
    }

    /// The directory of all files at this commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.directory.join("snapshots").join(commit)
    }

    /// The place of a content, and of the beginning of one.
    pub(super) fn blob(&self, etag: &str) -> (PathBuf, PathBuf) {
        let blobs = self.directory.join("blobs");
        (blobs.join(etag), blobs.join(format!("{etag}.incomplete")))
    }

    /// The commit of a revision when it was last fetched.
    pub(super) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_string());
        }
        let mut text = String::new();
        let file = File::open(self.directory.join("refs").join(revision)).ok()?;
        file.take(100).read_to_string(&mut text).ok()?;
        let commit = text.trim();
        is_commit(commit).then(|| commit.to_string())
    }

    /// Notes the commit of a revision.
    pub(super) fn note_commit(&self, revision: &str, commit: &str) -> Result<()> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.directory.join("refs").join(revision);
        create_directory(path.parent().expect("it is below the cache"))?;
        write_bytes(&path, commit.as_bytes())
    }

    /// A file at this commit, where it is in the cache.
    pub(super) fn find(&self, commit: &str, file: &str) -> Option<PathBuf> {
        Some(self.snapshot(commit).join(file)).filter(|path| path.is_file())
    }

    /// Whether it is known that there is no such file at this commit.
    pub(super) fn is_absent(&self, commit: &str, file: &str) -> bool {
        self.directory.join(".no_exist").join(commit).join(file).exists()
    }

    /// Notes that there is no such file at this commit.
    pub(super) fn note_absent(&self, commit: &str, file: &str) -> Result<()> {
        let path = self.directory.join(".no_exist").join(commit).join(file);
        create_directory(path.parent().expect("it is below the cache"))?;
        write_bytes(&path, b"")
    }

    /// Gives the content of a file its name at this commit.
    pub(super) fn link(&self, commit: &str, file: &str, etag: &str) -> Result<PathBuf> {
        let path = self.snapshot(commit).join(file);
        create_directory(path.parent().expect("it is below the cache"))?;
        let target = "../".repeat(2 + file.matches('/').count()) + "blobs/" + etag;
        let failed = |source| Error::file("write", &path)(source);
        match symlink(Path::new(&target), &path) {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_file() => Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // A link to a content that was deleted, or a file of that name that is none.
                fs::remove_file(&path).map_err(failed)?;
                symlink(Path::new(&target), &path).map_err(failed)?;
                Ok(path)
            }
            // Windows allows links to some users only: the content itself moves there.
            Err(_) => {
                rename(&self.blob(etag).0, &path).map_err(failed)?;
                Ok(path)
            }
        }
    }

    /// The lock of a content, which only one program at a time fetches. While another one holds it,
    /// `waiting` is called five times per second.
    ///
    /// The lock is the operating system's, as in [`DirLock`](stage01_bigram::files::DirLock): it
    /// goes with its process.
    pub(super) fn lock(&self, etag: &str, mut waiting: impl FnMut()) -> Result<File> {
        create_directory(&self.locks)?;
        let path = self.locks.join(format!("{etag}.lock"));
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(Error::file("write", &path))?;
        while let Err(TryLockError::WouldBlock) = file.try_lock() {
            waiting();
            std::thread::sleep(Duration::from_millis(200));
        }
        // A file system without locks: go on without one.
        Ok(file)
    }
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symlink(target: &Path, path: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}
