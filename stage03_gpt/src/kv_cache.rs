//! The KV cache: keys and values of the tokens that were read, stored for the tokens to come.
//!
//! To choose the next token the model needs the logits of the last one only. Yet the last
//! token must attend to all earlier ones, to their keys and values, in every block. These do not
//! change when a token is added, because of the causal mask, so they are stored. A new token then
//! costs one row through the model instead of the whole text again, and the logits are the same
//! as those of the full forward pass; a test compares them.
//!
//! Reading a prompt, all its tokens in one forward pass, is the *prefill*; each token after it is a
//! *decode step*. The positions of GPT-2 end at `block_size`. When the cache is full, the oldest
//! tokens are evicted and the rest is read again at its new positions: a *context shift*. A shift
//! by one token is what nanoGPT does: the longest context always, and a full forward pass for every
//! token. A shift by half the block keeps at least half of the context, and costs almost
//! nothing.
//!
//! What this file leaves out: choosing a token, which is [`generate`](crate::generate).
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::config::GptConfig;
//! use stage03_gpt::gpt::Gpt;
//! use stage03_gpt::kv_cache::KvCache;
//!
//! let gpt = Gpt::new(GptConfig {
//!     vocab_size: 10, block_size: 4, n_layer: 2, n_head: 2, n_embd: 8, dropout: 0.0, bias: true,
//!     ..GptConfig::default()
//! })?;
//! let params = gpt.initialise::<f64>(&mut generator(1, Purpose::Initialisation, 0));
//!
//! let mut cache = KvCache::new(&gpt, &params, None)?;
//! cache.prefill(&[1, 2, 3])?;
//! cache.decode_step(4)?;
//! let full = gpt.logits(&params, &[1, 2, 3, 4])?;
//! for (a, b) in cache.logits().iter().zip(full.row(3)) {
//!     assert!((a - b).abs() < 1e-12);
//! }
//!
//! cache.decode_step(5)?; // The cache was full: half of it is evicted.
//! assert_eq!(cache.context(), [3, 4, 5]);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::{Array2, s};
use stage01_bigram::{Error, Float, Result};
use stage02_attention::attention::cache::{Cache, Numbers};
use stage02_attention::attention::fused;
use stage02_attention::parallel::{spinning, threads, threads_for};
use stage02_attention::weights::Weights;

use crate::block::InferenceScratch;
use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::layer_norm::Statistics;
use crate::memory;

/// The most tokens that are read in one forward pass. A longer text is read in several, so that the
/// memory beside the cache does not grow with the context. It is GPT-2's whole context.
const CHUNK: usize = 1024;

/// Keys and values of one sequence in every block, and the logits of its next token.
pub struct KvCache<'a, T> {
    gpt: &'a Gpt,
    weights: &'a dyn Weights<T>,
    /// The tokens whose keys and values are stored: at most `block_size`.
    context: Vec<u32>,
    /// How many tokens are evicted when the cache is full.
    context_shift: usize,
    /// For each block.
    blocks: Vec<Cache<T>>,
    /// The residual stream of a chunk, and its last row after the last norm. Shape: (rows, n_embd)
    /// and (1, n_embd).
    x: Array2<T>,
    normed: Array2<T>,
    statistics: Statistics<T>,
    scratch: InferenceScratch<T>,
    logits: Array2<T>,
}

impl<'a, T: Float> KvCache<'a, T> {
    /// An empty cache.
    ///
    /// context_shift: how many of the oldest tokens are evicted when the cache is full, or none
    /// for half of it.
    ///
    /// # Errors
    /// [`Error::Setting`] unless the shift is from 1 to `block_size`, and when the cache does not
    /// fit into memory.
    pub fn new(
        gpt: &'a Gpt,
        weights: &'a dyn Weights<T>,
        context_shift: Option<usize>,
    ) -> Result<Self> {
        let config = gpt.config();
        let (block_size, n_embd) = (config.block_size, config.n_embd);
        let rows = block_size.min(CHUNK);
        let context_shift = context_shift.unwrap_or(block_size.div_ceil(2));
        if context_shift == 0 || context_shift > block_size {
            let expected = format!("choose from 1 to the block size, {block_size}");
            return Err(Error::setting("--context-shift", context_shift, expected));
        }
        memory::require(
            Self::bytes(config, weights.cache_numbers()),
            "the memory of the context (KV cache)",
            "it grows with the context, n_layer and n_embd of the model; choose a shorter one \
             (--context), close other programs, or take a smaller model",
        )?;
        Ok(KvCache {
            gpt,
            weights,
            context: Vec::with_capacity(block_size),
            context_shift,
            blocks: gpt
                .blocks
                .iter()
                .map(|block| block.cache(weights.cache_numbers(), block_size))
                .collect(),
            x: Array2::zeros((rows, n_embd)),
            normed: Array2::zeros((1, n_embd)),
            statistics: Statistics::new(1),
            scratch: gpt.blocks[0].inference_scratch(block_size, rows),
            logits: Array2::zeros((1, config.vocab_size)),
        })
    }

