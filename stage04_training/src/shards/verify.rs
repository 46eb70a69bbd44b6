//! Verifies the checksums of files.
//!
//! A flipped bit in a shard gives one wrong token, which no reader can notice. So before training
//! all shards are read once and their checksums compared. That takes as long as the disk needs:
//! some seconds for one to twenty gigabytes, little beside hours of training.
//!
//! What this file leaves out: later changes of a file. One that has become shorter is an error when
//! it is read.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::Builder;
use std::time::{Duration, Instant};

use stage01_bigram::{Error, Result};
use stage03_gpt::trainer::cores;
use xxhash_rust::xxh3::Xxh3;

use crate::checksummed::hex;
use crate::progress::Reporter;
use crate::regular_file;
use crate::units::size;

/// A file and its expected content.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its path.
    pub path: PathBuf,
    /// The number of first bytes to verify. An interrupted run may have written more.
    pub bytes: u64,
    /// The checksum of these bytes.
    pub xxh3: String,
}

/// Verifies all files on all cores. Reports progress if it takes more than a second.
///
/// remedy: what to do about a file that differs. reporter: takes the progress.
///
/// # Errors
/// [`Error::Format`] for the first file, in their order, that differs; [`Error::File`] for one that
/// cannot be read.
pub fn verify(files: &[Expected], remedy: &str, reporter: &dyn Reporter) -> Result<()> {
    let total = files.iter().map(|file| file.bytes).sum();
    let (next, read, stop) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        // After an error only the files before it matter, and threads have already taken those.
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = verify_one(files.get(number)?, remedy, &read) {
                stop.store(true, Ordering::Relaxed);
                return Some((number, error));
            }
        }
        None
    };
    let found = std::thread::scope(|scope| {
        let threads = cores().clamp(1, files.len().clamp(1, 64));
        // If the system refuses all threads, this one does the work.
        let helpers: Vec<_> =
            (1..=threads).map_while(|_| Builder::new().spawn_scoped(scope, work).ok()).collect();
        let mut found = Vec::new();
        if helpers.is_empty() {
            found.extend(work());
        }
        show(reporter, total, &read, || helpers.iter().all(|helper| helper.is_finished()));
        for helper in helpers {
            found.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    });
    match found.into_iter().min_by_key(|(number, _)| *number) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// Waits, and reports progress if the wait is long.
fn show(reporter: &dyn Reporter, total: u64, read: &AtomicU64, done: impl Fn() -> bool) {
    let began = Instant::now();
    let mut progress = None;
    let mut pause = Duration::from_micros(50);
    while !done() {
        std::thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(100));
        if progress.is_none() && began.elapsed() > Duration::from_millis(1500) {
            reporter
                .note(&format!("comparing the checksums of {}; --no-verify skips it", size(total)));
            progress = Some(reporter.begin("checked", total, read.load(Ordering::Relaxed)));
        }
        if let Some(progress) = &mut progress {
            progress.update(read.load(Ordering::Relaxed));
        }
    }
}

fn verify_one(file: &Expected, remedy: &str, read: &AtomicU64) -> Result<()> {
    let sum = match checksum(&file.path, file.bytes, read) {
        Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Err(Error::format(&file.path, "it is missing", remedy));
        }
        sum => sum?,
    };
    let Some(sum) = sum else {
        let problem = format!("it has fewer than the {} bytes that were written", file.bytes);
        return Err(Error::format(&file.path, problem, remedy));
    };
    let sum = hex(sum.digest());
    if sum == file.xxh3 {
        return Ok(());
    }
    let problem = format!("its checksum is {sum}, but it was written with {}", file.xxh3);
    Err(Error::format(&file.path, problem, remedy))
}

/// The checksum state after the first `bytes` bytes of a file, to which more can be added. `None`
/// if there are fewer. Adds the number of bytes to `read`.
///
/// # Errors
/// As [`regular_file::read`], and [`Error::File`] when the disk fails.
pub fn checksum(path: &Path, bytes: u64, read: &AtomicU64) -> Result<Option<Xxh3>> {
    let mut file = regular_file::read(path)?;
    let (mut sum, mut left) = (Xxh3::new(), bytes);
    let mut buffer = vec![0; (1 << 18).min(bytes as usize)];
    while left > 0 {
        let here = buffer.len().min(left.try_into().unwrap_or(usize::MAX));
        match file.read(&mut buffer[..here]) {
            Ok(0) => return Ok(None),
            Ok(n) => {
                sum.update(&buffer[..n]);
                left -= n as u64;
                read.fetch_add(n as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::file("read", path)(error)),
        }
    }
    Ok(Some(sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn the_first_file_that_was_altered_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let files: Vec<Expected> = (0..40)
            .map(|n| {
                let path = directory.path().join(format!("f{n}"));
                let content = vec![n as u8; 1000 * n];
                std::fs::write(&path, &content).unwrap();
                Expected { path, bytes: content.len() as u64, xxh3: hex(xxh3_64(&content)) }
            })
            .collect();
        verify(&files, "restore it", &Silent).unwrap();
        verify(&[], "restore it", &Silent).unwrap();
        for n in [39, 17, 3] {
            let mut content = std::fs::read(&files[n].path).unwrap();
            content[500] ^= 1;
            std::fs::write(&files[n].path, &content).unwrap();
            let error = verify(&files, "restore it", &Silent).unwrap_err().to_string();
            assert!(error.contains(&format!("f{n}: its checksum is")), "{error}");
            assert!(error.ends_with("restore it"), "{error}");
        }
        std::fs::write(&files[2].path, "short").unwrap();
        let error = verify(&files, "restore it", &Silent).unwrap_err().to_string();
        assert!(error.contains("f2: it has fewer than the 2000 bytes"), "{error}");
        std::fs::remove_file(&files[1].path).unwrap();
        let error = verify(&files, "restore it", &Silent).unwrap_err().to_string();
        assert!(error.ends_with("f1: it is missing; restore it"), "{error}");
        // Bytes after those to verify do not matter.
        std::fs::write(&files[0].path, "more").unwrap();
        verify(&files[..1], "restore it", &Silent).unwrap();
    }
}
