//! Who does the arithmetic of a training step.
//!
//! The loop does not care: it brings batches, asks for steps, and saves what it is given. So a
//! run can begin on one backend and go on on another.
//!
//! - [`cpu`]: the engine of stage 3. Nothing to install, the same bytes every time.
//! - `torch`: libtorch, on the processor or on a GPU. Behind the feature `torch`.

pub mod cpu;

use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::{Settings, Step};

use cpu::Cpu;

/// A model in training, somewhere.
pub trait Backend {
    /// What it computes on, for people: `CPU, 2 threads`.
    fn name(&self) -> String;

    /// The model's plan.
    fn gpt(&self) -> &Gpt;

    /// How the model is trained.
    fn settings(&self) -> &Settings;

    /// How many steps have been taken.
    fn iter(&self) -> usize;

    /// One pass: adds the gradient of a batch.
    ///
    /// inputs, targets: (batch_size, block_size), sequence after sequence.
    ///
    /// # Errors
    /// When the device refuses, such as for want of memory.
    fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<()>;

    /// Takes a step along the gradient of the passes since the last one.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss or the gradient is no
    /// longer a number. The weights are then as they were before.
    fn step(&mut self) -> Result<Step>;

    /// The summed loss of a batch, in nats, with nothing dropped and nothing learned.
    ///
    /// inputs, targets: as in [`Backend::accumulate`].
    ///
    /// # Errors
    /// When the device refuses.
    fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> Result<f64>;

    /// The weights and the optimiser's averages, brought to the processor's memory.
    ///
    /// # Errors
    /// When the device refuses.
    fn state(&mut self) -> Result<(&Params<f32>, &Moments<f32>)>;

    /// Puts a saved run in the place of this one.
    ///
    /// # Errors
    /// When the device refuses.
    fn restore(&mut self, iter: usize, weights: Params<f32>, moments: Moments<f32>) -> Result<()>;

    /// The most bytes of the device's memory in use so far, where the device says.
    fn memory(&self) -> Option<u64> {
        None
    }

    /// How many operations a second this device does in matrix products and nothing else, as
    /// its maker says or as measured: what utilisation is a share of.
    fn peak_flops(&self) -> Option<f64> {
        None
    }
}

/// Checks that a device and a precision can be had, before anything is prepared for them.
///
/// device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`. precision: `auto`, `f32`, `tf32` or `bf16`.
///
/// # Errors
/// [`Error::Setting`] for a device that this machine or this program does not have, and for a
/// precision that the device does not have.
pub fn check(device: &str, precision: &str) -> Result<()> {
    let (kind, number) = device.split_once(':').unwrap_or((device, "0"));
    let is_number = number.chars().all(|c| c.is_ascii_digit()) && !number.is_empty();
    match kind {
        "auto" | "cpu" if kind == device => match precision {
            "tf32" => {
                let expected = "the CPU multiplies in f32 or bf16";
                Err(Error::setting("--precision", precision, expected))
            }
            _ => Ok(()),
        },
        "cuda" | "mps" if kind == device || kind == "cuda" && is_number => {
            let expected = "this program was built for the CPU alone; build it with libtorch: \
                            cargo run -p stage04_training --features torch -- …";
            Err(Error::setting("--device", device, expected))
        }
        _ => Err(Error::setting("--device", device, "choose auto, cpu, cuda, cuda:N or mps")),
    }
}

/// Chooses who does the arithmetic, and gives it a model before its first step.
///
/// # Errors
/// As [`check`] and [`Cpu::new`].
pub fn open(
    device: &str,
    precision: &str,
    gpt: Gpt,
    weights: Params<f32>,
    settings: Settings,
) -> Result<Box<dyn Backend>> {
    check(device, precision)?;
    Ok(Box::new(Cpu::new(gpt, weights, settings)?))
}
