//! How fast a device multiplies when it does nothing else: what utilisation is a share of.
//!
//! The makers' numbers, for dense matrices (the larger ones of their tables are for matrices of
//! which half are zeros), with sums in f32. Where a GPU is not in the table, it is measured.

use std::fs;
use std::time::Instant;

use tch::{Kind, Tensor};

use super::Torch;
use crate::backend::device::Precision;

/// Part of a GPU's name; then 10^12 operations per second in f32, TF32 and bf16. The first that
/// fits counts. NVIDIA's data sheets of each.
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

/// Operations per second, as the maker says or as measured.
pub(super) fn flops(place: tch::Device, precision: Precision) -> Option<f64> {
    let name = match place {
        tch::Device::Cuda(_) => gpu_name(),
        _ => None,
    };
    name.and_then(|name| known(&name, precision)).or_else(|| measured(place, precision).ok())
}

/// What the table says.
fn known(name: &str, precision: Precision) -> Option<f64> {
    let column = match precision {
        Precision::F32 => 0,
        Precision::Tf32 => 1,
        Precision::Bf16 => 2,
    };
    let words: Vec<&str> = name.split([' ', '-']).collect();
    // As whole words: an L40 is no L4.
    let fits = |key: &str| {
        let key: Vec<&str> = key.split(' ').collect();
        words.windows(key.len()).any(|part| part == key)
    };
    let (_, numbers) = KNOWN.iter().find(|(key, _)| fits(key))?;
    Some(numbers[column] * 1e12)
}

/// The name of a GPU, as the driver tells it: `NVIDIA H100 80GB HBM3`. None where there are
/// different ones: CUDA numbers them in another order than the driver.
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

/// The best of some large products. Takes less than a second on a GPU.
fn measured(place: tch::Device, precision: Precision) -> Torch<f64> {
    let _guard = tch::no_grad_guard();
    let n: i64 = if place == tch::Device::Cpu { 1024 } else { 8192 };
    let kind = if precision == Precision::Bf16 { Kind::BFloat16 } else { Kind::Float };
    // Not all alike: a GPU is faster with numbers that need less current.
    let a = Tensor::f_linspace(-1.0, 1.0, n * n, (Kind::Float, place))?;
    let a = a.f_sin()?.f_view([n, n])?.f_to_kind(kind)?;
    // ANCHOR: wait
    let mut best = f64::INFINITY;
    for _ in 0..8 {
        let begin = Instant::now();
        // To look at one number of the result is to wait for it.
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
    fn known_gpus_are_told_apart() {
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
