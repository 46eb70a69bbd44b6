//! libtorch, PyTorch's engine in C++, as a backend: on a GPU or on the processor.
//!
//! What is computed is stage 3's; the device changes. The flat vector of parameters, the
//! formula of AdamW and the scale of the loss stay, so that a run can move between the two, and
//! so that one can be tested against the other.
//!
//! - `weights`: the one vector on the device, its views and its rounded copy
//! - `model`: the forward pass
//! - `head`: the output layer and the loss
//! - `optimiser`: clipping and AdamW
//! - `trouble`: what a user can do about an error of libtorch
//! - `peak`: how fast the device could be
//! - `missing`: what the crate tch leaves out
//!
//! A GPU works through a queue. To ask for an operation takes microseconds, whatever its size;
//! to look at a result waits until everything before it is done. So a micro-batch looks at nothing,
//! and a step looks once: at the loss and the gradient norm.

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
use stage03_gpt::trainer::{Settings, Step};
use tch::{Kind, TchError, Tensor};

use super::Backend;
use super::device::{Device, Precision};
use model::{Model, is_linear};
use optimiser::{Optimiser, length, put};
use trouble::explain;
use weights::{Weights, fetch};

/// What libtorch gives.
pub(crate) type Torch<T> = std::result::Result<T, TchError>;

/// libtorch has one generator for the whole process. Code that sets its state must be alone with
/// it until the numbers are drawn.
static GENERATOR: Mutex<()> = Mutex::new(());

/// How to compute, where there is a choice. The result is the same but for rounding.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The precision of the matrix products.
    pub precision: Precision,
    /// Attention in one operation, without a table of length x length shares.
    pub fused_attention: bool,
    /// AdamW in one operation.
    pub fused_optimiser: bool,
}

impl Options {
    /// The fastest way in this precision.
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
    /// The table of the tokens, as the output layer reads it.
    wte: Tensor,
    optimiser: Optimiser,
    iter: usize,
    /// The summed loss of the micro-batches since the last step, on the device, and how many there were.
    loss: Tensor,
    micro_batches: usize,
    /// Where [`Backend::state`] brings everything to.
    state: Option<(Params<f32>, Moments<f32>)>,
    peak: OnceCell<Option<f64>>,
}

