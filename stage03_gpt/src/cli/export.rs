//! `export`: write a trained model in the format of other programs.
//!
//! `check_ending` and `convert` are also what `quantize` is made of.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use stage01_bigram::text::printable;
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};

use super::locate::locate;
use super::screen::Screen;
use super::stop;
use crate::files::gguf::TensorType;
use crate::model::Model;
use crate::units::amount;

/// Write a model as one GGUF file, which llama.cpp, ollama and LM Studio open.
///
/// The file holds the sizes, the weights, the tokenizer and the chat template. A directory in
/// Hugging Face's layout needs no export: `train` writes one, and `transformers` opens it.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The model: a directory, a GGUF file, or its name on the hub.
    #[arg(long, value_name = "DIR", default_value = super::train::OUT_DIR)]
    model: PathBuf,

    /// The file to write.
    #[arg(long, value_name = "FILE")]
    gguf: PathBuf,

    /// The type of the matrices: f32 is exact; f16 takes half the space and keeps 11 significant
    /// bits. Vectors are always f32.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Type::F32)]
    kind: Type,

    /// The name of the model in other programs. [default: the name of its directory]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

/// The type of the matrices.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Type {
    F32,
    F16,
}

/// Runs the command.
pub fn export(flags: &Flags) -> Result<ExitCode> {
    check_ending("--gguf", &flags.gguf)?;
    let kind = match flags.kind {
        Type::F32 => TensorType::F32,
        Type::F16 => TensorType::F16,
    };
    let model = convert(&flags.model, &flags.gguf, flags.name.as_deref(), kind)?;
    let size = std::fs::metadata(&flags.gguf).map_or(0, |file| file.len());
    let (file, size) = (flags.gguf.display().to_string(), amount(size as f64));
    let screen = Screen::new();
    screen.line(format!("{} ({size})", printable(&file)));
    note_added_token(&model, &screen);
    screen.line("Open it with any program that reads GGUF files, such as:");
    screen.line(format!("  llama-completion -m {} -no-cnv -p \"…\"", printable(&file)));
    screen.line(format!("  cargo run -p stage03_gpt -- sample --model {}", printable(&file)));
    screen.end()
}

/// Says where the file has a token that the model does not have.
pub(super) fn note_added_token(model: &Model, screen: &Screen) {
    if matches!(model.tokenizer, Tokenizer::Char(_)) {
        screen.line("A character tokenizer has no token that ends a");
        screen.line("text: <|endoftext|> was added.");
    }
}

/// Refuses a file to write whose name does not end in `.gguf`. The ending is how a file is recognised,
/// and what keeps another file from being replaced.
pub(super) fn check_ending(flag: &str, file: &Path) -> Result<()> {
    if file.extension().is_some_and(|ending| ending == "gguf") {
        return Ok(());
    }
    Err(Error::setting(flag, file.display(), "give a name that ends in .gguf"))
}

/// Writes a model as a GGUF file, and returns it as it was read.
///
/// model: a path, or a name on the hub. name: in other programs; none for that of the file or
/// directory. kind: the type of the matrices.
pub(super) fn convert(
    model: &Path,
    file: &Path,
    name: Option<&str>,
    kind: TensorType,
) -> Result<Model> {
    let path = locate(model)?;
    // What rounding takes away could not be had again.
    if let (Ok(model), Ok(file)) = (path.canonicalize(), file.canonicalize())
        && model == file
    {
        let problem = "it is the model that is to be read";
        return Err(Error::format(&file, problem, "give the new file another name"));
    }
    stop::end_at_once();
    let model = Model::load(&path)?;
    let own = path.canonicalize().unwrap_or(path);
    let own = own.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    model.save_gguf(file, name.unwrap_or(&own), kind)?;
    Ok(model)
}
