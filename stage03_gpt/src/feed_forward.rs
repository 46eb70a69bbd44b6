//! The feed-forward layer of a block: GPT-2's or a gated one, as the architecture says.
//!
//! ```
//! use stage02_attention::params::{Init, Layout};
//! use stage03_gpt::architecture::MlpKind;
//! use stage03_gpt::feed_forward::FeedForward;
//!
//! let (mut layout, init) = (Layout::new(), Init::Normal(0.02));
//! FeedForward::declare(layout.scope("mlp"), MlpKind::SwiGlu, (6, 16), false, (init, init));
//! assert_eq!(layout.len(), 3 * 6 * 16); // as many weights as GPT-2's two of 6 by 24
//! ```
//!
//! What this file leaves out: the layers ([`mlp`], [`swiglu`]).

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use stage01_bigram::Float;
use stage02_attention::backward::Backward;
use stage02_attention::linear::Linear;
use stage02_attention::params::{Init, Params, Scope};
use stage02_attention::weights::Weights;

use crate::architecture::MlpKind;
use crate::mlp::{self, Mlp};
use crate::swiglu::{self, SwiGlu};

/// The feed-forward layer of a block.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "handles: a model has one for each block")]
pub enum FeedForward {
    /// GPT-2's.
    Gelu(Mlp),
    /// Llama's.
    SwiGlu(SwiGlu),
}

/// What a forward pass leaves for the backward pass.
#[derive(Clone, Debug)]
pub enum Activations<T> {
    /// Of [`FeedForward::Gelu`].
    Gelu(mlp::Activations<T>),
    /// Of [`FeedForward::SwiGlu`].
    SwiGlu(swiglu::Activations<T>),
}

/// Scratch for the backward pass, shared by all blocks.
#[derive(Clone, Debug)]
pub enum Scratch<T> {
    /// Of [`FeedForward::Gelu`].
    Gelu(mlp::Scratch<T>),
    /// Of [`FeedForward::SwiGlu`].
    SwiGlu(swiglu::Scratch<T>),
}

/// Scratch for [`FeedForward::infer`], shared by all blocks. Shape of each: (rows, n_inner).
#[derive(Clone, Debug)]
pub struct InferenceScratch<T> {
    hidden: Array2<T>,
    /// Without rows where the layer has no gate.
    gate: Array2<T>,
}

/// The buffers belong to a layer of the other kind: a bug.
const OTHER: &str = "buffers of the same kind of layer";

impl FeedForward {
    /// Declares a layer of this kind.
    pub fn declare(
        scope: Scope,
        kind: MlpKind,
        (n_embd, n_inner): (usize, usize),
        bias: bool,
        inits: (Init, Init),
    ) -> Self {
        let sizes = (n_embd, n_inner);
        match kind {
            MlpKind::Gelu => FeedForward::Gelu(Mlp::declare_with(scope, sizes, bias, inits)),
            MlpKind::SwiGlu => FeedForward::SwiGlu(SwiGlu::declare(scope, sizes, bias, inits)),
        }
    }

    /// Its linear layers.
    pub(crate) fn linears(&mut self) -> Vec<&mut Linear> {
        match self {
            FeedForward::Gelu(Mlp { c_fc, c_proj, .. }) => vec![c_fc, c_proj],
            FeedForward::SwiGlu(SwiGlu { gate_proj, up_proj, down_proj }) => {
                vec![gate_proj, up_proj, down_proj]
            }
        }
    }

    /// Buffers for the forward pass of `rows` rows.
    pub fn activations<T: Float>(&self, rows: usize) -> Activations<T> {
        match self {
            FeedForward::Gelu(mlp) => Activations::Gelu(mlp.activations(rows)),
            FeedForward::SwiGlu(mlp) => Activations::SwiGlu(mlp.activations(rows)),
        }
    }

    /// Scratch for the backward pass of `rows` rows.
    pub fn scratch<T: Float>(&self, rows: usize) -> Scratch<T> {
        match self {
            FeedForward::Gelu(mlp) => Scratch::Gelu(mlp.scratch(rows)),
            FeedForward::SwiGlu(mlp) => Scratch::SwiGlu(mlp.scratch(rows)),
        }
    }

    /// Scratch for [`FeedForward::infer`] of up to `rows` rows.
    pub fn inference_scratch<T: Float>(&self, rows: usize) -> InferenceScratch<T> {
        let (n_inner, gated) = match self {
            FeedForward::Gelu(mlp) => (mlp.n_inner(), 0),
            FeedForward::SwiGlu(mlp) => (mlp.n_inner(), rows),
        };
        InferenceScratch {
            hidden: Array2::zeros((rows, n_inner)),
            gate: Array2::zeros((gated, n_inner)),
        }
    }

    /// y = the layer of x. See [`Mlp::forward`] and [`SwiGlu::forward`].
    pub fn forward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        acts: &mut Activations<T>,
        y: ArrayViewMut2<T>,
    ) {
        match (self, acts) {
            (FeedForward::Gelu(mlp), Activations::Gelu(acts)) => mlp.forward(params, x, acts, y),
            (FeedForward::SwiGlu(mlp), Activations::SwiGlu(acts)) => {
                mlp.forward(params, x, acts, y)
            }
            _ => panic!("{OTHER}"),
        }
    }

    /// The layer in place, storing nothing for a backward pass. x: (rows, n_embd).
    pub fn infer<T: Float>(
        &self,
        weights: &dyn Weights<T>,
        x: ArrayViewMut2<T>,
        scratch: &mut InferenceScratch<T>,
    ) {
        let rows = s![..x.nrows(), ..];
        let hidden = scratch.hidden.slice_mut(rows);
        match self {
            FeedForward::Gelu(mlp) => mlp.infer(weights, x, hidden),
            FeedForward::SwiGlu(mlp) => {
                mlp.infer(weights, x, (scratch.gate.slice_mut(rows), hidden))
            }
        }
    }

    /// dx, which is overwritten, from dy; the gradient of the weights is added. See
    /// [`Mlp::backward`] and [`SwiGlu::backward`].
    pub fn backward<T: Float>(
        &self,
        x: ArrayView2<T>,
        acts: &Activations<T>,
        dy: ArrayView2<T>,
        dx: ArrayViewMut2<T>,
        pass: Backward<T, Scratch<T>>,
    ) {
        let Backward { params, grads, scratch } = pass;
        match (self, acts, scratch) {
            (FeedForward::Gelu(mlp), Activations::Gelu(acts), Scratch::Gelu(scratch)) => {
                mlp.backward(x, acts, dy, dx, Backward { params, grads, scratch })
            }
            (FeedForward::SwiGlu(mlp), Activations::SwiGlu(acts), Scratch::SwiGlu(scratch)) => {
                mlp.backward(x, acts, dy, dx, Backward { params, grads, scratch })
            }
            _ => panic!("{OTHER}"),
        }
    }

    /// The layer of a Llama.
    ///
    /// # Panics
    /// When it has no gate.
    pub(crate) fn swiglu(&self) -> &SwiGlu {
        match self {
            FeedForward::SwiGlu(mlp) => mlp,
            FeedForward::Gelu(_) => panic!("no SwiGLU in a Llama"),
        }
    }

    /// The layer of a GPT-2.
    ///
    /// # Panics
    /// When it is a gated one.
    pub(crate) fn gelu(&self) -> &Mlp {
        match self {
            FeedForward::Gelu(mlp) => mlp,
            FeedForward::SwiGlu(_) => panic!("a SwiGLU in a GPT-2"),
        }
    }
}
