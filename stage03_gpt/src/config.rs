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
use stage02_attention::attention::{fused, head_size};

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
        }
    }
}

impl GptConfig {
    /// GPT-2, 124 million parameters: the published files (Radford and others 2019, whose table 2
    /// counts 117 million).
    pub fn gpt2() -> Self {
        let (n_layer, n_head, n_embd) = (12, 12, 768);
        let (vocab_size, block_size, dropout, bias) = (50_257, 1024, 0.0, true);
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias }
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
        // The parameter vector alone: every use of a model needs it.
        let remedy = "choose a smaller --n-embd, --n-layer, --block-size or vocabulary";
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
        head_size(self.n_embd, self.n_head)?;
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
                ("--block-size", self.block_size),
                ("the vocabulary", self.vocab_size),
            ]
            .into_iter()
            .max_by_key(|(_, size)| *size)
            .expect("three of them");
            let expected = "no machine has the memory for such a model; choose a smaller one";
            return Err(Error::setting(setting, size, expected));
        }
        Ok(())
    }

    /// About how many parameters the model has: [`GptConfig::n_params`] without the small
    /// tensors, and for sizes that would overflow.
    fn estimate(&self) -> f64 {
        let [c, v, t, l] = [self.n_embd, self.vocab_size, self.block_size, self.n_layer];
        let [c, v, t, l] = [c, v, t, l].map(|n| n as f64);
        (v + t) * c + l * 12.0 * c * (c + 1.0)
    }

    // ANCHOR: activations
    /// About how many numbers a forward pass stores for each token: 16 C and one for each head
    /// in each block, and the logits.
    pub fn activations_per_token(&self) -> f64 {
        let Self { vocab_size, n_layer, n_head, n_embd, .. } = *self;
        let [v, l, h, c] = [vocab_size, n_layer, n_head, n_embd].map(|n| n as f64);
        l * (16.0 * c + h) + 2.0 * c + v
    }
    // ANCHOR_END: activations

    /// About how many bytes a forward pass over this many tokens takes, for a model of numbers of
    /// the type `T`: its activations, and scratch for the scores of attention for each thread.
    pub fn forward_bytes<T>(&self, tokens: usize, threads: usize) -> f64 {
        let scratch = self.n_layer as f64 * threads as f64 * fused::scratch_len(1) as f64;
        tokens as f64 * (self.activations_per_token() + scratch) * size_of::<T>() as f64
    }

    // ANCHOR: n_params
    /// The number of parameters.
    ///
    /// With C = n_embd, each block has 12 C² weights (3 C² for queries, keys and values, C² for
    /// the projection, 8 C² for the feed-forward layer), 9 C biases and 2 C for each of its two
    /// layer norms, or C without biases. The embeddings have a row for each token and each
    /// position; the output shares the embedding of the tokens.
    pub fn n_params(&self) -> usize {
        let c = self.n_embd;
        let norm = if self.bias { 2 * c } else { c };
        let biases = if self.bias { 9 * c } else { 0 };
        let block = 12 * c * c + biases + 2 * norm;
        (self.vocab_size + self.block_size) * c + self.n_layer * block + norm
    }
    // ANCHOR_END: n_params

    /// How many multiplications and additions training needs for one token.
    ///
    /// 6 N + 12 L T C: two for each weight in the forward pass and four in the backward pass,
    /// and the same for the products of attention (Chowdhery and others 2022, appendix B; nanoGPT's
    /// `estimate_mfu`). N leaves out the position embedding, which is only added.
    // ANCHOR: flops
    pub fn flops_per_token(&self) -> f64 {
        let n = self.n_params() - self.block_size * self.n_embd;
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
