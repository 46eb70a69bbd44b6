//! The numbers that say how large a GPT is.

use stage01_bigram::{Error, Result};
use stage02_attention::attention::{fused, head_size};

use crate::memory;

/// The most layers. A layer has 12 tensors, `trainer.safetensors` holds each three times, and
/// the head of such a file, with some hundred bytes for a tensor, ends at 100 MB.
const MAX_LAYERS: usize = 20_000;

// ANCHOR: config
/// The shape of a GPT, under nanoGPT's names.
#[derive(Clone, Debug, PartialEq)]
pub struct GptConfig {
    /// How many tokens the vocabulary has.
    pub vocab_size: usize,
    /// How many tokens the model sees at once: the longest context.
    pub block_size: usize,
    /// How many blocks stand one above another.
    pub n_layer: usize,
    /// How many heads each attention has.
    pub n_head: usize,
    /// How many numbers stand for one token.
    pub n_embd: usize,
    /// The probability of dropping a number during training.
    pub dropout: f64,
    /// Whether linear layers and layer norms have a bias. GPT-2: yes.
    pub bias: bool,
}
// ANCHOR_END: config

impl GptConfig {
    /// Checks that the settings fit together, and into this machine.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first setting that cannot be used; also for a model whose
    /// weights this machine cannot hold.
    pub fn validate(&self) -> Result<()> {
        self.check()?;
        // One vector of all weights: without it there is nothing to do with a model.
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
            let expected = "tokens are numbered in 32 bits; choose a smaller one";
            return Err(Error::setting("the vocabulary", self.vocab_size, expected));
        }
        if self.n_layer > MAX_LAYERS {
            let expected = format!(
                "choose at most {MAX_LAYERS}; the names of more tensors have no room in the file \
                 of a run"
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

    /// About how many numbers the model learns: [`GptConfig::n_params`] without the small
    /// tables, and for sizes that would overflow.
    fn estimate(&self) -> f64 {
        let [c, v, t, l] = [self.n_embd, self.vocab_size, self.block_size, self.n_layer];
        let [c, v, t, l] = [c, v, t, l].map(|n| n as f64);
        (v + t) * c + l * 12.0 * c * (c + 1.0)
    }

    // ANCHOR: kept
    /// About how many numbers a forward pass keeps for each token: 16 C and one for each head
    /// in each block, and the scores of the vocabulary.
    pub fn activations_per_token(&self) -> f64 {
        let Self { vocab_size, n_layer, n_head, n_embd, .. } = *self;
        let [v, l, h, c] = [vocab_size, n_layer, n_head, n_embd].map(|n| n as f64);
        l * (16.0 * c + h) + 2.0 * c + v
    }
    // ANCHOR_END: kept

    /// About how many bytes a forward pass over so many tokens takes, for a model of numbers of
    /// the type `T`: what it keeps, and room for the scores of attention for each thread.
    pub fn forward_bytes<T>(&self, tokens: usize, threads: usize) -> f64 {
        let rooms = self.n_layer as f64 * threads as f64 * fused::room(1) as f64;
        tokens as f64 * (self.activations_per_token() + rooms) * size_of::<T>() as f64
    }

    // ANCHOR: n_params
    /// How many numbers the model learns, by the formula of the book's chapter on the GPT.
    ///
    /// With C = n_embd, each block has 12 C² weights (3 C² for queries, keys and values, C² for
    /// the projection, 8 C² for the feed-forward layer), 9 C biases and 2 C for each of its two
    /// layer norms, or C without biases. The embeddings have a row for each token and each
    /// position; the output shares the table of the tokens.
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
    /// 6 N + 12 L T C: two for each weight in the forward pass and four in the backward pass, and
    /// the same for the products of attention (Chowdhery and others 2022, appendix B; nanoGPT's
    /// `estimate_mfu`). N leaves out the positions, whose table is only added.
    // ANCHOR: flops
    pub fn flops_per_token(&self) -> f64 {
        let n = self.n_params() - self.block_size * self.n_embd;
        (6 * n + 12 * self.n_layer * self.n_embd * self.block_size) as f64
    }
    // ANCHOR_END: flops
}
