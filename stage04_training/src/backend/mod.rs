//! Backends: what does the arithmetic of a training step.
//!
//! The training loop is the same for all of them, and so are the saved files: a run can begin on
//! one backend and continue on another.
//!
//! - [`cpu`]: the engine of stage 3. Nothing to install, the same bytes every time.
//! - `torch`: libtorch, on the CPU or on a GPU. Needs the feature `torch`.
//!
//! [`open`] chooses between them by the user's settings, see [`device`]. [`device_info`] gathers
//! the facts about libtorch and the GPU, [`mod@judge`] draws the conclusions.
//!
//! ```
//! use stage02_attention::params::Params;
//! use stage03_gpt::settings::RunSettings;
//! use stage04_training::backend::{Backend, cpu::Cpu};
//!
//! let (n_layer, n_embd, block_size, batch_size) = (1, 16, 8, 2);
//! let run = RunSettings { n_layer, n_embd, block_size, batch_size, ..RunSettings::default() };
//! let gpt = run.gpt(65)?;
//! let weights = Params::zeros(gpt.layout());
//! let mut backend = Cpu::new(gpt, weights, run.settings())?;
//! backend.accumulate(&[1; 16], &[2; 16])?;
//! // With all weights zero the prediction is uniform over 65 tokens.
//! assert!((backend.step()?.loss - 65f64.ln()).abs() < 1e-4);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

pub mod cpu;
pub mod device;
pub mod device_info;
pub mod judge;
#[cfg(feature = "torch")]
pub mod torch;

use stage01_bigram::{Error, Result};
use stage02_attention::matmul::Dtype;
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::dpo::Sums;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::{PackedBatch, PreferenceBatch, Settings, Step};

use device::{Device, Precision};
pub use device_info::DeviceInfo;
pub use judge::{Reason, Verdict, judge};

/// About how many logits `torch/head.rs` holds at a time: 256 MB in f32.
pub const LOGITS: usize = 1 << 26;

/// A model in training on some device.
pub trait Backend {
    /// The name of the device for users: `CPU, 2 threads`.
    fn name(&self) -> String;

    /// The model's architecture.
    fn gpt(&self) -> &Gpt;

    /// The settings of the training.
    fn settings(&self) -> &Settings;

    /// The number of steps taken.
    fn iter(&self) -> usize;

    // ANCHOR: asked
    /// Forward and backward pass of one micro-batch; adds its gradient.
    ///
    /// inputs, targets: (batch_size, block_size), sequence after sequence.
    ///
    /// # Errors
    /// When the device fails, for example because it is out of memory.
    fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<()>;

    /// [`Backend::accumulate`] of a batch of which some targets count, with several documents in a row,
    /// on a backend that was opened for such batches ([`open_packed`]).
    ///
    /// # Errors
    /// As [`Backend::accumulate`].
    fn accumulate_packed(&mut self, batch: &PackedBatch) -> Result<()>;

    /// Updates the weights with the gradient of the micro-batches since the last step.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss or the gradient is NaN or infinite. The weights are then
    /// unchanged.
    fn step(&mut self) -> Result<Step>;
    // ANCHOR_END: asked

    /// The summed loss of a batch, in nats, with dropout off and no gradient.
    ///
    /// inputs, targets: as in [`Backend::accumulate`].
    ///
    /// # Errors
    /// When the device fails.
    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64>;

    /// [`Backend::evaluate`] of a batch of which some targets count: the sum over these.
    ///
    /// # Errors
    /// When the device fails.
    fn evaluate_packed(&mut self, batch: &PackedBatch) -> Result<f64>;

    /// [`Backend::accumulate`] of pairs of answers. Returns what they add up to.
    ///
    /// # Errors
    /// [`Error::Device`] on a device that does not compute it.
    fn accumulate_preferences(&mut self, _: &PreferenceBatch) -> Result<Sums> {
        Err(self.no_preferences())
    }

    /// What pairs of answers add up to, with dropout off and no gradient.
    ///
    /// # Errors
    /// As [`Backend::accumulate_preferences`].
    fn evaluate_preferences(&mut self, _: &PreferenceBatch) -> Result<Sums> {
        Err(self.no_preferences())
    }

    /// The log-probability of the targets of each document, sequence by sequence.
    ///
    /// # Errors
    /// As [`Backend::accumulate_preferences`].
    fn log_probabilities(&mut self, _: &PackedBatch) -> Result<Vec<Vec<f64>>> {
        Err(self.no_preferences())
    }

    /// The error of a device that does not learn from pairs.
    fn no_preferences(&self) -> Error {
        Error::Device {
            device: self.name(),
            problem: "pairs of answers are learned on the engine of stage 3 alone".into(),
            remedy: "choose --device cpu".into(),
        }
    }

