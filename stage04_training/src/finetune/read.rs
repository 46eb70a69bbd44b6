//! Reads files of conversations and of plain text, as examples.
//!
//! The content says what a file is, as in `prepare`: lines of JSON objects are conversations, other
//! text is plain; a file named `.txt` is always plain. Lines are read one after another and encoded on
//! all threads. The tokens of all examples stay in memory, which is why there is a limit to a file's
//! length: fine-tuning takes little data. What this file leaves out: compressed files and archives.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use stage01_bigram::form::BYTE_ORDER_MARK;
use stage01_bigram::{Error, Result, form};
use stage03_gpt::files::json_lines::{Line, Lines};
use stage03_gpt::model::Model;

use super::conversation::conversation;
use super::documents::TextEncoder;
use super::encode::Encoder;
use super::example::Example;
use super::fault::{Fault, Faults};
use super::template::Template;
use crate::prepare::Format;
use crate::prepare::kind::{HEAD, Kind, kind, suffix};
use crate::progress::Reporter;

/// The longest file, in bytes.
const LONGEST: u64 = 1 << 28;

/// How many lines are encoded at a time.
const LINES: usize = 1024;

/// How data is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSettings {
    /// The most tokens of an example.
    pub block_size: usize,
    /// Whether lines that cannot be used are left out and counted. Otherwise they are an error.
    pub skip_bad: bool,
}

/// Examples, and what was left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinetuneData {
    /// The examples, in the order of the files.
    pub examples: Vec<Example>,
    /// The lines that were left out.
    pub skipped: Faults,
}

/// Reads files. The reporter shows the progress, and the first faults where there are several.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read; [`Error::Format`] for one that is empty, is neither
/// text nor JSON lines, or is very long; [`Error::Setting`] for a block size below 2; [`Error::Text`]
/// for a model without a template that can be used ([`Template::of`], [`Encoder::new`]), and, unless
/// they are skipped, for lines that cannot be used; when no example is left.
pub fn read(
    paths: &[PathBuf],
    model: &Model,
    settings: &ReadSettings,
    reporter: &dyn Reporter,
) -> Result<FinetuneData> {
    let &ReadSettings { block_size, skip_bad } = settings;
    if block_size < 2 {
        let expected = "expected at least 2: a token, and the one that follows it";
        return Err(Error::setting("--block-size", block_size, expected));
    }
    // All files are looked at before the first is read.
    let files = paths.iter().map(|path| inspect(path)).collect::<Result<Vec<_>>>()?;
    let total = files.iter().map(|file| file.bytes).sum();
    let mut encoder = None;
    let mut data = FinetuneData::default();
    let mut progress = reporter.begin("read", total, 0);
    let mut done = 0;
    for (file, path) in files.iter().zip(paths) {
        if file.is_text {
            text(path, &TextEncoder::new(&model.tokenizer, block_size), &mut data)?;
        } else {
            if encoder.is_none() {
                let template = Template::of(model)?;
                let eos = &model.special.eos;
                encoder = Some(Encoder::new(template, &model.tokenizer, eos, block_size)?);
            }
            let encoder = encoder.as_ref().expect("made above");
            lines(path, encoder, &mut data, |bytes| progress.update(done + bytes))?;
        }
        done += file.bytes;
        progress.update(done);
    }
    drop(progress);
    if !skip_bad && let Some(error) = data.skipped.error(false) {
        if data.skipped.count() > 1 {
            data.skipped.lines().iter().for_each(|line| reporter.line(line));
        }
        return Err(error);
    }
    if data.examples.is_empty() {
        let problem = match data.skipped.count() {
            0 => "there is nothing to learn in it".to_string(),
            count => format!("none of its {count} lines can be used: {}", data.skipped.first()[0]),
        };
        return Err(Error::text("the data", problem, "give conversations, or text"));
    }
    Ok(data)
}

/// What a file is.
struct Inspected {
    is_text: bool,
    bytes: u64,
}

