//! The log-probabilities that a model gives to the tokens of a text: the one place where an
//! evaluation runs the model.
//!
//! ```text
//! log_probabilities(tokens, from)[i] = ln p(tokens[from + i] | tokens[..from + i])
//! ```
//!
//! A [`Scorer`] keeps the keys and values of the tokens that it read last. Where the next text
//! begins with the same tokens, these are not read again: the choices of a question cost their
//! context once. Nothing is stored for a backward pass, and there are logits for a few rows at a
//! time only, so it takes much less memory than [`Gpt::forward`].
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::{config::GptConfig, evaluate::scorer::Scorer, gpt::Gpt};
//!
//! let config = GptConfig { vocab_size: 65, block_size: 8, ..GptConfig::default() };
//! let gpt = Gpt::new(config)?;
//! let params = gpt.initialise::<f32>(&mut generator(1, Purpose::Initialisation, 0));
//! let mut scorer = Scorer::new(&gpt, &params, 8)?;
//! let log_p = scorer.log_probabilities(&[5, 3, 60, 2], 2)?; // of 60 and of 2
//! assert_eq!(log_p.len(), 2);
//! assert!((log_p[0] + 65f64.ln()).abs() < 0.5); // before training: every token equally likely
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: which tokens of a text are scored behind which context.

use ndarray::{Array2, s};
use stage01_bigram::loss::cross_entropy;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::attention::cache::{Cache, Numbers};
use stage02_attention::attention::fused;
use stage02_attention::parallel::threads;
use stage02_attention::weights::Weights;

use crate::block::InferenceScratch;
use crate::config::GptConfig;
use crate::generate::BROKEN;
use crate::gpt::Gpt;
use crate::layer_norm::Statistics;
use crate::memory;

/// The most tokens that go through the blocks at once.
const CHUNK: usize = 512;

/// The most rows of logits at once: each is as long as the vocabulary.
const ROWS: usize = 128;

/// A model that scores texts, with the keys and values of the last one.
pub struct Scorer<'a, T> {
    gpt: &'a Gpt,
    weights: &'a dyn Weights<T>,
    /// The most tokens that a context has.
    longest: usize,
    /// The tokens whose keys and values are stored.
    context: Vec<u32>,
    /// For each block.
    blocks: Vec<Cache<T>>,
    /// The residual stream of a chunk. Shape: (chunk, n_embd).
    x: Array2<T>,
    scratch: InferenceScratch<T>,
    statistics: Statistics<T>,
    /// Rows after the last norm, and their logits. Shape: (rows, n_embd) and (rows, vocab_size).
    normed: Array2<T>,
    logits: Array2<T>,
}

impl<'a, T: Float> Scorer<'a, T> {
    /// A scorer of texts whose contexts have up to `longest` tokens.
    ///
    /// # Errors
    /// [`Error::Setting`] unless that is from 1 to `block_size`, and when it does not fit into
    /// memory.
    pub fn new(gpt: &'a Gpt, weights: &'a dyn Weights<T>, longest: usize) -> Result<Self> {
        let (config, chunk, rows) = (gpt.config(), longest.min(CHUNK), longest.min(ROWS));
        if !(1..=config.block_size).contains(&longest) {
            let expected = format!("choose from 1 to the model's own, {}", config.block_size);
            return Err(Error::setting("--context", longest, expected));
        }
        memory::require(
            Self::bytes(config, longest, weights.cache_numbers()),
            "the memory for reading a window",
            "choose a shorter --context, or close other programs",
        )?;
        Ok(Scorer {
            gpt,
            weights,
            longest,
            context: Vec::with_capacity(longest),
            blocks: gpt
                .blocks
                .iter()
                .map(|block| block.cache(weights.cache_numbers(), longest))
                .collect(),
            x: Array2::zeros((chunk, config.n_embd)),
            scratch: gpt.blocks[0].inference_scratch(longest, chunk),
            statistics: Statistics::new(rows),
            normed: Array2::zeros((rows, config.n_embd)),
            logits: Array2::zeros((rows, config.vocab_size)),
        })
    }

    /// Scorers for work that is divided among the threads of the current pool: at most `most`, one
    /// for each thread, and fewer where the memory is not enough for that many.
    ///
    /// # Errors
    /// As [`Scorer::new`].
    pub fn for_threads(
        gpt: &'a Gpt,
        weights: &'a dyn Weights<T>,
        longest: usize,
        most: usize,
    ) -> Result<Vec<Self>> {
        let bytes = Self::bytes(gpt.config(), longest, weights.cache_numbers());
        // Half of what is free: the work itself takes some, and so do other programs.
        let fit = memory::available().map_or(f64::INFINITY, |free| free / 2.0 / bytes) as usize;
        let number = most.min(rayon::current_num_threads()).min(fit).max(1);
        (0..number).map(|_| Scorer::new(gpt, weights, longest)).collect()
    }

