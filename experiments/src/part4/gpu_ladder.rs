//! From libtorch in f32 to a GPU at work: what does each rung bring?
//!
//! Whole training steps are measured, of GPT-2's smallest model on random tokens, each rung with
//! one more change:
//!
//! 1. f32, attention as its equation says, AdamW line by line;
//! 2. products in TF32;
//! 3. products in bf16;
//! 4. fused attention;
//! 5. fused AdamW;
//! 6. a vocabulary that is a multiple of 64;
//! 7. more sequences at a time.
//!
//! Without a GPU a tiny model goes through the same rungs on the processor: to see that it runs,
//! not to learn about GPUs. A GPU works asynchronously, so the program waits for it
//! before it reads the clock.

use std::io::Write;
use std::time::Instant;

use clap::Parser;
use rand::RngExt;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::text::thousands;
use stage01_bigram::{Error, Result};
use stage03_gpt::adamw::AdamW;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::trainer::Settings;
use stage04_training::backend::Backend;
use stage04_training::backend::device::{Device, Precision};
use stage04_training::backend::torch::{Options, TorchBackend};
use stage04_training::backend::{DeviceInfo, Verdict, judge};
use stage04_training::doctor::Workload;

use crate::arguments::{self, Outcome};
use crate::setup::{self, ADAMW, constant_rate};

/// Measure training on a GPU, rung by rung.
#[derive(Debug, Parser)]
struct Flags {
    /// Where to compute: cuda, cuda:N, mps or torch-cpu. [default: cuda where it is seen]
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,

    /// The sizes of the model. [default: GPT-2's; on the processor a tiny model's]
    #[arg(long, value_name = "N")]
    n_layer: Option<usize>,
    #[arg(long, value_name = "N")]
    n_head: Option<usize>,
    #[arg(long, value_name = "N")]
    n_embd: Option<usize>,
    #[arg(long, value_name = "N")]
    block_size: Option<usize>,
    #[arg(long, value_name = "N")]
    vocab_size: Option<usize>,

    /// How many sequences a step reads; the last rung reads four times as many.
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch_size: usize,

    /// The threads of the processor. [default: as many as the machine has]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// How long each rung is measured, after a warm-up.
    #[arg(long, value_name = "S", default_value_t = 20.0)]
    seconds: f64,

    /// Only the rung with this name, such as "fused AdamW".
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// Steps of the warm-up: the first ones choose kernels and allocate memory.
const WARM_UP: usize = 3;

/// One configuration of the same work.
struct Rung {
    name: String,
    options: Options,
    config: GptConfig,
    batch_size: usize,
}

/// What was measured of a rung.
struct Measured {
    /// The median time of a step, in seconds.
    step: f64,
    tokens: usize,
    steps: usize,
    n_params: usize,
    flops_per_token: f64,
    peak_flops: Option<f64>,
    memory: Option<u64>,
    planned: f64,
}

/// Runs the experiment.
pub fn run(arguments: &[String]) -> Outcome {
    let flags: Flags = arguments::parse("gpu_ladder", arguments)?;
    let out = &mut std::io::stdout().lock();
    if !(flags.seconds.is_finite() && flags.seconds >= 0.0) {
        return Err(Error::setting("--seconds", flags.seconds, "choose 0 or more, like 5").into());
    }
    let device = device(flags.device.as_deref())?;
    let mut rungs = rungs(&flags, device);
    if let Some(name) = &flags.only {
        let names: Vec<String> = rungs.iter().map(|rung| rung.name.clone()).collect();
        rungs.retain(|rung| rung.name == *name);
        if rungs.is_empty() {
            let expected = format!("choose one of: {}", names.join(", "));
            return Err(Error::setting("--only", name, expected).into());
        }
    }
    let threads = flags
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |cores| cores.get()));

    if !flags.json {
        introduce(device, &rungs[0].config, out)?;
    }
    let mut first = None;
    let mut results = Vec::new();
    for rung in &rungs {
        let measured = match measure(rung, device, threads, flags.seconds) {
            Ok(measured) => Some(measured),
            // A small GPU may not hold the first rungs; it is the later ones that matter.
            Err(error) if error.to_string().starts_with("--batch-size") => None,
            Err(error) => return Err(error.into()),
        };
        match measured {
            _ if flags.json => results.push(json(&rung.name, measured.as_ref())),
            Some(measured) => {
                measured.show(&rung.name, *first.get_or_insert(measured.rate()), out)?;
            }
            None => writeln!(out, "{:22} not enough memory", rung.name)?,
        }
        out.flush()?;
    }
    if flags.json {
        writeln!(out, "{{\"device\": \"{device}\", \"rungs\": [{}]}}", results.join(", "))?;
    }
    Ok(())
}

