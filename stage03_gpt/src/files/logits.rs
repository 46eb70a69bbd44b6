//! The logits of a text as a file, so that other programs can compare theirs with them.
//!
//! ```
//! use stage03_gpt::files::logits::save_logits;
//!
//! let directory = tempfile::tempdir().unwrap();
//! let path = directory.path().join("logits.safetensors");
//! save_logits(&path, &[3, 1], &ndarray::array![[0.5, 1.0], [2.0, -1.0]])?;
//! assert!(std::fs::metadata(&path).unwrap().len() > 24); // 2 tokens and 4 logits, 4 bytes each
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::path::Path;

use ndarray::Array2;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use stage01_bigram::Result;

use super::safetensors::write_tensors;

/// Writes the logits of a text.
///
/// The file holds `input_ids`, (1, tokens) of U32, and `logits`, (tokens, vocab_size) of F32.
///
/// # Errors
/// [`Error::File`](stage01_bigram::Error::File) when it cannot be written.
pub fn save_logits(path: &Path, tokens: &[u32], logits: &Array2<f32>) -> Result<()> {
    let ids: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let logit_bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    let view = |dtype, shape, bytes| {
        TensorView::new(dtype, shape, bytes).expect("as many bytes as the shape says")
    };
    let tensors = [
        ("input_ids".to_string(), view(Dtype::U32, vec![1, tokens.len()], &ids)),
        ("logits".to_string(), view(Dtype::F32, logits.shape().to_vec(), &logit_bytes)),
    ];
    write_tensors(path, tensors.into_iter(), ("format", "pt"))
}