    /// How many bytes a cache takes: keys and values of every block, the activations of a forward
    /// pass over the whole context, and the logits of one token.
    fn bytes(config: &GptConfig, numbers: Numbers) -> f64 {
        let &GptConfig { vocab_size, block_size, n_head, n_embd, .. } = config;
        let [v, t, h, c] = [vocab_size, block_size, n_head, n_embd].map(|n| n as f64);
        let rows = t.min(CHUNK as f64);
        let each = fused::scratch_len(1) as f64 + 2.0 * h + c / 64.0;
        let in_cache = t * config.kv_cache_per_token() as f64;
        // Those of one layer as the prefill reads them.
        let read = in_cache / config.n_layer as f64;
        let beside = read + t * (threads() as f64 * each + c / h);
        let passing = beside + rows * (6.0 * c + 2.0 * config.n_inner() as f64 + h + 2.0) + v;
        in_cache * numbers.bytes::<T>() as f64 + passing * size_of::<T>() as f64
    }

    /// The tokens whose keys and values are stored.
    pub fn context(&self) -> &[u32] {
        &self.context
    }

    /// The logits of the next token. Length: vocab_size. All zero before anything was read.
    pub fn logits(&self) -> &[T] {
        self.logits.as_slice().expect("owned matrices are contiguous")
    }

