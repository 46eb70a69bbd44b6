//! Writing shards so that a killed run can go on.
//!
//! Tokens are appended, and from time to time everything is pushed to the disk: then the lengths
//! are a safe place to go on from. A run that is killed leaves more bytes than were safe; they
//! are cut off. What was written after the safe place is made again, and comes out the same.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use super::encode::EncodedPart;
use super::fault::Fault;
use crate::manifest::{LeftOutEntry, PartEntry, ShardEntry, Split};

/// The file that lists the faults that were skipped, an object a line.
pub const FAULTS_FILE: &str = "skipped.jsonl";

/// How many faults the manifest shows.
const FIRST_FAULTS: usize = 20;

/// Appends tokens to the shards of one part.
pub struct PartWriter {
    folder: PathBuf,
    which: Split,
    token_bytes: usize,
    shard_tokens: u64,
    entry: PartEntry,
    /// The last shard, while there is room in it.
    open: Option<OpenShard>,
}

struct OpenShard {
    path: PathBuf,
    file: BufWriter<File>,
    sum: Xxh3,
    tokens: u64,
}

impl PartWriter {
    /// Goes on after `entry`, the state at the last [`PartWriter::commit`]; an empty one begins
    /// anew. Whatever was written later is cut off.
    ///
    /// # Errors
    /// [`Error::Format`] when less is there, or something else.
    pub fn resume(
        folder: &Path,
        which: Split,
        token_bytes: usize,
        shard_tokens: u64,
        entry: PartEntry,
    ) -> Result<PartWriter> {
        let mut open = None;
        for shard in &entry.shards {
            let path = folder.join(&shard.file);
            let length = shard.tokens * token_bytes as u64;
            let sum = cut(&path, length, shard.tokens < shard_tokens)?;
            let Some(sum) = sum else { continue };
            if format!("{:016x}", sum.digest()) != shard.xxh3 {
                return Err(changed(&path, "its content is not what was written"));
            }
            let file = OpenOptions::new().append(true).open(&path);
            let file = BufWriter::new(file.map_err(Error::file("write", &path))?);
            open = Some(OpenShard { path, file, sum, tokens: shard.tokens });
        }
        for number in entry.shards.len().. {
            let path = folder.join(which.shard_file(number));
            if !path.exists() {
                break;
            }
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
        let folder = folder.to_path_buf();
        Ok(PartWriter { folder, which, token_bytes, shard_tokens, entry, open })
    }

    /// Appends what belongs to this part.
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
                    self.folder.join(self.which.shard_file(self.entry.shards.len())),
                    &mut self.entry.shards,
                )?),
            };
            let room = (self.shard_tokens - shard.tokens).saturating_mul(self.token_bytes as u64);
            let here = rest.len().min(room.try_into().unwrap_or(usize::MAX));
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
    /// Pushes everything to the disk and brings the entry up to date.
    fn settle(&mut self) -> Result<()> {
        if let (Some(shard), Some(entry)) = (&mut self.open, self.entry.shards.last_mut()) {
            let pushed = shard.file.flush().and_then(|()| shard.file.get_ref().sync_data());
            pushed.map_err(Error::file("write", &shard.path))?;
            entry.tokens = shard.tokens;
            entry.xxh3 = format!("{:016x}", shard.sum.digest());
        }
        Ok(())
    }
    // ANCHOR_END: settle

    /// Makes all that was appended safe, and says what there is.
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
        let file = File::create(&path).map_err(Error::file("write", &path))?;
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
}

impl FaultWriter {
    /// Goes on after so many bytes.
    ///
    /// # Errors
    /// [`Error::Format`] when fewer are there.
    pub fn resume(folder: &Path, bytes: u64) -> Result<FaultWriter> {
        let path = folder.join(FAULTS_FILE);
        let mut file = None;
        if bytes > 0 {
            cut(&path, bytes, false)?;
            let append = OpenOptions::new().append(true).open(&path);
            file = Some(BufWriter::new(append.map_err(Error::file("write", &path))?));
        } else if path.exists() {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
        Ok(FaultWriter { path, file, bytes })
    }

    /// Adds a fault to the list, and to what the manifest says.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn append(&mut self, fault: &Fault, entry: &mut LeftOutEntry) -> Result<()> {
        let mut line = serde_json::to_string(fault).expect("a fault is plain JSON");
        line.push('\n');
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = File::create(&self.path).map_err(Error::file("write", &self.path))?;
                self.file.insert(BufWriter::new(file))
            }
        };
        file.write_all(line.as_bytes()).map_err(Error::file("write", &self.path))?;
        self.bytes += line.len() as u64;
        entry.faults += 1;
        entry.faults_file = Some(FAULTS_FILE.into());
        if entry.first_faults.len() < FIRST_FAULTS {
            entry.first_faults.push(fault.line());
        }
        Ok(())
    }

    /// Makes all that was appended safe, and says how many bytes there are.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn commit(&mut self) -> Result<u64> {
        if let Some(file) = &mut self.file {
            let pushed = file.flush().and_then(|()| file.get_ref().sync_data());
            pushed.map_err(Error::file("write", &self.path))?;
        }
        Ok(self.bytes)
    }
}

