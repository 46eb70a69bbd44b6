//! Reads tokens from files that are larger than memory.
//!
//! [`crate::prepare`] writes a directory of shards: only token numbers of two or four bytes. A
//! window of tokens is a few thousand bytes somewhere in them, and is read by position in one call
//! of the operating system, which caches recently read data for all processes. So 20 gigabytes of
//! tokens open at once and take no memory.
//!
//! The alternative is a memory map: the file appears as memory, and no call is made. Twelve windows
//! of 1,024 tokens then take 7 µs instead of 23 µs; a training step on them takes 61,000 µs on a
//! GPU with 200,000 tokens per second. But if another process truncates a mapped file, the
//! operating system kills this process (SIGBUS) without a message. Here it is an ordinary error.
//!
//! ```
//! # use stage04_training::prepare::{Settings, prepare};
//! # use stage04_training::progress::Silent;
//! #
//! # let directory = tempfile::tempdir().unwrap();
//! # let input = directory.path().join("text.txt");
//! # let sentence = "In the beginning God created the heaven and the earth. ";
//! # std::fs::write(&input, sentence.repeat(20)).unwrap();
//! # let settings = Settings {
//! #     input: vec![input],
//! #     out: directory.path().join("tokens"),
//! #     tokenizer: "char".parse()?,
//! #     ..Settings::default()
//! # };
//! # let manifest = prepare(&settings, &Silent)?;
//! use stage04_training::shards::{Shards, Split};
//!
//! let shards = Shards::open(&settings.out)?;
//! let windows = shards.part(Split::Train).sampler(8, 1337)?;
//! let (mut inputs, mut targets) = ([0; 8], [0; 8]);
//! windows.window(0, &mut inputs, &mut targets)?;
//! assert_eq!(inputs[1..], targets[..7]);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the order of the windows ([`WindowSampler`]), and the comparison of
//! checksums (`shards::verify`).

mod permutation;
pub(crate) mod verify;
mod window_sampler;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

pub use self::permutation::Permutation;
use self::verify::Expected;
pub use self::window_sampler::WindowSampler;
pub use crate::manifest::Split;
use crate::manifest::{MANIFEST_FILE, Manifest, TOKENIZER_FILE};
use crate::progress::Reporter;
use crate::{checksummed, regular_file};

/// The remedy for a file that is not what `prepare` wrote.
const REMEDY: &str = "the file was damaged or altered: copy it again if it was copied, or make \
                      the directory again with `prepare --restart`";

/// The number of files of a part that stay open, because an operating system limits open files to
/// some hundreds. The others are opened for each read.
const OPEN: usize = 200;

/// A directory of tokens that `prepare` made.
#[derive(Debug)]
pub struct Shards {
    directory: PathBuf,
    manifest: Manifest,
    train: SplitTokens,
    validation: SplitTokens,
}

/// The tokens of one part of the data, a sequence over one or more files.
#[derive(Debug)]
pub struct SplitTokens {
    which: Split,
    token_bytes: usize,
    shards: Vec<Shard>,
    len: u64,
}

/// One file and the position of its tokens in the part.
#[derive(Debug)]
struct Shard {
    first: u64,
    /// The number of its tokens.
    len: u64,
    path: PathBuf,
    /// The file, if it stays open.
    file: Option<File>,
}

impl Shards {
    /// Opens a directory. Reads the manifest and compares the lengths of the files;
    /// [`Shards::verify`] compares their content.
    ///
    /// # Errors
    /// [`Error::File`] when a file is missing; [`Error::Format`] when it is not a directory of
    /// tokens, or a file has another length than in the manifest.
    pub fn open(directory: &Path) -> Result<Shards> {
        let manifest = Manifest::load(directory).map_err(|error| match error {
            Error::File { .. } if !directory.join(MANIFEST_FILE).exists() => Error::format(
                directory,
                "not a directory of tokens: it has no manifest.json",
                "name a directory that `prepare` has finished; if it was interrupted, run the same \
                 command again",
            ),
            other => other,
        })?;
        let train = SplitTokens::open(directory, &manifest, Split::Train)?;
        let validation = SplitTokens::open(directory, &manifest, Split::Validation)?;
        Ok(Shards { directory: directory.to_path_buf(), manifest, train, validation })
    }

