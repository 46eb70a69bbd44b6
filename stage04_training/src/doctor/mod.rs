//! `doctor`: can this program use a GPU, why not, and what fits into its memory?
//!
//! The facts are gathered in [`backend::device_info`](crate::backend::device_info), and judged in
//! [`backend::judge`](mod@crate::backend::judge). [`memory`] computes the memory of a run and the
//! batch size that fits. This file prints all of it, in at most 60 columns.
//!
//! ```
//! use stage03_gpt::settings::RunSettings;
//! use stage04_training::backend::device::Precision;
//! use stage04_training::doctor::{Workload, parse_bytes};
//!
//! let (n_layer, n_head, n_embd, block_size) = (12, 12, 768, 1024);
//! let run = RunSettings { n_layer, n_head, n_embd, block_size, ..RunSettings::default() };
//! let workload = Workload {
//!     name: "GPT-2".into(),
//!     config: run.config(50_257)?,
//!     precision: Precision::Bf16,
//!     batch_size: 4,
//!     gradient_accumulation_steps: 120,
//! };
//! let (batch_size, steps) = workload.fit(parse_bytes("24GB")?).expect("one sequence fits");
//! assert_eq!(batch_size * steps, 480);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

pub mod memory;

use std::io::{self, Write};
use std::process::ExitCode;

use stage01_bigram::text::{thousands, wrap};

pub use memory::{Need, Workload, parse_bytes};

use crate::backend::device_info::{EXPECTED, Libtorch};
use crate::backend::{DeviceInfo, Reason, Verdict, judge};

/// The width of the output in columns.
const WIDTH: usize = 60;

/// Gathers the facts and prints them, with what is wrong and what to do.
///
/// workload: a run whose memory is estimated. memory: the memory of the device in bytes; `None` for
/// the free memory of the GPU.
///
/// The exit status is a success if a GPU can be used, or if the program was built without libtorch.
///
/// # Errors
/// Those of writing to `out`.
pub fn doctor(
    workload: Option<&Workload>,
    memory: Option<u64>,
    out: &mut impl Write,
) -> io::Result<ExitCode> {
    let facts = DeviceInfo::gather();
    let verdict = judge(&facts);
    print_facts(&facts, &verdict, out)?;
    if let Some(workload) = workload {
        print_memory(workload, memory.or(facts.memory.map(|(free, _)| free)), out)?;
    }
    Ok(match verdict {
        Verdict::Ready | Verdict::No(Reason::NotBuilt) => ExitCode::SUCCESS,
        Verdict::No(_) => ExitCode::FAILURE,
    })
}

/// Prints the facts and the verdict.
fn print_facts(facts: &DeviceInfo, verdict: &Verdict, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "libtorch and the GPU\n")?;
    for (passed, name, text) in checks(facts) {
        let mark = if passed { '✓' } else { '✗' };
        let lines = wrap(&text, WIDTH, "                ");
        writeln!(out, "  {mark} {name:<10}  {}", lines.trim_start())?;
    }
    match verdict {
        Verdict::Ready => writeln!(out, "\nA GPU can be used: --device cuda."),
        Verdict::No(reason) => {
            let problem = wrap(&format!("No GPU can be used: {}.", reason.problem()), WIDTH, "");
            let remedy = wrap(&format!("What to do: {}.", reason.remedy()), WIDTH, "");
            writeln!(out, "\n{problem}\n{remedy}")?;
            if !reason.spoils_everything() || *reason == Reason::NotBuilt {
                writeln!(out, "Everything else works: --device cpu.")?;
            }
            Ok(())
        }
    }
}

