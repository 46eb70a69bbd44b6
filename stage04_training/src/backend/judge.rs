//! Decides whether this program can use a GPU; if not, why not and what to do.
//!
//! ```
//! use stage04_training::backend::{DeviceInfo, Reason, Verdict, judge};
//!
//! assert_eq!(judge(&DeviceInfo::default()), Verdict::No(Reason::NotBuilt));
//! ```

use super::device_info::{DeviceInfo, EXPECTED, Libtorch};

/// Whether a GPU can be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It can.
    Ready,
    /// It cannot.
    No(Reason),
}

/// Why no GPU can be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The program was built without libtorch.
    NotBuilt,
    /// libtorch has another version than the program needs.
    OtherVersion {
        /// The version that was found.
        found: String,
        /// Its directory.
        directory: String,
    },
    /// libtorch was built for the CPU only.
    CpuOnly {
        /// Its directory.
        directory: String,
    },
    /// The library for CUDA exists, but the linker left it out of the program.
    Dropped,
    /// `CUDA_VISIBLE_DEVICES` hides all GPUs.
    Hidden {
        /// Its value.
        value: String,
    },
    /// No driver.
    NoDriver,
    /// The kernel has the driver, but the driver's library is missing.
    NoLibrary,
    /// The driver is older than this libtorch needs.
    OldDriver {
        /// The driver's version.
        found: String,
        /// The oldest version that is new enough.
        needed: u32,
        /// The version of CUDA that needs it.
        cuda: u32,
    },
    /// Driver and library exist, but no GPU is visible to this program.
    NoDevice,
    /// None of these.
    Unknown,
}

impl Reason {
    /// Whether libtorch cannot be used at all, not even on the processor.
    pub fn spoils_everything(&self) -> bool {
        matches!(self, Reason::NotBuilt | Reason::OtherVersion { .. })
    }

    /// What is wrong.
    pub fn problem(&self) -> String {
        match self {
            Reason::NotBuilt => "this program was built without libtorch".into(),
            Reason::OtherVersion { found, directory } => {
                format!("libtorch in {directory} is {found}, and this program needs {EXPECTED}")
            }
            Reason::CpuOnly { directory } => {
                format!("libtorch in {directory} was built for the CPU only")
            }
            Reason::Dropped => "the linker left libtorch_cuda out of this program".into(),
            Reason::Hidden { value } => {
                format!("CUDA_VISIBLE_DEVICES is \"{value}\": all GPUs are hidden")
            }
            Reason::NoDriver => "there is no NVIDIA driver".into(),
            Reason::NoLibrary => {
                "the driver is installed, but its library libcuda.so.1 is missing".into()
            }
            Reason::OldDriver { found, needed, cuda } => {
                format!("the driver is {found}, and CUDA {cuda} needs {needed} or newer")
            }
            Reason::NoDevice => {
                "the driver is installed, but no GPU is visible to this program".into()
            }
            Reason::Unknown => "libtorch sees no GPU, for none of the usual reasons".into(),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Reason::NotBuilt => {
                "install libtorch with stage04_training/install-libtorch.sh, then run with \
                 `--features torch`"
            }
            Reason::OtherVersion { .. } => {
                "run stage04_training/install-libtorch.sh again, and build again"
            }
            Reason::CpuOnly { .. } => {
                "run stage04_training/install-libtorch.sh without --cpu, and build again"
            }
            Reason::Dropped => {
                "build with stage04_training/build.rs as it is, without linker flags of your own; \
                 `readelf -d` on the program must show libtorch_cuda.so"
            }
            Reason::Hidden { .. } => "unset CUDA_VISIBLE_DEVICES, or set it to 0",
            Reason::NoDriver => {
                "install NVIDIA's driver, 580 or newer (`nvidia-smi` then shows the GPU); without \
                 an NVIDIA GPU choose --device cpu"
            }
            Reason::NoLibrary => {
                "in a container: start it with the GPU (`docker run --gpus all`); elsewhere: \
                 install the driver's libraries of the same version"
            }
            Reason::OldDriver { .. } => "update NVIDIA's driver and restart the machine",
            Reason::NoDevice => {
                "check that `nvidia-smi` shows it; in a container start it with the GPU \
                 (`docker run --gpus all`); on a cluster ask for a GPU"
            }
            Reason::Unknown => {
                "check that `nvidia-smi` works; a driver that was updated needs a restart"
            }
        }
        .into()
    }
}

/// Judges the facts. The first reason counts, because the later ones often follow from it.
pub fn judge(facts: &DeviceInfo) -> Verdict {
    let Some(libtorch) = &facts.libtorch else { return Verdict::No(Reason::NotBuilt) };
    let directory = || libtorch.directory.clone();
    if !libtorch.fits() {
        let found = libtorch.version.clone();
        return Verdict::No(Reason::OtherVersion { found, directory: directory() });
    }
    if facts.gpus > 0 {
        return Verdict::Ready;
    }
    // ANCHOR: judge
    Verdict::No(if !libtorch.cuda_file {
        Reason::CpuOnly { directory: directory() }
    } else if !libtorch.cuda_loaded {
        Reason::Dropped
    } else if let Some(value) = facts.visible.clone().filter(|value| hides_all(value)) {
        Reason::Hidden { value }
    } else if facts.driver.is_none() && !facts.libcuda {
        Reason::NoDriver
    } else if !facts.libcuda {
        Reason::NoLibrary
    } else if let Some(reason) = old_driver(facts, libtorch) {
        reason
    } else if !facts.device_file {
        Reason::NoDevice
    } else {
        Reason::Unknown
    })
    // ANCHOR_END: judge
}