    /// The manifest of the directory.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The path of the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The tokenizer that made the tokens.
    ///
    /// # Errors
    /// Those of [`Tokenizer::load`]; [`Error::Format`] when it is not the one of the manifest.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let path = self.directory.join(TOKENIZER_FILE);
        let wrong = |problem: String| {
            let remedy = "put the tokenizer back that made the shards, or make the directory \
                          again with `prepare --restart`";
            Err(Error::format(&path, problem, remedy))
        };
        let Some(text) = checksummed::read(&path)? else {
            return Err(Error::file("read", &path)(ErrorKind::NotFound.into()));
        };
        let (is, expected) =
            (checksummed::hex(xxh3_64(text.as_bytes())), &self.manifest.tokenizer_xxh3);
        if is != *expected {
            return wrong(format!(
                "its checksum is {is}, but the shards were made with {expected}"
            ));
        }
        let tokenizer = Tokenizer::load(&path)?;
        let (is, expected) = (tokenizer.vocab_size(), self.manifest.vocab_size);
        if is != expected {
            return wrong(format!("it has {is} tokens, but the shards were made with {expected}"));
        }
        Ok(tokenizer)
    }

    /// One part of the data.
    pub fn part(&self, which: Split) -> &SplitTokens {
        match which {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
        }
    }

    /// Reads all shards, on all cores, and compares their checksums. Reports progress if it takes
    /// long.
    ///
    /// # Errors
    /// [`Error::Format`] for the first file that is not what `prepare` wrote, [`Error::File`]
    /// for one that cannot be read.
    pub fn verify(&self, reporter: &dyn Reporter) -> Result<()> {
        let entries = |which| self.manifest.part(which).shards.iter();
        let files = entries(Split::Train).chain(entries(Split::Validation)).map(|entry| Expected {
            path: self.directory.join(&entry.file),
            bytes: entry.tokens.saturating_mul(self.manifest.token_bytes as u64),
            xxh3: entry.xxh3.clone(),
        });
        verify::verify(&files.collect::<Vec<_>>(), REMEDY, reporter)
    }
}

impl SplitTokens {
    fn open(directory: &Path, manifest: &Manifest, which: Split) -> Result<SplitTokens> {
        let mut part =
            SplitTokens { which, token_bytes: manifest.token_bytes, shards: Vec::new(), len: 0 };
        for entry in &manifest.part(which).shards {
            let path = directory.join(&entry.file);
            let file = regular_file::read(&path)?;
            let is = file.metadata().map_err(Error::file("read", &path))?.len();
            let expected = entry.tokens.saturating_mul(manifest.token_bytes as u64);
            if is != expected {
                let problem = format!("it has {is} bytes, but its manifest says {expected}");
                return Err(Error::format(path, problem, REMEDY));
            }
            let file = (part.shards.len() < OPEN).then_some(file);
            part.shards.push(Shard { first: part.len, len: entry.tokens, path, file });
            part.len += entry.tokens;
        }
        Ok(part)
    }

    /// The part.
    pub fn which(&self) -> Split {
        self.which
    }

    /// The number of tokens.
    #[allow(clippy::len_without_is_empty, reason = "a number of tokens, not of entries")]
    pub fn len(&self) -> u64 {
        self.len
    }

    // ANCHOR: read
    /// Fills `out` with the tokens from `start` on, across the borders of shards.
    ///
    /// # Errors
    /// [`Error::File`] when the disk fails, [`Error::Format`] when a file has become shorter.
    ///
    /// # Panics
    /// If there are not enough tokens.
    pub fn read(&self, start: u64, out: &mut [u32]) -> Result<()> {
        let end = start.checked_add(out.len() as u64).filter(|&end| end <= self.len);
        assert!(end.is_some(), "{} tokens from {start} on, of {}", out.len(), self.len);
        // The last shard that begins at or before `start`.
        let mut number = self.shards.partition_point(|shard| shard.first <= start);
        let (mut start, mut out) = (start, out);
        while !out.is_empty() {
            let shard = &self.shards[number - 1];
            let place = start - shard.first;
            let here = (shard.len - place).min(out.len() as u64) as usize;
            let (now, later) = out.split_at_mut(here);
            shard.read(place, self.token_bytes, now)?;
            (start, out, number) = (start + here as u64, later, number + 1);
        }
        Ok(())
    }
    // ANCHOR_END: read

