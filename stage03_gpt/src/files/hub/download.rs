//! The content of one file: fetched, resumed where it broke, and checked before it has its name.
//!
//! The bytes go to `ETAG.incomplete`, and stay there when the transfer breaks or the program is
//! killed: the next attempt, or the next program, asks for the rest. Its length is known
//! beforehand, and not a byte more is taken. The ETag of a large file is the SHA-256 of its content:
//! it is computed, and a content with another one is removed. That of a small file is a number of
//! the hub's, which is not checked here.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use stage01_bigram::files::{create_directory, rename};
use stage01_bigram::{Error, Result};

use super::cache::Cache;
use super::http::{About, Failure, Http, failure};
use super::{Event, HubName, refusal};
use crate::units::amount;

/// How many attempts in a row may end without a byte.
const MOST_FAILURES: u32 = 3;

/// What is fetched, and with what.
pub(super) struct Download<'d> {
    pub(super) http: &'d Http<'d>,
    pub(super) cache: &'d Cache,
    pub(super) name: &'d HubName,
    pub(super) file: &'d str,
    pub(super) about: &'d About,
    /// How long a server may be silent.
    pub(super) patience: std::time::Duration,
}

impl Download<'_> {
    /// Puts the content into the cache, where it is not there yet.
    pub(super) fn run(&self, report: &mut dyn FnMut(Event)) -> Result<()> {
        let (file, About { etag, size, .. }) = (self.file, self.about);
        let (path, incomplete) = self.cache.blob(etag);
        let _lock = self.cache.lock(etag, || report(Event::Waiting { file }))?;
        if path.is_file() {
            return Ok(()); // fetched by another program meanwhile
        }
        create_directory(path.parent().expect("it is below the cache"))?;
        let mut partial = Partial::open(&incomplete, etag, *size)?;
        let mut resumed = partial.length > 0;
        let mut failures = 0;
        loop {
            report(Event::Progress { file, done: partial.length, size: *size });
            let before = partial.length;
            match self.attempt(&mut partial, report)? {
                Ok(()) if partial.is_right() => break,
                // The beginning was of another content, or its disk has failed.
                Ok(()) if resumed => {
                    partial.clear()?;
                    resumed = false;
                }
                Ok(()) => {
                    partial.remove();
                    return Err(Error::format(
                        self.name.to_string(),
                        format!("{file} has another checksum than the hub says (SHA-256 {etag})"),
                        "what was fetched is removed; run the command again, and if it happens \
                         again, do not trust this connection",
                    ));
                }
                Err(Failure::Network(problem)) => {
                    failures = if partial.length > before { 1 } else { failures + 1 };
                    if failures >= MOST_FAILURES {
                        return Err(self.broken(&problem, partial.length));
                    }
                    report(Event::Retry { file, problem: &problem });
                    std::thread::sleep(self.patience.mul_f64(0.1 * f64::from(failures)));
                }
                // What was there is longer than the server has, or of another file.
                Err(Failure::Refused { status: 416, .. }) if resumed => {
                    partial.clear()?;
                    resumed = false;
                }
                Err(failure) => return Err(refusal(self.name, file, failure)),
            }
        }
        partial.file.sync_all().map_err(Error::file("write", &incomplete))?;
        rename(&incomplete, &path).map_err(Error::file("write", &path))?;
        report(Event::Fetched { file, size: *size });
        Ok(())
    }

    /// One request for what is missing. The outer error is one of this computer.
    fn attempt(
        &self,
        partial: &mut Partial,
        report: &mut dyn FnMut(Event),
    ) -> Result<std::result::Result<(), Failure>> {
        let (file, size) = (self.file, self.about.size);
        if partial.length == size {
            return Ok(Ok(()));
        }
        let asked = self.http.content(&self.name.repository, self.about, file, partial.length);
        let answer = match asked {
            Ok((true, answer)) => answer,
            Ok((false, answer)) => {
                partial.clear()?; // it sends the whole
                answer
            }
            Err(failure) => return Ok(Err(failure)),
        };
        let mut body = answer.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match body.read(&mut buffer) {
                Ok(n) => n,
                Err(error) => return Ok(Err(failure(&error.into(), self.patience))),
            };
            if n == 0 && partial.length < size {
                let problem = format!("the connection ended after {} bytes", partial.length);
                return Ok(Err(Failure::Network(problem)));
            }
            if n == 0 {
                return Ok(Ok(()));
            }
            if n as u64 > size - partial.length {
                partial.remove();
                let problem = format!("{file} is longer than the {size} bytes that it announced");
                return Ok(Err(Failure::Wrong(problem)));
            }
            partial.write(&buffer[..n])?;
            report(Event::Progress { file, done: partial.length, size });
        }
    }

    fn broken(&self, problem: &str, length: u64) -> Error {
        let problem = format!("{} was not fetched: {problem}", self.file);
        let remedy = match length {
            0 => "see whether this computer has a network, and run the command again".to_string(),
            _ => format!(
                "run the command again: {} of {} are here already",
                amount(length as f64),
                amount(self.about.size as f64)
            ),
        };
        Error::format(self.name.to_string(), problem, remedy)
    }
}

/// The beginning of a content, and its checksum so far.
struct Partial<'p> {
    path: PathBuf,
    file: File,
    length: u64,
    /// `None` where the ETag is no SHA-256.
    hash: Option<Sha256>,
    etag: &'p str,
}

impl<'p> Partial<'p> {
    /// Opens what an earlier attempt has left, or an empty file.
    fn open(path: &Path, etag: &'p str, size: u64) -> Result<Partial<'p>> {
        let failed = |source| Error::file("write", path)(source);
        if !path.symlink_metadata().is_ok_and(|about| about.is_file()) {
            // A link would lead out of the cache, and a pipe would never open.
            let _ = fs::remove_file(path);
        }
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(failed)?;
        let is_sha256 = etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hash = is_sha256.then(Sha256::new);
        let mut partial = Partial { path: path.to_path_buf(), file, length: 0, hash, etag };
        let length = partial.file.metadata().map_err(failed)?.len();
        // Without a checksum nothing would show that the beginning is wrong; such files are small.
        if length > size || !is_sha256 {
            partial.clear()?;
            return Ok(partial);
        }
        let mut buffer = vec![0; 1 << 16];
        while partial.length < length {
            let n = partial.file.read(&mut buffer).map_err(failed)?;
            if n == 0 {
                break;
            }
            partial.note(&buffer[..n]);
        }
        Ok(partial)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::file("write", &self.path))?;
        self.note(bytes);
        Ok(())
    }

    fn note(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
    }

    /// Begins again.
    fn clear(&mut self) -> Result<()> {
        let failed = |source| Error::file("write", &self.path)(source);
        self.file.set_len(0).map_err(failed)?;
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        self.length = 0;
        self.hash = self.hash.as_ref().map(|_| Sha256::new());
        Ok(())
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Whether a whole content is the one that the hub named.
    fn is_right(&self) -> bool {
        self.hash.as_ref().is_none_or(|hash| {
            let sum = hash.clone().finalize();
            let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
            sum.eq_ignore_ascii_case(self.etag)
        })
    }
}
