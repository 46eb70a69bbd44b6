//! libtorch, PyTorch's engine in C++, as a backend on a GPU or on the CPU.
//!
//! The computation is that of stage 3: the flat vector of parameters, the formula of AdamW and the
//! scale of the loss are the same. So a run can move between the two, and one can be tested against
//! the other.
//!
//! - `weights`: the vector of parameters on the device, its views and its rounded copy
//! - `model`: the forward pass
//! - `head`: the output layer and the loss
//! - `optimiser`: clipping and AdamW
//! - `trouble`: errors of libtorch explained to users
//! - `peak`: the peak speed of the device
//! - `missing`: functions that the crate tch lacks
//!
//! A GPU works through a queue. Launching an operation takes microseconds, whatever its size;
//! reading a result waits until everything before it is done. So a micro-batch reads nothing back,
//! and a step reads once: the loss and the gradient norm.

pub(crate) mod missing;
pub(crate) mod peak;

mod head;
mod model;
mod optimiser;
mod trouble;
mod weights;

use std::cell::OnceCell;
use std::sync::Mutex;

use rand::Rng;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::{PackedBatch, Settings, Step};
use tch::{Kind, TchError, Tensor};

use super::Backend;
use super::device::{Device, Precision};
use model::{Model, is_linear};
use optimiser::{Optimiser, norm, put};
use trouble::explain;
use weights::{Weights, fetch};

/// A result of libtorch.
pub(crate) type Torch<T> = std::result::Result<T, TchError>;

/// libtorch has one random generator for the whole process. Code that seeds it holds this lock
/// until the numbers are drawn.
static GENERATOR: Mutex<()> = Mutex::new(());

/// How to compute, where there is a choice. Results differ only by rounding.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The precision of the matrix products.
    pub precision: Precision,
    /// Attention in one operation, without a (length x length) matrix of attention weights.
    pub fused_attention: bool,
    /// AdamW in one operation.
    pub fused_optimiser: bool,
}

impl Options {
    /// The fastest options in this precision.
    pub fn new(precision: Precision) -> Self {
        Options { precision, fused_attention: true, fused_optimiser: true }
    }
}

/// A model in training on a device of libtorch.
pub struct TorchBackend {
    device: Device,
    place: tch::Device,
    options: Options,
    gpt: Gpt,
    settings: Settings,
    model: Model,
    weights: Weights,
    /// The matrix of the output layer, as its products read it.
    lm_head: Tensor,
    optimiser: Optimiser,
    iter: usize,
    /// The summed loss of the micro-batches since the last step, on the device.
    loss: Tensor,
    /// The number of micro-batches since the last step.
    micro_batches: usize,
    /// The copy in the CPU's memory that [`Backend::state`] fills.
    state: Option<(Params<f32>, Moments<f32>)>,
    peak: OnceCell<Option<f64>>,
}

impl TorchBackend {
    /// A trainer for these weights, before its first step.
    ///
    /// device: any but a GPU means libtorch on the CPU.
    ///
    /// # Errors
    /// [`Error::Setting`] when the settings are invalid; [`Error::Device`] when the device fails.
    pub fn new(
        device: Device,
        options: Options,
        gpt: Gpt,
        weights: &Params<f32>,
        settings: Settings,
    ) -> Result<Self> {
        settings.validate()?;
        let place = match device {
            Device::Cuda(n) => tch::Device::Cuda(n),
            Device::Mps => tch::Device::Mps,
            Device::Cpu | Device::TorchCpu | Device::Auto => tch::Device::Cpu,
        };
        if place == tch::Device::Cpu {
            tch::set_num_threads(checked_threads(settings.threads)?);
        }
        let build = || -> Torch<_> {
            if let tch::Device::Cuda(n) = place {
                missing::allow_tf32(options.precision == Precision::Tf32)?;
                let _ = Tensor::f_zeros([1], (Kind::Float, place))?; // initialises CUDA
                missing::reset_peak_memory(n)?;
            }
            let half = options.precision == Precision::Bf16;
            let layout = gpt.layout();
            let model = Model::new(gpt.config(), layout, place, options.fused_attention)?;
            let weights = Weights::new(layout, weights, place, |name| half && is_linear(name))?;
            let lm_head = weights.for_products(&layout.tensors()[model.lm_head])?;
            let optimiser = Optimiser::new(layout, &weights.flat, options.fused_optimiser)?;
            let loss = Tensor::f_zeros([], (real(place), place))?;
            Ok((model, weights, lm_head, optimiser, loss))
        };
        let (model, weights, lm_head, optimiser, loss) =
            build().map_err(|error| explain(device, settings.batch_size, error))?;
        Ok(TorchBackend {
            device,
            place,
            options,
            gpt,
            settings,
            model,
            weights,
            lm_head,
            optimiser,
            iter: 0,
            loss,
            micro_batches: 0,
            state: None,
            peak: OnceCell::new(),
        })
    }