/// Looks at the beginning of a file.
fn inspect(path: &Path) -> Result<Inspected> {
    let failed = || Error::file("read", path);
    let about = fs::metadata(path).map_err(failed())?;
    let refused = |problem: &str, remedy: &str| Err(Error::format(path, problem, remedy));
    if about.is_dir() {
        return refused("it is a directory", "name the files in it");
    }
    if !about.is_file() {
        return refused("it is no regular file", "write the data into a file first");
    }
    let bytes = about.len();
    if bytes > LONGEST {
        let remedy = "give less: fine-tuning takes little; for gigabytes of text there are prepare \
                      and train";
        return refused(&format!("it has {bytes} bytes, and at most {LONGEST} are read"), remedy);
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(failed())?;
    file.take(HEAD as u64).read_to_end(&mut head).map_err(failed())?;
    if head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&head).is_empty() {
        return refused("the file is empty", "give a file with conversations, or with text");
    }
    let name = path.display().to_string();
    let format = if suffix(&name) == ".txt" { Format::Text } else { Format::Auto };
    match kind(&name, &head, true, format) {
        Kind::Lines => Ok(Inspected { is_text: false, bytes }),
        Kind::Text => Ok(Inspected { is_text: true, bytes }),
        Kind::Values => refused(
            "it is JSON, but not one object in each line",
            "make lines of it first, with `jq -c .` of objects one behind another, with `jq -c \
             '.[]'` of a list",
        ),
        Kind::Compressed(_) | Kind::Tar => {
            refused("it is compressed, or an archive", "unpack it first")
        }
        Kind::Parquet => refused("it is a Parquet file", "write it as JSON lines first"),
        Kind::Unread(form) => refused(&format!("it is {form}, which is not read"), form.remedy),
        Kind::Misnamed(form) => refused(
            &format!("its name says {form}, but its content is something else"),
            "fetch it again, or give it its right name",
        ),
        Kind::Unknown(_) => refused("it is no text", "give conversations, or text"),
    }
}

/// The conversations of a file.
fn lines(
    path: &Path,
    encoder: &Encoder,
    data: &mut FinetuneData,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let mut lines = Lines::open(path)?;
    let mut bytes = 0;
    loop {
        let chunk = lines.by_ref().take(LINES).collect::<Result<Vec<Line>>>()?;
        if chunk.is_empty() {
            return Ok(());
        }
        bytes += chunk.iter().map(|line| line.bytes.len() as u64 + 1).sum::<u64>();
        let results: Vec<_> = chunk.par_iter().map(|line| example(path, line, encoder)).collect();
        for result in results {
            match result {
                Ok(example) => data.examples.push(example),
                Err(fault) => data.skipped.push(fault),
            }
        }
        progress(bytes);
    }
}

fn example(path: &Path, line: &Line, encoder: &Encoder) -> std::result::Result<Example, Fault> {
    let place = || format!("{}:{}", path.display(), line.number);
    let messages = conversation(&line.bytes)
        .map_err(|(problem, remedy)| Fault::new(place(), problem, remedy))?;
    encoder.encode(&messages).map_err(|error| Fault::of(place(), error))
}

/// The documents of a file of plain text.
fn text(path: &Path, encoder: &TextEncoder, data: &mut FinetuneData) -> Result<()> {
    let bytes = fs::read(path).map_err(Error::file("read", path))?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (problem, remedy) = form::not_utf8(bytes, &error);
        let line = 1 + memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count();
        Error::text(format!("{}:{line}", path.display()), problem, remedy)
    })?;
    let examples = encoder.encode(text).map_err(|error| match error {
        Error::UnknownCharacter { character, line, .. } => {
            let problem = format!("the character {character:?} is not in the model's vocabulary");
            let remedy = "take it out, or take a model with a byte-level tokenizer";
            Error::text(format!("{}:{line}", path.display()), problem, remedy)
        }
        other => other,
    })?;
    data.examples.extend(examples);
    Ok(())
}