    /// A sampler of windows of `block_size` tokens in a shuffled order, each once per epoch.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are not at least `block_size` + 1 tokens, or the block
    /// size is 0.
    pub fn sampler(&self, block_size: usize, seed: u64) -> Result<WindowSampler<'_>> {
        WindowSampler::new(self, block_size, seed)
    }
}

impl Shard {
    /// Reads tokens from a position on, through a small buffer.
    fn read(&self, place: u64, token_bytes: usize, out: &mut [u32]) -> Result<()> {
        let mut buffer = [0; 1 << 13];
        let opened;
        let file = match &self.file {
            Some(file) => file,
            None => {
                opened = regular_file::read(&self.path)?;
                &opened
            }
        };
        let mut place = place * token_bytes as u64;
        for tokens in out.chunks_mut(buffer.len() / token_bytes) {
            let bytes = &mut buffer[..tokens.len() * token_bytes];
            regular_file::read_at(file, bytes, place).map_err(|error| self.failed(error))?;
            decode(bytes, token_bytes, tokens);
            place += bytes.len() as u64;
        }
        Ok(())
    }

    fn failed(&self, error: std::io::Error) -> Error {
        if error.kind() != ErrorKind::UnexpectedEof {
            return Error::file("read", &self.path)(error);
        }
        let problem = "it has become shorter since it was opened: another program has altered it";
        Error::format(&self.path, problem, "make the directory again with `prepare --restart`")
    }
}