/// The device that was asked for; by default, a GPU if there is one.
fn device(asked: Option<&str>) -> Result<Device> {
    let verdict = judge(&DeviceInfo::gather());
    let device = match asked {
        Some(word) => word.parse()?,
        None => Device::Auto,
    };
    match (device, verdict) {
        (Device::Auto, Verdict::Ready) => Ok(Device::Cuda(0)),
        (Device::Auto | Device::Cpu, _) => Ok(Device::TorchCpu),
        (Device::Cuda(_), Verdict::No(reason)) => Err(Error::Device {
            device: device.to_string(),
            problem: reason.problem(),
            remedy: reason.remedy(),
        }),
        _ => Ok(device),
    }
}

/// The rungs, from the bottom.
fn rungs(flags: &Flags, device: Device) -> Vec<Rung> {
    let gpu = matches!(device, Device::Cuda(_));
    // GPT-2's smallest model, or one that takes no time.
    let size = |asked: Option<usize>, gpt2, tiny| asked.unwrap_or(if gpu { gpt2 } else { tiny });
    let config = GptConfig {
        vocab_size: size(flags.vocab_size, 50257, 250),
        block_size: size(flags.block_size, 1024, 64),
        n_layer: size(flags.n_layer, 12, 2),
        n_head: size(flags.n_head, 12, 2),
        n_embd: size(flags.n_embd, 768, 64),
        dropout: 0.0,
        bias: false,
        ..GptConfig::default()
    };
    let padded = GptConfig { vocab_size: config.vocab_size.next_multiple_of(64), ..config.clone() };
    let options = |precision, fused_attention, fused_optimiser| Options {
        precision,
        fused_attention,
        fused_optimiser,
    };
    let rung = |name: &str, options, config: &GptConfig, batch_size| Rung {
        name: name.into(),
        options,
        config: config.clone(),
        batch_size,
    };
    let n = flags.batch_size;
    let mut rungs = vec![rung("f32", options(Precision::F32, false, false), &config, n)];
    if gpu {
        rungs.push(rung("TF32", options(Precision::Tf32, false, false), &config, n));
    }
    // A processor without instructions for bf16 is slower with it.
    let half = if gpu { Precision::Bf16 } else { Precision::F32 };
    if gpu {
        rungs.push(rung("bf16", options(half, false, false), &config, n));
    }
    rungs.push(rung("fused attention", options(half, true, false), &config, n));
    rungs.push(rung("fused AdamW", options(half, true, true), &config, n));
    if padded != config {
        rungs.push(rung("padded vocabulary", options(half, true, true), &padded, n));
    }
    rungs.push(rung("larger batch", options(half, true, true), &padded, 4 * n));
    rungs
}

