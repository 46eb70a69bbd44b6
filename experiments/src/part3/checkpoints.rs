//! A model is a directory: what is in it, a run that is stopped and goes on, and a file that was cut off.
//!
//! Everything is written to a temporary directory that is removed at the end.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::Dataset;
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage03_gpt::adamw::Moments;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::TRAINER_FILE;
use stage03_gpt::files::hugging_face;
use stage03_gpt::files::resume::{self, State};
use stage03_gpt::model::Model;
use stage03_gpt::trainer::Trainer;

use crate::setup::{self, constant_rate};

/// How many tokens a window has.
const LENGTH: usize = 16;

/// After how many steps the run is stopped.
const STOP: usize = 300;

/// Runs the experiment.
pub fn run() -> Result<()> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let (text, directory) = (Text::new()?, place.path());
    on_paper();
    let mut trainer = text.trainer()?;
    text.train(&mut trainer, STOP)?;
    save(directory, &trainer, &text.tokenizer)?;
    files(directory);
    head(directory);
    round_trip(directory, &trainer)?;
    stop_and_go_on(directory, &text)?;
    cut_off(directory);
    Ok(())
}

fn on_paper() {
    println!("ON PAPER: numbers of 32 bits as bytes, the lowest first");
    for number in [1.0f32, -2.0, 0.1] {
        let [a, b, c, d] = number.to_le_bytes();
        println!("{number:>4}   {a:02x} {b:02x} {c:02x} {d:02x}");
    }
}

/// A little of the built-in text, as tokens.
struct Text {
    tokenizer: Tokenizer,
    data: Dataset,
}

impl Text {
    fn new() -> Result<Text> {
        let text = &Corpus::built_in().text[..20_000];
        let tokenizer = TokenizerKind::Char.train(text)?;
        let data = Dataset::new(tokenizer.encode(text)?, LENGTH)?;
        Ok(Text { tokenizer, data })
    }

    /// A new trainer of a very small GPT.
    fn trainer(&self) -> Result<Trainer<f32>> {
        let config = GptConfig {
            vocab_size: self.tokenizer.vocab_size(),
            block_size: LENGTH,
            n_layer: 1,
            n_head: 2,
            n_embd: 32,
            dropout: 0.1,
            bias: true,
            ..GptConfig::default()
        };
        setup::trainer(config, setup::settings(32, constant_rate(1e-2, 0)))
    }

    /// Some steps. Returns the loss of each.
    fn train(&self, trainer: &mut Trainer<f32>, steps: usize) -> Result<Vec<f64>> {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let step = |_| {
            self.data.sample_batch(32, LENGTH, &mut trainer.batch_rng(), &mut x, &mut y);
            trainer.accumulate(&x, &y);
            Ok(trainer.step()?.loss)
        };
        (0..steps).map(step).collect()
    }
}

// ANCHOR: save
/// Everything: first what stays the same, then the state of the run, then the model.
fn save(directory: &Path, trainer: &Trainer<f32>, tokenizer: &Tokenizer) -> Result<()> {
    hugging_face::save_description(directory, trainer.gpt().config(), tokenizer)?;
    let note = json!({ "note": "whatever the run wants to find again" });
    resume::save(directory, trainer, &note)?;
    hugging_face::save_model(directory, trainer.gpt(), &trainer.weights)
}
// ANCHOR_END: save

fn files(directory: &Path) {
    println!("\nTHE DIRECTORY");
    let mut files: Vec<_> = fs::read_dir(directory)
        .expect("the directory")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name().into_string().expect("a name"), entry.path()))
        .collect();
    files.sort();
    for (name, path) in files {
        println!("{name:<24}{:>8} bytes", fs::metadata(path).expect("a file").len());
    }
}

/// The head of a safetensors file: its length, and what it says of each tensor.
fn read_head(path: &Path) -> (usize, Value) {
    let bytes = fs::read(path).expect("a file");
    // ANCHOR: head
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let head: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    // ANCHOR_END: head
    (length, head)
}