    /// The gradient of the micro-batches since the last step.
    ///
    /// # Errors
    /// When the device fails.
    pub fn gradient(&self) -> Result<Params<f32>> {
        let mut gradient = Params::zeros(self.gpt.layout());
        let fetched = fetch(&self.weights.gradient, &mut gradient.values);
        fetched.map_err(|error| self.explain(error))?;
        Ok(gradient)
    }

    /// The logits of sequences of one length, in f32: (tokens, vocab_size), row after row.
    ///
    /// # Errors
    /// As [`Gpt::check_tokens`], or when the device fails.
    pub fn logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>> {
        self.gpt.check_tokens(tokens, length)?;
        let logits = || -> Torch<_> {
            let _guard = tch::no_grad_guard();
            let tokens = self.upload(tokens, length)?;
            let h = self.model.forward(&self.weights.leaves, &tokens, 0.0)?;
            let logits = h.f_to_kind(self.lm_head.f_kind()?)?.f_mm(&self.lm_head.f_tr()?)?;
            let logits = logits.f_to_kind(Kind::Float)?;
            let mut out = vec![0.0; logits.numel()];
            fetch(&logits, &mut out)?;
            Ok(out)
        };
        logits().map_err(|error| self.explain(error))
    }

    // ANCHOR: synchronise
    /// Waits until the device has finished all operations. Needed before reading a clock.
    pub fn synchronise(&self) {
        if let tch::Device::Cuda(n) = self.place {
            tch::Cuda::synchronize(n as i64);
        } else if self.place == tch::Device::Mps {
            let _ = self.loss.f_double_value(&[]);
        }
    }
    // ANCHOR_END: synchronise

    // ANCHOR: upload
    /// Copies tokens to the device. Shape: (batch, length).
    fn upload(&self, tokens: &[u32], length: usize) -> Torch<Tensor> {
        let tokens: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
        let tokens = Tensor::f_from_slice(&tokens)?.f_view([-1, length as i64])?;
        if self.place.is_cuda() {
            // From pinned memory the GPU copies by itself, while the program goes on.
            let pinned = tokens.f_internal_pin_memory(self.place)?;
            return pinned.f_to_device_(self.place, Kind::Int64, true, false);
        }
        tokens.f_to_device(self.place)
    }
    // ANCHOR_END: upload

    /// Checks a batch: after an index out of bounds a GPU cannot be used until the process ends.
    fn check(&self, inputs: &[u32], targets: &[u32]) -> Result<usize> {
        let length = self.gpt.config().block_size;
        let tokens = self.settings.batch_size * length;
        assert_eq!([inputs.len(), targets.len()], [tokens; 2], "batch_size x block_size tokens");
        self.gpt.check_tokens(inputs, length)?;
        self.gpt.check_tokens(targets, length)?;
        Ok(length)
    }

