//! One transformer block: attention, then a feed-forward layer, each added to the residual stream.
//!
//! ```text
//! x1 = x  + dropout(attn(ln_1(x)))
//! x2 = x1 + dropout(mlp(ln_2(x1)))
//! ```
//!
//! The two plus signs are the residual connections (He and others 2015): a layer does not
//! replace a token's vector, it adds a correction to it. In the backward pass the gradient passes
//! a plus sign unchanged, so it reaches the first block of a deep model as strong as the last.
//! Which norm, which attention and which feed-forward layer these are, the architecture says
//! ([`architecture`](crate::architecture)); GPT-2's block and Llama's are the same two lines.
//!
//! The norms stand before the layers (*pre-norm*), not after them as in the original transformer:
//! GPT-2's order, easier to train.
//!
//! [`Block::forward`] stores what [`Block::backward`] needs; [`Block::forward_cached`] stores only
//! the keys and values, for generation.
//!
//! ```
//! use ndarray::Array2;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::attention::cache::Numbers;
//! use stage02_attention::params::{Layout, Params};
//! use stage03_gpt::block::Block;
//! use stage03_gpt::config::GptConfig;
//!
//! let config = GptConfig {
//!     vocab_size: 10, block_size: 4, n_layer: 1, n_head: 2, n_embd: 8, dropout: 0.0, bias: true,
//!     ..GptConfig::default()
//! };
//! let mut layout = Layout::new();
//! let block = Block::declare(layout.scope("h.0"), &config)?;
//! let params = Params::<f64>::initialise(&layout, &mut generator(1, Purpose::Other, 0));
//!
//! // Four tokens at once, and the same ones one after another.
//! let x = Array2::from_shape_fn((4, 8), |(i, j)| (i as f64 + 1.0) / (j as f64 + 1.0));
//! let mut acts = block.activations(1, 4);
//! block.forward(&params, x.view(), &mut acts, None);
//!
//! let (mut cache, mut scratch) = (block.cache(Numbers::Full, 4), block.inference_scratch(4, 4));
//! for i in 0..4 {
//!     let mut row = x.row(i).to_owned().insert_axis(ndarray::Axis(0));
//!     block.forward_cached(&params, row.view_mut(), i, &mut cache, &mut scratch);
//!     for (a, b) in row.iter().zip(acts.x2.row(i)) {
//!         assert!((a - b).abs() < 1e-12);
//!     }
//! }
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use stage01_bigram::random::Generator;
use stage01_bigram::{Float, Result};
use stage02_attention::attention::Mask;
use stage02_attention::attention::cache::{Cache, Numbers};
use stage02_attention::attention::documents::Documents;
use stage02_attention::attention::multi_head::{self, CacheScratch, MultiHeadAttention, Options};
use stage02_attention::backward::Backward;
use stage02_attention::dropout::Dropout;
use stage02_attention::parallel::each_row;
use stage02_attention::params::{Init, Params, Scope};
use stage02_attention::profiler::Region;
use stage02_attention::weights::Weights;

use crate::config::GptConfig;
use crate::feed_forward::{self, FeedForward};
use crate::layer_norm::Statistics;
use crate::norm::Norm;

/// A block: causal attention and a feed-forward layer, each behind a norm.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub(crate) ln_1: Norm,
    pub(crate) attn: MultiHeadAttention,
    pub(crate) ln_2: Norm,
    pub(crate) mlp: FeedForward,
    dropout: Dropout,
    n_embd: usize,
}

// ANCHOR: acts
/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    ln_1: Branch<T>,
    attn: multi_head::Activations<T>,
    /// x after attention. Shape: (batch * length, n_embd).
    x1: Array2<T>,
    ln_2: Branch<T>,
    mlp: feed_forward::Activations<T>,
    /// The block's result. Shape: (batch * length, n_embd).
    pub x2: Array2<T>,
}
// ANCHOR_END: acts

impl<T> Activations<T> {
    /// Sets which rows attend to one another in the next passes.
    pub(crate) fn set_documents(&mut self, documents: &Documents) {
        self.attn.documents.clone_from(documents);
    }
}

/// The activations of a residual branch around its layer: the norm before it, the dropout after
/// it.
#[derive(Clone, Debug)]
struct Branch<T> {
    statistics: Statistics<T>,
    normed: Array2<T>,
    /// What dropout multiplied the result by; empty where the model has no dropout.
    dropout_mask: Vec<T>,
    /// Whether the last forward pass dropped anything.
    dropped: bool,
}

/// Scratch for the backward pass, shared by all blocks.
#[derive(Clone, Debug)]
pub struct Scratch<T> {
    attn: multi_head::Scratch<T>,
    mlp: feed_forward::Scratch<T>,
    dbranch: Array2<T>,
    dnormed: Array2<T>,
}

