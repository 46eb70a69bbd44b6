//! `merge`: put adapters into the weights of their base.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stage01_bigram::Result;
use stage01_bigram::text::{printable, thousands};

use super::locate::locate;
use super::screen::Screen;
use crate::files::{MODEL_FILE, run_directory};
use crate::model::Model;
use crate::units::amount;

/// Merge adapters into their base, and write one model that needs neither.
///
/// Adapters are small changes beside the layers of a base model, as LoRA trains them. Merged, each
/// weight is W + s A B. The new directory is in Hugging Face's layout, with the tokenizer and the
/// chat template; `transformers` opens it. The other commands open a directory of adapters as it
/// is, where it names a base that is on this computer.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The adapters: a directory with adapter_config.json and adapter_model.safetensors, as peft
    /// writes it.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// The base: a directory, a GGUF file, or its name on the hub. [default: what
    /// adapter_config.json names]
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,

    /// The directory to write. An earlier model in it is moved aside.
    #[arg(long, alias = "out", value_name = "DIR")]
    out_dir: PathBuf,
}

/// Runs the command.
pub fn merge(flags: &Flags) -> Result<ExitCode> {
    // First, because what follows may take long.
    let place = run_directory::reserve(&flags.out_dir)?;
    let base = flags.base.as_deref().map(locate).transpose()?;
    let adapted = Model::load_adapted(&flags.model, base.as_deref())?;
    let (all, adapters) = (adapted.gpt.layout().len(), adapted.gpt.trained());
    let layers = adapted.gpt.adapters().len();
    let model = adapted.merge()?;
    let out = place.fill(|directory| model.save(directory))?;

    let bytes = std::fs::metadata(out.path.join(MODEL_FILE)).map_or(0, |file| file.len());
    let path = flags.out_dir.display().to_string();
    let (path, bytes) = (printable(&path), amount(bytes as f64));
    let screen = Screen::new();
    screen.line(format!("{layers} adapters with {} numbers", thousands(adapters)));
    screen.line(format!("were added to {} weights.", thousands(all - adapters)));
    if let Some(moved) = &out.moved {
        let moved = moved.display().to_string();
        screen.line(format!("The earlier model is now {}.", printable(&moved)));
    }
    screen.line(format!("{path} ({bytes})"));
    screen.line(format!("  cargo run -p stage03_gpt -- sample --model {path}"));
    screen.end()
}
