//! Five functions of libtorch that the crate tch does not expose; `missing.cpp` is the C++ side.
//!
//! This is the only file of the crate that needs `unsafe`: code that calls C++ must promise that
//! the pointers are valid. They are: each comes from a [`Tensor`] that is borrowed until the call
//! returns, and C++ keeps none of them.

#![allow(unsafe_code, reason = "functions in C++ can be called in no other way")]

use std::ffi::{CStr, c_char, c_int};

use tch::{TchError, Tensor};

use super::Torch;

/// A pointer to an `at::Tensor`, as in tch.
type Raw = *mut torch_sys::C_tensor;

unsafe extern "C" {
    fn missing_fused_adamw(
        n: usize,
        weights: *const Raw,
        gradients: *const Raw,
        m: *const Raw,
        v: *const Raw,
        step: Raw,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
        divisor: Raw,
    ) -> *const c_char;
    fn missing_allow_tf32(allow: bool) -> *const c_char;
    fn missing_peak_memory(device: c_int, bytes: *mut u64) -> *const c_char;
    fn missing_reset_peak_memory(device: c_int) -> *const c_char;
    fn missing_memory(device: c_int, free: *mut u64, total: *mut u64) -> *const c_char;
}

/// The message of C++ as a Rust error.
fn check(message: *const c_char) -> Torch<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so it is the message that `guarded` keeps until this thread calls again.
    let text = unsafe { CStr::from_ptr(message) };
    Err(TchError::Torch(text.to_string_lossy().into_owned()))
}

fn pointers(tensors: &mut [Tensor]) -> Vec<Raw> {
    tensors.iter_mut().map(Tensor::as_mut_ptr).collect()
}

/// The hyperparameters of [`AdamW`](stage03_gpt::adamw::AdamW) for one step.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub weight_decay: f64,
    pub eps: f64,
}

/// One step of AdamW in one kernel, which reads each number once.
///
/// weights, gradients, m, v: tensors of the same shapes in the same order. step: the number of the
/// step, from 1. divisor: the gradients are divided by it first. Both are f32 scalars on the same
/// device.
///
/// # Errors
/// Those of libtorch.
pub(super) fn fused_adamw(
    [weights, gradients, m, v]: [&mut [Tensor]; 4],
    step: &mut Tensor,
    divisor: &mut Tensor,
    rates: Rates,
) -> Torch<()> {
    let n = weights.len();
    // libtorch checks none of this, and would read and write out of bounds.
    for tensors in [&*gradients, &*m, &*v] {
        let alike = |(a, b): (&Tensor, &Tensor)| a.size() == b.size() && a.device() == b.device();
        assert_eq!(tensors.len(), n, "a gradient and two moments for each weight");
        assert!(tensors.iter().zip(&*weights).all(alike), "tensors of one shape on one device");
    }
    for tensors in [&*weights, &*gradients, &*m, &*v] {
        let plain = |tensor: &Tensor| tensor.kind() == tch::Kind::Float && tensor.is_contiguous();
        assert!(tensors.iter().all(plain), "contiguous tensors of f32");
    }
    let [weights, gradients, m, v] = [weights, gradients, m, v].map(pointers);
    let Rates { lr, beta1, beta2, weight_decay, eps } = rates;
    // SAFETY: n pointers each, to tensors that this function has borrowed.
    check(unsafe {
        missing_fused_adamw(
            n,
            weights.as_ptr(),
            gradients.as_ptr(),
            m.as_ptr(),
            v.as_ptr(),
            step.as_mut_ptr(),
            lr,
            beta1,
            beta2,
            weight_decay,
            eps,
            divisor.as_mut_ptr(),
        )
    })
}

/// Sets whether matrix products of f32 may round their factors to TF32, for the whole process.
///
/// # Errors
/// Those of libtorch.
pub(super) fn allow_tf32(allow: bool) -> Torch<()> {
    // SAFETY: no pointers.
    check(unsafe { missing_allow_tf32(allow) })
}

/// Peak bytes of tensors on this GPU since the last reset.
///
/// # Errors
/// Those of libtorch, for example where the GPU was never used.
pub(super) fn peak_memory(device: usize) -> Torch<u64> {
    let (device, mut bytes) = (c_int::try_from(device).unwrap_or(c_int::MAX), 0);
    // SAFETY: `bytes` lives until the call returns.
    check(unsafe { missing_peak_memory(device, &mut bytes) })?;
    Ok(bytes)
}

/// Resets the peak memory of a GPU to its present use.
///
/// # Errors
/// Those of libtorch, for example where the GPU was never used.
pub(super) fn reset_peak_memory(device: usize) -> Torch<()> {
    let device = c_int::try_from(device).unwrap_or(c_int::MAX);
    // SAFETY: no pointers.
    check(unsafe { missing_reset_peak_memory(device) })
}

/// The free and the total memory of a GPU, in bytes.
///
/// # Errors
/// Those of libtorch, for example where there is no such GPU.
pub(crate) fn memory(device: usize) -> Torch<(u64, u64)> {
    let (device, mut free, mut total) = (c_int::try_from(device).unwrap_or(c_int::MAX), 0, 0);
    // SAFETY: `free` and `total` live until the call returns.
    check(unsafe { missing_memory(device, &mut free, &mut total) })?;
    Ok((free, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cplusplus_exception_is_an_error_and_not_a_crash() {
        let error = memory(9999).unwrap_err().to_string();
        assert!(!error.is_empty());
    }

    fn step(lengths: [i64; 4]) -> Torch<()> {
        let tensors = |n: i64| vec![Tensor::zeros([n], (tch::Kind::Float, tch::Device::Cpu))];
        let [mut w, mut g, mut m, mut v] = lengths.map(tensors);
        let scalar = || Tensor::from(1.0f32);
        let rates = Rates { lr: 0.1, beta1: 0.9, beta2: 0.9, weight_decay: 0.0, eps: 1e-8 };
        fused_adamw([&mut w[..], &mut g, &mut m, &mut v], &mut scalar(), &mut scalar(), rates)
    }

    #[test]
    fn tensors_of_one_shape_take_a_step() {
        step([4; 4]).unwrap();
    }

    #[test]
    #[should_panic(expected = "of one shape")]
    fn tensors_of_different_shapes_are_a_bug() {
        let _ = step([4, 4, 4, 3]);
    }
}
