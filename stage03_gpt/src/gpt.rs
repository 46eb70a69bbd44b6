//! The whole GPT: tokens in, a score for every possible next token out.
//!
//! ```text
//! x      = dropout(wte[token] + wpe[position])       a vector for each token
//! x      = block(x), n_layer times                   attention, then a feed-forward layer
//! logits = ln_f(x) wte'                              how well does each token fit?
//! ```
//!
//! The last line uses the embedding matrix of the first again (*weight tying*): a token's vector is
//! both how it is read and what the output is compared with when it is to be predicted (Press and
//! Wolf 2016). The architecture is GPT-2's (Radford and others 2019); the names of the tensors are
//! those of its published files. Models of today exchange some of its parts
//! ([`architecture`](crate::architecture)): where queries and keys are rotated there is no `wpe`, and
//! an output layer that is not tied is a matrix of its own, `lm_head`.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::backward::Backward;
//! use stage02_attention::params::Params;
//! use stage03_gpt::config::GptConfig;
//! use stage03_gpt::gpt::Gpt;
//!
//! let gpt = Gpt::new(GptConfig {
//!     vocab_size: 10, block_size: 4, n_layer: 2, n_head: 2, n_embd: 8, dropout: 0.0, bias: true,
//!     ..GptConfig::default()
//! })?;
//! let params = gpt.initialise::<f64>(&mut generator(1, Purpose::Initialisation, 0));
//!
//! // One sequence of three tokens; each target is the token that follows.
//! let (tokens, targets) = ([1, 2, 3], [2, 3, 4]);
//! let (mut acts, scratch) = (gpt.activations(1, 3), &mut gpt.scratch(1, 3));
//! gpt.forward(&params, &tokens, &mut acts, None);
//! assert_eq!(acts.logits.dim(), (3, 10));
//!
//! let mut grads = Params::zeros(gpt.layout());
//! let pass = Backward { params: &params, grads: &mut grads, scratch };
//! let loss = gpt.backward(&tokens, &targets, 1.0 / 3.0, &mut acts, pass) / 3.0;
//! assert!((loss - 10f64.ln()).abs() < 0.1); // before training: the uniform baseline, ln 10
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::{Array2, ArrayViewMut2, Axis, s};
use rand::Rng;
use rayon::prelude::*;
use stage01_bigram::loss;
use stage01_bigram::random::Generator;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::attention::cache::Cache;
use stage02_attention::attention::documents::Documents;
use stage02_attention::backward::Backward;
use stage02_attention::dropout::Dropout;
use stage02_attention::embedding::Embedding;
use stage02_attention::matmul::{Dtype, par_gemm};
use stage02_attention::parallel::{join, rows_per_thread, threads_for};
use stage02_attention::params::{Init, Layout, Matrix, Params};
use stage02_attention::profiler::{Region, time};
use stage02_attention::weights::Weights;

use crate::architecture::Positions;
use crate::block::{self, Block, InferenceScratch};
use crate::config::GptConfig;
use crate::layer_norm::Statistics;
use crate::lora::LoraSettings;
use crate::norm::Norm;

/// The architecture of a GPT: handles into a parameter vector. It owns no weights.
#[derive(Clone, Debug)]
pub struct Gpt {
    config: GptConfig,
    layout: Layout,
    pub(crate) wte: Embedding,
    /// None where the positions are rotations.
    pub(crate) wpe: Option<Embedding>,
    dropout: Dropout,
    pub(crate) blocks: Vec<Block>,
    pub(crate) ln_f: Norm,
    /// The output layer: `wte` again, or a matrix of its own. Shape: (vocab_size, n_embd).
    pub(crate) lm_head: Matrix,
    pub(crate) dtype: Dtype,
    /// The low-rank adapters, if it has any, and how many of the parameters are theirs: the first.
    pub(crate) lora: Option<(LoraSettings, usize)>,
}

