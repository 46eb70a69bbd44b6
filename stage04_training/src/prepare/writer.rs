//! Writes shards so that a killed run can continue.
//!
//! Tokens are appended, and from time to time committed: everything is flushed to the disk, and the
//! lengths are recorded. A killed run may leave more bytes than were committed; they are truncated,
//! and the same bytes are written again.
//!
//! Altered files are not continued: before a run continues, all that it has written is read and
//! compared with the journal's checksums ([`verify()`]). And only regular files of this directory
//! are written to: see `regular_file`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use super::encode::EncodedPart;
use super::fault::Fault;
use super::journal::{FaultsEntry, Journal};
use crate::checksummed::hex;
use crate::manifest::{FAULTS_FILE, LeftOutEntry, PartEntry, ShardEntry, Split, TOKENIZER_FILE};
use crate::progress::{Reporter, Silent};
use crate::regular_file;
use crate::shards::verify::{self, Expected, checksum};

/// The remedy for a file of an interrupted run that was changed.
const CHANGED: &str = "it was changed after the run was interrupted: start over with --restart";

/// The number of faults that the manifest lists.
const FIRST_FAULTS: usize = 20;

/// Appends tokens to the shards of one part.
pub struct PartWriter {
    directory: PathBuf,
    which: Split,
    token_bytes: usize,
    shard_tokens: u64,
    entry: PartEntry,
    /// The last shard, until it is full.
    open: Option<OpenShard>,
}

struct OpenShard {
    path: PathBuf,
    file: BufWriter<File>,
    sum: Xxh3,
    tokens: u64,
}

impl PartWriter {
    /// Continues after `entry`, the state at the last [`PartWriter::commit`], or starts over if it
    /// is empty. Truncates what was written later. The entry must have been validated.
    ///
    /// # Errors
    /// [`Error::Format`] when a file is shorter or was altered.
    pub fn resume(
        directory: &Path,
        which: Split,
        token_bytes: usize,
        shard_tokens: u64,
        entry: PartEntry,
    ) -> Result<PartWriter> {
        let mut open = None;
        for shard in &entry.shards {
            let path = directory.join(&shard.file);
            let length = shard.tokens.saturating_mul(token_bytes as u64);
            if shard.tokens < shard_tokens {
                let (file, sum) = reopen(&path, length, &shard.xxh3)?;
                open = Some(OpenShard { path, file, sum, tokens: shard.tokens });
            } else if length_of(&path)? > length {
                regular_file::append(&path)?
                    .set_len(length)
                    .map_err(Error::file("write", &path))?;
            }
        }
        for found in fs::read_dir(directory).map_err(Error::file("read", directory))? {
            let path = found.map_err(Error::file("read", directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if which.shard_number(name).is_some_and(|number| number >= entry.shards.len()) {
                regular_file::remove(&path)?;
            }
        }
        let directory = directory.to_path_buf();
        Ok(PartWriter { directory, which, token_bytes, shard_tokens, entry, open })
    }

    /// Appends the tokens of this part.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn append(&mut self, part: &EncodedPart) -> Result<()> {
        self.entry.documents += part.documents;
        self.entry.special_tokens += part.special_tokens;
        self.entry.unknown_markers += part.unknown_markers;
        self.entry.bytes += part.bytes;
        self.entry.characters += part.characters;
        self.entry.tokens += (part.tokens.len() / self.token_bytes) as u64;
        let mut rest = &part.tokens[..];
        while !rest.is_empty() {
            let shard = match &mut self.open {
                Some(shard) => shard,
                None => self.open.insert(OpenShard::create(
                    self.directory.join(self.which.shard_file(self.entry.shards.len())),
                    &mut self.entry.shards,
                )?),
            };
            let free = (self.shard_tokens - shard.tokens).saturating_mul(self.token_bytes as u64);
            let here = rest.len().min(free.try_into().unwrap_or(usize::MAX));
            let (now, later) = rest.split_at(here);
            shard.file.write_all(now).map_err(Error::file("write", &shard.path))?;
            shard.sum.update(now);
            shard.tokens += (here / self.token_bytes) as u64;
            rest = later;
            if shard.tokens == self.shard_tokens {
                self.settle()?;
                self.open = None;
            }
        }
        Ok(())
    }

    // ANCHOR: settle
    /// Flushes the open shard to the disk and updates the entry.
    fn settle(&mut self) -> Result<()> {
        if let (Some(shard), Some(entry)) = (&mut self.open, self.entry.shards.last_mut()) {
            let synced = shard.file.flush().and_then(|()| shard.file.get_ref().sync_data());
            synced.map_err(Error::file("write", &shard.path))?;
            entry.tokens = shard.tokens;
            entry.xxh3 = hex(shard.sum.digest());
        }
        Ok(())
    }
    // ANCHOR_END: settle

    /// Commits all that was appended, and returns the entry.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn commit(&mut self) -> Result<&PartEntry> {
        self.settle()?;
        Ok(&self.entry)
    }
}

