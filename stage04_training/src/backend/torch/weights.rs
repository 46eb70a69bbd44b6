//! The vector of all parameters on a device.
//!
//! ```text
//! flat     [ wte ..... | wpe ... | h.0.ln_1.weight | ...          ]   f32, the weights
//! rounded  [ the same, rounded to bf16 for matrix products         ]   after every step
//! gradient [ the same places                                       ]   f32
//! ```
//!
//! A layer reads its tensor as a view: the same memory with a shape. Each view that the forward
//! pass uses is a *leaf* of automatic differentiation. One leaf for the whole vector would be
//! simpler but slow: libtorch would make a gradient as long as the vector for each view, or at
//! least gather all gradients in a new vector.

use stage02_attention::params::{Layout, Params};
use tch::{Device, Kind, Tensor};

use super::Torch;

/// Weights, their rounded copy and their gradient.
pub(super) struct Weights {
    /// The weights. Shape: (n_params), f32.
    pub flat: Tensor,
    /// The weights in bf16, if products are in bf16.
    rounded: Option<Tensor>,
    /// The gradient of the micro-batches since the last step. Shape: (n_params), f32.
    pub gradient: Tensor,
    /// The leaf of each tensor of the layout, which the forward pass reads.
    pub leaves: Vec<Tensor>,
    /// The view of `gradient` of each tensor of the layout.
    pub gradients: Vec<Tensor>,
}

impl Weights {
    /// Copies weights to a device.
    ///
    /// rounded: whether the forward pass reads the tensor of this name in bf16.
    pub fn new(
        layout: &Layout,
        values: &Params<f32>,
        device: Device,
        rounded: impl Fn(&str) -> bool,
    ) -> Torch<Self> {
        let _guard = tch::no_grad_guard();
        let flat = Tensor::f_from_slice(&values.values)?.f_to_device(device)?;
        let gradient = flat.f_zeros_like()?;
        let some = layout.tensors().iter().any(|tensor| rounded(&tensor.name));
        let copy = if some { Some(flat.f_to_kind(Kind::BFloat16)?) } else { None };
        // ANCHOR: leaves
        let leaf = |tensor: &stage02_attention::params::Tensor| {
            let whole = copy.as_ref().filter(|_| rounded(&tensor.name)).unwrap_or(&flat);
            view(whole, tensor)?.f_detach()?.f_set_requires_grad(true)
        };
        let leaves = layout.tensors().iter().map(leaf).collect::<Torch<_>>()?;
        // ANCHOR_END: leaves
        let part = |tensor| view(&gradient, tensor);
        let gradients = layout.tensors().iter().map(part).collect::<Torch<_>>()?;
        Ok(Weights { flat, rounded: copy, gradient, leaves, gradients })
    }

    /// A tensor as matrix products read it: rounded if there is a rounded copy.
    pub fn for_products(&self, tensor: &stage02_attention::params::Tensor) -> Torch<Tensor> {
        view(self.rounded.as_ref().unwrap_or(&self.flat), tensor)
    }

    /// Updates the rounded copy. To be called after every change of the weights.
    pub fn round(&mut self) -> Torch<()> {
        let _guard = tch::no_grad_guard();
        if let Some(rounded) = &mut self.rounded {
            rounded.f_copy_(&self.flat)?;
        }
        Ok(())
    }
}

// ANCHOR: view
/// One tensor of the vector with its shape: a view, not a copy.
fn view(vector: &Tensor, tensor: &stage02_attention::params::Tensor) -> Torch<Tensor> {
    let shape: Vec<i64> = tensor.shape.iter().map(|&n| n as i64).collect();
    vector.f_narrow(0, tensor.offset as i64, tensor.len() as i64)?.f_view_(shape)
}
// ANCHOR_END: view

/// Copies a vector from a device to the CPU's memory.
pub(super) fn fetch(vector: &Tensor, out: &mut [f32]) -> Torch<()> {
    let n = out.len();
    vector.f_to_device(Device::Cpu)?.f_copy_data(out, n)
}