/// What a forward pass leaves for the backward pass, for one batch size and length.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    batch: usize,
    length: usize,
    /// The embeddings. Shape: (batch * length, n_embd).
    x: Array2<T>,
    /// What dropout multiplied `x` by; empty where the model has no dropout.
    dropout_mask: Vec<T>,
    blocks: Vec<block::Activations<T>>,
    statistics: Statistics<T>,
    /// What the output layer reads. Shape: (batch * length, n_embd).
    pub(crate) normed: Array2<T>,
    /// A score for every possible next token; after the backward pass, the gradient of these
    /// scores. Shape: (batch * length, vocab_size), or without rows where
    /// [`masked_loss`](crate::masked_loss) computes some at a time.
    pub logits: Array2<T>,
    /// Positions are counted from the beginning of a document.
    documents: Documents,
    /// Whether the last forward pass was one of training, with generators for dropout.
    training: bool,
}

/// Scratch for the backward pass.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    block: block::Scratch<T>,
    /// The gradient of the residual stream. Shape: (batch * length, n_embd).
    d: Array2<T>,
    /// The gradient of what the output layer reads. Shape: (batch * length, n_embd).
    pub(crate) dnormed: Array2<T>,
}

impl<T> Activations<T> {
    /// How many tokens a forward pass reads.
    pub fn tokens(&self) -> usize {
        self.batch * self.length
    }

    /// Cuts each sequence of the next passes into documents of these lengths: see [`Documents`].
    ///
    /// # Panics
    /// When they do not fill the sequences.
    pub fn set_documents(&mut self, lengths: &[Vec<usize>]) {
        self.documents.set(lengths);
        self.blocks.iter_mut().for_each(|block| block.set_documents(&self.documents));
    }
}

impl Gpt {
    /// An architecture of these sizes.
    ///
    /// # Errors
    /// [`Error::Setting`] when the sizes do not fit together, or such a model does not fit into
    /// memory.
    pub fn new(config: GptConfig) -> Result<Self> {
        config.validate()?;
        Gpt::declare(config)
    }

    // ANCHOR: new
    /// An architecture of these sizes, whose weights may be stored in less memory than [`Params`]
    /// takes: whether they fit is not checked.
    ///
    /// # Errors
    /// [`Error::Setting`] when the sizes do not fit together.
    pub fn declare(config: GptConfig) -> Result<Self> {
        Gpt::declare_in(Layout::new(), config)
    }
    // ANCHOR_END: new

    /// [`Gpt::declare`] behind what a layout has already.
    // ANCHOR: declare
    pub(crate) fn declare_in(mut layout: Layout, config: GptConfig) -> Result<Self> {
        config.check()?;
        let &GptConfig { vocab_size, block_size, n_embd, bias, arch, .. } = &config;
        let init = Init::Normal(0.02);
        let wte = Embedding::declare(layout.scope("wte"), vocab_size, n_embd, init);
        let wpe = (arch.positions == Positions::Learned)
            .then(|| Embedding::declare(layout.scope("wpe"), block_size, n_embd, init));
        let blocks = (0..config.n_layer)
            .map(|i| Block::declare(layout.scope(format!("h.{i}")), &config))
            .collect::<Result<Vec<_>>>()?;
        let ln_f = Norm::declare(layout.scope("ln_f"), n_embd, arch.norm, bias);
        let lm_head = match arch.tie_weights {
            true => wte.weight,
            false => layout.scope("lm_head").matrix("weight", vocab_size, n_embd, init),
        };
        let dropout = Dropout::new(config.dropout)?;
        let dtype = Dtype::Float32;
        let lora = None;
        Ok(Gpt { config, layout, wte, wpe, dropout, blocks, ln_f, lm_head, dtype, lora })
    }
    // ANCHOR_END: declare

    /// The precision of the matrix products.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Sets the precision of the matrix products in the linear layers and the output layer.
    /// Attention, norms, sums and the optimiser always use full precision.
    pub fn set_dtype(&mut self, dtype: Dtype) {
        self.dtype = dtype;
        for Block { attn, mlp, .. } in &mut self.blocks {
            for layer in [&mut attn.c_attn, &mut attn.c_proj].into_iter().chain(mlp.linears()) {
                layer.dtype = dtype;
            }
        }
    }

    /// The embeddings of the tokens and of the positions, of a GPT-2.
    ///
    /// # Panics
    /// When the positions are rotations.
    pub(crate) fn embeddings(&self) -> [&Embedding; 2] {
        [&self.wte, self.wpe.as_ref().expect("GPT-2 has an embedding for positions")]
    }

