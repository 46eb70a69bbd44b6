//! Does it fit into memory? Checked before the memory is allocated.
//!
//! A program that takes more memory than there is gets killed, often without a message. A typing
//! error in `--n-embd`, or a number in a file, must not end so. So every large allocation is
//! checked here first, and the error says which sizes to make smaller.
//!
//! Three limits are known, and the smallest counts:
//!
//! - what the machine has free: `/proc/meminfo` of Linux, with the swap space;
//! - what the control groups (*cgroups*) leave in which the program runs: a container, a job of a
//!   cluster. Versions 1 and 2, and every group above the program's own;
//! - the address space that the operating system gives (`ulimit -v`): found by trying. Where the
//!   first two are not known, as on macOS and Windows, it is the only limit.
//!
//! ```
//! use stage03_gpt::memory;
//! assert!(memory::require(1e6, "the model", "choose a smaller one").is_ok());
//! let error = memory::require(1e18, "the model", "choose a smaller one").unwrap_err();
//! assert!(error.to_string().starts_with("the model = 1000000000 GB: "));
//! ```
//!
//! What this file leaves out: other programs. Memory that is free now may be taken by one of
//! them a second later.

use std::fs;
use std::path::Path;

use stage01_bigram::{Error, Result};

use crate::units::amount;

/// Refuses an allocation that does not fit into this machine's memory.
///
/// bytes: its size. what: its name, such as "the model". remedy: what to make smaller.
///
/// # Errors
/// [`Error::Setting`], saying how much would be needed, and how much there is.
pub fn require(bytes: f64, what: &str, remedy: &str) -> Result<()> {
    let free = available();
    if fits(bytes, free) {
        return Ok(());
    }
    let given = amount(bytes);
    let expected = match free.filter(|&free| bytes > free) {
        Some(free) => format!("{} of memory are free; {remedy}", amount(free)),
        None => format!("this machine does not have that much memory; {remedy}"),
    };
    Err(Error::setting(what, given, expected))
}

/// How many bytes of memory are free now, where the system says.
pub fn available() -> Option<f64> {
    let root = Path::new("/");
    let limits = [machine(root), group_2(root), group_1(root)];
    limits.into_iter().flatten().reduce(f64::min)
}

/// Whether this many bytes are free, where that is known, and have addresses.
fn fits(bytes: f64, free: Option<f64>) -> bool {
    // Written so that NaN does not fit.
    free.is_none_or(|free| bytes <= free) && can_reserve(bytes)
}

/// Whether the operating system gives the addresses. It need not have the memory behind them.
fn can_reserve(bytes: f64) -> bool {
    // An allocation has at most `isize::MAX` bytes; `as` takes the nearest number.
    bytes < isize::MAX as f64 && {
        let mut buffer: Vec<u8> = Vec::new();
        let fits = buffer.try_reserve_exact(bytes as usize).is_ok();
        // The compiler would leave out an allocation that is never used.
        std::hint::black_box(&buffer);
        fits
    }
}

/// What the machine has free, with the swap space.
fn machine(root: &Path) -> Option<f64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let entry = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib = line.trim_start_matches(':').trim().strip_suffix("kB")?.trim();
        Some(kib.parse::<f64>().ok()? * 1024.0)
    };
    Some(entry("MemAvailable:")? + entry("SwapFree:").unwrap_or(0.0))
}

/// What the control groups of version 2 leave.
fn group_2(root: &Path) -> Option<f64> {
    let files = ["memory.max", "memory.current", "inactive_file", "active_file"];
    groups(root, "0::", "sys/fs/cgroup", files)
}

/// What the control groups of version 1 leave.
fn group_1(root: &Path) -> Option<f64> {
    let files = [
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
        "total_active_file",
    ];
    groups(root, ":memory:", "sys/fs/cgroup/memory", files)
}