    /// How many bytes a scorer takes.
    fn bytes(config: &GptConfig, longest: usize, numbers: Numbers) -> f64 {
        let &GptConfig { vocab_size, n_head, n_embd, .. } = config;
        let [v, t, h, c] = [vocab_size, longest, n_head, n_embd].map(|n| n as f64);
        let (chunk, rows) = (t.min(CHUNK as f64), t.min(ROWS as f64));
        let each = fused::scratch_len(1) as f64 + 2.0 * h + c / 64.0;
        let in_cache = t * config.kv_cache_per_token() as f64;
        // Those of one layer as the forward pass reads them.
        let read = in_cache / config.n_layer as f64;
        let beside = read + t * (threads() as f64 * each + c / h);
        let passing = beside + chunk * (6.0 * c + 2.0 * config.n_inner() as f64 + h + 2.0);
        in_cache * numbers.bytes::<T>() as f64 + (passing + rows * (c + v)) * size_of::<T>() as f64
    }

    /// The log-probability of each token from `from` on, in nats, given all tokens before it.
    ///
    /// tokens: a text of 2 tokens or more; its last one is only predicted, and so it may have one
    /// more than the longest context. from: 1 or more. Result: (tokens - from).
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that is not in the vocabulary; [`Error::Setting`] for a
    /// text that is too long, for `from` outside of it, and for a model that computes NaN.
    pub fn log_probabilities(&mut self, tokens: &[u32], from: usize) -> Result<Vec<f64>> {
        self.gpt.check_vocabulary(tokens)?;
        let read = tokens.len().saturating_sub(1);
        if read > self.longest {
            let expected = format!("this model reads at most {} tokens at once", self.longest);
            return Err(Error::setting("the length of the text", read, expected));
        }
        if from == 0 || from >= tokens.len() {
            let expected = format!("one of the {} tokens after the first", read);
            return Err(Error::setting("the first token to score", from, expected));
        }
        // The row before `from` predicts it, so that one is needed, cached or not.
        let same = self.context.iter().zip(&tokens[..from - 1]).take_while(|(a, b)| a == b);
        let known = same.count();
        self.context.truncate(known);
        let mut log_p = Vec::with_capacity(tokens.len() - from);
        for start in (known..read).step_by(CHUNK) {
            let end = (start + CHUNK).min(read);
            self.forward(&tokens[start..end]);
            let first = start.max(from - 1);
            for row in (first..end).step_by(ROWS) {
                let last = (row + ROWS).min(end);
                self.score(row - start..last - start, &tokens[row + 1..last + 1], &mut log_p);
            }
        }
        match log_p.iter().find(|log_p| !log_p.is_finite()) {
            None => Ok(log_p),
            Some(bad) => Err(Error::setting("the log-probability of a token", bad, BROKEN)),
        }
    }

    /// The blocks of [`Gpt::forward`], for tokens that follow the context.
    fn forward(&mut self, tokens: &[u32]) {
        let (start, x) = (self.context.len(), self.x.slice_mut(s![..tokens.len(), ..]));
        let (blocks, scratch) = (&mut self.blocks, &mut self.scratch);
        self.gpt.forward_cached(self.weights, tokens, start, blocks, scratch, x);
        self.context.extend_from_slice(tokens);
    }

