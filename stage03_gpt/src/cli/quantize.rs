//! `quantize`: write a model with fewer bits for each weight.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use stage01_bigram::Result;
use stage01_bigram::text::printable;

use super::export::{check_ending, convert, note_added_token};
use super::screen::Screen;
use crate::files::gguf::{GgufFile, TensorInfo, TensorType};
use crate::units::amount;

/// Write a model as a GGUF file with 8 or 4 bits for each weight.
///
/// A block of 32 weights shares a scale, and each weight becomes a small whole number. The scale is
/// the one with the smallest squared error. Vectors and the table of positions stay f32; beside 4
/// bits, the output layer gets 8.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The type of the matrices: q8_0 has 8.5 bits per weight, q4_1 5, q4_0 4.5.
    #[arg(long, value_name = "TYPE", value_enum)]
    to: Type,

    /// The file to write. Its name ends in .gguf.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// The name of the model in other programs. [default: the name of its directory]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

/// The type of the matrices.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(non_camel_case_types, reason = "the names of the format")]
enum Type {
    #[value(name = "q8_0")]
    Q8_0,
    #[value(name = "q4_0")]
    Q4_0,
    #[value(name = "q4_1")]
    Q4_1,
}

/// Runs the command.
pub fn quantize(flags: &Flags) -> Result<ExitCode> {
    check_ending("--out", &flags.out)?;
    let kind = match flags.to {
        Type::Q8_0 => TensorType::Q8_0,
        Type::Q4_0 => TensorType::Q4_0,
        Type::Q4_1 => TensorType::Q4_1,
    };
    let model = convert(&flags.model, &flags.out, flags.name.as_deref(), kind)?;
    // Read again: what is reported is what the file has.
    let file = GgufFile::open(&flags.out)?;
    let relative = 100.0 * model.rounding_error(&file)?;
    let sum = |of: fn(&TensorInfo) -> u64| file.tensors().iter().map(of).sum::<u64>() as f64;
    let numbers = sum(|tensor| tensor.len() as u64);
    let bits = 8.0 * sum(|tensor| tensor.kind.bytes_of(tensor.len() as u64).unwrap_or(0));
    let bytes = std::fs::metadata(&flags.out).map_or(0, |file| file.len());
    let path = flags.out.display().to_string();
    let (path, bytes) = (printable(&path), amount(bytes as f64));
    let screen = Screen::new();
    screen.line(format!("{path} ({bytes}, {:.2} bits per weight)", bits / numbers));
    note_added_token(&model, &screen);
    screen.line(format!("error: {relative:.2} % of the weights (root mean square)"));
    let is_f16 = |tensor: &&TensorInfo| tensor.dims.len() > 1 && tensor.kind == TensorType::F16;
    let other = file.tensors().iter().filter(is_f16).count();
    if other > 0 {
        screen.line(format!("{other} matrices are F16: their rows are no whole blocks"));
    }
    screen.line(format!("  cargo run -p stage03_gpt -- sample --model {path}"));
    screen.end()
}