/// Scratch for [`Block::forward_cached`], shared by all blocks: the activations of some new tokens.
#[derive(Clone, Debug)]
pub struct InferenceScratch<T> {
    statistics: Statistics<T>,
    normed: Array2<T>,
    attn: CacheScratch<T>,
    mlp: feed_forward::InferenceScratch<T>,
}

impl Block {
    // ANCHOR: declare
    /// Declares `ln_1`, `attn`, `ln_2` and `mlp`.
    ///
    /// Weights begin at N(0, 0.02). The two layers that write into the residual stream begin
    /// smaller, by 1 / sqrt(2 n_layer): the stream is a sum of 2 n_layer such corrections, and
    /// this keeps the sum as large as one of them (Radford and others 2019, section 2.3).
    ///
    /// # Errors
    /// [`Setting`](stage01_bigram::Error::Setting) when the sizes do not fit together.
    pub fn declare(mut scope: Scope, config: &GptConfig) -> Result<Self> {
        let &GptConfig { n_embd, n_head, bias, arch, .. } = config;
        let dropout = Dropout::new(config.dropout)?;
        let residual = 0.02 / (2.0 * config.n_layer as f64).sqrt();
        let init = (Init::Normal(0.02), Init::Normal(residual));
        let ln_1 = Norm::declare(scope.scope("ln_1"), n_embd, arch.norm, bias);
        let options = Options {
            n_kv_head: config.n_kv_head(),
            rope: arch.rope(),
            bias: (bias || arch.qkv_bias, bias),
        };
        let (attn, heads, mask) = (scope.scope("attn"), (n_embd, n_head), Mask::Causal);
        let attn = MultiHeadAttention::declare_with(attn, heads, mask, dropout, options, init)?;
        let ln_2 = Norm::declare(scope.scope("ln_2"), n_embd, arch.norm, bias);
        let sizes = (n_embd, config.n_inner());
        let mlp = FeedForward::declare(scope.scope("mlp"), arch.mlp, sizes, bias, init);
        Ok(Block { ln_1, attn, ln_2, mlp, dropout, n_embd })
    }
    // ANCHOR_END: declare

    /// Buffers for the forward pass of `batch` sequences of `length` tokens.
    pub fn activations<T: Float>(&self, batch: usize, length: usize) -> Activations<T> {
        let rows = batch * length;
        let matrix = || Array2::zeros((rows, self.n_embd));
        let mask_len = if self.dropout.is_active() { rows * self.n_embd } else { 0 };
        let branch = || Branch {
            statistics: Statistics::new(rows),
            normed: matrix(),
            dropout_mask: vec![T::zero(); mask_len],
            dropped: false,
        };
        Activations {
            ln_1: branch(),
            attn: self.attn.activations(batch, length),
            x1: matrix(),
            ln_2: branch(),
            mlp: self.mlp.activations(rows),
            x2: matrix(),
        }
    }

    /// Scratch for the backward pass of `batch` sequences of `length` tokens.
    pub fn scratch<T: Float>(&self, batch: usize, length: usize) -> Scratch<T> {
        let matrix = || Array2::zeros((batch * length, self.n_embd));
        Scratch {
            attn: self.attn.scratch(batch, length),
            mlp: self.mlp.scratch(batch * length),
            dbranch: matrix(),
            dnormed: matrix(),
        }
    }

