//! `cargo run -p exercises -- gpt`: a GPT out of the reader's own files.
//!
//! Every function that the exercises ask for is the reader's; where one has not passed yet, the
//! program says so, or takes the solution's if it is asked to. The GPT is then examined as the
//! course's own one is: held to PyTorch's numbers, every gradient nudged, its cache compared with
//! its forward pass. It is trained on the built-in text, and writes.
//!
//! With `--arch llama` four of its parts are exchanged, and it is held to the numbers of
//! `transformers`' Llama.

mod layers;
pub mod model;
pub mod parts;
pub mod train;
pub mod write;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use parity::Golden;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Result};
use stage02_attention::backward::Backward;
use stage02_attention::params::Params;
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::hugging_face;
use stage03_gpt::gpt::Gpt;

use crate::companion::screen::{say, verdict_line};
use crate::out;
use model::Model;
use parts::{Arch, Parts};
use train::{BATCH_SIZE, Report};
use write::Sampling;

/// How many steps the training has, unless the reader asks for others.
pub const STEPS: usize = 1200;

/// The whole examination. `steps`: how many the training has.
pub fn main(parts: Parts, arch: Arch, steps: usize) -> ExitCode {
    match examine(parts, arch, steps) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn examine(parts: Parts, arch: Arch, steps: usize) -> Result<bool> {
    let theirs = match arch {
        Arch::Gpt2 => "PyTorch's",
        Arch::Llama => "Llama's",
    };
    out!("1. {theirs} numbers: logits, loss and the gradient of every tensor, two batches");
    if !report(&golden(parts, arch)?, &format!("is not {theirs}")) {
        if arch == Arch::Llama {
            name_the_part(&exchanged(parts)?);
        }
        return Ok(false);
    }
    out!("\n2. Every weight nudged: {} of them", tiny(arch)?.1.len());
    if !report(&nudged(parts, arch)?, "does not fit the forward pass") {
        return Ok(false);
    }
    out!("\n3. The logits with a KV cache, and those of the forward pass");
    if !report(&[cached(parts, arch)?], "differs from the forward pass") {
        return Ok(false);
    }
    out!("\n4. Training on the built-in text");
    let start = Instant::now();
    let trained = train::on_the_built_in_text(parts, arch, steps, |report| match report {
        Report::Begins { characters, weights, length } => out!(
            "  {characters} characters; {weights} weights; {steps} steps of {BATCH_SIZE} x {length} \
             characters"
        ),
        Report::Evaluation { iter, loss } => {
            let seconds = start.elapsed().as_secs_f64();
            out!("  step {iter:>5}: validation loss {loss:.4}  ({seconds:.0} s)");
        }
        Report::Step(_) => {}
    })?;
    out!("\n5. It writes\n");
    let start = Instant::now();
    trained.write("In the beginning", 400, Sampling { temperature: 0.8, top_k: 20 })?;
    out!("\n\n400 characters in {:.1} s.", start.elapsed().as_secs_f64());
    Ok(true)
}

/// A comparison: what was compared, and the largest relative error.
pub struct Finding {
    /// What was compared.
    pub what: String,
    /// The largest difference, beside the largest number.
    pub error: f64,
    /// Up to where it is rounding.
    pub tolerance: f64,
}

impl Finding {
    /// Whether it is within its tolerance.
    pub fn holds(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// Prints findings: those that fail, and a line for all that hold. Says whether all hold.
fn report(findings: &[Finding], fault: &str) -> bool {
    let worst = findings.iter().map(|finding| finding.error).fold(0.0, f64::max);
    let failed: Vec<&Finding> = findings.iter().filter(|finding| !finding.holds()).collect();
    for finding in failed.iter().take(8) {
        verdict_line(false, &format!("{} {fault}: {:.1e}", finding.what, finding.error));
    }
    if failed.is_empty() {
        let count = findings.len();
        verdict_line(true, &format!("{count} compared, largest relative error {worst:.1e}"));
    } else {
        say(
            "The last layers of the list are the first of the backward pass: begin with them.",
            "  ",
        );
    }
    failed.is_empty()
}

/// Says which of the four parts of today is wrong.
fn name_the_part(findings: &[Finding]) {
    out!("\n  GPT-2 with one part exchanged at a time, beside the model of stage 3:");
    for finding in findings {
        verdict_line(finding.holds(), &format!("{}: {:.1e}", finding.what, finding.error));
    }
    if findings.iter().all(|finding| !finding.holds()) {
        say("All four differ, so look at the parts of GPT-2 first: `gpt` examines them.", "  ");
    }
}

/// The largest difference between two lists, beside the largest number of the second.
fn relative(found: &[f64], expected: &[f64]) -> f64 {
    let largest = expected.iter().map(|x| x.abs()).fold(1e-30, f64::max);
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / largest);
    // A NaN is the largest of all differences.
    differences.fold(0.0, |max, x| if x.is_nan() { f64::INFINITY } else { max.max(x) })
}

/// Logits, loss and every gradient of the small GPT-2, or Llama, that PyTorch has computed.
///
/// # Errors
/// When its files cannot be read.
pub fn golden(parts: Parts, arch: Arch) -> Result<Vec<Finding>> {
    let name = format!("{}_tiny", arch.name());
    let directory = parity::golden_directory().join(&name);
    let gpt = Gpt::new(hugging_face::read_config(&directory)?)?;
    let weights = hugging_face::read_model(&directory, &gpt)?;
    let weights: Vec<f64> = weights.values.iter().map(|&w| f64::from(w)).collect();
    let (model, golden) =
        (Model { parts, gpt: &gpt }, Golden::open(&format!("{name}_expected.safetensors")));
    let mut findings = Vec::new();
    for batch in ["full", "short"] {
        let tensor = |name: &str| golden.tensor(&format!("{batch}.{name}"));
        let mut compare = |what: &str, found: &[f64]| {
            let error = relative(found, &tensor(what).values);
            findings.push(Finding { what: format!("{what} ({batch})"), error, tolerance: 1e-8 });
        };
        let (tokens, targets) = (tensor("input_ids").tokens(), tensor("targets").tokens());
        let length = tensor("input_ids").shape[1];
        let acts = model.forward(&weights, &tokens, length);
        compare("logits", acts.logits.as_slice().unwrap_or_default());
        let mut grads = vec![0.0; weights.len()];
        let loss = model.backward(&weights, &tokens, &targets, &acts, 1.0, &mut grads);
        compare("loss", &[loss]);
        for tensor in gpt.layout().tensors() {
            compare(&format!("grad.{}", tensor.name), &grads[tensor.range()]);
        }
    }
    Ok(findings)
}

/// A GPT so small that every weight can be nudged, and its weights.
fn tiny(arch: Arch) -> Result<(Gpt, Vec<f64>)> {
    let (n_head, n_embd) = match arch {
        Arch::Gpt2 => (2, 8),
        Arch::Llama => (4, 16), // two groups of heads, and two angles
    };
    let sizes = GptConfig {
        vocab_size: 7,
        block_size: 6,
        n_layer: 2,
        n_head,
        n_embd,
        ..GptConfig::default()
    };
    random(arch.config(sizes))
}

/// A model with random weights.
fn random(config: GptConfig) -> Result<(Gpt, Vec<f64>)> {
    let gpt = Gpt::new(config)?;
    let mut weights = Params::<f64>::zeros(gpt.layout()).values;
    let mut rng = generator(1, Purpose::Initialisation, 0);
    stage02_attention::params::fill_normal(&mut weights, 0.5, &mut rng);
    Ok((gpt, weights))
}

/// GPT-2 with one of the four parts exchanged at a time, beside stage 3's model: logits and gradients.
///
/// # Errors
/// When a model cannot be built.
pub fn exchanged(parts: Parts) -> Result<Vec<Finding>> {
    let gpt2 = Architecture::GPT2;
    let llama = tiny(Arch::Llama)?.0.config().clone();
    let one_at_a_time = [
        ("RMSNorm", Architecture { norm: llama.arch.norm, ..gpt2 }),
        ("rotary positions", Architecture { positions: llama.arch.positions, ..gpt2 }),
        ("SwiGLU", Architecture { mlp: llama.arch.mlp, ..gpt2 }),
        ("grouped queries", Architecture { n_kv_head: llama.arch.n_kv_head, ..gpt2 }),
    ];
    let (tokens, targets) = ([3, 1, 4, 1, 5, 2, 6, 5, 3, 5], [1, 4, 1, 5, 2, 6, 5, 3, 5, 0]);
    let finding = |(what, arch): (&str, Architecture)| {
        let (gpt, weights) = random(GptConfig { bias: true, arch, ..llama.clone() })?;
        let model = Model { parts, gpt: &gpt };
        let acts = model.forward(&weights, &tokens, 5);
        let mut grads = vec![0.0; weights.len()];
        model.backward(&weights, &tokens, &targets, &acts, 1.0, &mut grads);

        let (params, mut expected) = (Params { values: weights }, Params::zeros(gpt.layout()));
        let (mut theirs, mut scratch) = (gpt.activations(2, 5), gpt.scratch(2, 5));
        gpt.forward(&params, &tokens, &mut theirs, None);
        let [ours, logits] =
            [&acts.logits, &theirs.logits].map(|x| x.iter().copied().collect::<Vec<f64>>());
        let error = relative(&ours, &logits);
        let pass = Backward { params: &params, grads: &mut expected, scratch: &mut scratch };
        gpt.backward(&tokens, &targets, 1.0 / targets.len() as f64, &mut theirs, pass);
        let error = error.max(relative(&grads, &expected.values));
        Ok(Finding { what: what.into(), error, tolerance: 1e-8 })
    };
    one_at_a_time.into_iter().map(finding).collect()
}

/// Every gradient of a small model beside what a nudge of the weight does to the loss.
///
/// # Errors
/// When the model cannot be built.
pub fn nudged(parts: Parts, arch: Arch) -> Result<Vec<Finding>> {
    let (gpt, mut weights) = tiny(arch)?;
    let model = Model { parts, gpt: &gpt };
    let (tokens, targets) = ([3, 1, 4, 1, 5, 2, 6, 5, 3, 5], [1, 4, 1, 5, 2, 6, 5, 3, 5, 0]);
    let acts = model.forward(&weights, &tokens, 5);
    let mut grads = vec![0.0; weights.len()];
    model.backward(&weights, &tokens, &targets, &acts, 1.0, &mut grads);
    let loss = |weights: &[f64]| {
        let logits = model.forward(weights, &tokens, 5).logits;
        let rows = logits.rows().into_iter().zip(&targets);
        let sum: f64 = rows.map(|(row, &t)| (parts.cross_entropy)(&row.to_vec(), t)).sum();
        sum / targets.len() as f64
    };
    let h = 1e-5;
    let mut slopes = vec![0.0; weights.len()];
    for i in 0..weights.len() {
        let w = weights[i];
        weights[i] = w + h;
        let above = loss(&weights);
        weights[i] = w - h;
        slopes[i] = (above - loss(&weights)) / (2.0 * h);
        weights[i] = w;
    }
    // A bias of the keys moves nothing, so all gradients are measured by the largest one of all.
    let largest = slopes.iter().map(|x| x.abs()).fold(0.0, f64::max);
    let finding = |tensor: &stage02_attention::params::Tensor| {
        let pairs = grads[tensor.range()].iter().zip(&slopes[tensor.range()]);
        let differences = pairs.map(|(a, b)| (a - b).abs() / largest);
        let error = differences.fold(0.0, |max: f64, x| if x.is_nan() { x } else { max.max(x) });
        let error = if error.is_nan() { f64::INFINITY } else { error };
        Finding { what: format!("the gradient of {}", tensor.name), error, tolerance: 1e-6 }
    };
    Ok(gpt.layout().tensors().iter().map(finding).collect())
}

/// The logits that the cache gives, token by token, beside those of the forward pass.
///
/// # Errors
/// When the model cannot be built.
pub fn cached(parts: Parts, arch: Arch) -> Result<Finding> {
    let (gpt, weights) = tiny(arch)?;
    let model = Model { parts, gpt: &gpt };
    let tokens = [3, 1, 4, 1, 5, 2];
    let logits = model.forward(&weights, &tokens, tokens.len()).logits;
    let mut cache = model.cache();
    let mut found = Vec::new();
    for &token in &tokens {
        found.extend(model.decode_step(&weights, &mut cache, token));
    }
    let error = relative(&found, logits.as_slice().unwrap_or_default());
    Ok(Finding { what: "the text with a cache".into(), error, tolerance: 1e-9 })
}

/// Shows a text as it is written.
fn show(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|source| Error::File { action: "write", path: "the output".into(), source })
}
