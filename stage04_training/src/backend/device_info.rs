//! Facts about libtorch and the GPU. They are gathered here and judged in
//! [`judge`](mod@super::judge), so that every judgement can be tested with made-up facts.
//!
//! ```
//! use stage04_training::backend::{DeviceInfo, Reason, Verdict, judge};
//!
//! // This program on this machine.
//! let info = DeviceInfo::gather();
//! assert_eq!(info.built_with_libtorch(), cfg!(feature = "torch"));
//! // Without libtorch no GPU is seen, whatever the driver says.
//! let info = DeviceInfo { libtorch: None, driver: Some("580.65.06".into()), ..info };
//! assert_eq!(judge(&info), Verdict::No(Reason::NotBuilt));
//! ```

use std::env;
use std::fs;
use std::path::Path;

/// The version of libtorch that the crate tch supports.
pub const EXPECTED: &str = "2.11.0";

/// Facts about this program and machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceInfo {
    /// libtorch; `None` in a program that was built without it.
    pub libtorch: Option<Libtorch>,
    /// The number of NVIDIA GPUs that libtorch sees.
    pub gpus: usize,
    /// Their names according to the driver.
    pub names: Vec<String>,
    /// The free and the total memory of the first, in bytes.
    pub memory: Option<(u64, u64)>,
    /// Whether libtorch sees the GPU of an Apple processor.
    pub mps: bool,
    /// The version of the NVIDIA driver in the system's kernel, such as `580.65.06`.
    pub driver: Option<String>,
    /// Whether the driver's library, `libcuda.so.1`, is found.
    pub libcuda: bool,
    /// The environment variable `CUDA_VISIBLE_DEVICES`, if set.
    pub visible: Option<String>,
    /// Whether there is a device file of a GPU, such as `/dev/nvidia0`.
    pub device_file: bool,
}

/// Facts about libtorch.
#[derive(Clone, Debug, PartialEq)]
pub struct Libtorch {
    /// The directory of its libraries.
    pub directory: String,
    /// The version in that directory, such as `2.11.0+cu130`.
    pub version: String,
    /// The version that the program was built with.
    pub built: String,
    /// Whether the library for CUDA is in the directory.
    pub cuda_file: bool,
    /// Whether the library for CUDA is loaded into this process.
    pub cuda_loaded: bool,
}

impl DeviceInfo {
    /// Gathers the facts.
    pub fn gather() -> DeviceInfo {
        let visible = env::var_os("CUDA_VISIBLE_DEVICES");
        DeviceInfo {
            libtorch: libtorch::inspect(),
            gpus: libtorch::gpus(),
            names: libtorch::names(),
            memory: libtorch::memory(),
            mps: libtorch::mps(),
            driver: driver_version(&read("/proc/driver/nvidia/version")),
            libcuda: libcuda(),
            visible: visible.map(|text| text.to_string_lossy().into_owned()),
            device_file: (0..16).any(|n| Path::new(&format!("/dev/nvidia{n}")).exists())
                || Path::new("/dev/dxg").exists(), // Windows' subsystem for Linux
        }
    }

    /// Whether this program has libtorch.
    pub fn built_with_libtorch(&self) -> bool {
        self.libtorch.is_some()
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The version in the first line of the driver's own description:
/// `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build …`.
fn driver_version(text: &str) -> Option<String> {
    let is_version = |word: &&str| {
        word.contains('.') && word.split('.').all(|n| !n.is_empty() && n.parse::<u32>().is_ok())
    };
    text.lines().next()?.split_whitespace().find(is_version).map(str::to_string)
}

/// Whether `libcuda.so.1` is in one of the usual directories or in one of `LD_LIBRARY_PATH`.
fn libcuda() -> bool {
    let usual = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/lib/wsl/lib",
        "/usr/local/nvidia/lib64",
        "/usr/local/cuda/compat",
        "/run/opengl-driver/lib",
    ];
    let named = env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let mut directories =
        usual.into_iter().chain(named.split(':').filter(|directory| !directory.is_empty()));
    directories.any(|directory| Path::new(directory).join("libcuda.so.1").exists())
}

#[cfg(feature = "torch")]
mod libtorch {
    use super::{Libtorch, read};
    use crate::backend::torch::{missing, peak};
    use std::path::Path;