impl TorchBackend {
    /// A trainer for these weights, before its first step.
    ///
    /// device: one that libtorch has; anything but a GPU means the processor.
    ///
    /// # Errors
    /// [`Error::Setting`] when the settings cannot be used; [`Error::Device`] when the device
    /// refuses.
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
                let _ = Tensor::f_zeros([1], (Kind::Float, place))?; // wakes it up
                missing::reset_peak_memory(n)?;
            }
            let half = options.precision == Precision::Bf16;
            let layout = gpt.layout();
            let model = Model::new(gpt.config(), layout, options.fused_attention);
            let weights = Weights::new(layout, weights, place, |name| half && is_linear(name))?;
            let wte = weights.for_products(&layout.tensors()[model.wte])?;
            let optimiser = Optimiser::new(layout, &weights.flat, options.fused_optimiser)?;
            let loss = Tensor::f_zeros([], (real(place), place))?;
            Ok((model, weights, wte, optimiser, loss))
        };
        let (model, weights, wte, optimiser, loss) =
            build().map_err(|error| explain(device, settings.batch_size, error))?;
        Ok(TorchBackend {
            device,
            place,
            options,
            gpt,
            settings,
            model,
            weights,
            wte,
            optimiser,
            iter: 0,
            loss,
            micro_batches: 0,
            state: None,
            peak: OnceCell::new(),
        })
    }

    /// The gradient that the micro-batches since the last step have given so far.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn gradient(&self) -> Result<Params<f32>> {
        let mut gradient = Params::zeros(self.gpt.layout());
        let fetched = fetch(&self.weights.gradient, &mut gradient.values);
        fetched.map_err(|error| self.explain(error))?;
        Ok(gradient)
    }

    /// The logits of sequences of one length, in f32: (tokens, vocab_size), row after row.
    ///
    /// # Errors
    /// As [`Gpt::check_tokens`], or when the device refuses.
    pub fn logits(&self, tokens: &[u32], length: usize) -> Result<Vec<f32>> {
        self.gpt.check_tokens(tokens, length)?;
        let logits = || -> Torch<_> {
            let _guard = tch::no_grad_guard();
            let tokens = self.upload(tokens, length)?;
            let h = self.model.forward(&self.weights.leaves, &tokens, 0.0)?;
            let logits = h.f_to_kind(self.wte.f_kind()?)?.f_mm(&self.wte.f_tr()?)?;
            let logits = logits.f_to_kind(Kind::Float)?;
            let mut out = vec![0.0; logits.numel()];
            fetch(&logits, &mut out)?;
            Ok(out)
        };
        logits().map_err(|error| self.explain(error))
    }

    // ANCHOR: synchronise
    /// Waits until the device has done all that it was asked for. Before looking at a clock.
    pub fn synchronise(&self) {
        if let tch::Device::Cuda(n) = self.place {
            tch::Cuda::synchronize(n as i64);
        } else if self.place == tch::Device::Mps {
            let _ = self.loss.f_double_value(&[]);
        }
    }
    // ANCHOR_END: synchronise

    // ANCHOR: upload
    /// Brings tokens to the device. Shape: (batch, length).
    fn upload(&self, tokens: &[u32], length: usize) -> Torch<Tensor> {
        let tokens: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
        let tokens = Tensor::f_from_slice(&tokens)?.f_view([-1, length as i64])?;
        if self.place.is_cuda() {
            // From memory that the GPU can read by itself, while the program goes on.
            let pinned = tokens.f_internal_pin_memory(self.place)?;
            return pinned.f_to_device_(self.place, Kind::Int64, true, false);
        }
        tokens.f_to_device(self.place)
    }
    // ANCHOR_END: upload

    /// Checks a batch: a GPU that reads a row which does not exist can only be abandoned.
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
            let _alone = (dropout > 0.0).then(|| {
                let alone = GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let seed = self.settings.seed;
                let number = self.settings.micro_batch_number(self.iter, self.micro_batches);
                tch::manual_seed(generator(seed, Purpose::Dropout, number).next_u64() as i64);
                alone
            });
            let h = self.model.forward(&self.weights.leaves, &x, dropout)?;
            h.f_to_kind(self.wte.f_kind()?)?
        };

        let dw = &mut self.weights.gradients[self.model.wte];
        let kind = real(self.place);
        let (loss, dh) = head::loss(&h.f_detach()?, &self.wte, &y, kind, Some((scale, dw)))?;
        let dh = dh.expect("a gradient was asked for");

        // A number whose gradient for h is dh; libtorch begins its backward pass at a number.
        let root = h.f_mul(&dh)?.f_sum(Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[root], &self.weights.leaves, false, false)?;
        let _guard = tch::no_grad_guard();
        for (sum, gradient) in self.weights.gradients.iter_mut().zip(gradients) {
            let _ = sum.f_add_(&gradient)?;
        }
        let _ = self.loss.f_add_(&loss)?;
        Ok(())
    }
    // ANCHOR_END: micro_batch

    fn measure(&self, inputs: &[u32], targets: &[u32], length: usize) -> Torch<f64> {
        let _guard = tch::no_grad_guard();
        let (x, y) = (self.upload(inputs, length)?, self.upload(targets, length)?.f_view([-1])?);
        let h = self.model.forward(&self.weights.leaves, &x, 0.0)?;
        let h = h.f_to_kind(self.wte.f_kind()?)?;
        let (loss, _) = head::loss(&h, &self.wte, &y, real(self.place), None)?;
        loss.f_double_value(&[])
    }

    // ANCHOR: look
    /// The summed loss and the gradient norm, and everything ready for new micro-batches.
    fn look(&mut self) -> Torch<(f64, f64)> {
        let _guard = tch::no_grad_guard();
        let norm = length(&self.weights.gradient, real(self.place))?;
        let both = Tensor::f_stack(&[&self.loss, &norm], 0)?.f_to_device(tch::Device::Cpu)?;
        let _ = self.loss.f_zero_()?;
        Ok((both.f_double_value(&[0])?, both.f_double_value(&[1])?))
    }
    // ANCHOR_END: look

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
        let length = self.check(inputs, targets)?;
        self.micro_batch(inputs, targets, length).map_err(|error| self.explain(error))?;
        self.micro_batches += 1;
        Ok(())
    }

    fn step(&mut self) -> Result<Step> {
        let iter = self.iter;
        let tokens = self.micro_batches * self.settings.batch_size * self.gpt.config().block_size;
        self.micro_batches = 0;
        let (loss, grad_norm) = self.look().map_err(|error| self.explain(error))?;
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
        self.measure(inputs, targets, length).map_err(|error| self.explain(error))
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

/// So many threads, as libtorch counts them.
///
/// # Errors
/// [`Error::Setting`] for more than any machine has: libtorch would try to start them all.
fn checked_threads(threads: usize) -> Result<i32> {
    const MOST: usize = 1024;
    let expected = || format!("choose from 1 to {MOST}; more than the machine has cores is slow");
    match i32::try_from(threads) {
        Ok(n) if (1..=MOST).contains(&threads) => Ok(n),
        _ => Err(Error::setting("--threads", threads, expected())),
    }
}

/// What a loss is added up in. Apple's GPUs have no f64.
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
