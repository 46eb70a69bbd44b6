//! The files of a model and of a run, one format per file.
//!
//! | module | holds |
//! |---|---|
//! | [`hub`] | a model by its name on the Hugging Face hub, as a directory |
//! | [`hugging_face`] | a model as a directory that `transformers` opens |
//! | `load` | [`Model::load`](crate::model::Model::load): which of these formats a path has |
//! | [`gguf`] | a model as one file, as llama.cpp and ollama have them |
//! | [`peft`] | adapters of a model as a directory that `peft` opens |
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
mod load;
pub mod logits;
pub mod metrics_log;
pub mod peft;
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
/// The weights of the adapters in a directory of `peft`.
pub const ADAPTER_FILE: &str = "adapter_model.safetensors";
/// Their settings.
pub const ADAPTER_CONFIG_FILE: &str = "adapter_config.json";
/// The files by which a directory of adapters is known; the last holds them as a Python pickle.
const ADAPTER_FILES: [&str; 3] = [ADAPTER_CONFIG_FILE, ADAPTER_FILE, "adapter_model.bin"];
/// The state of a run in the directory of its model.
pub const TRAINER_FILE: &str = "trainer.safetensors";