/// Trains for some seconds.
fn measure(rung: &Rung, device: Device, threads: usize, seconds: f64) -> Result<Measured> {
    let gpt = Gpt::new(rung.config.clone())?;
    let weights = gpt.initialise(&mut generator(1337, Purpose::Initialisation, 0));
    let settings = Settings {
        adamw: AdamW { beta2: 0.95, ..ADAMW },
        threads,
        ..setup::settings(rung.batch_size, constant_rate(6e-4, 0))
    };
    let flops_per_token = rung.config.flops_per_token();
    let n_params = gpt.layout().len();
    let mut torch = TorchBackend::new(device, rung.options, gpt, &weights, settings)?;
    let rng = &mut generator(1337, Purpose::Other, 0);
    for _ in 0..WARM_UP {
        step(&mut torch, rng)?;
    }
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < 5 || begin.elapsed().as_secs_f64() < seconds {
        torch.synchronise();
        let step_begin = Instant::now();
        step(&mut torch, rng)?;
        torch.synchronise();
        times.push(step_begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let plan = Workload {
        name: rung.name.clone(),
        config: rung.config.clone(),
        precision: rung.options.precision,
        batch_size: rung.batch_size,
        gradient_accumulation_steps: 1,
    };
    Ok(Measured {
        step: times[times.len() / 2],
        tokens: rung.batch_size * rung.config.block_size,
        steps: times.len(),
        n_params,
        flops_per_token,
        peak_flops: torch.peak_flops(),
        memory: torch.memory(),
        planned: plan.need().peak(),
    })
}

/// One training step on random tokens.
fn step(torch: &mut TorchBackend, rng: &mut Generator) -> Result<()> {
    let config = torch.gpt().config();
    let n = torch.settings().batch_size * config.block_size;
    let vocab_size = config.vocab_size as u32;
    let mut draw = || (0..n).map(|_| rng.random_range(0..vocab_size)).collect::<Vec<u32>>();
    let (inputs, targets) = (draw(), draw());
    torch.accumulate(&inputs, &targets)?;
    torch.step().map(|_| ())
}

impl Measured {
    fn rate(&self) -> f64 {
        self.tokens as f64 / self.step
    }

    /// The utilisation: the fraction of the speed that the device has in matrix products alone, at
    /// the same precision.
    fn utilisation(&self) -> Option<f64> {
        self.peak_flops.map(|peak| self.rate() * self.flops_per_token / peak)
    }

    fn show(&self, name: &str, first: f64, out: &mut impl Write) -> std::io::Result<()> {
        let percent = |part: f64| format!("{:.0} %", 100.0 * part);
        let gigabytes = |bytes: f64| format!("{:.1}", bytes / 1e9);
        writeln!(
            out,
            "{name:22} {:>9} {:>8.1} {:>8.2} {:>6} {:>7} {:>7} {:>6}",
            thousands(self.rate() as usize),
            1e3 * self.step,
            self.rate() / first,
            self.utilisation().map_or("-".into(), percent),
            self.memory.map_or("-".into(), |bytes| gigabytes(bytes as f64)),
            gigabytes(self.planned),
            self.steps,
        )
    }
}

/// A rung as JSON: its name, and the numbers where it could be measured.
fn json(name: &str, measured: Option<&Measured>) -> String {
    let number = |x: Option<f64>| x.map_or("null".into(), |x| x.to_string());
    let numbers = measured.map_or(String::new(), |m| {
        format!(
            ", \"steps\": {}, \"ms_per_step\": {}, \"tokens_per_second\": {}, \"n_params\": {}, \
             \"utilisation\": {}, \"memory\": {}, \"planned\": {}",
            m.steps,
            1e3 * m.step,
            m.rate(),
            m.n_params,
            number(m.utilisation()),
            number(m.memory.map(|bytes| bytes as f64)),
            m.planned,
        )
    });
    format!("{{\"name\": \"{name}\"{numbers}}}")
}

/// What is measured, and the head of the table.
fn introduce(device: Device, config: &GptConfig, out: &mut impl Write) -> std::io::Result<()> {
    let GptConfig { n_layer, n_embd, block_size, .. } = config;
    let weights = thousands(config.n_params());
    writeln!(
        out,
        "{weights} weights: {n_layer} layers of {n_embd}, {block_size} tokens; {device}"
    )?;
    writeln!(out, "MFU: of the device's own speed in matrix products of this precision")?;
    writeln!(out, "GB: as libtorch counts it at most, and as `doctor` plans it\n")?;
    writeln!(
        out,
        "{:22} {:>9} {:>8} {:>8} {:>6} {:>7} {:>7} {:>6}",
        "rung", "tokens/s", "ms", "x first", "MFU", "GB", "planned", "steps"
    )
}
