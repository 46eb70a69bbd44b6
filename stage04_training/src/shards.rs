//! Prepared data: a folder of tokens, and the order in which its windows are learned.
//!
//! A stand-in that keeps everything in memory.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result, files};

/// What a folder of prepared data holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// How many tokens the vocabulary has.
    pub vocab_size: usize,
    /// What is learned.
    pub train: PartEntry,
    /// What is only measured.
    pub validation: PartEntry,
}

/// One part of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartEntry {
    /// The length of its text in bytes.
    pub bytes: u64,
    /// How many tokens it has.
    pub tokens: u64,
    /// Its files.
    pub shards: Vec<ShardEntry>,
}

/// One file of tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// A checksum.
    pub sum: u64,
}

impl Manifest {
    /// The entry of a part.
    pub fn part(&self, which: Split) -> &PartEntry {
        match which {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
        }
    }
}

/// Which part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// What is learned.
    Train,
    /// What is only measured.
    Validation,
}

/// A folder of prepared data.
#[derive(Debug)]
pub struct Shards {
    folder: PathBuf,
    manifest: Manifest,
    parts: [Part; 2],
}

/// One part of it.
#[derive(Debug)]
pub struct Part {
    tokens: Vec<u16>,
}

impl Shards {
    /// Opens a folder that `prepare` made.
    ///
    /// # Errors
    /// When a file is missing or is not what the manifest says.
    pub fn open(folder: &Path) -> Result<Shards> {
        let path = folder.join("manifest.json");
        let text = files::read_text(&path)?;
        let remedy = "prepare the data again";
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|e| Error::format(&path, format!("not a manifest: {e}"), remedy))?;
        let read = |name: &str, tokens: u64| {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
            if bytes.len() as u64 != 2 * tokens {
                let problem = format!("{} bytes, expected {}", bytes.len(), 2 * tokens);
                return Err(Error::format(&path, problem, remedy));
            }
            let tokens = bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
            Ok(Part { tokens })
        };
        let parts = [
            read("train-00000.bin", manifest.train.tokens)?,
            read("validation-00000.bin", manifest.validation.tokens)?,
        ];
        Ok(Shards { folder: folder.to_path_buf(), manifest, parts })
    }

    /// What the folder holds.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder's tokenizer.
    ///
    /// # Errors
    /// As [`Tokenizer::load`].
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        Tokenizer::load(&self.folder.join("tokenizer.json"))
    }

    /// One part.
    pub fn part(&self, which: Split) -> &Part {
        &self.parts[which as usize]
    }
}

#[allow(clippy::len_without_is_empty, reason = "a stand-in")]
impl Part {
    /// How many tokens it has.
    pub fn len(&self) -> u64 {
        self.tokens.len() as u64
    }

    /// The tokens from `start` on.
    pub fn read(&self, start: u64, out: &mut [u32]) {
        let tokens = &self.tokens[start as usize..start as usize + out.len()];
        out.iter_mut().zip(tokens).for_each(|(out, &token)| *out = token.into());
    }

    /// Windows in a shuffled order, each once, before any comes again.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are too few tokens for one window.
    pub fn pass(&self, block_size: usize, seed: u64) -> Result<Pass<'_>> {
        // The shift of a pass takes up to a window.
        let windows = self.len().saturating_sub(block_size as u64) / block_size as u64;
        if windows == 0 {
            let expected = format!("this part of the data has only {} tokens", self.len());
            return Err(Error::setting("--block-size", block_size, expected));
        }
        Ok(Pass { part: self, block_size, seed, windows })
    }
}

/// An order of windows.
#[derive(Debug)]
pub struct Pass<'a> {
    part: &'a Part,
    block_size: usize,
    seed: u64,
    windows: u64,
}

impl Pass<'_> {
    /// How many windows make one pass.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// The window drawn at `position`.
    pub fn window(&self, position: u64, inputs: &mut [u32], targets: &mut [u32]) {
        let (pass, mut i) = (position / self.windows, position % self.windows);
        let key = mix(self.seed ^ mix(pass));
        let half = (64 - self.windows.leading_zeros()).div_ceil(2).max(1);
        let mask = (1u64 << half) - 1;
        loop {
            for round in 0..4 {
                let (left, right) = (i >> half, i & mask);
                i = right << half | (left ^ mix(key ^ right << 8 ^ round)) & mask;
            }
            if i < self.windows {
                break;
            }
        }
        let shift = mix(key ^ 77) % self.block_size as u64;
        let start = shift + i * self.block_size as u64;
        let shift_fits = start + (self.block_size as u64) < self.part.len();
        let start = if shift_fits { start } else { start - shift };
        self.part.read(start, inputs);
        self.part.read(start + 1, targets);
    }
}

/// Steele and others 2014, SplitMix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}