fn head(directory: &Path) {
    let (length, head) = read_head(&directory.join("model.safetensors"));
    println!("\nTHE HEAD OF model.safetensors: {length} bytes");
    let mut tensors: Vec<_> = head
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(_, t)| t["shape"].is_array())
        .collect();
    tensors.sort_by_key(|(_, tensor)| tensor["data_offsets"][0].as_u64());
    let mut numbers = 0;
    for (name, tensor) in tensors {
        let shape: Vec<u64> = serde_json::from_value(tensor["shape"].clone()).expect("a shape");
        println!("{:<6}{:<38}{}", tensor["dtype"].as_str().expect("a type"), name, json!(shape));
        numbers += shape.iter().product::<u64>();
    }
    // ANCHOR: file_size
    println!("8 + {length} + 4 x {numbers} = {} bytes", 8 + length as u64 + 4 * numbers);
    // ANCHOR_END: file_size
}

fn round_trip(directory: &Path, trainer: &Trainer<f32>) -> Result<()> {
    let model = Model::load(directory)?;
    println!("\nREAD AGAIN: the same weights to the bit: {}", *model.params() == trainer.weights);
    Ok(())
}

fn stop_and_go_on(directory: &Path, text: &Text) -> Result<()> {
    println!("\nSTOP AFTER {STOP} STEPS AND GO ON: the loss of the next five steps");
    let mut whole = text.trainer()?;
    text.train(&mut whole, STOP)?;
    let losses = text.train(&mut whole, 5)?;
    show("never stopped", &losses);

    // ANCHOR: resume
    let mut resumed = text.trainer()?;
    State::load(directory)?.restore(&mut resumed)?;
    let losses = text.train(&mut resumed, 5)?;
    // ANCHOR_END: resume
    show("stopped and resumed", &losses);

    let mut weights_only = text.trainer()?;
    weights_only.weights = Model::load(directory)?.into_params();
    weights_only.iter = STOP; // the same batches
    weights_only.moments = Moments::new(weights_only.gpt().layout());
    show("without both averages", &text.train(&mut weights_only, 5)?);

    let bytes = |trainer: &Trainer<f32>| -> Result<Vec<u8>> {
        resume::save(directory, trainer, &json!(null))?;
        Ok(fs::read(directory.join(TRAINER_FILE)).expect("the file"))
    };
    let same = bytes(&whole)? == bytes(&resumed)?;
    println!("the two first end with the same bytes: {same}");
    Ok(())
}

fn show(name: &str, losses: &[f64]) {
    print!("{name:<24}");
    losses.iter().for_each(|loss| print!("{loss:>8.4}"));
    println!();
}

fn cut_off(directory: &Path) {
    println!("\nA BUG: written in place, and stopped half way");
    let path = directory.join("model.safetensors");
    let bytes = fs::read(&path).expect("the file");
    // ANCHOR: in_place
    // Half of the bytes are written when the power goes off.
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("space on the disk");
    // ANCHOR_END: in_place
    let error = Model::load(directory).expect_err("half a model").to_string();
    println!("{}", error.replace(&directory.display().to_string(), "DIR"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        assert_eq!(1.0f32.to_le_bytes(), [0, 0, 0x80, 0x3f]);
        assert_eq!((-2.0f32).to_le_bytes(), [0, 0, 0, 0xc0]);
    }

    #[test]
    fn the_head_accounts_for_every_byte() {
        let place = tempfile::tempdir().unwrap();
        let text = Text::new().unwrap();
        let trainer = text.trainer().unwrap();
        save(place.path(), &trainer, &text.tokenizer).unwrap();
        let path = place.path().join("model.safetensors");
        let (length, _) = read_head(&path);
        let numbers = trainer.gpt().layout().len();
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, 8 + length + 4 * numbers);
    }

    #[test]
    fn a_resumed_run_ends_like_one_that_never_stopped() {
        let place = tempfile::tempdir().unwrap();
        let text = Text::new().unwrap();
        let mut whole = text.trainer().unwrap();
        text.train(&mut whole, 3).unwrap();
        save(place.path(), &whole, &text.tokenizer).unwrap();
        text.train(&mut whole, 3).unwrap();
        let mut resumed = text.trainer().unwrap();
        State::load(place.path()).unwrap().restore(&mut resumed).unwrap();
        text.train(&mut resumed, 3).unwrap();
        assert_eq!(whole.weights, resumed.weights);
        assert_eq!(whole.moments, resumed.moments);
    }
}