    /// The output layer of [`Gpt::forward`] for some rows of the chunk, and ln p of their targets.
    fn score(&mut self, rows: std::ops::Range<usize>, targets: &[u32], log_p: &mut Vec<f64>) {
        let (weights, gpt) = (self.weights, self.gpt);
        let mut normed = self.normed.slice_mut(s![..rows.len(), ..]);
        let mut logits = self.logits.slice_mut(s![..rows.len(), ..]);
        let x = self.x.slice(s![rows, ..]);
        gpt.ln_f.forward(weights, x, &mut self.statistics, normed.view_mut());
        weights.output(gpt.lm_head, gpt.dtype, normed.view(), logits.view_mut());
        let each = logits.rows().into_iter().zip(targets);
        let row = |logits: ndarray::ArrayView1<T>, target: &u32| {
            -cross_entropy(logits.insert_axis(ndarray::Axis(0)), std::slice::from_ref(target))
        };
        log_p.extend(each.map(|(logits, target)| row(logits, target)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::Architecture;
    use crate::gpt::tests::{heads_and_architecture, random_weights};
    use proptest::prelude::*;
    use stage02_attention::params::Params;

    fn model(config: GptConfig) -> (Gpt, Params<f64>) {
        let gpt = Gpt::new(config).unwrap();
        let params = random_weights(&gpt, 0.4, 1);
        (gpt, params)
    }

    fn sizes(block_size: usize, n_head: usize, arch: Architecture) -> GptConfig {
        let (vocab_size, n_layer, n_embd) = (11, 2, 4 * n_head);
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, arch, ..GptConfig::default() }
    }

    /// The definition: log-softmax of the logits of a full forward pass.
    fn defined(gpt: &Gpt, params: &Params<f64>, tokens: &[u32], from: usize) -> Vec<f64> {
        let logits = gpt.logits(params, &tokens[..tokens.len() - 1]).unwrap();
        let ln_p = |i: usize| {
            let row = logits.row(i - 1);
            row[tokens[i] as usize] - row.iter().map(|logit| logit.exp()).sum::<f64>().ln()
        };
        (from..tokens.len()).map(ln_p).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever was read before, and however much of it is the same.
        #[test]
        fn equals_the_log_softmax_of_the_full_forward_pass(
            (n_head, arch) in heads_and_architecture(),
            texts in prop::collection::vec((prop::collection::vec(0u32..3, 2..8), 0usize..6), 1..6),
        ) {
            let (gpt, params) = model(sizes(7, n_head, arch));
            let mut scorer = Scorer::new(&gpt, &params, 7).unwrap();
            for (tokens, from) in texts {
                let from = 1 + from % (tokens.len() - 1);
                let found = scorer.log_probabilities(&tokens, from).unwrap();
                let expected = defined(&gpt, &params, &tokens, from);
                prop_assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(&expected) {
                    prop_assert!((a - b).abs() < 1e-10, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn a_text_of_several_chunks_is_read_like_one() {
        let (gpt, params) = model(sizes(CHUNK + 300, 1, Architecture::LLAMA));
        let tokens: Vec<u32> = (0..CHUNK as u32 + 301).map(|i| i * i % 11).collect();
        let mut scorer = Scorer::new(&gpt, &params, CHUNK + 300).unwrap();
        for from in [1, ROWS, ROWS + 2, CHUNK - 1, CHUNK, CHUNK + 1, tokens.len() - 1] {
            let found = scorer.log_probabilities(&tokens, from).unwrap();
            let expected = defined(&gpt, &params, &tokens, from);
            assert_eq!(found.len(), expected.len());
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{from}");
        }
    }

    #[test]
    fn what_was_read_before_is_not_read_again() {
        let (gpt, params) = model(sizes(8, 2, Architecture::GPT2));
        let mut scorer = Scorer::new(&gpt, &params, 8).unwrap();
        scorer.log_probabilities(&[1, 2, 3, 4, 5], 3).unwrap();
        assert_eq!(scorer.context, [1, 2, 3, 4]);
        // Empty caches, taken for those of these tokens: only what is read again is right.
        let empty = gpt.blocks.iter().map(|block| block.cache(Numbers::Full, 8));
        scorer.blocks = empty.collect();
        let spoilt = scorer.log_probabilities(&[1, 2, 3, 6, 7], 3).unwrap();
        assert_ne!(spoilt, defined(&gpt, &params, &[1, 2, 3, 6, 7], 3));
        let other = scorer.log_probabilities(&[2, 2, 3, 6, 7], 3).unwrap();
        let expected = defined(&gpt, &params, &[2, 2, 3, 6, 7], 3);
        assert!(other.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-10));
    }

    #[test]
    fn what_cannot_be_scored_is_refused() {
        let (gpt, params) = model(sizes(4, 1, Architecture::GPT2));
        assert!(Scorer::new(&gpt, &params, 0).is_err() && Scorer::new(&gpt, &params, 5).is_err());
        let mut scorer = Scorer::new(&gpt, &params, 3).unwrap();
        for (tokens, from) in
            [(&[][..], 0), (&[1], 0), (&[1], 1), (&[1, 2], 0), (&[1, 2], 2), (&[1, 11], 1)]
        {
            assert!(scorer.log_probabilities(tokens, from).is_err(), "{tokens:?} {from}");
        }
        assert!(scorer.log_probabilities(&[1, 2, 3, 4], 1).is_ok());
        assert!(scorer.log_probabilities(&[1, 2, 3, 4, 5], 4).is_err());
    }

    #[test]
    fn a_model_that_computes_nan_is_refused() {
        let config = GptConfig { bias: true, ..sizes(4, 1, Architecture::GPT2) };
        let (gpt, mut params) = model(config);
        params.values.fill(1e200);
        let mut scorer = Scorer::new(&gpt, &params, 4).unwrap();
        let message = scorer.log_probabilities(&[1, 2, 3], 1).unwrap_err().to_string();
        assert!(message.contains("the model is broken"), "{message}");
    }
}