    // ANCHOR: forward
    /// The two equations at the top of this file; the result is `acts.x2`.
    ///
    /// x: (batch * length, n_embd). rngs: a generator for each sequence (training), or none
    /// (evaluation).
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &mut Activations<T>,
        mut rngs: Option<&mut [Generator]>,
    ) {
        let Activations { ln_1, attn, x1, ln_2, mlp, x2 } = acts;

        self.ln_1.forward(params, x, &mut ln_1.statistics, ln_1.normed.view_mut());
        let normed = ln_1.normed.view();
        self.attn.forward(params, normed, attn, x1.view_mut(), rngs.as_deref_mut());
        self.branch_dropout(x1, ln_1, rngs.as_deref_mut());
        add(x1, x);

        self.ln_2.forward(params, x1.view(), &mut ln_2.statistics, ln_2.normed.view_mut());
        self.mlp.forward(params, ln_2.normed.view(), mlp, x2.view_mut());
        self.branch_dropout(x2, ln_2, rngs);
        add(x2, x1.view());
    }
    // ANCHOR_END: forward

    /// An empty cache for `block_size` tokens.
    pub fn cache<T: Float>(&self, numbers: Numbers, block_size: usize) -> Cache<T> {
        self.attn.cache(numbers, block_size)
    }

    /// Scratch for up to `rows` new tokens, and a cache for `block_size` tokens.
    pub fn inference_scratch<T: Float>(
        &self,
        block_size: usize,
        rows: usize,
    ) -> InferenceScratch<T> {
        InferenceScratch {
            statistics: Statistics::new(rows),
            normed: Array2::zeros((rows, self.n_embd)),
            attn: self.attn.cache_scratch(block_size, rows),
            mlp: self.mlp.inference_scratch(rows),
        }
    }

    /// The two equations for the next tokens of one sequence, whose earlier tokens are in the
    /// cache; in place, without dropout, and storing nothing for a backward pass.
    ///
    /// x: (new tokens, n_embd), at the positions from `start` on; their keys and values are
    /// written into the cache.
    pub fn forward_cached<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        mut x: ArrayViewMut2<T>,
        start: usize,
        cache: &mut Cache<T>,
        scratch: &mut InferenceScratch<T>,
    ) {
        let n = x.nrows();
        let InferenceScratch { statistics, normed, attn, mlp } = scratch;
        let mut normed = normed.slice_mut(s![..n, ..]);

        self.ln_1.forward(weights, x.view(), statistics, normed.view_mut());
        self.attn.forward_cached(weights, normed.view_mut(), start, cache, attn);
        x += &normed;

        self.ln_2.forward(weights, x.view(), statistics, normed.view_mut());
        self.mlp.infer(weights, normed.view_mut(), mlp);
        x += &normed;
    }

    /// The attention weights of head `h` in sequence `b`: see
    /// [`MultiHeadAttention::attention_weights`].
    pub fn attention_weights<T: Float>(
        &self,
        acts: &Activations<T>,
        b: usize,
        h: usize,
    ) -> Array2<T> {
        self.attn.attention_weights(&acts.attn, b, h)
    }

    // ANCHOR: backward
    /// Replaces the gradient of the block's result by the gradient of its input.
    ///
    /// x, acts: as in the forward pass; d: (batch * length, n_embd). The plus signs pass d on
    /// unchanged; each branch adds the gradient that comes through its norm.
    pub fn backward<T: Float>(
        &self,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        mut d: ArrayViewMut2<T>,
        pass: Backward<T, Scratch<T>>,
    ) {
        let Activations { ln_1, attn, x1, ln_2, mlp, .. } = acts;
        let Backward { params, grads, scratch } = pass;
        let Scratch { attn: attn_scratch, mlp: mlp_scratch, dbranch, dnormed } = scratch;

        // x2 = x1 + dropout(mlp(ln_2(x1)))
        let dy = self.branch_dropout_backward(&d, ln_2, dbranch);
        let pass = Backward { params, grads, scratch: mlp_scratch };
        self.mlp.backward(ln_2.normed.view(), mlp, dy, dnormed.view_mut(), pass);
        let dy = dnormed.view();
        self.ln_2.backward(params, x1.view(), &ln_2.statistics, dy, d.view_mut(), grads);

        // x1 = x + dropout(attn(ln_1(x)))
        let dy = self.branch_dropout_backward(&d, ln_1, dbranch);
        let pass = Backward { params, grads, scratch: attn_scratch };
        self.attn.backward(ln_1.normed.view(), attn, dy, dnormed.view_mut(), pass);
        self.ln_1.backward(params, x, &ln_1.statistics, dnormed.view(), d, grads);
    }
    // ANCHOR_END: backward

    /// Backward pass of a branch's dropout: the gradient of the layer's result.
    fn branch_dropout_backward<'a, T: Float>(
        &self,
        d: &'a ArrayViewMut2<T>,
        branch: &Branch<T>,
        dbranch: &'a mut Array2<T>,
    ) -> ArrayView2<'a, T> {
        if !branch.dropped {
            return d.view();
        }
        dbranch.assign(d);
        self.dropout.backward(flat_mut(dbranch), &branch.dropout_mask);
        dbranch.view()
    }

    /// The dropout at the end of a branch, when training.
    fn branch_dropout<T: Float>(
        &self,
        y: &mut Array2<T>,
        branch: &mut Branch<T>,
        rngs: Option<&mut [Generator]>,
    ) {
        branch.dropped = rngs.is_some() && self.dropout.is_active();
        if let Some(rngs) = rngs.filter(|_| branch.dropped) {
            self.dropout.forward(flat_mut(y), &mut branch.dropout_mask, rngs);
        }
    }
}

// ANCHOR: add
/// y += x: a residual connection.
fn add<T: Float>(y: &mut Array2<T>, x: ArrayView2<T>) {
    each_row(Region::LayerNorm, (y.view_mut(), x), |(y, x)| {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
    });
}
// ANCHOR_END: add

/// All numbers of a matrix as one mutable slice, row by row.
fn flat_mut<T>(matrix: &mut Array2<T>) -> &mut [T] {
    matrix.as_slice_mut().expect("owned matrices are contiguous")
}
