//! The hyperparameters of the architecture: the sizes of a GPT.
//!
//! ```
//! use stage03_gpt::config::GptConfig;
//!
//! assert_eq!(GptConfig::gpt2().n_params(), 124_439_808);
//! let small = GptConfig { n_layer: 2, ..GptConfig::default() };
//! assert!(small.validate().is_ok());
//! assert!(GptConfig { n_head: 3, ..small }.validate().is_err()); // 128 is no multiple of 3
//! ```
//!
//! What this file leaves out: how the model is trained ([`trainer::Settings`]).
//!
//! [`trainer::Settings`]: crate::trainer::Settings

use stage01_bigram::{Error, Result};
use stage02_attention::attention::{fused, group_size, head_size};

use crate::architecture::{Architecture, MlpKind, NormKind, Positions};
use crate::memory;

/// The largest number of layers. A layer has 12 tensors, `trainer.safetensors` holds each three
/// times, and the header of such a file, with some hundred bytes per tensor, ends at 100 MB.
const MAX_LAYERS: usize = 20_000;

// ANCHOR: config
/// The sizes of a GPT, under nanoGPT's names.
#[derive(Clone, Debug, PartialEq)]
pub struct GptConfig {
    /// The number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// The context length: how many tokens the model sees at once.
    pub block_size: usize,
    /// The number of transformer blocks.
    pub n_layer: usize,
    /// The number of attention heads in each block.
    pub n_head: usize,
    /// The embedding width: how many numbers stand for one token.
    pub n_embd: usize,
    /// The probability of dropping an activation during training.
    pub dropout: f64,
    /// Whether linear layers and layer norms have a bias. GPT-2: yes.
    pub bias: bool,
    /// The parts in which models of today differ. GPT-2's, unless told otherwise.
    pub arch: Architecture,
}
// ANCHOR_END: config

impl Default for GptConfig {
    /// The model that trains in about three minutes on two cores, with 2,048 tokens.
    fn default() -> Self {
        GptConfig {
            vocab_size: 2048,
            block_size: 64,
            n_layer: 4,
            n_head: 4,
            n_embd: 128,
            dropout: 0.0,
            bias: false,
            arch: Architecture::GPT2,
        }
    }
}