    /// The weights and the optimiser's moments, copied to the CPU's memory.
    ///
    /// # Errors
    /// When the device fails.
    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)>;

    /// Replaces the state by that of a saved run.
    ///
    /// weights: all, or those that are trained, where the others are frozen.
    ///
    /// # Errors
    /// When the device fails.
    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()>;

    /// The number of threads, if the rounding of a run depends on it.
    fn threads(&self) -> Option<usize> {
        None
    }

    /// The peak use of the device's memory in bytes, if the device reports it.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// The peak speed of the device in matrix products, in FLOP/s, from the data sheet or measured:
    /// the denominator of the utilisation (MFU).
    fn peak_flops(&self) -> Option<f64> {
        None
    }
}

/// Checks that a device and a precision are available, before any data is prepared.
///
/// # Errors
/// As [`open`], but for the settings and the weights.
pub fn check(device: &str, precision: &str) -> Result<()> {
    choose(device, precision).map(|_| ())
}

/// The backend that a user asks for, with these weights, before its first step.
///
/// device: `auto`, `cpu`, `cuda`, `cuda:N`, `mps` or `torch-cpu`; see [`Device`]. precision:
/// `auto`, `f32`, `tf32` or `bf16`; see [`Precision`].
///
/// # Errors
/// [`Error::Setting`] for unknown or contradictory names and invalid settings; [`Error::Device`]
/// for a device that this program or machine does not have, with the reason that `doctor` gives.
pub fn open(
    device: &str,
    precision: &str,
    gpt: Gpt,
    weights: Params<f32>,
    settings: Settings,
) -> Result<Box<dyn Backend>> {
    match choose(device, precision)? {
        (Device::Auto | Device::Cpu, precision) => on_cpu(precision, gpt, weights, settings),
        (device, precision) => on_libtorch(device, precision, gpt, weights, settings),
    }
}

/// [`open`] for [`PackedBatch`]es, of a model with low-rank adapters or without.
///
/// # Errors
/// As [`open`].
pub fn open_packed(
    device: &str,
    precision: &str,
    mut gpt: Gpt,
    weights: Params<f32>,
    settings: Settings,
) -> Result<Box<dyn Backend>> {
    match choose(device, precision)? {
        (Device::Auto | Device::Cpu, precision) => {
            set_dtype(&mut gpt, precision);
            Ok(Box::new(cpu::Cpu::for_packed(gpt, weights, settings)?))
        }
        (device, precision) => on_libtorch(device, precision, gpt, weights, settings),
    }
}

/// The device and the precision on this machine; refuses a device that it does not have.
fn choose(device: &str, precision: &str) -> Result<(Device, Precision)> {
    let facts = DeviceInfo::gather();
    let device = match device.parse()? {
        Device::Auto => automatic(&facts),
        chosen => chosen,
    };
    if !matches!(device, Device::Auto | Device::Cpu) {
        refuse(device, &facts)?;
    }
    Ok((device, Precision::choose(precision, device)?))
}

// ANCHOR: automatic
/// A GPU where one can be used, else the engine of stage 3.
fn automatic(facts: &DeviceInfo) -> Device {
    match judge(facts) {
        Verdict::Ready => Device::Cuda(0),
        Verdict::No(_) => Device::Cpu,
    }
}
// ANCHOR_END: automatic

fn on_cpu(
    precision: Precision,
    mut gpt: Gpt,
    weights: Params<f32>,
    settings: Settings,
) -> Result<Box<dyn Backend>> {
    set_dtype(&mut gpt, precision);
    Ok(Box::new(cpu::Cpu::new(gpt, weights, settings)?))
}

fn set_dtype(gpt: &mut Gpt, precision: Precision) {
    gpt.set_dtype(match precision {
        Precision::Bf16 => Dtype::Bfloat16,
        Precision::F32 | Precision::Tf32 => Dtype::Float32,
    });
}

#[cfg(feature = "torch")]
fn on_libtorch(
    device: Device,
    precision: Precision,
    gpt: Gpt,
    weights: Params<f32>,
    settings: Settings,
) -> Result<Box<dyn Backend>> {
    let options = torch::Options::new(precision);
    Ok(Box::new(torch::TorchBackend::new(device, options, gpt, &weights, settings)?))
}

#[cfg(not(feature = "torch"))]
fn on_libtorch(
    _: Device,
    _: Precision,
    _: Gpt,
    _: Params<f32>,
    _: Settings,
) -> Result<Box<dyn Backend>> {
    unreachable!("without libtorch every device of libtorch was refused")
}