    // ANCHOR: micro_batch
    fn micro_batch(&mut self, inputs: &[u32], targets: &[u32], length: usize) -> Torch<()> {
        let (x, y) = (self.upload(inputs, length)?, self.upload(targets, length)?.f_view([-1])?);
        let steps = self.settings.gradient_accumulation_steps;
        let scale = 1.0 / (inputs.len() as f64 * steps as f64);
        let dropout = self.gpt.config().dropout;

        let h = {
            let _lock = (dropout > 0.0).then(|| {
                let lock = GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let seed = self.settings.seed;
                let number = self.settings.micro_batch_number(self.iter, self.micro_batches);
                tch::manual_seed(generator(seed, Purpose::Dropout, number).next_u64() as i64);
                lock
            });
            let h = self.model.forward(&self.weights.leaves, &x, dropout)?;
            h.f_to_kind(self.lm_head.f_kind()?)?
        };

        let dw = &mut self.weights.gradients[self.model.lm_head];
        let kind = real(self.place);
        let (loss, dh) = head::loss(&h.f_detach()?, &self.lm_head, &y, kind, Some((scale, dw)))?;
        let dh = dh.expect("a gradient was requested");

        // A scalar whose gradient with respect to h is dh: libtorch's backward pass starts at one.
        let root = h.f_mul(&dh)?.f_sum(Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[root], &self.weights.leaves, false, false)?;
        let _guard = tch::no_grad_guard();
        let both = self.weights.gradients.iter_mut().zip(gradients);
        // An output layer of its own is no part of the record: it has its gradient already.
        for (sum, gradient) in both.filter(|(_, gradient)| gradient.defined()) {
            let _ = sum.f_add_(&gradient)?;
        }
        let _ = self.loss.f_add_(&loss)?;
        Ok(())
    }
    // ANCHOR_END: micro_batch

    fn summed_loss(&self, inputs: &[u32], targets: &[u32], length: usize) -> Torch<f64> {
        let _guard = tch::no_grad_guard();
        let (x, y) = (self.upload(inputs, length)?, self.upload(targets, length)?.f_view([-1])?);
        let h = self.model.forward(&self.weights.leaves, &x, 0.0)?;
        let h = h.f_to_kind(self.lm_head.f_kind()?)?;
        let (loss, _) = head::loss(&h, &self.lm_head, &y, real(self.place), None)?;
        loss.f_double_value(&[])
    }

    // ANCHOR: read_back
    /// Reads the summed loss and the gradient norm, in one transfer, and sets the loss to zero.
    fn read_back(&mut self) -> Torch<(f64, f64)> {
        let _guard = tch::no_grad_guard();
        let norm = norm(&self.weights.gradient, real(self.place))?;
        let both = Tensor::f_stack(&[&self.loss, &norm], 0)?.f_to_device(tch::Device::Cpu)?;
        let _ = self.loss.f_zero_()?;
        Ok((both.f_double_value(&[0])?, both.f_double_value(&[1])?))
    }
    // ANCHOR_END: read_back

    fn explain(&self, error: TchError) -> Error {
        explain(self.device, self.settings.batch_size, error)
    }
}

/// Packed batches run on the CPU engine alone.
fn packed_refused(device: &str) -> Error {
    Error::Device {
        device: device.into(),
        problem: "libtorch takes no packed batches here".into(),
        remedy: "choose --device cpu".into(),
    }
}

impl Backend for TorchBackend {
    fn name(&self) -> String {
        let precision = self.options.precision;
        let device = match self.device {
            Device::Cuda(_) => peak::gpu_name().unwrap_or_else(|| self.device.to_string()),
            Device::Mps => "Apple's GPU".into(),
            _ => match self.settings.threads {
                1 => "libtorch on the CPU, 1 thread".into(),
                n => format!("libtorch on the CPU, {n} threads"),
            },
        };
        format!("{device}, {precision}")
    }