impl GptConfig {
    /// GPT-2, 124 million parameters: the published files (Radford and others 2019, whose table 2
    /// counts 117 million).
    pub fn gpt2() -> Self {
        let (n_layer, n_head, n_embd) = (12, 12, 768);
        let (vocab_size, block_size, dropout, bias) = (50_257, 1024, 0.0, true);
        GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        }
    }

    /// GPT-2 medium, 355 million parameters.
    pub fn gpt2_medium() -> Self {
        GptConfig { n_layer: 24, n_head: 16, n_embd: 1024, ..GptConfig::gpt2() }
    }

    /// GPT-2 large, 774 million parameters.
    pub fn gpt2_large() -> Self {
        GptConfig { n_layer: 36, n_head: 20, n_embd: 1280, ..GptConfig::gpt2() }
    }

    /// GPT-2 XL, 1,558 million parameters.
    pub fn gpt2_xl() -> Self {
        GptConfig { n_layer: 48, n_head: 25, n_embd: 1600, ..GptConfig::gpt2() }
    }

    /// Checks that the settings fit together, and into this machine.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first setting that cannot be used; also for a model whose
    /// weights this machine cannot hold.
    pub fn validate(&self) -> Result<()> {
        self.check()?;
        self.require_memory("choose a smaller --n-embd, --n-layer, --block-size or vocabulary")
    }

    /// Checks that the weights of such a model fit into memory.
    ///
    /// # Errors
    /// [`Error::Setting`], with what to do about it.
    pub fn require_memory(&self, remedy: &str) -> Result<()> {
        // The parameter vector alone: every use of a model needs it.
        memory::require(4.0 * self.estimate(), "the weights of this model", remedy)
    }

    /// Checks that the settings fit together, on any machine.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first setting that cannot be used.
    pub fn check(&self) -> Result<()> {
        let at_least_one = [
            ("the vocabulary", self.vocab_size),
            ("--block-size", self.block_size),
            ("--n-layer", self.n_layer),
            ("--n-head", self.n_head),
            ("--n-embd", self.n_embd),
        ];
        for (setting, value) in at_least_one {
            if value == 0 {
                return Err(Error::setting(setting, value, "it must be at least 1"));
            }
        }
        let size = head_size(self.n_embd, self.n_head)?;
        group_size(self.n_head, self.n_kv_head())?;
        self.arch.rope().map_or(Ok(()), |rope| rope.check(size))?;
        if self.n_inner() == 0 {
            return Err(Error::setting("--n-inner", 0, "it must be at least 1"));
        }
        if let NormKind::RmsNorm { eps } = self.arch.norm
            && !(1e-30..=1.0).contains(&eps)
        {
            return Err(Error::setting("--rms-norm-eps", eps, "it must be from 1e-30 to 1"));
        }
        stage02_attention::dropout::Dropout::new(self.dropout)?;
        if self.vocab_size > u32::MAX as usize {
            let expected = "a token is a number of 32 bits; choose a smaller one";
            return Err(Error::setting("the vocabulary", self.vocab_size, expected));
        }
        if self.n_layer > MAX_LAYERS {
            let expected = format!(
                "choose at most {MAX_LAYERS}; the names of more tensors do not fit into the \
                 file of a run"
            );
            return Err(Error::setting("--n-layer", self.n_layer, expected));
        }
        // Beyond this the number of weights, and of their bytes, cannot be counted.
        if self.estimate() > (isize::MAX / 64) as f64 {
            let (setting, size) = [
                ("--n-embd", self.n_embd),
                ("--n-inner", self.arch.n_inner.unwrap_or(0)),
                ("--block-size", self.block_size),
                ("the vocabulary", self.vocab_size),
            ]
            .into_iter()
            .max_by_key(|(_, size)| *size)
            .expect("four of them");
            let expected = "no machine has the memory for such a model; choose a smaller one";
            return Err(Error::setting(setting, size, expected));
        }
        Ok(())
    }

    /// About how many parameters the model has: [`GptConfig::n_params`] without the small
    /// tensors, and for sizes that would overflow.
    fn estimate(&self) -> f64 {
        let [c, v, t, l] = [self.n_embd, self.vocab_size, self.block_size, self.n_layer];
        let [c, v, t, l, inner] = [c, v, t, l, self.n_inner()].map(|n| n as f64);
        let heads = if self.arch.tie_weights { 1.0 } else { 2.0 };
        let t = if self.arch.positions == Positions::Learned { t } else { 0.0 };
        let kv = c * self.n_kv_head() as f64 / self.n_head as f64;
        let mlp = self.mlp_matrices() as f64 * inner;
        (heads * v + t) * c + l * c * (2.0 * c + 2.0 * kv + mlp + 12.0)
    }

    /// The number of heads that have keys and values.
    pub fn n_kv_head(&self) -> usize {
        self.arch.n_kv_head.unwrap_or(self.n_head)
    }

    /// The number of hidden units of the feed-forward layer.
    ///
    /// SwiGLU has three matrices where GPT-2 has two of 4 n_embd: with two thirds of the units,
    /// 8/3 n_embd, it has as many weights. They are rounded to a multiple of 16, which fills the
    /// vector registers of a processor.
    pub fn n_inner(&self) -> usize {
        self.arch.n_inner.unwrap_or(match self.arch.mlp {
            MlpKind::Gelu => self.n_embd.saturating_mul(4),
            MlpKind::SwiGlu => (self.n_embd.saturating_mul(8).saturating_add(24) / 48).max(1) * 16,
        })
    }

    /// The same model with none where a number is what none stands for, so that one model has one
    /// description.
    pub fn with_defaults_unsaid(mut self) -> Self {
        let (n_inner, n_kv_head) = (self.n_inner(), self.n_kv_head());
        self.arch.n_inner = None;
        self.arch.n_inner = Some(n_inner).filter(|&n| n != self.n_inner());
        self.arch.n_kv_head = Some(n_kv_head).filter(|&n| n != self.n_head);
        // Biases of all layers are those of the queries, keys and values too.
        self.arch.qkv_bias &= !self.bias;
        self
    }

    /// The number of matrices of the feed-forward layer.
    fn mlp_matrices(&self) -> usize {
        match self.arch.mlp {
            MlpKind::Gelu => 2,
            MlpKind::SwiGlu => 3,
        }
    }

    /// Columns of all keys, or of all values: n_embd, or less where heads share them.
    fn kv_columns(&self) -> usize {
        self.n_embd / self.n_head * self.n_kv_head()
    }

    /// How many numbers the KV cache stores for each token.
    pub fn kv_cache_per_token(&self) -> usize {
        2 * self.n_layer * self.kv_columns()
    }

    // ANCHOR: activations
    /// About how many numbers a forward pass stores for each token: in a block of GPT-2 16 C and
    /// one for each head, and the logits.
    pub fn activations_per_token(&self) -> f64 {
        let Self { vocab_size, n_layer, n_head, n_embd, .. } = *self;
        let [v, l, h, c] = [vocab_size, n_layer, n_head, n_embd].map(|n| n as f64);
        // Around attention: queries, keys, values, mixture, two norms, two sums. GPT-2: 8 C.
        let attention = 6.0 * c + 2.0 * self.kv_columns() as f64;
        let mlp = (self.mlp_matrices() * self.n_inner()) as f64; // GPT-2: 8 C
        l * (attention + mlp + h) + 2.0 * c + v
    }
    // ANCHOR_END: activations

    /// About how many bytes a forward pass over this many tokens takes, for a model of numbers of
    /// the type `T`: its activations, and scratch for the scores of attention for each thread.
    pub fn forward_bytes<T>(&self, tokens: usize, threads: usize) -> f64 {
        let scratch = self.n_layer as f64 * threads as f64 * fused::scratch_len(1) as f64;
        tokens as f64 * (self.activations_per_token() + scratch) * size_of::<T>() as f64
    }

    // ANCHOR: n_params
    /// The number of parameters of a GPT-2.
    ///
    /// With C = n_embd, each block has 12 C² weights (3 C² for queries, keys and values, C² for
    /// the projection, 8 C² for the feed-forward layer), 9 C biases and 2 C for each of its two
    /// layer norms, or C without biases. The embeddings have a row for each token and each
    /// position; the output shares the embedding of the tokens.
    fn n_params_of_gpt2(&self) -> usize {
        let c = self.n_embd;
        let norm = if self.bias { 2 * c } else { c };
        let biases = if self.bias { 9 * c } else { 0 };
        let block = 12 * c * c + biases + 2 * norm;
        (self.vocab_size + self.block_size) * c + self.n_layer * block + norm
    }
    // ANCHOR_END: n_params

    /// The number of parameters.
    pub fn n_params(&self) -> usize {
        if self.arch.is_gpt2() {
            return self.n_params_of_gpt2();
        }
        let (c, kv, inner) = (self.n_embd, self.kv_columns(), self.n_inner());
        let qkv = c + 2 * kv;
        let matrices = c * (qkv + c + self.mlp_matrices() * inner);
        let hidden_biases = (self.mlp_matrices() - 1) * inner;
        let biases = match (self.bias, self.arch.qkv_bias) {
            (true, _) => qkv + c + hidden_biases + c,
            (false, true) => qkv,
            (false, false) => 0,
        };
        let norm = match self.arch.norm {
            NormKind::LayerNorm if self.bias => 2 * c,
            _ => c,
        };
        let positions = if self.arch.positions == Positions::Learned { self.block_size } else { 0 };
        let vocabularies = if self.arch.tie_weights { 1 } else { 2 };
        (vocabularies * self.vocab_size + positions) * c
            + self.n_layer * (matrices + biases + 2 * norm)
            + norm
    }

    /// How many multiplications and additions training needs for one token.
    ///
    /// 6 N + 12 L T C: two for each weight in the forward pass and four in the backward pass,
    /// and the same for the products of attention (Chowdhery and others 2022, appendix B; nanoGPT's
    /// `estimate_mfu`). N leaves out the position embedding, which is only added, and a token
    /// embedding that is not the output layer too.
    // ANCHOR: flops
    pub fn flops_per_token(&self) -> f64 {
        let looked_up = match self.arch {
            Architecture { positions: Positions::Learned, tie_weights: true, .. } => {
                self.block_size
            }
            Architecture { positions: Positions::Learned, .. } => self.block_size + self.vocab_size,
            Architecture { tie_weights: true, .. } => 0,
            _ => self.vocab_size,
        };
        let n = self.n_params() - looked_up * self.n_embd;
        (6 * n + 12 * self.n_layer * self.n_embd * self.block_size) as f64
    }
    // ANCHOR_END: flops
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `transformers` counts the parameters of the published models, the tied output once.
    #[test]
    fn gpt2_in_its_published_sizes() {
        for (config, expected) in [
            (GptConfig::gpt2(), 124_439_808),
            (GptConfig::gpt2_medium(), 354_823_168),
            (GptConfig::gpt2_large(), 774_030_080),
            (GptConfig::gpt2_xl(), 1_557_611_200),
        ] {
            assert_eq!(config.n_params(), expected);
            assert_eq!(config.n_embd / config.n_head, 64);
            config.check().unwrap();
        }
    }
}
