//! The parts in which the transformers of today differ from GPT-2.
//!
//! A decoder of today is GPT-2's with four parts exchanged. Each may be chosen by itself:
//!
//! | part | GPT-2 (2019) | Llama (2023) and its family |
//! |---|---|---|
//! | norm | layer norm | RMSNorm: no mean, no bias ([`rms_norm`](crate::rms_norm)) |
//! | positions | a learned vector per position, added once | queries and keys are rotated in every block ([`rotary`](stage02_attention::attention::rotary)) |
//! | feed-forward layer | `c_proj(gelu(c_fc(x)))` | SwiGLU: one layer gates another ([`swiglu`](crate::swiglu)) |
//! | keys and values | a pair for every head | one pair for several heads ([`multi_head`](stage02_attention::attention::multi_head)) |
//!
//! Biases went as well, and larger models have an output layer of their own in place of the token
//! embedding.
//!
//! ```
//! use stage03_gpt::architecture::{Architecture, MlpKind};
//!
//! assert!(Architecture::GPT2.is_gpt2() && Architecture::LLAMA.is_llama());
//! let gated = Architecture { mlp: MlpKind::SwiGlu, ..Architecture::GPT2 };
//! assert!(!gated.is_gpt2() && !gated.is_llama()); // a mixture: it runs here and nowhere else
//! ```
//!
//! What this file leaves out: sizes ([`config`](crate::config)), and the layers themselves.

use stage02_attention::attention::rotary::Rope;

/// The parts of a transformer that its models differ in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// What stands before each layer.
    pub norm: NormKind,
    /// How the model knows where a token stands.
    pub positions: Positions,
    /// The feed-forward layer.
    pub mlp: MlpKind,
    /// The number of hidden units of the feed-forward layer; none: 4 n_embd for GELU, and about
    /// 8/3 n_embd for SwiGLU, which has three matrices in place of two.
    pub n_inner: Option<usize>,
    /// The number of heads that have keys and values, a divisor of n_head; none: all.
    pub n_kv_head: Option<usize>,
    /// Whether the output layer is the token embedding again.
    pub tie_weights: bool,
    /// Whether queries, keys and values have biases where the other layers have none (Qwen2).
    pub qkv_bias: bool,
}

/// The kind of a norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NormKind {
    /// Mean and variance: [`LayerNorm`](crate::layer_norm::LayerNorm), with 1e-5 under the root.
    LayerNorm,
    /// The mean square alone: [`RmsNorm`](crate::rms_norm::RmsNorm).
    RmsNorm {
        /// What is added to the mean square under the root.
        eps: f64,
    },
}

/// How a model knows the positions of its tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Positions {
    /// A learned vector for each position, `wpe`, added to the embedding.
    Learned,
    /// Queries and keys are rotated by angles that grow with the position.
    Rotary(Rope),
}

/// The kind of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlpKind {
    /// Two matrices with [`gelu`](crate::mlp::gelu) between them.
    Gelu,
    /// Three matrices: a hidden unit is the product of two ([`SwiGlu`](crate::swiglu::SwiGlu)).
    SwiGlu,
}

impl Architecture {
    /// GPT-2 (Radford and others 2019).
    pub const GPT2: Architecture = Architecture {
        norm: NormKind::LayerNorm,
        positions: Positions::Learned,
        mlp: MlpKind::Gelu,
        n_inner: None,
        n_kv_head: None,
        tie_weights: true,
        qkv_bias: false,
    };

    /// Llama (Touvron and others 2023), with a tied output layer, as small models have it.
    pub const LLAMA: Architecture = Architecture {
        norm: NormKind::RmsNorm { eps: 1e-5 },
        positions: Positions::Rotary(Rope::new(10_000.0)),
        mlp: MlpKind::SwiGlu,
        ..Architecture::GPT2
    };

    /// Whether these are the parts of GPT-2, so that the files of GPT-2 can describe the model.
    pub fn is_gpt2(&self) -> bool {
        *self == Architecture::GPT2
    }

    /// Whether the norm, the positions and the feed-forward layer are those of Llama, of any sizes.
    pub fn is_llama(&self) -> bool {
        matches!(self.norm, NormKind::RmsNorm { .. })
            && matches!(self.positions, Positions::Rotary(_))
            && self.mlp == MlpKind::SwiGlu
    }

    /// The rotation of queries and keys, where there is one.
    pub fn rope(&self) -> Option<Rope> {
        match self.positions {
            Positions::Learned => None,
            Positions::Rotary(rope) => Some(rope),
        }
    }
}
