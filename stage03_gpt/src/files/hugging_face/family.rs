//! The families of models that a directory may hold, by `model_type` in `config.json`.
//!
//! | `model_type` | parts | names of the tensors |
//! |---|---|---|
//! | `gpt2` | GPT-2's | GPT-2's, which are those of this crate |
//! | `llama`, `mistral` | Llama's, without biases | Llama's ([`names`](super::names)) |
//! | `qwen2` | Llama's, with biases of queries, keys and values | Llama's |
//! | `stage03_gpt` | any mixture of parts | those of this crate; no other program knows it |

use crate::architecture::Architecture;
use crate::config::GptConfig;

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// GPT-2.
    Gpt2,
    /// Llama, SmolLM2, TinyLlama, Mistral.
    Llama,
    /// Qwen2: Llama with biases of queries, keys and values.
    Qwen2,
    /// A mixture of parts that has no name elsewhere.
    Own,
}

impl Family {
    /// The family in whose files a model can be written.
    pub(super) fn of(config: &GptConfig) -> Family {
        let arch = config.arch;
        let all_heads = config.n_kv_head() == config.n_head;
        let (n_inner, tie_weights) = (None, true);
        let (n_kv_head, qkv_bias) = (None, arch.qkv_bias && !config.bias);
        if all_heads
            && (Architecture { n_inner, tie_weights, n_kv_head, qkv_bias, ..arch }).is_gpt2()
        {
            return Family::Gpt2;
        }
        match (arch.is_llama() && !config.bias, arch.qkv_bias) {
            (true, false) => Family::Llama,
            (true, true) => Family::Qwen2,
            (false, _) => Family::Own,
        }
    }

    /// The family of a `model_type`.
    pub(super) fn named(model_type: &str) -> Option<Family> {
        match model_type {
            "gpt2" => Some(Family::Gpt2),
            "llama" | "mistral" => Some(Family::Llama),
            "qwen2" => Some(Family::Qwen2),
            "stage03_gpt" => Some(Family::Own),
            _ => None,
        }
    }
}
