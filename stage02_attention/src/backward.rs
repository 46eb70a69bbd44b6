//! The arguments that every backward pass has in common.
//!
//! A layer's backward pass is given what its forward pass was given (`x`), what that left behind
//! (`acts`), the gradient of its output (`dy`) and the place for the gradient of its input (`dx`).
//! Those are its equation. The rest is the same for every layer of several parts, and is passed as
//! a [`Backward`].
//!
//! ```
//! use ndarray::Array2;
//! use stage02_attention::attention::{Mask, multi_head::MultiHeadAttention};
//! use stage02_attention::backward::Backward;
//! use stage02_attention::dropout::Dropout;
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! let (mut layout, init) = (Layout::new(), Init::Ones);
//! let (scope, none) = (layout.scope("attn"), Dropout::new(0.0)?);
//! let attn = MultiHeadAttention::declare(scope, (4, 2), Mask::Causal, none, true, (init, init))?;
//! let params = Params::<f64> { values: vec![0.1; layout.len()] };
//!
//! let (x, mut y) = (Array2::ones((3, 4)), Array2::zeros((3, 4)));
//! let mut acts = attn.activations(1, 3);
//! attn.forward(&params, x.view(), &mut acts, y.view_mut(), None);
//!
//! let (dy, mut dx, mut grads) = (y.clone(), y.clone(), Params::zeros(&layout));
//! let scratch = &mut attn.scratch(1, 3);
//! let pass = Backward { params: &params, grads: &mut grads, scratch };
//! attn.backward(x.view(), &acts, dy.view(), dx.view_mut(), pass);
//! assert!(grads.values.iter().any(|&g| g != 0.0));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use crate::params::Params;

/// The weights, their gradients, and the scratch of a layer.
#[derive(Debug)]
pub struct Backward<'a, T, S> {
    /// The weights, as in the forward pass.
    pub params: &'a Params<T>,
    /// Their gradients, which are added to.
    pub grads: &'a mut Params<T>,
    /// Scratch of the layer. Nothing in it outlives the pass.
    pub scratch: &'a mut S,
}