    /// Shortens the context, such as to save the memory of the KV cache.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0, and for more than the model has.
    pub fn shorten_context(&mut self, tokens: usize) -> Result<()> {
        if tokens == 0 || tokens > self.config.block_size {
            let expected = format!("choose from 1 to the model's own, {}", self.config.block_size);
            return Err(Error::setting("--context", tokens, expected));
        }
        self.config.block_size = tokens;
        Ok(())
    }

    /// The sizes of this model.
    pub fn config(&self) -> &GptConfig {
        &self.config
    }

    /// The layout of its parameter vector.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The weights before training: N(0, 0.02), see [`Block::declare`] for the exceptions.
    pub fn initialise<T: Float>(&self, rng: &mut impl Rng) -> Params<T> {
        Params::initialise(&self.layout, rng)
    }

    /// Buffers for the forward pass of `batch` sequences of `length` tokens.
    pub fn activations<T: Float>(&self, batch: usize, length: usize) -> Activations<T> {
        self.buffers(batch, length, true)
    }

    /// [`Gpt::activations`] without buffers for logits: for [`Gpt::forward_normed`].
    pub(crate) fn activations_without_logits<T: Float>(
        &self,
        batch: usize,
        length: usize,
    ) -> Activations<T> {
        self.buffers(batch, length, false)
    }

    fn buffers<T: Float>(&self, batch: usize, length: usize, logits: bool) -> Activations<T> {
        let (rows, n_embd) = (batch * length, self.config.n_embd);
        let mask_len = if self.dropout.is_active() { rows * n_embd } else { 0 };
        Activations {
            batch,
            length,
            x: Array2::zeros((rows, n_embd)),
            dropout_mask: vec![T::zero(); mask_len],
            blocks: self.blocks.iter().map(|b| b.activations(batch, length)).collect(),
            statistics: Statistics::new(rows),
            normed: Array2::zeros((rows, n_embd)),
            logits: Array2::zeros((if logits { rows } else { 0 }, self.config.vocab_size)),
            documents: Documents::whole(batch, length),
            training: false,
        }
    }

    /// Scratch for the backward pass of `batch` sequences of `length` tokens.
    pub fn scratch<T: Float>(&self, batch: usize, length: usize) -> Scratch<T> {
        let matrix = || Array2::zeros((batch * length, self.config.n_embd));
        Scratch { block: self.blocks[0].scratch(batch, length), d: matrix(), dnormed: matrix() }
    }

    /// Checks that every token is in the vocabulary and that a sequence is not too long.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] or [`Error::Setting`].
    pub fn check_tokens(&self, tokens: &[u32], length: usize) -> Result<()> {
        let block_size = self.config.block_size;
        if length > block_size {
            let expected = format!("this model reads at most {block_size} tokens at once");
            return Err(Error::setting("the length of the text", length, expected));
        }
        self.check_vocabulary(tokens)
    }

    /// Checks that every token is in the vocabulary.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] for the first that is not.
    pub fn check_vocabulary(&self, tokens: &[u32]) -> Result<()> {
        let vocab_size = self.config.vocab_size;
        match tokens.iter().find(|&&token| token as usize >= vocab_size) {
            Some(&token) => Err(Error::UnknownToken { token, vocab_size }),
            None => Ok(()),
        }
    }

