//! Five functions of libtorch that the crate tch does not pass on; `missing.cpp` is their other
//! half.
//!
//! This is the only place of the crate that needs `unsafe`: code that calls C++ must promise that
//! the pointers are good. They are: each is taken from a [`Tensor`] that is borrowed until the
//! call is over, and C++ keeps none of them.

#![allow(unsafe_code, reason = "functions in C++ can be called in no other way")]

use std::ffi::{CStr, c_char, c_int};

use tch::{TchError, Tensor};

use super::Torch;

/// An `at::Tensor`, as tch keeps it.
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

/// Turns what C++ says into what Rust says.
fn check(message: *const c_char) -> Torch<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so it is the text that `guarded` keeps until this thread calls again.
    let text = unsafe { CStr::from_ptr(message) };
    Err(TchError::Torch(text.to_string_lossy().into_owned()))
}

fn pointers(tensors: &mut [Tensor]) -> Vec<Raw> {
    tensors.iter_mut().map(Tensor::as_mut_ptr).collect()
}

/// The numbers of [`AdamW`](stage03_gpt::adamw::AdamW) for one step.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub weight_decay: f64,
    pub eps: f64,
}

/// One step of AdamW in one kernel, each number fetched once.
///
/// weights, gradients, m, v: tensors of the same lengths, in the same order. step: its number,
/// counted from 1, and divisor: what the gradients are divided by first; f32 scalars on the same
/// device.
///
/// # Errors
/// What libtorch says.
pub(super) fn fused_adamw(
    [weights, gradients, m, v]: [&mut [Tensor]; 4],
    step: &mut Tensor,
    divisor: &mut Tensor,
    rates: Rates,
) -> Torch<()> {
    let n = weights.len();
    // libtorch checks none of this, and would read and write beyond the end.
    for table in [&*gradients, &*m, &*v] {
        let alike = |(a, b): (&Tensor, &Tensor)| a.size() == b.size() && a.device() == b.device();
        assert_eq!(table.len(), n, "four tables for each");
        assert!(table.iter().zip(&*weights).all(alike), "four tables of one shape in one place");
    }
    for table in [&*weights, &*gradients, &*m, &*v] {
        let plain = |table: &Tensor| table.kind() == tch::Kind::Float && table.is_contiguous();
        assert!(table.iter().all(plain), "numbers of f32, one after another");
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

/// Whether matrix products of f32 may round what they multiply to TF32. For the whole process.
///
/// # Errors
/// What libtorch says.
pub(super) fn allow_tf32(allow: bool) -> Torch<()> {
    // SAFETY: no pointers.
    check(unsafe { missing_allow_tf32(allow) })
}

/// The most bytes that tensors have taken on this GPU since the counting began.
///
/// # Errors
/// What libtorch says; it does so where the GPU was never used.
pub(super) fn peak_memory(device: usize) -> Torch<u64> {
    let (device, mut bytes) = (c_int::try_from(device).unwrap_or(c_int::MAX), 0);
    // SAFETY: `bytes` lives until the call is over.
    check(unsafe { missing_peak_memory(device, &mut bytes) })?;
    Ok(bytes)
}

/// Begins to count the memory of a GPU again.
///
/// # Errors
/// What libtorch says; it does so where the GPU was never used.
pub(super) fn reset_peak_memory(device: usize) -> Torch<()> {
    let device = c_int::try_from(device).unwrap_or(c_int::MAX);
    // SAFETY: no pointers.
    check(unsafe { missing_reset_peak_memory(device) })
}

/// The free and the whole memory of a GPU, in bytes.
///
/// # Errors
/// What libtorch says; it does so where there is no such GPU.
pub(crate) fn memory(device: usize) -> Torch<(u64, u64)> {
    let (device, mut free, mut total) = (c_int::try_from(device).unwrap_or(c_int::MAX), 0, 0);
    // SAFETY: `free` and `total` live until the call is over.
    check(unsafe { missing_memory(device, &mut free, &mut total) })?;
    Ok((free, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cplusplus_throws_is_an_error_and_no_crash() {
        let error = memory(9999).unwrap_err().to_string();
        assert!(!error.is_empty());
    }

    fn step(lengths: [i64; 4]) -> Torch<()> {
        let table = |n: i64| vec![Tensor::zeros([n], (tch::Kind::Float, tch::Device::Cpu))];
        let [mut w, mut g, mut m, mut v] = lengths.map(table);
        let scalar = || Tensor::from(1.0f32);
        let rates = Rates { lr: 0.1, beta1: 0.9, beta2: 0.9, weight_decay: 0.0, eps: 1e-8 };
        fused_adamw([&mut w[..], &mut g, &mut m, &mut v], &mut scalar(), &mut scalar(), rates)
    }

    #[test]
    fn tables_that_fit_take_a_step() {
        step([4; 4]).unwrap();
    }

    #[test]
    #[should_panic(expected = "of one shape")]
    fn tables_that_do_not_fit_are_a_bug() {
        let _ = step([4, 4, 4, 3]);
    }
}
