//! The vector of all parameters on a device.
//!
//! ```text
//! flat     [ wte ..... | wpe ... | h.0.ln_1.weight | ...          ]   f32, the weights
//! rounded  [ the same, rounded to bf16 for matrix products         ]   after every step
//! gradient [ the same places                                       ]   f32
//! ```
//!
//! Where low-rank adapters are trained, they stand first, and the weights behind them are *frozen*: the
//! gradient ends before them.
//!
//! A layer reads its tensor as a view: the same memory with a shape. Each view that the forward
//! pass uses is a *leaf* of automatic differentiation. One leaf for the whole vector would be
//! simpler but slow: libtorch would make a gradient as long as the vector for each view, or at
//! least gather all gradients in a new vector.

use stage02_attention::params::Params;
use stage03_gpt::gpt::Gpt;
use tch::{Device, Kind, Tensor};

use super::Torch;

/// Weights, their rounded copy and their gradient.
pub(super) struct Weights {
    /// The weights. Shape: (n_params), f32.
    pub flat: Tensor,
    /// Those that are trained, the beginning of `flat`: a view.
    pub trained: Tensor,
    /// The weights in bf16, if products are in bf16.
    rounded: Option<Tensor>,
    /// The gradient of the micro-batches since the last step. Shape: (trained), f32.
    pub gradient: Tensor,
    /// The leaf of each tensor of the layout, which the forward pass reads.
    pub leaves: Vec<Tensor>,
    /// The view of `gradient` of each tensor that is trained; these are the first of the layout.
    pub gradients: Vec<Tensor>,
}

impl Weights {
    /// Copies weights to a device.
    ///
    /// rounded: whether the forward pass reads the tensor of this name in bf16.
    pub fn new(
        gpt: &Gpt,
        values: &Params<f32>,
        device: Device,
        rounded: impl Fn(&str) -> bool,
    ) -> Torch<Self> {
        let _guard = tch::no_grad_guard();
        let (tensors, n) = (gpt.layout().tensors(), gpt.trained());
        let flat = Tensor::f_from_slice(&values.values)?.f_to_device(device)?;
        let trained = flat.f_narrow(0, 0, n as i64)?;
        let gradient = trained.f_zeros_like()?;
        let some = tensors.iter().any(|tensor| rounded(&tensor.name));
        let copy = if some { Some(flat.f_to_kind(Kind::BFloat16)?) } else { None };
        // ANCHOR: leaves
        let leaf = |tensor: &stage02_attention::params::Tensor| {
            let whole = copy.as_ref().filter(|_| rounded(&tensor.name)).unwrap_or(&flat);
            view(whole, tensor)?.f_detach()?.f_set_requires_grad(tensor.offset < n)
        };
        let leaves = tensors.iter().map(leaf).collect::<Torch<_>>()?;
        // ANCHOR_END: leaves
        let part = |tensor| view(&gradient, tensor);
        let first = tensors.iter().take_while(|tensor| tensor.offset < n);
        let gradients = first.map(part).collect::<Torch<_>>()?;
        Ok(Weights { flat, trained, rounded: copy, gradient, leaves, gradients })
    }

    /// A tensor as matrix products read it: rounded if there is a rounded copy.
    pub fn for_products(&self, tensor: &stage02_attention::params::Tensor) -> Torch<Tensor> {
        view(self.rounded.as_ref().unwrap_or(&self.flat), tensor)
    }

    /// Updates the rounded copy of those that are trained. To be called after every step.
    pub fn round(&mut self) -> Torch<()> {
        let _guard = tch::no_grad_guard();
        if let Some(rounded) = &self.rounded {
            rounded.f_narrow(0, 0, self.trained.size()[0])?.f_copy_(&self.trained)?;
        }
        Ok(())
    }

    /// Replaces all weights, or those that are trained.
    pub fn restore(&mut self, values: &Params<f32>) -> Torch<()> {
        let _guard = tch::no_grad_guard();
        let first = |vector: &Tensor| vector.f_narrow(0, 0, values.values.len() as i64);
        put(&mut first(&self.flat)?, values)?;
        match &self.rounded {
            Some(rounded) => first(rounded)?.f_copy_(&first(&self.flat)?),
            None => Ok(()),
        }
    }
}

// ANCHOR: view
/// One tensor of the vector with its shape: a view, not a copy.
fn view(vector: &Tensor, tensor: &stage02_attention::params::Tensor) -> Torch<Tensor> {
    let shape: Vec<i64> = tensor.shape.iter().map(|&n| n as i64).collect();
    vector.f_narrow(0, tensor.offset as i64, tensor.len() as i64)?.f_view_(shape)
}
// ANCHOR_END: view

/// Overwrites a vector on a device.
pub(super) fn put(vector: &mut Tensor, values: &Params<f32>) -> Torch<()> {
    let _guard = tch::no_grad_guard();
    vector.f_copy_(&Tensor::f_from_slice(&values.values)?)
}

/// Copies a vector from a device to the CPU's memory.
pub(super) fn fetch(vector: &Tensor, out: &mut [f32]) -> Torch<()> {
    let n = out.len();
    vector.f_to_device(Device::Cpu)?.f_copy_data(out, n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage03_gpt::config::GptConfig;
    use stage03_gpt::lora::{LoraSettings, declare};

    #[test]
    fn frozen_weights_have_no_gradient() {
        let gpt = Gpt::new(GptConfig::default()).unwrap();
        let adapted = declare(&gpt, &LoraSettings::default()).unwrap();
        for (gpt, frozen) in [(&gpt, 0), (&adapted, gpt.layout().tensors().len())] {
            let values = Params::zeros(gpt.layout());
            let weights = Weights::new(gpt, &values, Device::Cpu, |_| true).unwrap();
            let trained = weights.leaves.len() - frozen;
            for (i, leaf) in weights.leaves.iter().enumerate() {
                assert_eq!(leaf.requires_grad(), i < trained);
            }
            assert_eq!(weights.gradients.len(), trained);
            assert_eq!(weights.gradient.size(), [gpt.trained() as i64]);
            assert_eq!(weights.trained.size(), weights.gradient.size());
        }
    }
}