/// Decodes little-endian numbers of two or four bytes.
fn decode(bytes: &[u8], token_bytes: usize, tokens: &mut [u32]) {
    if token_bytes == 2 {
        for (token, pair) in tokens.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *token = u16::from_le_bytes(*pair).into();
        }
    } else {
        for (token, four) in tokens.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *token = u32::from_le_bytes(*four);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::manifest::{
        InputsEntry, LeftOutEntry, PartEntry, ShardEntry, SplitBy, SplitEntry, VERSION,
    };
    use crate::progress::Silent;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fs;

    /// A directory with these tokens as its training set.
    pub(crate) fn directory_of(
        tokens: &[u32],
        shard_tokens: usize,
        token_bytes: usize,
        vocab_size: usize,
    ) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let mut train = PartEntry { tokens: tokens.len() as u64, ..PartEntry::default() };
        for (number, shard) in tokens.chunks(shard_tokens).enumerate() {
            let bytes: Vec<u8> =
                shard.iter().flat_map(|t| t.to_le_bytes()[..token_bytes].to_vec()).collect();
            let file = Split::Train.shard_file(number);
            fs::write(directory.path().join(&file), &bytes).unwrap();
            let xxh3 = checksummed::hex(xxh3_64(&bytes));
            train.shards.push(ShardEntry { file, tokens: shard.len() as u64, xxh3 });
        }
        let manifest = Manifest {
            version: VERSION,
            token_bytes,
            vocab_size,
            end_of_text: None,
            tokenizer_xxh3: checksummed::hex(0),
            split: SplitEntry { by: SplitBy::Tail, validation: 0.0 },
            train,
            validation: PartEntry::default(),
            flags: BTreeMap::new(),
            inputs: InputsEntry::default(),
            left_out: LeftOutEntry::default(),
        };
        manifest.save(directory.path()).unwrap();
        directory
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

        #[test]
        fn tokens_are_read_across_shard_borders(
            tokens in prop::collection::vec(0u32..60_000, 1..200),
            shard in 1usize..50, wide: bool, from in 0usize..200, to in 0usize..200,
        ) {
            let directory = directory_of(&tokens, shard, if wide { 4 } else { 2 }, 60_000);
            let shards = Shards::open(directory.path()).unwrap();
            shards.verify(&Silent).unwrap();
            let part = shards.part(Split::Train);
            prop_assert_eq!(part.len(), tokens.len() as u64);
            let (from, to) = (from.min(to).min(tokens.len()), from.max(to).min(tokens.len()));
            let mut out = vec![0; to - from];
            part.read(from as u64, &mut out).unwrap();
            prop_assert_eq!(&out[..], &tokens[from..to]);
        }
    }

    #[test]
    #[should_panic(expected = "3 tokens from 8 on, of 10")]
    fn reading_past_the_end_is_a_bug() {
        let directory = directory_of(&[1; 10], 4, 2, 2);
        let shards = Shards::open(directory.path()).unwrap();
        let _ = shards.part(Split::Train).read(8, &mut [0; 3]);
    }

    #[test]
    fn damaged_directories_are_refused() {
        let error = |directory: &Path| Shards::open(directory).unwrap_err().to_string();
        let empty = tempfile::tempdir().unwrap();
        assert!(
            error(empty.path()).contains("not a directory of tokens"),
            "{}",
            error(empty.path())
        );

        let directory = directory_of(&[1, 2, 3, 4, 5], 2, 2, 10);
        let shard = directory.path().join("train-00001.bin");
        fs::write(&shard, [3, 0, 4]).unwrap();
        let text = error(directory.path());
        assert!(
            text.contains("train-00001.bin: it has 3 bytes, but its manifest says 4"),
            "{text}"
        );
        fs::remove_file(&shard).unwrap();
        assert!(error(directory.path()).starts_with("cannot read"));

        fs::write(&shard, [9, 9, 9, 9]).unwrap();
        let shards = Shards::open(directory.path()).unwrap();
        let text = shards.verify(&Silent).unwrap_err().to_string();
        assert!(text.contains("train-00001.bin: its checksum is"), "{text}");
    }

    /// More tokens than the buffer holds, and more files than stay open.
    #[test]
    fn many_tokens_and_many_files_are_read() {
        let tokens: Vec<u32> = (0..50_000).collect();
        for (shard, bytes) in [(50_000, 2), (40_001, 4), (199, 2)] {
            let directory = directory_of(&tokens, shard, bytes, 50_000);
            let shards = Shards::open(directory.path()).unwrap();
            let mut out = vec![0; 50_000];
            shards.part(Split::Train).read(0, &mut out).unwrap();
            assert!(out == tokens);
            shards.part(Split::Train).read(44_444, &mut out[..5]).unwrap();
            assert_eq!(out[..5], tokens[44_444..44_449]);
        }
    }

    #[test]
    fn a_file_that_is_truncated_while_open_is_an_error() {
        let directory = directory_of(&[1; 1000], 600, 2, 2);
        let shards = Shards::open(directory.path()).unwrap();
        let part = shards.part(Split::Train);
        let mut out = [0; 100];
        part.read(550, &mut out).unwrap();
        let path = directory.path().join("train-00001.bin");
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(99).unwrap();
        let error = part.read(550, &mut out).unwrap_err().to_string();
        assert!(error.contains("train-00001.bin: it has become shorter"), "{error}");
        part.read(500, &mut out).unwrap();
        let sampler = part.sampler(900, 1).unwrap();
        assert!(sampler.window(0, &mut [0; 900], &mut [0; 900]).is_err());
    }

    #[test]
    fn the_tokenizer_must_be_the_one_that_made_the_tokens() {
        use stage01_bigram::tokenizer::TokenizerKind;
        let directory = directory_of(&[1, 2, 3], 9, 2, 3);
        assert!(Shards::open(directory.path()).unwrap().tokenizer().is_err());
        let save = |text| {
            let tokenizer = TokenizerKind::Char.train(text).unwrap();
            tokenizer.save(&directory.path().join(TOKENIZER_FILE)).unwrap();
        };
        let shards = || Shards::open(directory.path()).unwrap();
        let mut manifest = shards().manifest().clone();
        save("abc");
        let text = shards().tokenizer().unwrap_err().to_string();
        assert!(text.contains("tokenizer.json: its checksum is"), "{text}");
        let sum = |text: &[u8]| checksummed::hex(xxh3_64(text));
        manifest.tokenizer_xxh3 = sum(&fs::read(directory.path().join(TOKENIZER_FILE)).unwrap());
        manifest.save(directory.path()).unwrap();
        assert_eq!(shards().tokenizer().unwrap().vocab_size(), 3);
        // One of the same size.
        save("abd");
        assert!(shards().tokenizer().is_err());
        save("abcd");
        manifest.tokenizer_xxh3 = sum(&fs::read(directory.path().join(TOKENIZER_FILE)).unwrap());
        manifest.save(directory.path()).unwrap();
        let text = shards().tokenizer().unwrap_err().to_string();
        assert!(text.contains("4 tokens, but the shards were made with 3"), "{text}");
    }
}
