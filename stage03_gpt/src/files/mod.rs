//! The files of a model and of a run, one format per file.
//!
//! | module | holds |
//! |---|---|
//! | [`hub`] | a model by its name on the Hugging Face hub, as a directory |
//! | [`hugging_face`] | a model as a directory that `transformers` opens |
//! | [`gguf`] | a model as one file, as llama.cpp and ollama have them |
//! | `safetensors` | the codec of the weights: named tensors after a header |
//! | `entries` | the entries of a file, in errors about its sizes |
//! | `source` | bytes on the disk or in memory |
//! | [`resume`] | the state of a run, `trainer.safetensors` |
//! | [`json_lines`] | lines that are one JSON object each |
//! | [`logits`] | the logits of a text, for other programs to compare with |
//! | [`metrics_log`] | `log.jsonl`: one line per step |
//! | [`run_directory`] | the directory of a run: its lock, created atomically |
//!
//! What this module leaves out: the tokenizer's file (stage 1's `tokenizer`).

mod bounded;
mod entries;
pub mod gguf;
pub mod hub;
pub mod hugging_face;
pub mod json_lines;
pub mod logits;
pub mod metrics_log;
pub mod resume;
pub mod run_directory;
pub(crate) mod safetensors;
mod source;

/// The weights in the directory of a model.
pub const MODEL_FILE: &str = "model.safetensors";
/// The sizes in the directory of a model.
pub const CONFIG_FILE: &str = "config.json";
/// The tokenizer in the directory of a model.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// The state of a run in the directory of its model.
pub const TRAINER_FILE: &str = "trainer.safetensors";