/// Cuts a file to a length, and where asked reads what is left for its checksum.
fn cut(path: &Path, length: u64, read: bool) -> Result<Option<Xxh3>> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let mut file = file.map_err(Error::file("read", path))?;
    let there = file.metadata().map_err(Error::file("read", path))?.len();
    if there < length {
        return Err(changed(path, &format!("it has {there} bytes, but {length} were written")));
    }
    if there > length {
        file.set_len(length).map_err(Error::file("write", path))?;
    }
    if !read {
        return Ok(None);
    }
    let mut sum = Xxh3::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(Error::file("read", path))? {
            0 => return Ok(Some(sum)),
            read => sum.update(&buffer[..read]),
        }
    }
}

/// The error for a file of an interrupted run that somebody else has touched.
fn changed(path: &Path, problem: &str) -> Error {
    Error::format(
        path,
        problem,
        "it was changed since the run was interrupted: begin anew with --restart",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(tokens: &[u16]) -> EncodedPart {
        let tokens = tokens.iter().flat_map(|t| t.to_le_bytes()).collect();
        EncodedPart { documents: 1, bytes: 3, characters: 2, tokens, ..EncodedPart::default() }
    }

    fn writer(folder: &Path, entry: PartEntry) -> Result<PartWriter> {
        PartWriter::resume(folder, Split::Train, 2, 4, entry)
    }

    fn shards(folder: &Path) -> Vec<usize> {
        let length = |n| fs::metadata(folder.join(Split::Train.shard_file(n))).map(|m| m.len());
        (0..9).map_while(|n| length(n).ok()).map(|bytes| bytes as usize / 2).collect()
    }

    #[test]
    fn shards_are_filled_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path(), PartEntry::default()).unwrap();
        for _ in 0..3 {
            writer.append(&part(&[1, 2, 3])).unwrap();
        }
        let entry = writer.commit().unwrap().clone();
        assert_eq!(shards(folder.path()), [4, 4, 1]);
        assert_eq!((entry.tokens, entry.documents, entry.bytes), (9, 3, 9));
        let bytes = fs::read(folder.path().join("train-00001.bin")).unwrap();
        assert_eq!(bytes, [2, 0, 3, 0, 1, 0, 2, 0]);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes);
        assert_eq!(entry.shards[1].xxh3, format!("{sum:016x}"));
    }

    #[test]
    fn what_was_not_safe_is_cut_off_and_can_be_written_again() {
        let (once, twice) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let parts: Vec<Vec<u16>> = (0..7).map(|n| (0..n).collect()).collect();
        let mut straight = writer(once.path(), PartEntry::default()).unwrap();
        parts.iter().for_each(|tokens| straight.append(&part(tokens)).unwrap());
        let expected = straight.commit().unwrap().clone();
        for stop in 0..parts.len() {
            let mut first = writer(twice.path(), PartEntry::default()).unwrap();
            parts[..stop].iter().for_each(|tokens| first.append(&part(tokens)).unwrap());
            let safe = first.commit().unwrap().clone();
            parts[stop..].iter().for_each(|_| first.append(&part(&[9; 3])).unwrap());
            drop(first);
            let mut second = writer(twice.path(), safe).unwrap();
            parts[stop..].iter().for_each(|tokens| second.append(&part(tokens)).unwrap());
            assert_eq!(second.commit().unwrap(), &expected, "stopped after {stop}");
            assert_eq!(shards(twice.path()), shards(once.path()));
        }
    }

    #[test]
    fn files_that_somebody_touched_are_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = writer(folder.path(), PartEntry::default()).unwrap();
        first.append(&part(&[1, 2, 3, 4, 5, 6])).unwrap();
        let entry = first.commit().unwrap().clone();
        let error = |entry: &PartEntry| match writer(folder.path(), entry.clone()) {
            Ok(_) => panic!("it went on"),
            Err(error) => error.to_string(),
        };
        let last = folder.path().join("train-00001.bin");
        fs::write(&last, [5, 0, 7, 0]).unwrap();
        assert!(error(&entry).contains("content is not what was written"));
        fs::write(&last, [5, 0]).unwrap();
        assert!(error(&entry).contains("it has 2 bytes, but 4 were written"));
        fs::remove_file(&last).unwrap();
        assert!(error(&entry).starts_with("cannot read"));
    }

    #[test]
    fn faults_are_listed_and_the_first_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let fault =
            |n| Fault::new(format!("f:{n}"), "odd", "look", super::super::fault::Lost::Document);
        let mut entry = LeftOutEntry::default();
        let mut writer = FaultWriter::resume(folder.path(), 0).unwrap();
        (0..3).for_each(|n| writer.append(&fault(n), &mut entry).unwrap());
        let safe = writer.commit().unwrap();
        writer.append(&fault(99), &mut entry.clone()).unwrap();
        writer.commit().unwrap();
        let mut writer = FaultWriter::resume(folder.path(), safe).unwrap();
        (3..25).for_each(|n| writer.append(&fault(n), &mut entry).unwrap());
        writer.commit().unwrap();
        let text = fs::read_to_string(folder.path().join(FAULTS_FILE)).unwrap();
        let listed: Vec<Fault> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(listed, (0..25).map(fault).collect::<Vec<_>>());
        assert_eq!((entry.faults, entry.first_faults.len()), (25, 20));
    }
}
