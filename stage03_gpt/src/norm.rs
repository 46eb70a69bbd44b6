//! The norm before a layer: a layer norm or an RMSNorm, as the architecture says.
//!
//! ```
//! use stage02_attention::params::Layout;
//! use stage03_gpt::architecture::NormKind;
//! use stage03_gpt::norm::Norm;
//!
//! let mut layout = Layout::new();
//! let ln_1 = Norm::declare(layout.scope("ln_1"), 8, NormKind::RmsNorm { eps: 1e-5 }, false);
//! assert!(matches!(ln_1, Norm::Rms(_)) && layout.len() == 8);
//! ```
//!
//! What this file leaves out: the norms ([`layer_norm`](crate::layer_norm),
//! [`rms_norm`](crate::rms_norm)).

use ndarray::{ArrayView2, ArrayViewMut2};
use stage01_bigram::Float;
use stage02_attention::params::{Params, Scope};
use stage02_attention::weights::Weights;

use crate::architecture::NormKind;
use crate::layer_norm::{LayerNorm, Statistics};
use crate::rms_norm::RmsNorm;

/// The norm before a layer.
#[derive(Clone, Copy, Debug)]
pub enum Norm {
    /// GPT-2's.
    Layer(LayerNorm),
    /// Llama's.
    Rms(RmsNorm),
}

impl Norm {
    /// Declares a norm of this kind. bias: whether a layer norm has one.
    pub fn declare(scope: Scope, n_embd: usize, kind: NormKind, bias: bool) -> Self {
        match kind {
            NormKind::LayerNorm => Norm::Layer(LayerNorm::declare(scope, n_embd, bias)),
            NormKind::RmsNorm { eps } => Norm::Rms(RmsNorm::declare(scope, n_embd, eps)),
        }
    }

    /// y = the norm of each row of x. See [`LayerNorm::forward`].
    pub fn forward<T: Float>(
        &self,
        params: &dyn Weights<T>,
        x: ArrayView2<T>,
        statistics: &mut Statistics<T>,
        y: ArrayViewMut2<T>,
    ) {
        match self {
            Norm::Layer(norm) => norm.forward(params, x, statistics, y),
            Norm::Rms(norm) => norm.forward(params, x, statistics, y),
        }
    }

    /// dx += the gradient of x; the gradient of the weights is added to `grads`. See
    /// [`LayerNorm::backward`].
    pub fn backward<T: Float>(
        &self,
        params: &Params<T>,
        x: ArrayView2<T>,
        statistics: &Statistics<T>,
        dy: ArrayView2<T>,
        dx: ArrayViewMut2<T>,
        grads: &mut Params<T>,
    ) {
        match self {
            Norm::Layer(norm) => norm.backward(params, x, statistics, dy, dx, grads),
            Norm::Rms(norm) => norm.backward(params, x, statistics, dy, dx, grads),
        }
    }

    /// The RMSNorm of a Llama.
    ///
    /// # Panics
    /// When it is a layer norm.
    pub(crate) fn rms_norm(&self) -> &RmsNorm {
        match self {
            Norm::Rms(norm) => norm,
            Norm::Layer(_) => panic!("a layer norm in a Llama"),
        }
    }

    /// The layer norm of a GPT-2.
    ///
    /// # Panics
    /// When it is an RMSNorm.
    pub(crate) fn layer_norm(&self) -> &LayerNorm {
        match self {
            Norm::Layer(norm) => norm,
            Norm::Rms(_) => panic!("an RMSNorm in a GPT-2"),
        }
    }
}
