//! The peak speed of a device in matrix products: the denominator of utilisation (MFU).
//!
//! The figures are those of the data sheets for dense matrices (the larger figures there are for
//! matrices with half of their entries zero) with sums in f32. A GPU that is not listed is
//! measured.

use std::fs;
use std::time::Instant;

use tch::{Kind, Tensor};

use super::Torch;
use crate::backend::device::Precision;

/// Part of a GPU's name, and its TFLOP/s in f32, TF32 and bf16, from NVIDIA's data sheets. The
/// first match counts.
const KNOWN: [(&str, [f64; 3]); 10] = [
    ("B200", [80.0, 1125.0, 2250.0]),
    ("GH200", [67.0, 494.7, 989.4]),
    ("H200", [67.0, 494.7, 989.4]),
    ("H100 PCIe", [51.2, 378.0, 756.0]),
    ("H100", [66.9, 494.7, 989.4]),
    ("A100", [19.5, 156.0, 312.0]),
    ("L40S", [91.6, 183.0, 362.0]),
    ("L4", [30.3, 60.0, 121.0]),
    ("RTX 4090", [82.6, 82.6, 165.2]),
    ("RTX 3090", [35.6, 35.6, 71.0]),
];

/// Peak FLOP/s, from the data sheet or measured.
pub(super) fn flops(place: tch::Device, precision: Precision) -> Option<f64> {
    let name = match place {
        tch::Device::Cuda(_) => gpu_name(),
        _ => None,
    };
    name.and_then(|name| known(&name, precision)).or_else(|| measured(place, precision).ok())
}

/// Peak FLOP/s of a GPU that is listed.
fn known(name: &str, precision: Precision) -> Option<f64> {
    let column = match precision {
        Precision::F32 => 0,
        Precision::Tf32 => 1,
        Precision::Bf16 => 2,
    };
    let words: Vec<&str> = name.split([' ', '-']).collect();
    // Whole words only: an L40 is not an L4.
    let fits = |key: &str| {
        let key: Vec<&str> = key.split(' ').collect();
        words.windows(key.len()).any(|part| part == key)
    };
    let (_, numbers) = KNOWN.iter().find(|(key, _)| fits(key))?;
    Some(numbers[column] * 1e12)
}

/// The name of the GPUs according to the driver: `NVIDIA H100 80GB HBM3`. `None` where they differ,
/// because CUDA numbers them in another order than the driver.
pub(super) fn gpu_name() -> Option<String> {
    let names = names();
    let first = names.first()?.clone();
    names.iter().all(|name| *name == first).then_some(first)
}

/// The names of all GPUs of this machine.
pub(crate) fn names() -> Vec<String> {
    let Ok(directory) = fs::read_dir("/proc/driver/nvidia/gpus") else { return Vec::new() };
    let mut gpus: Vec<_> = directory.flatten().map(|entry| entry.path()).collect();
    gpus.sort();
    let name =
        |path: &std::path::PathBuf| model(&fs::read_to_string(path.join("information")).ok()?);
    gpus.iter().filter_map(name).collect()
}

/// The line `Model:` of the driver's description.
fn model(information: &str) -> Option<String> {
    let line = information.lines().find_map(|line| line.strip_prefix("Model:"))?;
    Some(line.trim().to_string())
}

/// FLOP/s of the fastest of some large products. Takes less than a second on a GPU.
fn measured(place: tch::Device, precision: Precision) -> Torch<f64> {
    let _guard = tch::no_grad_guard();
    let n: i64 = if place == tch::Device::Cpu { 1024 } else { 8192 };
    let kind = if precision == Precision::Bf16 { Kind::BFloat16 } else { Kind::Float };
    // Varied numbers: a GPU is faster on equal ones, which need less power.
    let a = Tensor::f_linspace(-1.0, 1.0, n * n, (Kind::Float, place))?;
    let a = a.f_sin()?.f_view([n, n])?.f_to_kind(kind)?;
    // ANCHOR: wait
    let mut best = f64::INFINITY;
    for _ in 0..8 {
        let begin = Instant::now();
        // Reading one number of the result waits for all of it.
        a.f_mm(&a)?.f_double_value(&[0, 0])?;
        best = best.min(begin.elapsed().as_secs_f64());
    }
    // ANCHOR_END: wait
    Ok(2.0 * (n as f64).powi(3) / best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_gpus_are_distinguished() {
        let bf16 = |name| known(name, Precision::Bf16).map(|flops| flops / 1e12);
        assert_eq!(bf16("NVIDIA H100 80GB HBM3"), Some(989.4));
        assert_eq!(bf16("NVIDIA H100 PCIe"), Some(756.0));
        assert_eq!(bf16("NVIDIA A100-SXM4-40GB"), Some(312.0));
        assert_eq!(bf16("NVIDIA L4"), Some(121.0));
        assert_eq!(bf16("NVIDIA L40S"), Some(362.0));
        assert_eq!(bf16("NVIDIA L40"), None);
        assert_eq!(bf16("NVIDIA GeForce RTX 4090"), Some(165.2));
        assert_eq!(known("NVIDIA H200", Precision::Tf32), Some(494.7e12));
    }

    #[test]
    fn the_name_is_read_from_the_drivers_description() {
        let text = "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 120\nGPU UUID: \t GPU-1\n";
        assert_eq!(model(text).unwrap(), "NVIDIA H100 80GB HBM3");
        assert_eq!(model(""), None);
    }

    #[test]
    fn an_unknown_device_is_measured() {
        let flops = flops(tch::Device::Cpu, Precision::F32).unwrap();
        assert!(flops.is_finite() && flops > 1e6, "{flops}");
    }
}
