//! GGUF: a whole model in one file, as llama.cpp, ollama and their relatives have them.
//!
//! | file | holds |
//! |---|---|
//! | `reader` | [`GgufFile`]: opening, checking, reading tensors |
//! | `cursor`, `value`, `metadata`, `tensor_type`, `tensor_info` | the parts of a head |
//! | `dequantise`, `quantise` | from quantised blocks to f32, and back |
//! | `writer` | [`write_gguf`] |
//! | `names`, `sizes`, `tokenizer` | a model: its tensors, its sizes and its tokenizer, and ours |
//! | `load`, `export` | a model read, [`load()`], and written, [`Model::save_gguf`] |
//! | `rounding` | what rounding cost, [`Model::rounding_error`] |
//! | `blocks` | a model read for inference: its quantised matrices stay as they are |
//!
//! Unlike safetensors, the format carries everything that a model needs: its sizes and its
//! tokenizer are *metadata* beside the tensors. The tensors may be quantised.
//!
//! ```no_run
//! use std::path::Path;
//! use stage03_gpt::files::gguf::GgufFile;
//!
//! let file = GgufFile::open(Path::new("SmolLM2-135M-Instruct.Q4_1.gguf"))?;
//! for (key, value) in file.metadata().entries() {
//!     println!("{key} = {value}"); // llama.block_count = 30 (u32)
//! }
//! for tensor in file.tensors() {
//!     println!("{} {:?} {}", tensor.name, tensor.dims, tensor.kind);
//! }
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! [`Model::save_gguf`]: crate::model::Model::save_gguf
//! [`Model::rounding_error`]: crate::model::Model::rounding_error
//!
//! Source: the format's specification, `docs/gguf.md` in the repository of ggml.
//!
//! What this module leaves out: big-endian files, versions 1 and 2, models that are
//! split into several files.

mod blocks;
mod cursor;
mod dequantise;
mod export;
mod load;
mod metadata;
mod names;
mod quantise;
mod reader;
mod rounding;
mod sizes;
mod tensor_info;
mod tensor_type;
mod tokenizer;
mod value;
mod writer;

pub use self::load::{load, load_blocks, read_blocks, read_model};
pub use self::metadata::{FromValue, Metadata};
pub use self::quantise::{Scale, quantise};
pub use self::reader::GgufFile;
pub use self::tensor_info::TensorInfo;
pub use self::tensor_type::TensorType;
pub use self::value::{Array, Value};
pub use self::writer::{NewTensor, write_gguf};

/// The first four bytes of a file.
const MAGIC: &[u8; 4] = b"GGUF";
/// The version that is read and written.
const VERSION: u32 = 3;
/// What the data of tensors is aligned to, in bytes, where the metadata says nothing else.
const ALIGNMENT: u64 = 32;
/// The entry that says something else.
const ALIGNMENT_KEY: &str = "general.alignment";

#[cfg(test)]
mod tests;