impl Libtorch {
    /// Whether it is the version that tch supports.
    pub fn fits(&self) -> bool {
        self.version.split('+').next() == Some(EXPECTED)
    }

    /// The CUDA version it was built for: 13 for `2.11.0+cu130`.
    fn cuda(&self) -> Option<u32> {
        let number = self.version.split("+cu").nth(1)?;
        number.get(..2)?.parse().ok()
    }
}

/// CUDA counts GPUs up to the first that does not exist, so an empty list and a list that begins
/// with -1 hide all.
fn hides_all(visible: &str) -> bool {
    let first = visible.split(',').next().unwrap_or_default().trim();
    first.is_empty() || first == "-1" || first == "NoDevFiles"
}

/// The oldest drivers: NVIDIA's CUDA compatibility guide, "minor version compatibility".
fn old_driver(facts: &DeviceInfo, libtorch: &Libtorch) -> Option<Reason> {
    let cuda = libtorch.cuda()?;
    let needed = match cuda {
        13.. => 580,
        12 => 525,
        _ => 450,
    };
    let found = facts.driver.clone()?;
    let major: u32 = found.split('.').next()?.parse().ok()?;
    (major < needed).then_some(Reason::OldDriver { found, needed, cuda })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine on which everything works.
    fn healthy() -> DeviceInfo {
        DeviceInfo {
            libtorch: Some(Libtorch {
                directory: "/venv/torch/lib".into(),
                version: "2.11.0+cu130".into(),
                built: "2.11.0+cu130".into(),
                cuda_file: true,
                cuda_loaded: true,
            }),
            gpus: 1,
            names: vec!["NVIDIA H100".into()],
            memory: Some((79 << 30, 80 << 30)),
            mps: false,
            driver: Some("580.65.06".into()),
            libcuda: true,
            visible: None,
            device_file: true,
        }
    }

    /// The reason on the same machine without a GPU and with one change.
    fn without_gpu(change: impl FnOnce(&mut DeviceInfo)) -> Reason {
        let mut facts = DeviceInfo { gpus: 0, names: Vec::new(), memory: None, ..healthy() };
        change(&mut facts);
        match judge(&facts) {
            Verdict::No(reason) => reason,
            Verdict::Ready => panic!("{facts:?} can use a GPU"),
        }
    }

    fn libtorch(facts: &mut DeviceInfo) -> &mut Libtorch {
        facts.libtorch.as_mut().unwrap()
    }

    #[test]
    fn a_machine_that_works_is_ready() {
        assert_eq!(judge(&healthy()), Verdict::Ready);
        // A list that names a GPU hides none.
        assert_eq!(judge(&DeviceInfo { visible: Some("0".into()), ..healthy() }), Verdict::Ready);
    }

    #[test]
    fn each_reason_is_found() {
        assert_eq!(without_gpu(|f| f.libtorch = None), Reason::NotBuilt);
        let directory = || "/venv/torch/lib".to_string();
        let other = Reason::OtherVersion { found: "2.10.0+cu130".into(), directory: directory() };
        assert_eq!(without_gpu(|f| libtorch(f).version = "2.10.0+cu130".into()), other);
        let cpu_only = Reason::CpuOnly { directory: directory() };
        assert_eq!(without_gpu(|f| libtorch(f).cuda_file = false), cpu_only);
        assert_eq!(without_gpu(|f| libtorch(f).cuda_loaded = false), Reason::Dropped);
        for value in ["", "-1", " ", "-1,0", "NoDevFiles"] {
            let hidden = Reason::Hidden { value: value.into() };
            assert_eq!(without_gpu(|f| f.visible = Some(value.into())), hidden);
        }
        let none = |f: &mut DeviceInfo| (f.driver, f.libcuda) = (None, false);
        assert_eq!(without_gpu(none), Reason::NoDriver);
        assert_eq!(without_gpu(|f| f.libcuda = false), Reason::NoLibrary);
        let old = Reason::OldDriver { found: "570.195.03".into(), needed: 580, cuda: 13 };
        assert_eq!(without_gpu(|f| f.driver = Some("570.195.03".into())), old);
        assert_eq!(without_gpu(|f| f.device_file = false), Reason::NoDevice);
        assert_eq!(without_gpu(|_| ()), Reason::Unknown);
        // Windows' subsystem for Linux has the library and no kernel driver.
        assert_eq!(without_gpu(|f| f.driver = None), Reason::Unknown);
    }

    #[test]
    fn an_older_cuda_accepts_an_older_driver() {
        let older = |f: &mut DeviceInfo| {
            libtorch(f).version = "2.11.0+cu128".into();
            f.driver = Some("570.195.03".into());
        };
        assert_eq!(without_gpu(older), Reason::Unknown);
        let too_old = |f: &mut DeviceInfo| {
            libtorch(f).version = "2.11.0+cu128".into();
            f.driver = Some("515.43.04".into());
        };
        let reason = Reason::OldDriver { found: "515.43.04".into(), needed: 525, cuda: 12 };
        assert_eq!(without_gpu(too_old), reason);
    }

    #[test]
    fn the_first_reason_counts() {
        let both = |f: &mut DeviceInfo| {
            libtorch(f).cuda_file = false;
            (f.driver, f.libcuda) = (None, false);
        };
        assert!(matches!(without_gpu(both), Reason::CpuOnly { .. }));
        // A wrong version is an error even where a GPU is seen.
        let mut facts = healthy();
        libtorch(&mut facts).version = "2.12.0+cu130".into();
        assert!(matches!(judge(&facts), Verdict::No(Reason::OtherVersion { .. })));
    }
}
