//! Checks the space on the disk before hours of work.

use std::path::Path;

use stage01_bigram::{Error, Result};

use super::inputs::Inputs;
use super::kind::suffix;
use crate::units::size;

/// An estimate of the bytes of the shards.
///
/// bytes_per_token: approximate bytes of text per token; 4 for a large vocabulary, 1 for
/// characters.
pub fn estimate(inputs: &Inputs, sample: f64, bytes_per_token: f64, token_bytes: usize) -> u64 {
    let text: f64 = inputs
        .files
        .iter()
        .map(|input| {
            let ratio = match suffix(&input.name).as_str() {
                ".gz" | ".tgz" | ".parquet" => 2.7,
                ".xz" | ".txz" | ".zst" | ".zstd" | ".tzst" => 3.5,
                _ => 1.0,
            };
            input.bytes as f64 * ratio
        })
        .sum();
    (text * sample / bytes_per_token * token_bytes as f64) as u64
}

/// Fails if the disk has less than `needed` bytes of free space.
///
/// # Errors
/// [`Error::Setting`], with both sizes.
pub fn require(needed: u64, directory: &Path) -> Result<()> {
    // The directory need not exist yet.
    let there =
        directory.ancestors().find(|directory| directory.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    // A system that does not report the free space does not prevent the run.
    match fs4::available_space(there) {
        Ok(free) if free < needed => Err(Error::setting(
            "--out",
            directory.display(),
            format!(
                "the tokens will need about {}, and the disk has {} free; choose another disk, \
                 use a part of the text with --sample, or ignore this with --force",
                size(needed),
                size(free)
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::inputs::{Input, Source};
    use super::*;

    #[test]
    fn compression_and_sampling_change_the_estimate() {
        let file = |name: &str| Input {
            name: name.into(),
            bytes: 1000,
            modified: 0,
            source: Source::BuiltIn(String::new()),
        };
        let inputs = |names: &[&str]| Inputs {
            files: names.iter().map(|name| file(name)).collect(),
            ..Inputs::default()
        };
        assert_eq!(estimate(&inputs(&["a.txt"]), 1.0, 4.0, 2), 500);
        assert_eq!(estimate(&inputs(&["a.txt", "b.jsonl.xz"]), 1.0, 1.0, 2), 9000);
        assert_eq!(estimate(&inputs(&["a.txt"]), 0.1, 1.0, 4), 400);
    }

    #[test]
    fn too_little_space_is_refused() {
        require(1, Path::new("no/such/directory/yet")).unwrap();
        let error = require(1 << 60, Path::new("out")).unwrap_err().to_string();
        assert!(error.contains("need about 1152921.5 TB") && error.contains("--force"), "{error}");
    }
}