/// Each check: whether it passed, its name, and its result.
fn checks(facts: &DeviceInfo) -> Vec<(bool, &'static str, String)> {
    let Some(libtorch) = &facts.libtorch else {
        return vec![(false, "libtorch", "not in this program (feature `torch`)".into())];
    };
    let Libtorch { version, directory, cuda_file, cuda_loaded, .. } = libtorch;
    let found = match libtorch.fits() {
        true => version.clone(),
        false => format!("{version}; expected {EXPECTED}"),
    };
    let cuda = match (cuda_file, cuda_loaded) {
        (false, _) => "not in this libtorch",
        (true, false) => "installed, but not in this program",
        (true, true) => "in this program",
    };
    let driver = match (&facts.driver, facts.libcuda) {
        (Some(version), true) => version.clone(),
        (Some(version), false) => format!("{version}, without libcuda.so.1"),
        (None, true) => "libcuda.so.1".into(),
        (None, false) => "none".into(),
    };
    let mut gpus = match (facts.gpus, facts.names.first()) {
        (0, _) => "none seen".into(),
        (n, Some(name)) => format!("{n} x {name}"),
        (n, None) => n.to_string(),
    };
    if let Some((free, total)) = facts.memory {
        let [free, total] = [free, total].map(|bytes| gigabytes(bytes as f64));
        gpus += &format!(", {free} of {total} free");
    }
    let mut checks = vec![
        (libtorch.fits(), "libtorch", found),
        (libtorch.fits(), "in", directory.clone()),
        (*cuda_loaded, "CUDA part", cuda.to_string()),
        (facts.libcuda, "driver", driver),
    ];
    if let Some(visible) = &facts.visible {
        let hidden = matches!(judge(facts), Verdict::No(Reason::Hidden { .. }));
        checks.push((!hidden, "visible", format!("CUDA_VISIBLE_DEVICES=\"{visible}\"")));
    }
    checks.push((facts.gpus > 0, "GPU", gpus));
    checks
}

/// Prints the memory of a run, and the batch size that fits.
fn print_memory(workload: &Workload, memory: Option<u64>, out: &mut impl Write) -> io::Result<()> {
    let need = workload.need();
    let Workload { name, precision, batch_size, config, .. } = workload;
    let n = config.n_params();
    writeln!(out, "\nMemory of {name} in {precision}, on libtorch\n")?;
    let mut line = |name: &str, how: &str, bytes: f64| {
        writeln!(out, "  {name:<20}  {how:<24}  {:>8}", gigabytes(bytes))
    };
    let each = |bytes: &str| format!("{bytes} x {}", thousands(n));
    line("weights", &each("4"), need.weights)?;
    line("gradient", &each("4"), need.gradient)?;
    line("moments", &each("8"), need.moments)?;
    if need.rounded > 0.0 {
        line("weights in bf16", &each("2"), need.rounded)?;
    }
    line(
        "activations",
        &format!("{batch_size} x {}", gigabytes(need.sequence)),
        need.activations(),
    )?;
    line("logits", "a block of rows at a time", need.logits)?;
    line("micro-batch gradient", "instead of these two", need.micro_batch)?;
    line("at most", "", need.peak())?;
    let per_block = thousands(workload.bytes_per_token_and_block() as usize);
    let tokens = thousands(config.block_size);
    let how = format!(
        "Activations: {per_block} bytes per token and block, for {tokens} tokens per sequence and {} blocks.",
        config.n_layer
    );
    writeln!(out, "\n{}", wrap(&how, WIDTH, ""))?;

    let Some(memory) = memory else {
        let text = "--memory 24GB says what fits into that memory.";
        return writeln!(out, "{text}");
    };
    let total = gigabytes(memory as f64);
    match workload.fit(memory) {
        Some((batch_size, steps)) => writeln!(
            out,
            "\nFits into {total}, with the same tokens per step:\n  --batch-size {batch_size} \
             --gradient-accumulation-steps {steps}"
        ),
        None => {
            let text = format!(
                "Not even one sequence fits into {total}. Choose a smaller --n-layer, --n-embd \
                 or --block-size, or --precision bf16."
            );
            writeln!(out, "\n{}", wrap(&text, WIDTH, ""))
        }
    }
}

