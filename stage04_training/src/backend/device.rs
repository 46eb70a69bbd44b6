//! The device and the precision that a user chooses, `--device` and `--precision`.
//!
//! ```
//! use stage04_training::backend::device::{Device, Precision};
//!
//! let device: Device = "cuda:1".parse()?;
//! assert_eq!(Precision::choose("auto", device)?, Precision::Bf16);
//! assert_eq!(Precision::choose("auto", Device::Cpu)?, Precision::F32);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use std::fmt::{self, Display};
use std::str::FromStr;

use stage01_bigram::{Error, Result};

// ANCHOR: devices
/// The device that does the arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A GPU where libtorch sees one, else the engine of stage 3.
    Auto,
    /// The engine of stage 3 on the processor.
    Cpu,
    /// libtorch on the CPU: for comparison, and to test the code that a GPU runs.
    TorchCpu,
    /// An NVIDIA GPU, counted from 0.
    Cuda(usize),
    /// The GPU of an Apple processor.
    Mps,
}
// ANCHOR_END: devices

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |n: &str| n.parse().map(Device::Cuda).ok();
        let device = match text {
            "auto" => Some(Device::Auto),
            "cpu" => Some(Device::Cpu),
            "torch-cpu" => Some(Device::TorchCpu),
            "cuda" => Some(Device::Cuda(0)),
            "mps" => Some(Device::Mps),
            other => other.strip_prefix("cuda:").and_then(number),
        };
        let expected = "choose auto, cpu, cuda, cuda:N (N counts from 0), mps or torch-cpu";
        device.ok_or_else(|| Error::setting("--device", text, expected))
    }
}

impl Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::TorchCpu => f.write_str("torch-cpu"),
            Device::Cuda(n) => write!(f, "cuda:{n}"),
            Device::Mps => f.write_str("mps"),
        }
    }
}

/// The precision of the matrix products. Weights, gradient, moments, norms, softmax
/// and loss are always in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// All 24 significand bits of f32.
    F32,
    /// TF32: factors are rounded to 11 significand bits, sums are f32. NVIDIA GPUs since Ampere.
    Tf32,
    /// bfloat16: factors are rounded to 8 significand bits and stored so, sums are f32.
    Bf16,
}

impl Precision {
    /// All precisions with their names.
    pub const ALL: [(&str, Precision); 3] =
        [("f32", Precision::F32), ("tf32", Precision::Tf32), ("bf16", Precision::Bf16)];

    /// Reads a precision; `auto` is bf16 on an NVIDIA GPU and f32 everywhere else.
    ///
    /// # Errors
    /// [`Error::Setting`] for an unknown name, and for tf32 on a device without it.
    pub fn choose(text: &str, device: Device) -> Result<Self> {
        let gpu = matches!(device, Device::Cuda(_));
        if text == "auto" {
            return Ok(if gpu { Precision::Bf16 } else { Precision::F32 });
        }
        match Self::ALL.into_iter().find(|(name, _)| *name == text) {
            Some((_, Precision::Tf32)) if !gpu => {
                let expected = format!(
                    "only NVIDIA's GPUs multiply in tf32, and this runs on {device}; choose f32 \
                     or bf16"
                );
                Err(Error::setting("--precision", text, expected))
            }
            Some((_, precision)) => Ok(precision),
            None => Err(Error::setting(
                "--precision",
                text,
                "choose auto, f32, tf32 (on NVIDIA's \
                    GPUs) or bf16",
            )),
        }
    }
}

impl Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (name, _) = Self::ALL.into_iter().find(|(_, p)| p == self).expect("all are named");
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_they_are_shown() {
        for device in [
            Device::Auto,
            Device::Cpu,
            Device::TorchCpu,
            Device::Cuda(0),
            Device::Cuda(7),
            Device::Mps,
        ] {
            assert_eq!(device.to_string().parse::<Device>().unwrap(), device);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        for wrong in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA"] {
            let error = wrong.parse::<Device>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("--device = {wrong}: choose auto")), "{error}");
        }
    }

    #[test]
    fn a_precision_fits_its_device() {
        let choose = Precision::choose;
        assert_eq!(choose("auto", Device::Cuda(1)).unwrap(), Precision::Bf16);
        assert_eq!(choose("auto", Device::Cpu).unwrap(), Precision::F32);
        assert_eq!(choose("tf32", Device::Cuda(0)).unwrap(), Precision::Tf32);
        assert_eq!(choose("bf16", Device::Cpu).unwrap(), Precision::Bf16);
        let error = choose("tf32", Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("this runs on cpu; choose f32"), "{error}");
        assert!(choose("f16", Device::Cuda(0)).is_err());
        for (name, precision) in Precision::ALL {
            assert_eq!(precision.to_string(), name);
        }
    }
}