    /// Reads tokens that follow the context, in one forward pass.
    ///
    /// Where they do not fit, the oldest are evicted; of a text longer than `block_size` only the
    /// end is read.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that is not in the vocabulary.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        self.gpt.check_vocabulary(tokens)?;
        let total = self.context.len() + tokens.len();
        match total.checked_sub(self.gpt.config().block_size) {
            _ if tokens.is_empty() => {}
            None | Some(0) => self.read(tokens),
            Some(excess) => self.shift(excess, tokens),
        }
        Ok(())
    }

    /// Reads the next token: a [`prefill`](KvCache::prefill) of one token, which uses the kernel of
    /// single-query attention.
    ///
    /// # Errors
    /// As [`prefill`](KvCache::prefill).
    pub fn decode_step(&mut self, token: u32) -> Result<()> {
        self.prefill(&[token])
    }

    /// Keeps the first `len` tokens, and drops those behind them; nothing happens where there are
    /// no more. Their keys and values do not depend on what followed, because of the causal mask, so
    /// nothing is computed. Another continuation of the same beginning is then read from there.
    ///
    /// The logits stay those of the last token that was read, until the next one is.
    pub fn truncate(&mut self, len: usize) {
        self.context.truncate(len);
    }

    /// A context shift: evicts at least `excess` of the oldest tokens, in as many shifts as that
    /// takes, and reads the remaining tokens at their new positions.
    fn shift(&mut self, excess: usize, tokens: &[u32]) {
        let evicted = excess.div_ceil(self.context_shift) * self.context_shift;
        let mut rest: Vec<u32> = self.context.iter().chain(tokens).copied().collect();
        rest.drain(..evicted.min(rest.len() - 1));
        self.context.clear();
        self.read(&rest);
    }

    /// Reads some tokens that follow the context and fit behind it, a chunk at a time.
    fn read(&mut self, tokens: &[u32]) {
        for chunk in tokens.chunks(CHUNK) {
            self.read_chunk(chunk);
        }
    }

    fn read_chunk(&mut self, tokens: &[u32]) {
        // Spinning threads pay only where there is enough work for more than one.
        if threads_for(tokens.len() * self.gpt.config().n_params()) > 1 {
            spinning(|| self.forward(tokens));
        } else {
            self.forward(tokens);
        }
        self.context.extend_from_slice(tokens);
    }

    /// [`Gpt::forward`] for the new tokens only.
    fn forward(&mut self, tokens: &[u32]) {
        let (weights, gpt, n) = (self.weights, self.gpt, tokens.len());
        let mut x = self.x.slice_mut(s![..n, ..]);
        let start = self.context.len();
        gpt.forward_cached(
            weights,
            tokens,
            start,
            &mut self.blocks,
            &mut self.scratch,
            x.view_mut(),
        );

        // Only the last token's logits are wanted.
        // ANCHOR: last
        let last = x.slice(s![n - 1.., ..]);
        gpt.ln_f.forward(weights, last, &mut self.statistics, self.normed.view_mut());
        // ANCHOR_END: last
        weights.output(gpt.lm_head, gpt.dtype, self.normed.view(), self.logits.view_mut());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::architecture::Architecture;
    use crate::gpt::tests::{heads_and_architecture, random_weights};
    use proptest::prelude::*;
    use stage02_attention::params::Params;

    /// A small model with a short block.
    pub(crate) fn model(bias: bool, seed: u64) -> (Gpt, Params<f64>) {
        let (vocab_size, block_size) = (11, 6);
        let (n_layer, n_head, n_embd, dropout) = (2, 2, 8, 0.3);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        };
        random_model(config, seed)
    }

    fn random_model(config: GptConfig, seed: u64) -> (Gpt, Params<f64>) {
        let gpt = Gpt::new(config).unwrap();
        let params = random_weights(&gpt, 0.4, seed);
        (gpt, params)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// However the text arrives, and long after the block is full, the logits are those of
        /// the full forward pass over the context.
        #[test]
        fn equals_the_full_forward_pass_at_every_step(
            parts in prop::collection::vec(prop::collection::vec(0u32..11, 1..9), 1..12),
            (n_head, arch) in heads_and_architecture(), context_shift in 1usize..7, bias: bool, seed: u64,
        ) {
            let sizes = model(bias, seed).0.config().clone();
            let (gpt, params) = random_model(GptConfig { n_head, n_embd: 4 * n_head, arch, ..sizes }, seed);
            let mut cache = KvCache::new(&gpt, &params, Some(context_shift)).unwrap();
            let mut text: Vec<u32> = Vec::new();
            for part in parts {
                cache.prefill(&part).unwrap();
                text.extend(&part);
                let context = cache.context();
                prop_assert!(text.ends_with(context));
                // Never less than a context shift leaves; always all of a short text.
                prop_assert!(context.len() >= text.len().min(6 - context_shift + 1).max(1));
                let full = gpt.logits(&params, context).unwrap();
                let last = full.row(full.nrows() - 1);
                for (a, b) in cache.logits().iter().zip(last) {
                    prop_assert!((a - b).abs() < 1e-10, "{a} {b}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// What was dropped leaves no trace: the logits are those of a new cache.
        #[test]
        fn after_it_is_truncated_it_continues_like_a_new_one(
            first in prop::collection::vec(0u32..11, 1..6), len in 0usize..7,
            more in prop::collection::vec(0u32..11, 1..9),
            (n_head, arch) in heads_and_architecture(), seed: u64,
        ) {
            let sizes = model(true, seed).0.config().clone();
            let (gpt, params) = random_model(GptConfig { n_head, n_embd: 4 * n_head, arch, ..sizes }, seed);
            let mut cache = KvCache::new(&gpt, &params, Some(2)).unwrap();
            cache.prefill(&first).unwrap();
            cache.truncate(len);
            prop_assert_eq!(cache.context(), &first[..len.min(first.len())]);
            cache.prefill(&more).unwrap();
            let mut new = KvCache::new(&gpt, &params, Some(2)).unwrap();
            new.prefill(&[&first[..len.min(first.len())], &more].concat()).unwrap();
            prop_assert_eq!(cache.context(), new.context());
            for (a, b) in cache.logits().iter().zip(new.logits()) {
                prop_assert!((a - b).abs() < 1e-10, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn a_text_longer_than_a_chunk_is_read_in_several() {
        let (n_embd, block_size, arch) = (4, 2 * CHUNK + 100, Architecture::LLAMA);
        let sizes = model(false, 1).0.config().clone();
        let (gpt, params) = random_model(GptConfig { n_embd, block_size, arch, ..sizes }, 1);
        let text: Vec<u32> = (0..block_size as u32).map(|i| i * i % 11).collect();
        let mut cache = KvCache::new(&gpt, &params, None).unwrap();
        cache.prefill(&text[..10]).unwrap();
        cache.prefill(&text[10..]).unwrap();
        let full = gpt.logits(&params, &text).unwrap();
        for (a, b) in cache.logits().iter().zip(full.row(text.len() - 1)) {
            assert!((a - b).abs() < 1e-10, "{a} {b}");
        }
    }

    #[test]
    fn a_shorter_context_is_a_smaller_cache_with_the_same_logits() {
        let (mut gpt, params) = model(true, 1);
        let full = gpt.logits(&params, &[1, 2, 3]).unwrap();
        assert!(gpt.shorten_context(7).is_err() && gpt.shorten_context(0).is_err());
        gpt.shorten_context(3).unwrap();
        let mut cache = KvCache::new(&gpt, &params, None).unwrap();
        cache.prefill(&[1, 2, 3]).unwrap();
        assert!(cache.logits().iter().zip(full.row(2)).all(|(a, b)| (a - b).abs() < 1e-12));
        cache.decode_step(4).unwrap();
        assert!(cache.context().len() <= 3);
    }

    #[test]
    fn a_context_shift_out_of_range_is_refused() {
        let (gpt, params) = model(true, 1);
        for context_shift in [0, 7] {
            assert!(KvCache::new(&gpt, &params, Some(context_shift)).is_err());
        }
        let mut cache = KvCache::new(&gpt, &params, None).unwrap();
        assert!(cache.prefill(&[11]).is_err());
    }

    #[test]
    fn a_context_that_fits_into_no_memory_is_refused() {
        let (vocab_size, block_size, n_layer) = (2, 1 << 22, 20_000);
        let (n_head, n_embd, dropout, bias) = (1, 1, 0.0, false);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let params = Params::<f32>::zeros(gpt.layout());
        let message = KvCache::new(&gpt, &params, None).err().unwrap().to_string();
        assert!(message.starts_with("the memory of the context (KV cache) = "), "{message}");
    }
}