    // ANCHOR: forward
    /// The forward pass; the result is `acts.logits`.
    ///
    /// tokens: batch * length of them, sequence after sequence. rngs: a generator for each
    /// sequence, for dropout (training), or none (evaluation).
    ///
    /// # Panics
    /// When a token is not in the vocabulary or a sequence is longer than `block_size`: see
    /// [`Gpt::check_tokens`].
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        tokens: &[u32],
        acts: &mut Activations<T>,
        rngs: Option<&mut [Generator]>,
    ) {
        self.forward_normed(params, tokens, acts, rngs);
        let lm_head = params.matrix(self.lm_head);
        let logits = &mut acts.logits.view_mut();
        par_gemm(self.dtype, T::one(), acts.normed.view(), lm_head.t(), T::zero(), logits);
    }

    /// The forward pass up to the output layer; the result is `acts.normed`.
    pub(crate) fn forward_normed<T: Float>(
        &self,
        params: &Params<T>,
        tokens: &[u32],
        acts: &mut Activations<T>,
        mut rngs: Option<&mut [Generator]>,
    ) {
        assert_eq!(tokens.len(), acts.tokens(), "one token for each row");
        acts.training = rngs.is_some();

        let indices = tokens.iter().map(|&token| token as usize);
        self.wte.forward(params, indices, acts.x.view_mut());
        if let Some(wpe) = self.wpe {
            let positions = (0..tokens.len()).map(|row| acts.documents.position(row));
            wpe.forward_add(params, positions, acts.x.view_mut());
        }
        if let Some(rngs) = rngs.as_deref_mut().filter(|_| self.dropout.is_active()) {
            let x = acts.x.as_slice_mut().expect("owned matrices are contiguous");
            self.dropout.forward(x, &mut acts.dropout_mask, rngs);
        }

        for (i, block) in self.blocks.iter().enumerate() {
            let (before, after) = acts.blocks.split_at_mut(i);
            let x = before.last().map_or(&acts.x, |block| &block.x2);
            block.forward(params, x.view(), &mut after[0], rngs.as_deref_mut());
        }

        let x = acts.blocks.last().map_or(&acts.x, |block| &block.x2);
        self.ln_f.forward(params, x.view(), &mut acts.statistics, acts.normed.view_mut());
    }
    // ANCHOR_END: forward

    /// The loss of the last forward pass: the sum of -ln p(target) over all rows, in nats.
    ///
    /// targets: the token that follows, for each row.
    pub fn loss<T: Float>(&self, targets: &[u32], acts: &Activations<T>) -> f64 {
        let each = rows_per_thread(targets.len(), acts.logits.ncols());
        if each >= targets.len() {
            return time(Region::Loss, || loss::cross_entropy(acts.logits.view(), targets));
        }
        let parts = targets.par_chunks(each).enumerate().map(|(i, targets)| {
            let rows = i * each..i * each + targets.len();
            let logits = acts.logits.slice(s![rows, ..]);
            time(Region::Loss, || loss::cross_entropy(logits, targets))
        });
        parts.collect::<Vec<f64>>().iter().sum()
    }

    // ANCHOR: backward
    /// The loss of the last forward pass, and its gradient for every weight, added to `grads`.
    ///
    /// tokens: as in the forward pass; targets: the token that follows, for each row.
    /// scale: what the sum over the rows is multiplied by before its gradient is taken, such
    /// as one over the number of tokens in the whole batch. Returns the unscaled sum, in nats.
    /// `acts.logits` holds the gradient of the logits afterwards.
    pub fn backward<T: Float>(
        &self,
        tokens: &[u32],
        targets: &[u32],
        scale: T,
        acts: &mut Activations<T>,
        pass: Backward<T, Scratch<T>>,
    ) -> f64 {
        let Backward { params, grads, scratch } = pass;
        let threads = threads_for(acts.logits.len());
        let sum = cross_entropy_backward(threads, acts.logits.view_mut(), targets, scale);

        // logits = normed lm_head', and lm_head is wte, unless it is a matrix of its own
        let dlogits = acts.logits.view();
        let lm_head = params.matrix(self.lm_head);
        let dnormed = &mut scratch.dnormed.view_mut();
        par_gemm(self.dtype, T::one(), dlogits, lm_head, T::zero(), dnormed);
        if grads.trains(self.lm_head.offset()) {
            let dlm_head = &mut grads.matrix_mut(self.lm_head);
            par_gemm(self.dtype, T::one(), dlogits.t(), acts.normed.view(), T::one(), dlm_head);
        }
        self.backward_normed(tokens, acts, Backward { params, grads, scratch });
        sum
    }

    /// The backward pass from `scratch.dnormed`, the gradient of what the output layer read.
    pub(crate) fn backward_normed<T: Float>(
        &self,
        tokens: &[u32],
        acts: &Activations<T>,
        pass: Backward<T, Scratch<T>>,
    ) {
        let Backward { params, grads, scratch } = pass;
        let Scratch { block: block_scratch, d, dnormed } = scratch;
        d.fill(T::zero());
        let x = acts.blocks.last().map_or(&acts.x, |block| &block.x2);
        self.ln_f.backward(params, x.view(), &acts.statistics, dnormed.view(), d.view_mut(), grads);

        for (i, block) in self.blocks.iter().enumerate().rev() {
            let x = if i == 0 { &acts.x } else { &acts.blocks[i - 1].x2 };
            let pass = Backward { params, grads, scratch: block_scratch };
            block.backward(x.view(), &acts.blocks[i], d.view_mut(), pass);
        }

        if acts.training && self.dropout.is_active() {
            let d = d.as_slice_mut().expect("owned matrices are contiguous");
            self.dropout.backward(d, &acts.dropout_mask);
        }
        self.wte.backward(tokens.iter().map(|&token| token as usize), d.view(), grads);
        if let Some(wpe) = self.wpe {
            let positions = (0..tokens.len()).map(|row| acts.documents.position(row));
            wpe.backward(positions, d.view(), grads);
        }
    }
    // ANCHOR_END: backward

    /// The attention weights of head `h` in block `layer`, for sequence `b` of the last forward
    /// pass: row i holds how much token i attends to each token. Shape: (length, length).
    pub fn attention_weights<T: Float>(
        &self,
        acts: &Activations<T>,
        layer: usize,
        b: usize,
        h: usize,
    ) -> Array2<T> {
        self.blocks[layer].attention_weights(&acts.blocks[layer], b, h)
    }

    /// The residual stream behind all blocks, for the next tokens of one sequence, whose earlier tokens
    /// are in the caches; without dropout, and storing nothing for a backward pass.
    ///
    /// tokens: all in the vocabulary; they stand at the positions from `start` on, and their keys and
    /// values are written into `caches`, one for each block. x: (tokens, n_embd), overwritten.
    pub(crate) fn forward_cached<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        tokens: &[u32],
        start: usize,
        caches: &mut [Cache<T>],
        scratch: &mut InferenceScratch<T>,
        mut x: ArrayViewMut2<T>,
    ) {
        self.wte.infer(weights, tokens.iter().map(|&token| token as usize), x.view_mut());
        if let Some(wpe) = self.wpe {
            wpe.infer_add(weights, start..start + tokens.len(), x.view_mut());
        }
        for (block, cache) in self.blocks.iter().zip(caches) {
            block.forward_cached(weights, x.view_mut(), start, cache, scratch);
        }
    }

    /// The logits of one text. Shape: (tokens, vocab_size).
    ///
    /// # Errors
    /// As [`Gpt::check_tokens`].
    pub fn logits<T: Float>(&self, params: &Params<T>, tokens: &[u32]) -> Result<Array2<T>> {
        self.check_tokens(tokens, tokens.len())?;
        let mut acts = self.activations(1, tokens.len());
        self.forward(params, tokens, &mut acts, None);
        Ok(acts.logits)
    }
}

