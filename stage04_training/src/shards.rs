//! Reading tokens from files that are larger than memory.
//!
//! [`crate::prepare`] leaves a folder of shards: plain numbers of two or four bytes, nothing
//! else. Here they are mapped into memory: the operating system shows a file as if it lay in
//! memory, brings pages in when they are looked at and drops them when the room is needed. So 20
//! gigabytes of tokens open at once, a window costs what reading it costs, and several processes
//! on one machine share the pages.
//!
//! What this file leaves out: the order in which windows are visited ([`Pass`]).

mod pass;
mod permutation;

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use xxhash_rust::xxh3::xxh3_64;

pub use self::pass::Pass;
pub use self::permutation::Permutation;
pub use crate::manifest::Split;
use crate::manifest::{MANIFEST_FILE, Manifest, TOKENIZER_FILE};

/// A folder of tokens that `prepare` made.
#[derive(Debug)]
pub struct Shards {
    folder: PathBuf,
    manifest: Manifest,
    train: Part,
    validation: Part,
}

/// One part of the data: a long row of tokens in one file or more.
#[derive(Debug)]
pub struct Part {
    which: Split,
    token_bytes: usize,
    shards: Vec<Shard>,
    len: u64,
}

/// One file, and where its tokens stand in the part.
#[derive(Debug)]
struct Shard {
    first: u64,
    bytes: Mmap,
}

impl Shards {
    /// Opens a folder. Reads the manifest and looks at the lengths of the files, not at their
    /// content: [`Shards::verify`] does.
    ///
    /// # Errors
    /// [`Error::File`] when something is not there; [`Error::Format`] when it is not a folder
    /// of tokens, or a file is shorter or longer than its manifest says.
    pub fn open(folder: &Path) -> Result<Shards> {
        let manifest = Manifest::load(folder).map_err(|error| match error {
            Error::File { .. } if !folder.join(MANIFEST_FILE).exists() => Error::format(
                folder,
                "no folder of tokens: it has no manifest.json",
                "name a folder that `prepare` has finished; if it was interrupted, run the same \
                 command again",
            ),
            other => other,
        })?;
        let train = Part::open(folder, &manifest, Split::Train)?;
        let validation = Part::open(folder, &manifest, Split::Validation)?;
        Ok(Shards { folder: folder.to_path_buf(), manifest, train, validation })
    }