/// Refuses a device of libtorch that this program or this machine does not have.
fn refuse(device: Device, facts: &DeviceInfo) -> Result<()> {
    let refused = |problem: String, remedy: String| {
        Err(Error::Device { device: device.to_string(), problem, remedy })
    };
    let verdict = judge(facts);
    match (device, &verdict) {
        (_, Verdict::No(reason)) if reason.spoils_everything() => {
            refused(reason.problem(), reason.remedy())
        }
        (Device::Cuda(_), Verdict::No(reason)) => refused(reason.problem(), reason.remedy()),
        (Device::Cuda(n), Verdict::Ready) if n >= facts.gpus => {
            let last = facts.gpus.saturating_sub(1);
            refused(
                format!("libtorch sees {} here", count(facts.gpus)),
                format!("choose from cuda:0 to cuda:{last}"),
            )
        }
        (Device::Mps, _) if !facts.mps => refused(
            "libtorch sees no GPU of an Apple processor".into(),
            "choose cpu, or cuda on a machine with an NVIDIA GPU".into(),
        ),
        _ => Ok(()),
    }
}

/// A number of GPUs with its noun.
fn count(gpus: usize) -> String {
    match gpus {
        1 => "1 GPU".into(),
        n => format!("{n} GPUs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use device_info::Libtorch;

    /// A machine on which libtorch sees this many NVIDIA GPUs.
    fn machine(gpus: usize) -> DeviceInfo {
        let version = "2.11.0+cu130".to_string();
        DeviceInfo {
            libtorch: Some(Libtorch {
                directory: "/venv/torch/lib".into(),
                built: version.clone(),
                version,
                cuda_file: true,
                cuda_loaded: true,
            }),
            gpus,
            ..DeviceInfo::default()
        }
    }

    #[test]
    fn a_gpu_is_taken_where_there_is_one() {
        assert_eq!(automatic(&machine(2)), Device::Cuda(0));
        assert_eq!(automatic(&machine(0)), Device::Cpu);
        assert_eq!(automatic(&DeviceInfo::default()), Device::Cpu);
    }

    #[test]
    fn a_device_that_is_not_there_is_refused() {
        let refusal = |device, facts: &DeviceInfo| refuse(device, facts).unwrap_err().to_string();
        assert!(refuse(Device::Cuda(1), &machine(2)).is_ok());
        assert_eq!(
            refusal(Device::Cuda(2), &machine(2)),
            "cuda:2: libtorch sees 2 GPUs here; choose from cuda:0 to cuda:1"
        );
        assert!(refusal(Device::Cuda(0), &machine(0)).contains("there is no NVIDIA driver"));
        assert!(refusal(Device::Mps, &machine(1)).starts_with("mps: libtorch sees no GPU of an"));
        assert!(refuse(Device::Mps, &DeviceInfo { mps: true, ..machine(0) }).is_ok());
        // torch-cpu needs no GPU, but it needs libtorch.
        assert!(refuse(Device::TorchCpu, &machine(0)).is_ok());
        for device in [Device::TorchCpu, Device::Cuda(0), Device::Mps] {
            let said = refusal(device, &DeviceInfo::default());
            assert!(said.contains("built without libtorch; install libtorch with"), "{said}");
        }
    }

    #[test]
    fn unknown_names_are_refused_before_anything_is_allocated() {
        let config = stage03_gpt::config::GptConfig {
            vocab_size: 5,
            block_size: 4,
            n_layer: 1,
            n_head: 1,
            n_embd: 4,
            dropout: 0.0,
            bias: true,
            ..stage03_gpt::config::GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let settings = Settings {
            batch_size: 1,
            gradient_accumulation_steps: 1,
            schedule: stage03_gpt::schedule::Schedule {
                learning_rate: 1e-3,
                min_lr: 1e-3,
                warmup_iters: 0,
                lr_decay_iters: 1,
            },
            adamw: stage03_gpt::adamw::AdamW {
                beta1: 0.9,
                beta2: 0.9,
                eps: 1e-8,
                weight_decay: 0.0,
                grad_clip: 0.0,
            },
            seed: 1,
            threads: 1,
        };
        let opened = |device: &str, precision: &str| {
            let weights = Params::zeros(gpt.layout());
            let backend = open(device, precision, gpt.clone(), weights, settings.clone());
            backend.map(|backend| backend.name()).map_err(|error| error.to_string())
        };
        assert_eq!(opened("cpu", "auto").unwrap(), "CPU, 1 thread");
        assert_eq!(opened("cpu", "bf16").unwrap(), "CPU, 1 thread");
        assert!(opened("gpu", "f32").unwrap_err().starts_with("--device = gpu: choose auto"));
        assert!(opened("cpu", "f16").unwrap_err().starts_with("--precision = f16: choose auto"));
        assert!(opened("cpu", "tf32").unwrap_err().contains("this runs on cpu"));
        #[cfg(not(feature = "torch"))]
        assert!(opened("cuda", "bf16").unwrap_err().starts_with("cuda:0: this program was built"));
    }
}
