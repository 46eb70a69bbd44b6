//! What a user can do about an error of libtorch.

use stage01_bigram::Error;
use tch::TchError;

use crate::backend::device::Device;

/// An error for users.
///
/// batch_size: how many sequences a micro-batch has, which is what to change when memory runs out.
pub(super) fn explain(device: Device, batch_size: usize, error: TchError) -> Error {
    let text = match error {
        TchError::Torch(text) => text,
        other => other.to_string(),
    };
    let lower = text.to_lowercase();
    if lower.contains("out of memory") || lower.contains("can't allocate memory") {
        let expected = format!(
            "{device} has not enough memory for so many sequences at once; choose a smaller \
             --batch-size and as much more --gradient-accumulation-steps: what is learned is the \
             same (`doctor` says which fits)"
        );
        return Error::setting("--batch-size", batch_size, expected);
    }
    // What follows is where in libtorch it happened.
    let problem = text.lines().next().unwrap_or("an error without a word").trim().to_string();
    let remedy = "run `doctor` to see whether the device can be used; --device cpu needs none";
    Error::Device { device: device.to_string(), problem, remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    fn explained(device: Device, text: &str) -> String {
        explain(device, 32, TchError::Torch(text.into())).to_string()
    }

    #[test]
    fn too_little_memory_is_said_as_a_setting() {
        let text = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …\nException raised";
        let error = explained(Device::Cuda(0), text);
        assert!(error.starts_with("--batch-size = 32: cuda:0 has not enough memory"), "{error}");
    }

    #[test]
    fn what_libtorch_says_of_too_little_memory_is_understood() {
        // A table of 2^60 numbers.
        let error = Tensor::f_zeros([1 << 60], (Kind::Float, tch::Device::Cpu)).unwrap_err();
        let TchError::Torch(text) = error else { panic!("{error}") };
        let said = explained(Device::TorchCpu, &text);
        assert!(said.starts_with("--batch-size = 32: torch-cpu has not enough"), "{text}");
    }

    #[test]
    fn other_troubles_keep_their_first_line() {
        let error = explained(Device::Cuda(1), "CUDA error: unknown\nException raised from …");
        assert!(error.starts_with("cuda:1: CUDA error: unknown; run `doctor`"), "{error}");
    }
}