    fn gpt(&self) -> &Gpt {
        &self.gpt
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn iter(&self) -> usize {
        self.iter
    }

    fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<()> {
        let length = self.check(inputs, targets)?;
        self.micro_batch(inputs, targets, length).map_err(|error| self.explain(error))?;
        self.micro_batches += 1;
        Ok(())
    }

    fn accumulate_packed(&mut self, _: &PackedBatch) -> Result<()> {
        Err(packed_refused(&self.name()))
    }

    fn step(&mut self) -> Result<Step> {
        let iter = self.iter;
        let tokens = self.micro_batches * self.settings.batch_size * self.gpt.config().block_size;
        self.micro_batches = 0;
        let (loss, grad_norm) = self.read_back().map_err(|error| self.explain(error))?;
        let loss = loss / tokens as f64;
        let lr = self.settings.schedule.at(iter);
        if !loss.is_finite() || !grad_norm.is_finite() {
            let _ = self.weights.gradient.f_zero_().map_err(|error| self.explain(error))?;
            return Err(Error::diverged_gradient(iter, loss, grad_norm));
        }
        let Weights { flat, gradient, .. } = &mut self.weights;
        let adamw = &self.settings.adamw;
        let factor = adamw.clip_factor(grad_norm);
        let stepped = self.optimiser.step(adamw, iter + 1, lr, factor, flat, gradient);
        stepped.and_then(|()| self.weights.round()).map_err(|error| self.explain(error))?;
        self.iter += 1;
        Ok(Step { iter, loss, lr, grad_norm })
    }

    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64> {
        let length = self.check(inputs, targets)?;
        self.summed_loss(inputs, targets, length).map_err(|error| self.explain(error))
    }

    fn evaluate_packed(&mut self, _: &PackedBatch) -> Result<f64> {
        Err(packed_refused(&self.name()))
    }

    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)> {
        let layout = self.gpt.layout();
        let empty = || (Params::zeros(layout), Moments::new(layout));
        let (mut weights, mut moments) = self.state.take().unwrap_or_else(empty);
        let fetched = fetch(&self.weights.flat, &mut weights.values)
            .and_then(|()| self.optimiser.fetch(&mut moments));
        fetched.map_err(|error| self.explain(error))?;
        let (weights, moments) = self.state.insert((weights, moments));
        Ok((weights, moments))
    }

    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()> {
        let put = put(&mut self.weights.flat, &weights)
            .and_then(|()| self.weights.round())
            .and_then(|()| self.optimiser.restore(&moments));
        put.map_err(|error| self.explain(error))?;
        self.iter = iter;
        Ok(())
    }

    fn memory(&self) -> Option<u64> {
        let tch::Device::Cuda(n) = self.place else { return None };
        missing::peak_memory(n).ok()
    }

    fn peak_flops(&self) -> Option<f64> {
        *self.peak.get_or_init(|| peak::flops(self.place, self.options.precision))
    }
}

/// The number of threads as libtorch takes it.
///
/// # Errors
/// [`Error::Setting`] for 0 or more than 1024: libtorch would try to start them all.
fn checked_threads(threads: usize) -> Result<i32> {
    const MOST: usize = 1024;
    let expected = || format!("choose from 1 to {MOST}; more than the machine has cores is slow");
    match i32::try_from(threads) {
        Ok(n) if (1..=MOST).contains(&threads) => Ok(n),
        _ => Err(Error::setting("--threads", threads, expected())),
    }
}

/// The type of a summed loss. Apple's GPUs have no f64.
fn real(place: tch::Device) -> Kind {
    if place == tch::Device::Mps { Kind::Float } else { Kind::Double }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_threads_are_refused() {
        assert_eq!(checked_threads(2).unwrap(), 2);
        for threads in [0, 1025, usize::MAX] {
            let error = checked_threads(threads).unwrap_err().to_string();
            assert!(error.starts_with("--threads = "), "{error}");
        }
    }
}