impl OpenShard {
    fn create(path: PathBuf, shards: &mut Vec<ShardEntry>) -> Result<OpenShard> {
        let file = regular_file::create(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        shards.push(ShardEntry { file: name, tokens: 0, xxh3: String::new() });
        Ok(OpenShard {
            path,
            file: BufWriter::with_capacity(1 << 16, file),
            sum: Xxh3::new(),
            tokens: 0,
        })
    }
}

/// Appends faults to their list.
pub struct FaultWriter {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    bytes: u64,
    sum: Xxh3,
}

impl FaultWriter {
    /// Continues after the last commit, or starts over if the entry is empty.
    ///
    /// # Errors
    /// [`Error::Format`] when the file is shorter or was altered.
    pub fn resume(directory: &Path, entry: &FaultsEntry) -> Result<FaultWriter> {
        let path = directory.join(FAULTS_FILE);
        if entry.bytes == 0 {
            regular_file::remove(&path)?;
            return Ok(FaultWriter { path, file: None, bytes: 0, sum: Xxh3::new() });
        }
        let (file, sum) = reopen(&path, entry.bytes, &entry.xxh3)?;
        Ok(FaultWriter { path, file: Some(file), bytes: entry.bytes, sum })
    }

    /// Appends a fault to the list and counts it in the manifest's entry.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn append(&mut self, fault: &Fault, entry: &mut LeftOutEntry) -> Result<()> {
        let mut line = serde_json::to_string(fault).expect("a fault is plain JSON");
        line.push('\n');
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::new(regular_file::create(&self.path)?)),
        };
        file.write_all(line.as_bytes()).map_err(Error::file("write", &self.path))?;
        self.bytes += line.len() as u64;
        self.sum.update(line.as_bytes());
        entry.faults += 1;
        entry.faults_file = Some(FAULTS_FILE.into());
        if entry.first_faults.len() < FIRST_FAULTS {
            entry.first_faults.push(fault.line());
        }
        Ok(())
    }

    /// Commits all that was appended, and returns the entry.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn commit(&mut self) -> Result<FaultsEntry> {
        let Some(file) = &mut self.file else { return Ok(FaultsEntry::default()) };
        let synced = file.flush().and_then(|()| file.get_ref().sync_data());
        synced.map_err(Error::file("write", &self.path))?;
        Ok(FaultsEntry { bytes: self.bytes, xxh3: hex(self.sum.digest()) })
    }
}

/// Compares all files of an interrupted run with the checksums in its journal, which must have been
/// validated. Opens nothing for writing.
///
/// # Errors
/// [`Error::Format`] for the first file that differs, [`Error::File`] for one that cannot be read.
pub fn verify(
    directory: &Path,
    journal: &Journal,
    token_bytes: usize,
    reporter: &dyn Reporter,
) -> Result<()> {
    let mut files: Vec<Expected> = Vec::new();
    for shard in journal.train.shards.iter().chain(&journal.validation.shards) {
        let bytes = shard.tokens.saturating_mul(token_bytes as u64);
        let (path, xxh3) = (directory.join(&shard.file), shard.xxh3.clone());
        files.push(Expected { path, bytes, xxh3 });
    }
    if journal.faults.bytes > 0 {
        let FaultsEntry { bytes, xxh3 } = journal.faults.clone();
        files.push(Expected { path: directory.join(FAULTS_FILE), bytes, xxh3 });
    }
    verify::verify(&files, CHANGED, reporter)
}

/// Compares the tokenizer of an interrupted run with its checksum in the journal.
///
/// # Errors
/// As [`verify()`].
pub fn verify_tokenizer(directory: &Path, journal: &Journal) -> Result<()> {
    let path = directory.join(TOKENIZER_FILE);
    let bytes = fs::metadata(&path).map_or(0, |about| about.len());
    let xxh3 = journal.tokenizer_xxh3.clone();
    verify::verify(&[Expected { path, bytes, xxh3 }], CHANGED, &Silent)
}

/// Opens a file to append after its first `length` bytes, which must have this checksum. Truncates
/// the rest.
fn reopen(path: &Path, length: u64, xxh3: &str) -> Result<(BufWriter<File>, Xxh3)> {
    let sum = checksum(path, length, &AtomicU64::new(0))?;
    let Some(sum) = sum.filter(|sum| hex(sum.digest()) == xxh3) else {
        return Err(Error::format(path, "its content is not what was written", CHANGED));
    };
    let file = regular_file::append(path)?;
    file.set_len(length).map_err(Error::file("write", path))?;
    Ok((BufWriter::with_capacity(1 << 16, file), sum))
}

