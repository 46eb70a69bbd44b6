//! Writing text, one token after another.
//!
//! ```text
//! logits = model(context);   token = sample(logits);   context = context + token;   and again
//! ```
//!
//! What the model has seen is kept in a [`KvCache`], so that a new token costs one row through the
//! model instead of the whole text again. How a token is chosen from the logits is the
//! [`Sampler`]'s.
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
use stage02_attention::params::Params;

use crate::gpt::Gpt;
use crate::kv_cache::KvCache;

/// What to do about a model whose scores are no numbers.
pub(crate) const BROKEN: &str = "the model is broken, its weights are far too large; copy its \
                                 files again, or train it again with a lower --learning-rate";

/// A text being written: what the model has seen of it, and the choice of what comes next.
pub struct Decoder<'a, T> {
    cache: KvCache<'a, T>,
}

impl<'a, T: Float> Decoder<'a, T> {
    /// A writer that has read nothing yet.
    ///
    /// slide: how many of the oldest tokens are evicted when the context is full, or none for half
    /// of it.
    ///
    /// # Errors
    /// As [`KvCache::new`].
    pub fn new(gpt: &'a Gpt, params: &'a Params<T>, context_shift: Option<usize>) -> Result<Self> {
        Ok(Decoder { cache: KvCache::new(gpt, params, context_shift)? })
    }

    /// The tokens the model sees now.
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

    /// Says whether the scores are numbers. Weights may be numbers, each of them, and still so
    /// large that what is computed from them is none.
    ///
    /// # Errors
    /// [`Error::Setting`] when a score is NaN or infinite: there is nothing to choose by.
    pub fn check(&self) -> Result<()> {
        match self.logits().iter().find(|logit| !logit.is_finite()) {
            None => Ok(()),
            Some(bad) => Err(Error::setting("a score of the next token", bad.f64(), BROKEN)),
        }
    }

    /// Chooses the next token, reads it, and returns it.
    // ANCHOR: write
    pub fn decode_step(&mut self, sampler: &mut Sampler, rng: &mut Generator) -> u32 {
        let token = sampler.sample(self.logits(), rng);
        self.cache.decode_step(token).expect("a token that was chosen is in the vocabulary");
        token
    }
    // ANCHOR_END: write
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::params::fill_normal;

    fn model(bias: bool, seed: u64) -> (Gpt, Params<f64>) {
        let (vocab_size, block_size) = (11, 6);
        let (n_layer, n_head, n_embd, dropout) = (2, 2, 8, 0.3);
        let config = GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias };
        let gpt = Gpt::new(config).unwrap();
        let mut params = Params::zeros(gpt.layout());
        fill_normal(&mut params.values, 0.4, &mut generator(seed, Purpose::Initialisation, 0));
        (gpt, params)
    }

    #[test]
    fn a_slide_of_one_keeps_the_longest_context() {
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
    fn scores_that_are_no_numbers_are_refused() {
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
