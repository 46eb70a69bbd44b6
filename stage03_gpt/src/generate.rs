//! Writing text, one token after another.
//!
//! To choose the next token the model needs the logits of the last one only. Yet the last
//! token must look at all earlier ones, at their keys and values, in every block. These do not
//! change when a token is added (the causal mask sees to it), so they are kept: the *KV
//! cache*. A new token then costs one row through the model instead of the whole text again,
//! and the logits are the same as those of the full forward pass; a test compares them.
//!
//! The positions of GPT-2 end at `block_size`. When the cache is full, the oldest `context_shift`
//! tokens are forgotten and the rest is read again at its new positions, in one pass. A slide
//! of one token is what nanoGPT does: the longest context always, and a full pass for every
//! token. A slide of half the block keeps at least half of the context, and costs almost
//! nothing.

use ndarray::{Array2, s};
use stage01_bigram::random::Generator;
use stage01_bigram::sampling::Sampler;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::attention::fused;
use stage02_attention::attention::multi_head::Space;
use stage02_attention::matmul::par_gemm;
use stage02_attention::parallel::{spinning, threads, threads_for};
use stage02_attention::params::Params;

use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::layer_norm::Statistics;
use crate::memory;

/// What to do about a model whose scores are no numbers.
pub(crate) const BROKEN: &str = "the model is broken, its weights are far too large; copy its \
                                 files again, or train it again with a lower --learning-rate";

/// A text being written: what the model remembers of it, and what comes next.
pub struct Decoder<'a, T> {
    gpt: &'a Gpt,
    params: &'a Params<T>,
    /// The tokens the model sees now: at most `block_size`.
    context: Vec<u32>,
    /// How many tokens are forgotten when the context is full.
    context_shift: usize,
    /// Keys and values of the context, for each block. Shape: (block_size, n_embd).
    cache: Vec<Cache<T>>,
    room: Room<T>,
    logits: Array2<T>,
}

// ANCHOR: cache
struct Cache<T> {
    keys: Array2<T>,
    values: Array2<T>,
}
// ANCHOR_END: cache

/// Room for the activations of up to `block_size` new tokens.
struct Room<T> {
    x: Array2<T>,
    normed: Array2<T>,
    qkv: Array2<T>,
    y: Array2<T>,
    hidden: Array2<T>,
    space: Space<T>,
    statistics: Statistics<T>,
}

impl<'a, T: Float> Decoder<'a, T> {
    /// A writer who has read nothing yet.
    ///
    /// slide: how many of the oldest tokens are forgotten when the context is full, or none
    /// for half of it.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `context_shift` is from 1 to `block_size`, and when the context has no
    /// room in memory.
    pub fn new(gpt: &'a Gpt, params: &'a Params<T>, context_shift: Option<usize>) -> Result<Self> {
        let config = gpt.config();
        let (block_size, n_embd) = (config.block_size, config.n_embd);
        let context_shift = context_shift.unwrap_or(block_size.div_ceil(2));
        if context_shift == 0 || context_shift > block_size {
            let expected = format!("choose from 1 to the block size, {block_size}");
            return Err(Error::setting("--context-shift", context_shift, expected));
        }
        memory::require(
            Self::bytes(config),
            "the memory of the context (KV cache)",
            "it grows with the block size, n_layer and n_embd of the model; close other programs, \
             or take a smaller model",
        )?;
        let table = |rows, cols| Array2::zeros((rows, cols));
        let cache = || Cache { keys: table(block_size, n_embd), values: table(block_size, n_embd) };
        Ok(Decoder {
            gpt,
            params,
            context: Vec::with_capacity(block_size),
            context_shift,
            cache: (0..config.n_layer).map(|_| cache()).collect(),
            room: Room {
                x: table(block_size, n_embd),
                normed: table(block_size, n_embd),
                qkv: table(block_size, 3 * n_embd),
                y: table(block_size, n_embd),
                hidden: table(block_size, 4 * n_embd),
                space: gpt.blocks[0].attn.space(block_size),
                statistics: Statistics::new(block_size),
            },
            logits: table(1, config.vocab_size),
        })
    }