/// The least that a group and those above it leave.
///
/// line: what stands before the name of the program's group in `/proc/self/cgroup`. place: where
/// the groups are. files: the limit, what is used, and the two entries of `memory.stat` for cached
/// files, whose memory is given up when a program needs it.
fn groups(root: &Path, line: &str, place: &str, files: [&str; 4]) -> Option<f64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let own = groups.lines().find_map(|group| Some(group.split_once(line)?.1))?;
    let top = root.join(place);
    let mut group = top.join(own.trim_start_matches('/'));
    let mut least: Option<f64> = None;
    loop {
        if let Some(left) = left_in(&group, files) {
            least = Some(least.map_or(left, |least| least.min(left)));
        }
        // In a container the program's group may be the top, under a name that does not exist.
        if group == top || !group.pop() || !group.starts_with(&top) {
            return least;
        }
    }
}

/// What one group leaves; none where it has no limit.
fn left_in(group: &Path, [limit, used, inactive, active]: [&str; 4]) -> Option<f64> {
    let number = |file: &str| -> Option<f64> {
        fs::read_to_string(group.join(file)).ok()?.trim().parse().ok()
    };
    let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cached = |name: &str| -> f64 {
        let value = statistics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    };
    // The word `max` is not a number, and not a limit.
    let (limit, used) = (number(limit)?, number(used)?);
    Some((limit - used + cached(inactive) + cached(active)).clamp(0.0, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_fits_and_absurd_sizes_do_not() {
        assert!(require(1e6, "a matrix", "").is_ok());
        for bytes in [1e17, 1e19, 1e300, f64::INFINITY, f64::NAN] {
            assert!(require(bytes, "a matrix", "take less").is_err(), "{bytes}");
        }
        let error = require(1e17, "a matrix", "take less").unwrap_err().to_string();
        assert!(error.starts_with("a matrix = 100000000 GB: "), "{error}");
        assert!(error.ends_with("; take less"), "{error}");
    }

    #[test]
    fn addresses_are_not_enough() {
        assert!(fits(1e6, None) && fits(1e6, Some(2e6)));
        assert!(!fits(2e6, Some(1e6)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_more_than_free_does_not_fit_though_there_are_addresses() {
        let free = available().expect("Linux tells");
        let error = require(free * 2.0, "a matrix", "take less").unwrap_err().to_string();
        assert!(error.contains(" of memory are free; take less"), "{error}");
    }

    /// A system as its files describe it.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, content) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn the_free_memory_of_the_machine() {
        let text = "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    4000 kB\nSwapFree: 1 kB\n";
        let root = system(&[("proc/meminfo", text)]);
        assert_eq!(machine(root.path()), Some(4001.0 * 1024.0));
        assert_eq!(machine(system(&[("proc/meminfo", "MemFree: 1 kB\n")]).path()), None);
        assert_eq!(machine(system(&[]).path()), None);
    }

    #[test]
    fn the_smallest_of_the_groups_counts() {
        let own = ("proc/self/cgroup", "0::/job/step\n");
        let root = system(&[
            own,
            ("sys/fs/cgroup/job/step/memory.max", "max\n"),
            ("sys/fs/cgroup/job/step/memory.current", "500\n"),
            ("sys/fs/cgroup/job/memory.max", "10000\n"),
            ("sys/fs/cgroup/job/memory.current", "7000\n"),
            ("sys/fs/cgroup/job/memory.stat", "file 9\nactive_file 600\ninactive_file 400\n"),
        ]);
        assert_eq!(group_2(root.path()), Some(4000.0));
        assert_eq!(group_1(root.path()), None);
        // In a container: the limit is at the top.
        let root = system(&[
            own,
            ("sys/fs/cgroup/memory.max", "10000\n"),
            ("sys/fs/cgroup/memory.current", "20000\n"),
        ]);
        assert_eq!(group_2(root.path()), Some(0.0));
        assert_eq!(group_2(system(&[own]).path()), None);
    }

    #[test]
    fn groups_of_version_1() {
        let root = system(&[
            ("proc/self/cgroup", "3:cpu:/a\n9:memory:/docker/0123\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "10000\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 500\ninactive_file 1\n"),
        ]);
        assert_eq!(group_1(root.path()), Some(4500.0));
    }
}
