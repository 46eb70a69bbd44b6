//! Writing text, one token after another.
//!
//! ```text
//! logits = model(context);   token = sample(logits);   context = context + token;   and again
//! ```
//!
//! The keys and values of the text so far stay in a [`KvCache`], so that a new token costs one row
//! through the model instead of the whole text again. How a token is chosen from the logits is in
//! [`Sampler`].
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage01_bigram::sampling::Sampler;
//! use stage03_gpt::config::GptConfig;
//! use stage03_gpt::generate::Decoder;
//! use stage03_gpt::gpt::Gpt;
//!
//! let gpt = Gpt::new(GptConfig {
//!     vocab_size: 10, block_size: 4, n_layer: 2, n_head: 2, n_embd: 8, dropout: 0.0, bias: true,
//!     ..GptConfig::default()
//! })?;
//! let params = gpt.initialise::<f32>(&mut generator(1, Purpose::Initialisation, 0));
//!
//! let mut decoder = Decoder::new(&gpt, &params, None)?;
//! let (mut sampler, mut rng) = (Sampler::greedy(), generator(1, Purpose::Sampling, 0));
//! decoder.prefill(&[1, 2])?;
//! let text: Vec<u32> = (0..20).map(|_| decoder.decode_step(&mut sampler, &mut rng)).collect();
//! assert!(text.ends_with(decoder.context()));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use stage01_bigram::random::Generator;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::weights::Weights;

use crate::gpt::Gpt;
use crate::kv_cache::KvCache;

/// The remedy for a model whose logits are NaN or infinite.
pub(crate) const BROKEN: &str = "the model is broken, its weights are far too large; copy its \
                                 files again, or train it again with a lower --learning-rate";

/// Autoregressive decoding of one text: the KV cache, and the sampling of the next token.
pub struct Decoder<'a, T> {
    cache: KvCache<'a, T>,
}

impl<'a, T: Float> Decoder<'a, T> {
    /// A decoder before its first token.
    ///
    /// context_shift: how many of the oldest tokens are evicted when the context is full, or none
    /// for half of it.
    ///
    /// # Errors
    /// As [`KvCache::new`].
    pub fn new(
        gpt: &'a Gpt,
        weights: &'a dyn Weights<T>,
        context_shift: Option<usize>,
    ) -> Result<Self> {
        Ok(Decoder { cache: KvCache::new(gpt, weights, context_shift)? })
    }

    /// The tokens in the model's context.
    pub fn context(&self) -> &[u32] {
        self.cache.context()
    }

    /// Reads more text: see [`KvCache::prefill`].
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that is not in the vocabulary.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        self.cache.prefill(tokens)
    }

    /// The logits of the next token. Length: vocab_size. All zero before anything was read.
    pub fn logits(&self) -> &[T] {
        self.cache.logits()
    }

    /// Checks that the logits are finite. Weights that are finite may still be so large that what
    /// is computed from them overflows.
    ///
    /// # Errors
    /// [`Error::Setting`] when a logit is NaN or infinite: the next token cannot be sampled.
    pub fn check(&self) -> Result<()> {
        match self.logits().iter().find(|logit| !logit.is_finite()) {
            None => Ok(()),
            Some(bad) => Err(Error::setting("a logit of the next token", bad.f64(), BROKEN)),
        }
    }

    /// Samples the next token, reads it, and returns it.
    // ANCHOR: decode_step
    pub fn decode_step(&mut self, sampler: &mut Sampler, rng: &mut Generator) -> u32 {
        let token = sampler.sample(self.logits(), rng);
        self.cache.decode_step(token).expect("a token that was chosen is in the vocabulary");
        token
    }
    // ANCHOR_END: decode_step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv_cache::tests::model;
    use stage01_bigram::random::{Purpose, generator};

    #[test]
    fn a_context_shift_of_one_keeps_the_longest_context() {
        let (gpt, params) = model(true, 1);
        let mut decoder = Decoder::new(&gpt, &params, Some(1)).unwrap();
        let (mut sampler, mut rng) = (Sampler::greedy(), generator(1, Purpose::Sampling, 0));
        decoder.prefill(&[1, 2, 3]).unwrap();
        let mut text = vec![1, 2, 3];
        for _ in 0..20 {
            text.push(decoder.decode_step(&mut sampler, &mut rng));
            assert_eq!(decoder.context(), &text[text.len().saturating_sub(6)..]);
        }
    }

    #[test]
    fn the_same_seed_writes_the_same_text() {
        let (gpt, params) = model(true, 1);
        let write = |seed| -> Vec<u32> {
            let mut decoder = Decoder::new(&gpt, &params, None).unwrap();
            let mut sampler = Sampler::new(1.0, None, None).unwrap();
            let mut rng = generator(seed, Purpose::Sampling, 0);
            decoder.prefill(&[1]).unwrap();
            (0..30).map(|_| decoder.decode_step(&mut sampler, &mut rng)).collect()
        };
        assert_eq!(write(1), write(1));
        assert_ne!(write(1), write(2));
    }

    #[test]
    fn logits_that_are_nan_or_infinite_are_refused() {
        let (gpt, mut params) = model(true, 1);
        let mut decoder = Decoder::new(&gpt, &params, None).unwrap();
        decoder.prefill(&[1, 2]).unwrap();
        decoder.check().unwrap();
        params.values.fill(1e200);
        let mut decoder = Decoder::new(&gpt, &params, None).unwrap();
        decoder.prefill(&[1, 2]).unwrap();
        let message = decoder.check().unwrap_err().to_string();
        assert!(message.contains("the model is broken"), "{message}");
    }
}