fn length_of(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).map_err(Error::file("read", path))?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(tokens: &[u16]) -> EncodedPart {
        let tokens = tokens.iter().flat_map(|t| t.to_le_bytes()).collect();
        EncodedPart { documents: 1, bytes: 3, characters: 2, tokens, ..EncodedPart::default() }
    }

    fn writer(directory: &Path, entry: PartEntry) -> Result<PartWriter> {
        PartWriter::resume(directory, Split::Train, 2, 4, entry)
    }

    fn shards(directory: &Path) -> Vec<usize> {
        let length = |n| fs::metadata(directory.join(Split::Train.shard_file(n))).map(|m| m.len());
        (0..9).map_while(|n| length(n).ok()).map(|bytes| bytes as usize / 2).collect()
    }

    #[test]
    fn shards_are_filled_one_after_another() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path(), PartEntry::default()).unwrap();
        for _ in 0..3 {
            writer.append(&part(&[1, 2, 3])).unwrap();
        }
        let entry = writer.commit().unwrap().clone();
        assert_eq!(shards(directory.path()), [4, 4, 1]);
        assert_eq!((entry.tokens, entry.documents, entry.bytes), (9, 3, 9));
        let bytes = fs::read(directory.path().join("train-00001.bin")).unwrap();
        assert_eq!(bytes, [2, 0, 3, 0, 1, 0, 2, 0]);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes);
        assert_eq!(entry.shards[1].xxh3, format!("{sum:016x}"));
    }

    #[test]
    fn uncommitted_tokens_are_truncated_and_written_again() {
        let (once, twice) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let parts: Vec<Vec<u16>> = (0..7).map(|n| (0..n).collect()).collect();
        let mut straight = writer(once.path(), PartEntry::default()).unwrap();
        parts.iter().for_each(|tokens| straight.append(&part(tokens)).unwrap());
        let expected = straight.commit().unwrap().clone();
        for stop in 0..parts.len() {
            let mut first = writer(twice.path(), PartEntry::default()).unwrap();
            parts[..stop].iter().for_each(|tokens| first.append(&part(tokens)).unwrap());
            let committed = first.commit().unwrap().clone();
            parts[stop..].iter().for_each(|_| first.append(&part(&[9; 3])).unwrap());
            drop(first);
            let mut second = writer(twice.path(), committed).unwrap();
            parts[stop..].iter().for_each(|tokens| second.append(&part(tokens)).unwrap());
            assert_eq!(second.commit().unwrap(), &expected, "stopped after {stop}");
            assert_eq!(shards(twice.path()), shards(once.path()));
        }
    }

    #[test]
    fn altered_files_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = writer(directory.path(), PartEntry::default()).unwrap();
        first.append(&part(&[1, 2, 3, 4, 5, 6])).unwrap();
        let entry = first.commit().unwrap().clone();
        let error = |entry: &PartEntry| match writer(directory.path(), entry.clone()) {
            Ok(_) => panic!("it went on"),
            Err(error) => error.to_string(),
        };
        let last = directory.path().join("train-00001.bin");
        fs::write(&last, [5, 0, 7, 0]).unwrap();
        assert!(error(&entry).contains("content is not what was written"));
        fs::write(&last, [5, 0]).unwrap();
        assert!(error(&entry).contains("content is not what was written"));
        fs::remove_file(&last).unwrap();
        assert!(error(&entry).starts_with("cannot read"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_shard_is_not_written_through() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let mut first = writer(directory.path(), PartEntry::default()).unwrap();
        first.append(&part(&[1, 2, 3, 4, 5, 6])).unwrap();
        let entry = first.commit().unwrap().clone();
        drop(first);
        // The right bytes and more, elsewhere.
        let victim = [fs::read(at("train-00001.bin")).unwrap(), b"precious".to_vec()].concat();
        fs::write(at("victim"), &victim).unwrap();
        for link in [symlink, fs::hard_link] {
            fs::remove_file(at("train-00001.bin")).unwrap();
            link(at("victim"), at("train-00001.bin")).unwrap();
            let error = writer(directory.path(), entry.clone()).err().unwrap().to_string();
            assert!(error.contains("train-00001.bin") && error.contains("link"), "{error}");
        }
        // A link with the name of a later shard is replaced.
        let mut again = writer(directory.path(), PartEntry::default()).unwrap();
        symlink(at("victim"), at("train-00000.bin")).unwrap();
        again.append(&part(&[1, 2, 3, 4, 5, 6])).unwrap();
        again.commit().unwrap();
        assert_eq!(fs::read(at("victim")).unwrap(), victim);
    }

    #[test]
    fn faults_are_listed_and_the_first_are_shown() {
        let directory = tempfile::tempdir().unwrap();
        let fault =
            |n| Fault::new(format!("f:{n}"), "odd", "look", super::super::fault::Lost::Document);
        let mut entry = LeftOutEntry::default();
        let mut writer = FaultWriter::resume(directory.path(), &FaultsEntry::default()).unwrap();
        (0..3).for_each(|n| writer.append(&fault(n), &mut entry).unwrap());
        let committed = writer.commit().unwrap();
        writer.append(&fault(99), &mut entry.clone()).unwrap();
        writer.commit().unwrap();
        let mut writer = FaultWriter::resume(directory.path(), &committed).unwrap();
        (3..25).for_each(|n| writer.append(&fault(n), &mut entry).unwrap());
        writer.commit().unwrap();
        let text = fs::read_to_string(directory.path().join(FAULTS_FILE)).unwrap();
        let listed: Vec<Fault> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(listed, (0..25).map(fault).collect::<Vec<_>>());
        assert_eq!((entry.faults, entry.first_faults.len()), (25, 20));
    }
}