    /// What the folder says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tokenizer that made the tokens.
    ///
    /// # Errors
    /// Those of [`Tokenizer::load`]; [`Error::Format`] when it has another number of tokens
    /// than the manifest says.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let path = self.folder.join(TOKENIZER_FILE);
        let tokenizer = Tokenizer::load(&path)?;
        let (is, expected) = (tokenizer.vocab_size(), self.manifest.vocab_size);
        if is != expected {
            return Err(Error::format(
                path,
                format!("it has {is} tokens, but the shards were made with {expected}"),
                "put the tokenizer back that made them, or make the folder anew",
            ));
        }
        Ok(tokenizer)
    }

    /// One part of the data.
    pub fn part(&self, which: Split) -> &Part {
        match which {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
        }
    }

    /// Reads every byte and compares the checksums.
    ///
    /// # Errors
    /// [`Error::Format`] for the first file that is not what `prepare` wrote.
    pub fn verify(&self) -> Result<()> {
        for which in Split::ALL {
            let entries = &self.manifest.part(which).shards;
            for (entry, shard) in entries.iter().zip(&self.part(which).shards) {
                let sum = format!("{:016x}", xxh3_64(&shard.bytes));
                if sum != entry.xxh3 {
                    return Err(Error::format(
                        self.folder.join(&entry.file),
                        format!("its checksum is {sum}, but it was written with {}", entry.xxh3),
                        "the file was damaged or altered: make the folder anew with \
                         `prepare --restart`",
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Part {
    fn open(folder: &Path, manifest: &Manifest, which: Split) -> Result<Part> {
        let mut part =
            Part { which, token_bytes: manifest.token_bytes, shards: Vec::new(), len: 0 };
        for entry in &manifest.part(which).shards {
            let path = folder.join(&entry.file);
            let bytes = map(&path).map_err(Error::file("read", &path))?;
            let expected = entry.tokens.saturating_mul(manifest.token_bytes as u64);
            if bytes.len() as u64 != expected {
                return Err(Error::format(
                    path,
                    format!("it has {} bytes, but its manifest says {expected}", bytes.len()),
                    "copy it again if it was copied, or make the folder anew with \
                     `prepare --restart`",
                ));
            }
            part.shards.push(Shard { first: part.len, bytes });
            part.len += entry.tokens;
        }
        Ok(part)
    }

    /// Which part it is.
    pub fn which(&self) -> Split {
        self.which
    }

    /// How many tokens it has.
    #[allow(clippy::len_without_is_empty, reason = "a number of tokens, not of entries")]
    pub fn len(&self) -> u64 {
        self.len
    }

    // ANCHOR: read
    /// Reads the tokens from `start` on, as many as `out` has room for, across the borders of
    /// shards.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn read(&self, start: u64, out: &mut [u32]) {
        let end = start.checked_add(out.len() as u64).filter(|&end| end <= self.len);
        assert!(end.is_some(), "{} tokens from {start} on, of {}", out.len(), self.len);
        // The last shard that begins at or before `start`.
        let mut shard = self.shards.partition_point(|shard| shard.first <= start);
        let (mut start, mut out) = (start, out);
        while !out.is_empty() {
            let Shard { first, bytes } = &self.shards[shard - 1];
            let bytes = &bytes[(start - first) as usize * self.token_bytes..];
            let here = out.len().min(bytes.len() / self.token_bytes);
            let (now, later) = out.split_at_mut(here);
            decode(&bytes[..here * self.token_bytes], self.token_bytes, now);
            (start, out, shard) = (start + here as u64, later, shard + 1);
        }
    }
    // ANCHOR_END: read

    /// A walk through all windows of `block_size` tokens in a shuffled order, each once, before
    /// any comes again.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are not at least `block_size` + 1 tokens, or the block
    /// size is 0.
    pub fn pass(&self, block_size: usize, seed: u64) -> Result<Pass<'_>> {
        Pass::new(self, block_size, seed)
    }
}

/// Little-endian numbers of two or four bytes.
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

/// Shows a file as memory.
///
/// The library's function is `unsafe`, because it cannot promise that the bytes stay: they are
/// the file's. If another process writes into the file, they change under our eyes; if it cuts
/// the file shorter, looking at what is gone ends this process (SIGBUS). `prepare` never alters a
/// file once its manifest is written, and whatever the bytes are, every one of them is a valid
/// part of a number, so no change can do worse than give wrong tokens.
#[allow(unsafe_code)]
fn map(path: &Path) -> std::io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the map is read-only, and read as plain bytes alone. What may happen to the file
    // is said above.
    unsafe { Mmap::map(&file) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::manifest::{
        InputsEntry, LeftOutEntry, PartEntry, ShardEntry, SplitBy, SplitEntry, VERSION,
    };
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fs;

    /// A folder with these tokens as its training part.
    pub(crate) fn folder_of(
        tokens: &[u32],
        shard_tokens: usize,
        token_bytes: usize,
        vocab_size: usize,
    ) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut train = PartEntry { tokens: tokens.len() as u64, ..PartEntry::default() };
        for (number, shard) in tokens.chunks(shard_tokens).enumerate() {
            let bytes: Vec<u8> =
                shard.iter().flat_map(|t| t.to_le_bytes()[..token_bytes].to_vec()).collect();
            let file = Split::Train.shard_file(number);
            fs::write(folder.path().join(&file), &bytes).unwrap();
            let xxh3 = format!("{:016x}", xxh3_64(&bytes));
            train.shards.push(ShardEntry { file, tokens: shard.len() as u64, xxh3 });
        }
        let manifest = Manifest {
            version: VERSION,
            token_bytes,
            vocab_size,
            end_of_text: None,
            split: SplitEntry { by: SplitBy::Tail, validation: 0.0 },
            train,
            validation: PartEntry::default(),
            flags: BTreeMap::new(),
            inputs: InputsEntry::default(),
            left_out: LeftOutEntry::default(),
        };
        manifest.save(folder.path()).unwrap();
        folder
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

        #[test]
        fn tokens_are_read_across_shard_borders(
            tokens in prop::collection::vec(0u32..60_000, 1..200),
            shard in 1usize..50, wide: bool, from in 0usize..200, to in 0usize..200,
        ) {
            let folder = folder_of(&tokens, shard, if wide { 4 } else { 2 }, 60_000);
            let shards = Shards::open(folder.path()).unwrap();
            shards.verify().unwrap();
            let part = shards.part(Split::Train);
            prop_assert_eq!(part.len(), tokens.len() as u64);
            let (from, to) = (from.min(to).min(tokens.len()), from.max(to).min(tokens.len()));
            let mut out = vec![0; to - from];
            part.read(from as u64, &mut out);
            prop_assert_eq!(&out[..], &tokens[from..to]);
        }
    }

    #[test]
    #[should_panic(expected = "3 tokens from 8 on, of 10")]
    fn reading_past_the_end_is_a_bug() {
        let folder = folder_of(&[1; 10], 4, 2, 2);
        let shards = Shards::open(folder.path()).unwrap();
        shards.part(Split::Train).read(8, &mut [0; 3]);
    }

    #[test]
    fn damaged_folders_are_refused() {
        let error = |folder: &Path| Shards::open(folder).unwrap_err().to_string();
        let empty = tempfile::tempdir().unwrap();
        assert!(error(empty.path()).contains("no folder of tokens"), "{}", error(empty.path()));

        let folder = folder_of(&[1, 2, 3, 4, 5], 2, 2, 10);
        let shard = folder.path().join("train-00001.bin");
        fs::write(&shard, [3, 0, 4]).unwrap();
        let text = error(folder.path());
        assert!(
            text.contains("train-00001.bin: it has 3 bytes, but its manifest says 4"),
            "{text}"
        );
        fs::remove_file(&shard).unwrap();
        assert!(error(folder.path()).starts_with("cannot read"));

        fs::write(&shard, [9, 9, 9, 9]).unwrap();
        let shards = Shards::open(folder.path()).unwrap();
        let text = shards.verify().unwrap_err().to_string();
        assert!(text.contains("train-00001.bin: its checksum is"), "{text}");
    }

    #[test]
    fn the_tokenizer_must_be_the_one_that_made_the_tokens() {
        use stage01_bigram::tokenizer::TokenizerKind;
        let folder = folder_of(&[1, 2, 3], 9, 2, 3);
        let shards = Shards::open(folder.path()).unwrap();
        assert!(shards.tokenizer().is_err());
        let save = |text| {
            let tokenizer = TokenizerKind::Char.train(text).unwrap();
            tokenizer.save(&folder.path().join(TOKENIZER_FILE)).unwrap();
        };
        save("abc");
        assert_eq!(shards.tokenizer().unwrap().vocab_size(), 3);
        save("abcd");
        let text = shards.tokenizer().unwrap_err().to_string();
        assert!(text.contains("4 tokens, but the shards were made with 3"), "{text}");
    }
}
