//! libtorch, PyTorch's engine in C++, as a backend on a GPU or on the CPU.
//!
//! The computation is that of stage 3: the flat vector of parameters, the formula of AdamW and the
//! scale of the loss are the same. So a run can move between the two, and one can be tested against
//! the other.
//!
//! - `batch`: a micro-batch on the device, packed or not
//! - `weights`: the vector of parameters on the device, its views and its rounded copy
//! - `passes`: the forward and the backward pass of a micro-batch
//! - `model`: what the forward pass computes
//! - `linear`, `attention`, `rotary`: its layers; low-rank adapters are part of `linear`
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

mod attention;
mod batch;
mod head;
mod linear;
mod model;
mod optimiser;
mod passes;
mod rotary;
mod trouble;
mod weights;

use std::cell::OnceCell;
use std::sync::Mutex;

use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::{PackedBatch, Settings, Step};
use tch::{Kind, TchError, Tensor};

use super::Backend;
use super::device::{Device, Precision};
use batch::Batch;
use linear::is_linear;
use model::{Dropout, Model};
use optimiser::{Optimiser, norm};
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
    /// The number of micro-batches since the last step, and how many targets they had.
    micro_batches: usize,
    targets: usize,
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
            let model = Model::new(&gpt, place, options.fused_attention)?;
            let weights = Weights::new(&gpt, weights, place, |name| half && is_linear(name))?;
            let lm_head = weights.for_products(&layout.tensors()[model.lm_head])?;
            let optimiser = Optimiser::new(layout, &weights.trained, options.fused_optimiser)?;
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
            targets: 0,
            state: None,
            peak: OnceCell::new(),
        })
    }

    /// The gradient, of all that is trained, of the micro-batches since the last step.
    ///
    /// # Errors
    /// When the device fails.
    pub fn gradient(&self) -> Result<Params<f32>> {
        let mut gradient = self.gpt.gradient();
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
            let batch = Batch::upload(self.place, length, tokens, &[], None)?;
            let h = self.model.forward(&self.weights.leaves, &batch, Dropout::NONE)?;
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
        self.check(inputs, targets)?;
        let steps = self.settings.gradient_accumulation_steps;
        let scale = 1.0 / (inputs.len() as f64 * steps as f64);
        let batch = self.upload(inputs, targets, None);
        let added = batch.and_then(|batch| self.micro_batch(&batch, scale));
        added.map_err(|error| self.explain(error))?;
        self.micro_batches += 1;
        self.targets += targets.len();
        Ok(())
    }

    fn accumulate_packed(&mut self, batch: &PackedBatch) -> Result<()> {
        let targets = self.check_packed(batch)?;
        // Without a target there is no loss and no gradient: nothing is added.
        if targets > 0 {
            let scale = 1.0 / batch.targets_of_step.max(1) as f64;
            let batch = self.upload(batch.inputs, batch.targets, Some(batch.documents));
            let added = batch.and_then(|batch| self.micro_batch(&batch, scale));
            added.map_err(|error| self.explain(error))?;
        }
        self.micro_batches += 1;
        self.targets += targets;
        Ok(())
    }

    fn step(&mut self) -> Result<Step> {
        let iter = self.iter;
        let targets = std::mem::take(&mut self.targets);
        self.micro_batches = 0;
        let (loss, grad_norm) = self.read_back().map_err(|error| self.explain(error))?;
        // A step without any target has a loss of 0, not of 0 / 0.
        let loss = loss / targets.max(1) as f64;
        let lr = self.settings.schedule.at(iter);
        if !loss.is_finite() || !grad_norm.is_finite() {
            let _ = self.weights.gradient.f_zero_().map_err(|error| self.explain(error))?;
            return Err(Error::diverged_gradient(iter, loss, grad_norm));
        }
        let Weights { trained, gradient, .. } = &mut self.weights;
        let adamw = &self.settings.adamw;
        let factor = adamw.clip_factor(grad_norm);
        let stepped = self.optimiser.step(adamw, iter + 1, lr, factor, trained, gradient);
        stepped.and_then(|()| self.weights.round()).map_err(|error| self.explain(error))?;
        self.iter += 1;
        Ok(Step { iter, loss, lr, grad_norm })
    }

    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64> {
        self.check(inputs, targets)?;
        let batch = self.upload(inputs, targets, None);
        batch.and_then(|batch| self.summed_loss(&batch)).map_err(|error| self.explain(error))
    }

    fn evaluate_packed(&mut self, batch: &PackedBatch) -> Result<f64> {
        if self.check_packed(batch)? == 0 {
            return Ok(0.0);
        }
        let batch = self.upload(batch.inputs, batch.targets, Some(batch.documents));
        batch.and_then(|batch| self.summed_loss(&batch)).map_err(|error| self.explain(error))
    }

    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)> {
        let (layout, trained) = (self.gpt.layout(), self.gpt.trained());
        let empty = || (Params::zeros(layout), Moments::of_first(trained));
        let (mut weights, mut moments) = self.state.take().unwrap_or_else(empty);
        let fetched = fetch(&self.weights.flat, &mut weights.values)
            .and_then(|()| self.optimiser.fetch(&mut moments));
        fetched.map_err(|error| self.explain(error))?;
        let (weights, moments) = self.state.insert((weights, moments));
        Ok((weights, moments))
    }

    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()> {
        let restored =
            self.weights.restore(&weights).and_then(|()| self.optimiser.restore(&moments));
        restored.map_err(|error| self.explain(error))?;
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