    /// How many bytes a writer takes: keys and values of every block, room for the activations of
    /// a pass over the whole context, and the scores of one token.
    fn bytes(config: &GptConfig) -> f64 {
        let &GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, .. } = config;
        let [v, t, l, h, c] = [vocab_size, block_size, n_layer, n_head, n_embd].map(|n| n as f64);
        let each = fused::room(1) as f64 + 2.0 * h + c / 64.0;
        let numbers = t * (2.0 * l * c + 10.0 * c + h + 2.0 + threads() as f64 * each) + v;
        numbers * size_of::<T>() as f64
    }

    /// The tokens the model sees now.
    pub fn context(&self) -> &[u32] {
        &self.context
    }

    /// Reads more text.
    ///
    /// Tokens are taken in by as few passes as possible. Where they do not fit, the oldest are
    /// forgotten; of a text longer than `block_size` only its end is read at all.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for a token that is not in the vocabulary.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<()> {
        let block_size = self.gpt.config().block_size;
        self.gpt.check_vocabulary(tokens)?;
        let seen = self.context.len();
        let total = seen + tokens.len();
        if tokens.is_empty() {
            return Ok(());
        }
        if total <= block_size {
            self.pass(tokens);
            return Ok(());
        }
        // As many slides as it takes; then what is left is read in one pass.
        // ANCHOR: slide
        let forget = (total - block_size).div_ceil(self.context_shift) * self.context_shift;
        let mut kept: Vec<u32> = self.context.iter().chain(tokens).copied().collect();
        kept.drain(..forget.min(total - 1));
        self.context.clear();
        self.pass(&kept);
        // ANCHOR_END: slide
        Ok(())
    }

    /// The scores of the next token. Length: vocab_size. All zero before anything was read.
    pub fn logits(&self) -> &[T] {
        self.logits.as_slice().expect("owned tables are contiguous")
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
        self.prefill(&[token]).expect("a token that was chosen is in the vocabulary");
        token
    }
    // ANCHOR_END: write

    /// The forward pass of some tokens that follow the context and fit behind it.
    fn pass(&mut self, tokens: &[u32]) {
        let (gpt, start, n) = (self.gpt, self.context.len(), tokens.len());
        self.context.extend_from_slice(tokens);
        // Nobody is kept awake for a model so small that one thread is done at once.
        if threads_for(n * gpt.config().n_params()) > 1 {
            spinning(|| self.through(start, tokens));
        } else {
            self.through(start, tokens);
        }
    }

    /// The pass itself, of tokens at the positions from `start` on.
    fn through(&mut self, start: usize, tokens: &[u32]) {
        let (params, gpt) = (self.params, self.gpt);
        let (n, n_embd) = (tokens.len(), gpt.config().n_embd);
        let end = start + n;
        let Room { x, normed, qkv, y, hidden, space, statistics } = &mut self.room;
        let rows = s![..n, ..];
        let mut x = x.slice_mut(rows);
        let (mut normed, mut qkv) = (normed.slice_mut(rows), qkv.slice_mut(rows));
        let (mut y, mut hidden) = (y.slice_mut(rows), hidden.slice_mut(rows));

        // ANCHOR: positions
        gpt.wte.forward(params, tokens.iter().map(|&token| token as usize), x.view_mut());
        gpt.wpe.forward_add(params, start..end, x.view_mut());
        // ANCHOR_END: positions
        for (block, Cache { keys, values }) in gpt.blocks.iter().zip(&mut self.cache) {
            // ANCHOR: look
            block.ln_1.forward(params, x.view(), statistics, normed.view_mut());
            block.attn.c_attn.forward(params, normed.view(), qkv.view_mut());
            keys.slice_mut(s![start..end, ..]).assign(&qkv.slice(s![.., n_embd..2 * n_embd]));
            values.slice_mut(s![start..end, ..]).assign(&qkv.slice(s![.., 2 * n_embd..]));
            let (old, q) = (s![..end, ..], qkv.slice(s![.., ..n_embd]));
            block.attn.attend_cached([q, keys.slice(old), values.slice(old)], space, y.view_mut());
            block.attn.c_proj.forward(params, y.view(), normed.view_mut());
            x += &normed;
            // ANCHOR_END: look

            block.ln_2.forward(params, x.view(), statistics, normed.view_mut());
            block.mlp.infer(params, normed.view_mut(), hidden.view_mut());
            x += &normed;
        }

        // Only the last token's scores are wanted.
        // ANCHOR: last
        let (last, mut normed) = (x.slice(s![n - 1.., ..]), normed.slice_mut(s![n - 1.., ..]));
        gpt.ln_f.forward(params, last, statistics, normed.view_mut());
        // ANCHOR_END: last
        let wte = params.matrix(gpt.wte.weight);
        par_gemm(
            gpt.dtype,
            T::one(),
            normed.view(),
            wte.t(),
            T::zero(),
            &mut self.logits.view_mut(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// However the text arrives, and long after the block is full, the logits are those of
        /// the full forward pass over the context.
        #[test]
        fn equals_the_full_forward_pass_at_every_step(
            pieces in prop::collection::vec(prop::collection::vec(0u32..11, 1..9), 1..12),
            context_shift in 1usize..7, bias: bool, seed: u64,
        ) {
            let (gpt, params) = model(bias, seed);
            let mut decoder = Decoder::new(&gpt, &params, Some(context_shift)).unwrap();
            let mut text: Vec<u32> = Vec::new();
            for piece in pieces {
                decoder.prefill(&piece).unwrap();
                text.extend(&piece);
                let context = decoder.context();
                prop_assert!(text.ends_with(context));
                // Never less than a slide leaves; always all of a short text.
                prop_assert!(context.len() >= text.len().min(6 - context_shift + 1).max(1));
                let full = gpt.logits(&params, context).unwrap();
                let last = full.row(full.nrows() - 1);
                for (a, b) in decoder.logits().iter().zip(last) {
                    prop_assert!((a - b).abs() < 1e-10, "{a} {b}");
                }
            }
        }
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
    fn slides_that_are_none_are_refused() {
        let (gpt, params) = model(true, 1);
        for context_shift in [0, 7] {
            assert!(Decoder::new(&gpt, &params, Some(context_shift)).is_err());
        }
        let mut decoder = Decoder::new(&gpt, &params, None).unwrap();
        assert!(decoder.prefill(&[11]).is_err());
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

    #[test]
    fn a_context_that_fits_into_no_memory_is_refused() {
        let (vocab_size, block_size, n_layer) = (2, 1 << 22, 20_000);
        let (n_head, n_embd, dropout, bias) = (1, 1, 0.0, false);
        let config = GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias };
        let gpt = Gpt::new(config).unwrap();
        let params = Params::<f32>::zeros(gpt.layout());
        let message = Decoder::new(&gpt, &params, None).err().unwrap().to_string();
        assert!(message.starts_with("the memory of the context (KV cache) = "), "{message}");
    }
}
