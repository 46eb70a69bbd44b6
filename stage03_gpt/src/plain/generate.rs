//! Writing text with a KV cache: prefill once, then a decode step for each token.
//!
//! A token attends to the keys and values of all tokens before it. These do not change when a
//! token is added, because the causal mask hides it from them. So they are stored, and a new token
//! costs one row through the model instead of the whole text again. Its logits are the same.
//!
//! The positions end at `block_size`. When the cache is full, the older half of the context is
//! evicted and the rest is read again at its new positions: a context shift.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt, plain::Plain};
//!
//! let gpt = Gpt::new(GptConfig {
//!     vocab_size: 10, block_size: 4, n_layer: 2, n_head: 2, n_embd: 8, dropout: 0.0, bias: true,
//!     ..GptConfig::default()
//! })?;
//! let weights = gpt.initialise::<f64>(&mut generator(1, Purpose::Initialisation, 0));
//! let model = Plain::new(&gpt);
//!
//! // Three tokens at once, or two and then a row for the third: the same logits.
//! let (_, whole) = model.prefill(&weights, &[1, 2, 3]);
//! let (mut cache, _) = model.prefill(&weights, &[1, 2]);
//! let logits = model.decode_step(&weights, &mut cache, 3);
//! assert_eq!(cache.tokens(), 3);
//! assert!(logits.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-12));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::{Array2, Axis, s};
use stage01_bigram::random::Generator;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::params::Params;

use super::Plain;
use super::layers::{attention, layer_norm, linear, times};
use crate::gpt::Gpt;

// ANCHOR: KvCache
/// The keys and values of the tokens that were read, for each block.
pub struct KvCache<T> {
    /// Keys and values of all heads, side by side. Shape of each: (tokens, C).
    blocks: Vec<[Array2<T>; 2]>,
}

impl<T: Float> KvCache<T> {
    /// How many tokens were read: the position of the next.
    pub fn tokens(&self) -> usize {
        self.blocks[0][0].nrows()
    }
}
// ANCHOR_END: KvCache

impl<T: Float> Plain<'_, T> {
    /// Writes `n` tokens that follow the prompt.
    ///
    /// # Errors
    /// [`Error::Setting`] for an empty prompt, [`Error::UnknownToken`] for a token that is not in
    /// the vocabulary. Of a long prompt only the end is read.
    pub fn generate(
        &self,
        params: &Params<T>,
        prompt: &[u32],
        n: usize,
        sampler: &mut Sampler,
        rng: &mut Generator,
    ) -> Result<Vec<u32>> {
        // ANCHOR: generate
        let mut text = prompt.to_vec();
        let context = &text[self.shifted(0, text.len())..];
        self.check(context)?;
        let (mut cache, mut logits) = self.prefill(params, context);
        for _ in 0..n {
            let token = sampler.sample(&logits, rng);
            let start = text.len() - cache.tokens();
            text.push(token);
            let shifted = self.shifted(start, text.len());
            if shifted == start {
                logits = self.decode_step(params, &mut cache, token);
            } else {
                (cache, logits) = self.prefill(params, &text[shifted..]);
            }
        }
        Ok(text.split_off(prompt.len()))
        // ANCHOR_END: generate
    }

    /// Where the context of a text of `end` tokens begins, if it has begun at `start`: there, or
    /// half a block later as often as it takes to fit into a block.
    // ANCHOR: context_shift
    fn shifted(&self, start: usize, end: usize) -> usize {
        let block_size = self.gpt.config().block_size;
        let shift = block_size.div_ceil(2);
        let too_long = (end - start).saturating_sub(block_size);
        (start + too_long.div_ceil(shift) * shift).min(end.saturating_sub(1))
    }
    // ANCHOR_END: context_shift

    /// Reads a context in one forward pass. Returns its cache, and the logits of the next token.
    ///
    /// # Panics
    /// When there is no token, or more than `block_size`, or one that is not in the vocabulary.
    // ANCHOR: prefill
    pub fn prefill(&self, params: &Params<T>, tokens: &[u32]) -> (KvCache<T>, Vec<T>) {
        let acts = Plain { length: tokens.len(), ..*self }.forward(params, tokens, &[]);
        let c = self.gpt.config().n_embd;
        let blocks = acts.blocks.iter().map(|block| {
            let qkv = &block.attn.qkv; // (T, 3 C)
            [qkv.slice(s![.., c..2 * c]).to_owned(), qkv.slice(s![.., 2 * c..]).to_owned()]
        });
        let cache = KvCache { blocks: blocks.collect() };
        (cache, acts.logits.row(tokens.len() - 1).to_vec())
    }
    // ANCHOR_END: prefill

    /// Reads one more token: a row through the model. Returns the logits of the next.
    ///
    /// # Panics
    /// When the cache holds `block_size` tokens, or the token is not in the vocabulary.
    // ANCHOR: decode_step
    pub fn decode_step(&self, params: &Params<T>, cache: &mut KvCache<T>, token: u32) -> Vec<T> {
        let (Gpt { ln_f, .. }, [wte, wpe]) = (self.gpt, self.gpt.embeddings());
        let (wte, wpe) = (params.matrix(wte.weight), params.matrix(wpe.weight));
        let x = &wte.row(token as usize) + &wpe.row(cache.tokens());
        let mut x = x.insert_axis(Axis(0)); // (1, C)
        for (block, cache) in self.gpt.blocks.iter().zip(&mut cache.blocks) {
            let normed = layer_norm(&block.ln_1, params, &x);
            x += &self.attend_cached(&block.attn, params, &normed, cache);
            let normed = layer_norm(&block.ln_2, params, &x);
            x += &self.mlp(block.mlp.gelu(), params, normed).1;
        }
        let normed = layer_norm(ln_f, params, &x);
        times(self.product, T::one(), normed.view(), wte.t()).into_flat().to_vec()
    }
    // ANCHOR_END: decode_step

    /// Multi-head attention of the newest token: its key and value join the cache, and its query
    /// meets all of them. x, y, result: (1, C).
    // ANCHOR: attend_cached
    fn attend_cached(
        &self,
        attn: &MultiHeadAttention,
        params: &Params<T>,
        x: &Array2<T>,
        [keys, values]: &mut [Array2<T>; 2],
    ) -> Array2<T> {
        let c = x.ncols();
        let qkv = linear(self.product, &attn.c_attn, params, x); // (1, 3 C)
        keys.push_row(qkv.slice(s![0, c..2 * c])).expect("a row of C numbers");
        values.push_row(qkv.slice(s![0, 2 * c..])).expect("a row of C numbers");
        let mut y = Array2::zeros((1, c));
        for h in 0..self.gpt.config().n_head {
            let [columns, ..] = attn.columns(h);
            let part = [&qkv, keys, values].map(|m| m.slice(s![.., columns.clone()]));
            y.slice_mut(s![.., columns]).assign(&attention(self.product, part, None).1);
        }
        linear(self.product, &attn.c_proj, params, &y)
    }
    // ANCHOR_END: attend_cached

    /// Whether the context can be read.
    fn check(&self, context: &[u32]) -> Result<()> {
        if context.is_empty() {
            return Err(Error::setting("the prompt", "nothing", "give at least one token"));
        }
        self.gpt.check_tokens(context, context.len())
    }
}