/// `0.34 GB`.
fn gigabytes(bytes: f64) -> String {
    match bytes / 1e9 {
        n if n >= 100.0 => format!("{n:.0} GB"),
        n if n >= 10.0 => format!("{n:.1} GB"),
        n => format!("{n:.2} GB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::device::Precision;
    use stage03_gpt::config::GptConfig;

    fn printed(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "too wide: {line}");
        }
        text
    }

    fn verdict_of(facts: &DeviceInfo) -> String {
        printed(|out| print_facts(facts, &judge(facts), out))
    }

    fn libtorch() -> Libtorch {
        Libtorch {
            directory: "/home/username/a/long/path/to/.venv/lib/python3.13/site-packages/torch/lib"
                .into(),
            version: "2.11.0+cu130".into(),
            built: "2.11.0+cu130".into(),
            cuda_file: true,
            cuda_loaded: true,
        }
    }

    #[test]
    fn a_machine_with_a_gpu() {
        let facts = DeviceInfo {
            libtorch: Some(libtorch()),
            gpus: 2,
            names: vec!["NVIDIA H100 80GB HBM3".into()],
            memory: Some((84_000_000_000, 85_000_000_000)),
            driver: Some("580.65.06".into()),
            libcuda: true,
            device_file: true,
            ..DeviceInfo::default()
        };
        let text = verdict_of(&facts);
        assert!(text.contains("  ✓ libtorch    2.11.0+cu130\n"), "{text}");
        assert!(text.contains("2 x NVIDIA H100 80GB HBM3, 84.0 GB of"), "{text}");
        assert!(text.contains("A GPU can be used: --device cuda."), "{text}");
        assert!(!text.contains('✗'), "{text}");
    }

    #[test]
    fn a_machine_with_cargo_alone() {
        let text = verdict_of(&DeviceInfo::default());
        assert!(text.contains("✗ libtorch    not in this program (feature `torch`)"), "{text}");
        assert!(text.contains("install-libtorch.sh"), "{text}");
        assert!(text.contains("Everything else works: --device cpu."), "{text}");
    }

    #[test]
    fn every_failed_check_is_marked_and_named() {
        type Change = fn(&mut DeviceInfo);
        let cases: [(&str, Change); 4] = [
            ("✗ libtorch    2.10.0; expected 2.11.0", |f| {
                f.libtorch.as_mut().unwrap().version = "2.10.0".into();
            }),
            ("✗ CUDA part   installed, but not in this program", |f| {
                f.libtorch.as_mut().unwrap().cuda_loaded = false;
            }),
            ("✗ driver      580.65.06, without libcuda.so.1", |f| {
                f.driver = Some("580.65.06".into());
            }),
            ("✗ visible     CUDA_VISIBLE_DEVICES=\"\"", |f| f.visible = Some(String::new())),
        ];
        for (expected, change) in cases {
            let mut facts = DeviceInfo { libtorch: Some(libtorch()), ..DeviceInfo::default() };
            change(&mut facts);
            let text = verdict_of(&facts);
            assert!(text.contains(expected), "{expected} is not in:\n{text}");
            assert!(text.contains("✗ GPU         none seen"), "{text}");
            assert!(text.contains("What to do: "), "{text}");
        }
    }

    #[test]
    fn memory_is_printed_with_its_formula() {
        let (vocab_size, block_size, n_layer, n_head, n_embd) = (50257, 1024, 12, 12, 768);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout: 0.0,
            bias: true,
            ..GptConfig::default()
        };
        let workload = Workload {
            name: "gpt2-124m".into(),
            config,
            precision: Precision::Bf16,
            batch_size: 12,
            gradient_accumulation_steps: 40,
        };
        let text = printed(|out| print_memory(&workload, Some(24_000_000_000), out));
        assert!(text.contains("moments               8 x 124,439,808           "), "{text}");
        assert!(text.contains("--batch-size "), "{text}");
        assert!(text.contains("27,696 bytes per token"), "{text}");
        let text = printed(|out| print_memory(&workload, Some(1_000_000_000), out));
        assert!(text.contains("Not even one sequence fits"), "{text}");
        assert!(printed(|out| print_memory(&workload, None, out)).contains("--memory 24GB"));
    }
}