/// [`loss::cross_entropy_backward`] on several threads. The halves are added in the order of
/// the rows, so the sum does not depend on which thread finishes first.
pub(crate) fn cross_entropy_backward<T: Float>(
    threads: usize,
    logits: ArrayViewMut2<T>,
    targets: &[u32],
    scale: T,
) -> f64 {
    let (half, at) = (threads / 2, targets.len() * (threads / 2) / threads);
    if at == 0 {
        return time(Region::Loss, || loss::cross_entropy_backward(logits, targets, scale));
    }
    let (logits_1, logits_2) = logits.split_at(Axis(0), at);
    let (targets_1, targets_2) = targets.split_at(at);
    let (a, b) = join(
        || cross_entropy_backward(half, logits_1, targets_1, scale),
        || cross_entropy_backward(threads - half, logits_2, targets_2, scale),
    );
    a + b
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::architecture::{Architecture, MlpKind, NormKind};
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::gradcheck::check_gradient_at;
    use stage01_bigram::gradcheck::some_indices;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::attention::rotary::Rope;
    use stage02_attention::params::fill_normal;

    /// The parts of a model, each by chance; for `n_head` heads.
    pub(crate) fn some_architecture(n_head: usize) -> impl Strategy<Value = Architecture> {
        let norm = prop::sample::select(vec![NormKind::LayerNorm, NormKind::RmsNorm { eps: 1e-3 }]);
        let rotary = Positions::Rotary(Rope::new(100.0));
        let positions = prop::sample::select(vec![Positions::Learned, rotary]);
        let mlp = prop::sample::select(vec![MlpKind::Gelu, MlpKind::SwiGlu]);
        let n_inner = prop::option::of(1usize..9);
        let divisors: Vec<_> =
            (1..=n_head).filter(|n| n_head.is_multiple_of(*n)).map(Some).collect();
        let n_kv_head = prop::sample::select(divisors);
        (norm, positions, mlp, n_inner, n_kv_head, any::<(bool, bool)>()).prop_map(
            |(norm, positions, mlp, n_inner, n_kv_head, (tie_weights, qkv_bias))| Architecture {
                norm,
                positions,
                mlp,
                n_inner,
                n_kv_head,
                tie_weights,
                qkv_bias,
            },
        )
    }

    /// A number of heads and parts for them.
    pub(crate) fn heads_and_architecture() -> impl Strategy<Value = (usize, Architecture)> {
        (1usize..5).prop_flat_map(|n_head| (Just(n_head), some_architecture(n_head)))
    }

    fn config(n_layer: usize, n_head: usize, size: usize, dropout: f64, bias: bool) -> GptConfig {
        let n_embd = n_head * size;
        GptConfig {
            vocab_size: 11,
            block_size: 7,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        }
    }

    /// Weights of which every one is random, those of biases and norms too.
    pub(crate) fn random_weights(gpt: &Gpt, std: f64, seed: u64) -> Params<f64> {
        let mut params = Params::zeros(gpt.layout());
        fill_normal(&mut params.values, std, &mut generator(seed, Purpose::Initialisation, 0));
        params
    }

    /// A model of such weights.
    fn random_model(config: GptConfig, seed: u64) -> (Gpt, Params<f64>) {
        let gpt = Gpt::new(config).unwrap();
        let mut params = random_weights(&gpt, 0.3, seed);
        // Embeddings of the size they grow to: the derivative of a layer norm of tiny rows changes
        // too fast for a finite difference.
        params.matrix_mut(gpt.wte.weight).mapv_inplace(|w| w * 4.0);
        if let Some(wpe) = gpt.wpe {
            params.matrix_mut(wpe.weight).mapv_inplace(|w| w * 4.0);
        }
        (gpt, params)
    }

    fn tokens(n: usize, seed: u64) -> Vec<u32> {
        let mut rng = generator(seed, Purpose::Other, 1);
        (0..n).map(|_| rng.random_range(0..11u32)).collect()
    }

    fn rngs(batch: usize) -> Vec<Generator> {
        (0..batch).map(|b| generator(4, Purpose::Dropout, b as u64)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        // ANCHOR: every_derivative
        fn every_derivative_is_right(
            n_layer in 1usize..3, (n_head, arch) in heads_and_architecture(), half in 2usize..5,
            batch in 1usize..3, length in 1usize..7, bias: bool,
            dropout in prop::sample::select(vec![0.0, 0.3]), seed: u64,
        ) {
            let sizes = config(n_layer, n_head, 2 * half, dropout, bias);
            let (gpt, params) = random_model(GptConfig { arch, ..sizes }, seed);
            let (x, y) = (tokens(batch * length, seed), tokens(batch * length, seed ^ 1));
            let mut acts = gpt.activations(batch, length);
            let scale = 1.0 / x.len() as f64;

            let mut grads = Params::zeros(gpt.layout());
            gpt.forward(&params, &x, &mut acts, Some(&mut rngs(batch)));
            let before = gpt.loss(&y, &acts);
            let scratch = &mut gpt.scratch(batch, length);
            let pass = Backward { params: &params, grads: &mut grads, scratch };
            let sum = gpt.backward(&x, &y, scale, &mut acts, pass);
            prop_assert!((before - sum).abs() < 1e-12 * before.abs().max(1.0));

            let mut values = params.values.clone();
            let indices = some_indices(values.len(), 150, seed);
            let agreement = check_gradient_at(indices, &mut values, &grads.values, 1e-6, |values| {
                let params = Params { values: values.to_vec() };
                gpt.forward(&params, &x, &mut acts, Some(&mut rngs(batch)));
                gpt.loss(&y, &acts) * scale
            });
            prop_assert!(agreement.is_ok(), "{}", agreement.unwrap_err());
        }
        // ANCHOR_END: every_derivative

        #[test]
        fn the_parameter_count_is_the_formula_of_the_book(
            n_layer in 1usize..4, (n_head, arch) in heads_and_architecture(), half in 1usize..5,
            bias: bool, exchanged: bool,
        ) {
            let arch = if exchanged { arch } else { Architecture::GPT2 };
            let sizes = config(n_layer, n_head, 2 * half, 0.0, bias);
            let gpt = Gpt::new(GptConfig { arch, ..sizes }).unwrap();
            prop_assert_eq!(gpt.layout().len(), gpt.config().n_params());
        }

        #[test]
        fn no_logit_depends_on_a_later_token(
            length in 2usize..7, at in 1usize..6, (n_head, arch) in heads_and_architecture(), seed: u64,
        ) {
            let at = at.min(length - 1);
            let sizes = config(2, n_head, 4, 0.0, true);
            let (gpt, params) = random_model(GptConfig { arch, ..sizes }, seed);
            let mut text = tokens(length, seed);
            let before = gpt.logits(&params, &text).unwrap();
            text[at] = (text[at] + 1) % 11;
            let after = gpt.logits(&params, &text).unwrap();
            prop_assert_eq!(before.slice(ndarray::s![..at, ..]), after.slice(ndarray::s![..at, ..]));
            prop_assert_ne!(before.row(at), after.row(at));
        }
    }

    #[test]
    // ANCHOR: first_loss
    fn the_first_loss_is_near_the_logarithm_of_the_vocabulary_and_every_weight_learns() {
        let gpt = Gpt::new(config(2, 2, 8, 0.0, true)).unwrap();
        let params: Params<f64> = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
        // Enough text that every token and every position occurs.
        let (x, y) = (tokens(20 * 7, 1), tokens(20 * 7, 2));
        let mut acts = gpt.activations(20, 7);
        let mut grads = Params::zeros(gpt.layout());
        gpt.forward(&params, &x, &mut acts, None);
        let scratch = &mut gpt.scratch(20, 7);
        let pass = Backward { params: &params, grads: &mut grads, scratch };
        let sum = gpt.backward(&x, &y, 1.0, &mut acts, pass);
        let loss = sum / 140.0;
        assert!((loss - 11f64.ln()).abs() < 0.02, "{loss}");

        for tensor in gpt.layout().tensors() {
            let mut values = &grads.values[tensor.range()];
            let mut others: &[f64] = &[];
            if tensor.name.ends_with("c_attn.bias") {
                // A bias of the keys raises all scores of a row alike, which does not change
                // the softmax: its gradient is zero, but for rounding.
                let keys;
                (values, (keys, others)) = (&values[..16], values[16..].split_at(16));
                assert!(keys.iter().all(|g| g.abs() < 1e-12), "{}: {keys:?}", tensor.name);
            }
            let zeros = values.iter().chain(others).filter(|&&g| g == 0.0).count();
            let (name, n) = (&tensor.name, tensor.len());
            assert_eq!(zeros, 0, "{name}: {zeros} of {n} gradients are zero");
        }
    }
    // ANCHOR_END: first_loss

    #[test]
    fn the_gradient_of_a_batch_is_the_sum_over_its_sequences() {
        let (gpt, params) = random_model(config(2, 2, 3, 0.2, true), 5);
        let (x, y) = (tokens(14, 5), tokens(14, 6));
        let run = |x: &[u32], y: &[u32], mut rngs: Vec<Generator>| {
            let mut grads = Params::zeros(gpt.layout());
            let (mut acts, mut scratch) =
                (gpt.activations(rngs.len(), 7), gpt.scratch(rngs.len(), 7));
            gpt.forward(&params, x, &mut acts, Some(&mut rngs));
            let pass = Backward { params: &params, grads: &mut grads, scratch: &mut scratch };
            gpt.backward(x, y, 0.1, &mut acts, pass);
            grads.values
        };
        let both = run(&x, &y, rngs(2));
        let [a, b] =
            [0, 1].map(|i| run(&x[i * 7..][..7], &y[i * 7..][..7], vec![rngs(2)[i].clone()]));
        for ((both, a), b) in both.iter().zip(a).zip(b) {
            assert!((both - a - b).abs() < 1e-12);
        }
    }

    #[test]
    fn tokens_that_do_not_fit_are_refused() {
        let (gpt, params) = random_model(config(1, 1, 2, 0.0, true), 1);
        let message = |tokens: &[u32]| gpt.logits(&params, tokens).unwrap_err().to_string();
        assert_eq!(
            message(&[3, 11]),
            "token 11 does not exist: the vocabulary has 11 tokens, 0 to 10"
        );
        assert!(message(&[1; 8]).contains("reads at most 7 tokens"));
    }
}