    /// The directory of libtorch, and the version that the program was built with (`build.rs`).
    const DIRECTORY: &str = env!("LIBTORCH_LIB");
    const BUILT: &str = env!("LIBTORCH_VERSION");

    pub fn inspect() -> Option<Libtorch> {
        let maps = read("/proc/self/maps");
        // The path it was loaded from: LD_LIBRARY_PATH takes precedence over the rpath.
        let loaded = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
        let loaded = loaded.map(Path::new).find(|path| path.ends_with("libtorch_cpu.so"));
        let directory = loaded.and_then(Path::parent).unwrap_or(Path::new(DIRECTORY));
        let home = directory.parent().unwrap_or(directory);
        let file = |name: &str| std::fs::read_to_string(home.join(name)).unwrap_or_default();
        let version = version(&file("version.py"), &file("build-version"));
        Some(Libtorch {
            directory: directory.display().to_string(),
            version: version.unwrap_or_else(|| BUILT.to_string()),
            built: BUILT.to_string(),
            cuda_file: directory.join("libtorch_cuda.so").exists(),
            cuda_loaded: maps.contains("libtorch_cuda.so"),
        })
    }

    /// The version of an installation, from `version.py` in a wheel or `build-version` in an
    /// archive.
    fn version(wheel: &str, archive: &str) -> Option<String> {
        let quoted = wheel.lines().find_map(|line| line.strip_prefix("__version__ = '"));
        let version = quoted.and_then(|line| line.split('\'').next()).or(archive.lines().next())?;
        Some(version.trim().to_string())
    }

    pub fn gpus() -> usize {
        usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
    }

    pub fn names() -> Vec<String> {
        peak::names()
    }

    pub fn memory() -> Option<(u64, u64)> {
        if gpus() == 0 {
            return None;
        }
        // libtorch reports a GPU's memory only after an allocation.
        let scalar = tch::Tensor::f_zeros([], (tch::Kind::Float, tch::Device::Cuda(0)));
        scalar.and_then(|_| missing::memory(0)).ok()
    }

    pub fn mps() -> bool {
        tch::utils::has_mps()
    }

    #[test]
    fn versions_are_read() {
        let wheel = "from typing import Optional\n__version__ = '2.11.0+cu130'\ncuda = '13.0'\n";
        assert_eq!(version(wheel, "").unwrap(), "2.11.0+cu130");
        assert_eq!(version("", "2.11.0+cpu\n").unwrap(), "2.11.0+cpu");
        assert_eq!(version("", ""), None);
    }
}

/// Without libtorch there is nothing to see.
#[cfg(not(feature = "torch"))]
mod libtorch {
    pub fn inspect() -> Option<super::Libtorch> {
        None
    }

    pub fn gpus() -> usize {
        0
    }

    pub fn names() -> Vec<String> {
        Vec::new()
    }

    pub fn memory() -> Option<(u64, u64)> {
        None
    }

    pub fn mps() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_driver_is_read() {
        let closed = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 \
                      07:17:21 UTC 2025\nGCC version: gcc version 12.2.0";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.195.03  Release \
                    Build  (dvs-builder@U22-I3-AE18-23-3)";
        assert_eq!(driver_version(closed).unwrap(), "580.65.06");
        assert_eq!(driver_version(open).unwrap(), "570.195.03");
        assert_eq!(driver_version(""), None);
        assert_eq!(driver_version("GCC version: gcc"), None);
    }

    #[test]
    fn facts_agree_with_the_build() {
        let facts = DeviceInfo::gather();
        assert_eq!(facts.built_with_libtorch(), cfg!(feature = "torch"));
        if let Some(libtorch) = facts.libtorch {
            assert_eq!(libtorch.version, libtorch.built);
            // The linker must not have dropped it.
            assert_eq!(libtorch.cuda_file, libtorch.cuda_loaded, "{}", libtorch.directory);
        }
    }
}
