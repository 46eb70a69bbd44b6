//! Errors of libtorch, explained to users.

use stage01_bigram::Error;
use tch::TchError;

use crate::backend::device::Device;

/// The error for users, with a remedy.
///
/// batch_size: the sequences of a micro-batch, the setting to change when memory runs out.
pub(super) fn explain(device: Device, batch_size: usize, error: TchError) -> Error {
    let text = match error {
        TchError::Torch(text) => text,
        other => other.to_string(),
    };
    let lower = text.to_lowercase();
    if lower.contains("out of memory") || lower.contains("can't allocate memory") {
        let expected = format!(
            "{device} has not enough memory for a micro-batch of this size; choose a smaller \
             --batch-size and more --gradient-accumulation-steps, which gives the same training \
             (`doctor` says which batch size fits)"
        );
        return Error::setting("--batch-size", batch_size, expected);
    }
    // The other lines are libtorch's stack trace.
    let problem = text.lines().next().unwrap_or("an error without a message").trim().to_string();
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
    fn out_of_memory_names_the_batch_size() {
        let text = "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has …\nException raised";
        let error = explained(Device::Cuda(0), text);
        assert!(error.starts_with("--batch-size = 32: cuda:0 has not enough memory"), "{error}");
    }

    #[test]
    fn libtorchs_own_out_of_memory_is_recognised() {
        // A tensor of 2^60 numbers.
        let error = Tensor::f_zeros([1 << 60], (Kind::Float, tch::Device::Cpu)).unwrap_err();
        let TchError::Torch(text) = error else { panic!("{error}") };
        let said = explained(Device::TorchCpu, &text);
        assert!(said.starts_with("--batch-size = 32: torch-cpu has not enough"), "{text}");
    }

    #[test]
    fn other_errors_keep_their_first_line() {
        let error = explained(Device::Cuda(1), "CUDA error: unknown\nException raised from …");
        assert!(error.starts_with("cuda:1: CUDA error: unknown; run `doctor`"), "{error}");
    }
}
