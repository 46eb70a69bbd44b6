//! The state of a training run: saved, and resumed as if the run had never stopped.
//!
//! The state is the weights, the two moments, the iteration and the settings. All of them are in
//! one file, `trainer.safetensors`, which is replaced atomically: whenever the process dies, the
//! file is that of the last save. The RNG state is not saved: each generator is seeded by the
//! seed of the run and the iteration (see [`random`](stage01_bigram::random)). A run of 100 steps,
//! and one of 50 that is resumed for 50 more, end with the same bytes.
//!
//! A state that was altered since it was saved, by a failing disk or in an editor, would still
//! load and train, with another result. So the file has a checksum of its tensors and of the note
//! that is saved with them, which [`State::load`] verifies.
//!
//! ```
//! use serde_json::json;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::files::resume::{self, State};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt};
//! use stage03_gpt::trainer::{Settings, Trainer};
//!
//! let gpt = Gpt::new(GptConfig { vocab_size: 4, ..GptConfig::default() })?;
//! let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
//! let mut trainer = Trainer::new(gpt, weights, Settings::default())?;
//! let directory = tempfile::tempdir().unwrap();
//! resume::save(directory.path(), &trainer, &json!({ "text": "a rhyme" }))?;
//!
//! let state = State::load(directory.path())?; // its checksum is compared
//! assert_eq!((state.iter, &state.run["text"]), (0, &json!("a rhyme")));
//! state.restore(&mut trainer)?;
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! Only this file is read on resuming. `model.safetensors` holds the weights a second time, for
//! other programs; the next save replaces it.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::View;
use serde_json::{Value, json};
use stage01_bigram::text::printable;
use stage01_bigram::{Error, Result};
use stage02_attention::params::{Layout, Params};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::TRAINER_FILE;
use super::safetensors::{F32Tensor, TensorFile, write_tensors};
use crate::adamw::Moments;
use crate::memory;
use crate::trainer::Trainer;

/// The name of the note in the file's header.
const NOTE: &str = "run";

/// The entry of the note that holds the checksum of `tokenizer.json`.
pub const TOKENIZER_NOTE: &str = "tokenizer";

/// The entry that holds the checksum, beside the note.
const CHECKSUM: &str = "xxh3";

/// The largest number of steps: up to here a step is exact as a number of JSON.
const MOST_STEPS: u64 = 1 << 53;

/// The part of the state that changes with each step, from a [`Trainer`] or from the memory of a
/// GPU.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    /// How many steps have been taken.
    pub iter: usize,
    /// The layout of the parameter vectors; of a model with frozen weights, that of the others
    /// ([`Layout::first`]).
    pub layout: &'a Layout,
    /// The weights. What stands behind the end of the layout is not saved.
    pub weights: &'a Params<f32>,
    /// The optimiser's averages.
    pub moments: &'a Moments<f32>,
}

impl<'a> From<&'a Trainer<f32>> for Snapshot<'a> {
    fn from(trainer: &'a Trainer<f32>) -> Self {
        let Trainer { iter, weights, moments, .. } = trainer;
        Snapshot { iter: *iter, layout: trainer.gpt().layout(), weights, moments }
    }
}

/// Writes the state of a run.
///
/// note: what the caller needs on resuming, such as the settings and a fingerprint of the text.
///
/// # Errors
/// [`Error::File`] when it cannot be written; the state saved before is then untouched.
pub fn save<'a>(directory: &Path, run: impl Into<Snapshot<'a>>, note: &Value) -> Result<()> {
    // ANCHOR: save
    let Snapshot { iter, layout, weights, moments } = run.into();
    let parts = [("weights", weights), ("m", &moments.m), ("v", &moments.v)];
    let tensors = parts.into_iter().flat_map(|(part, params)| {
        layout.tensors().iter().map(move |tensor| {
            let values = &params.values[tensor.range()];
            (format!("{part}.{}", tensor.name), F32Tensor { shape: tensor.shape.clone(), values })
        })
    });
    let tensors: Vec<(String, F32Tensor)> = tensors.collect();
    let mut note = json!({ "iter": iter, "run": note });
    let names = tensors.iter().map(|(name, _)| name.as_str());
    note[CHECKSUM] = json!(checksum(&note, names, tensors.iter().map(|(_, entry)| entry.data())));
    write_tensors(&directory.join(TRAINER_FILE), tensors.into_iter(), (NOTE, &note.to_string()))
    // ANCHOR_END: save
}

/// The checksum: XXH3 (Yann Collet) over the note, the names of the tensors, and their bytes, each
/// in the order of the file.
fn checksum<'a>(
    note: &Value,
    names: impl Iterator<Item = &'a str>,
    numbers: impl Iterator<Item = Cow<'a, [u8]>>,
) -> String {
    let mut hash = Xxh3::new();
    hash.update(note.to_string().as_bytes());
    names.for_each(|name| hash.update(name.as_bytes()));
    numbers.for_each(|bytes| hash.update(&bytes));
    format!("{:016x}", hash.digest())
}

/// The checksum of a text, such as that of a `tokenizer.json`.
pub fn text_checksum(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// A state that was read from a file.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    bytes: Vec<u8>,
    /// How many steps had been taken.
    pub iter: usize,
    /// The note that was given to [`save`].
    pub run: Value,
    /// Whether the file has a checksum. Those of the first version have none, so alterations are
    /// not noticed.
    pub checked: bool,
}

impl State {
    /// Reads a state.
    ///
    /// # Errors
    /// [`Error::File`] when there is none; [`Error::Format`] when it is damaged, or was altered;
    /// [`Error::Setting`] when it is too large for the memory.
    pub fn load(directory: &Path) -> Result<State> {
        let path = directory.join(TRAINER_FILE);
        let data = fs::metadata(&path).map_err(Error::file("read", &path))?;
        if !data.is_file() {
            return Err(Error::format(path, "this is not a regular file", "remove it"));
        }
        let remedy = "resume on a machine with more memory";
        memory::require(data.len() as f64, "the saved state", remedy)?;
        let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
        State::parse(&path, bytes)
    }

    /// Refuses the state of another kind of run than a training: its note says which.
    ///
    /// # Errors
    /// [`Error::Format`], with what can resume it.
    pub fn require_training(&self, directory: &Path) -> Result<()> {
        match self.run.get("kind").and_then(Value::as_str) {
            None => Ok(()),
            Some(kind) => {
                let problem = format!("this run is another kind of training, {}", printable(kind));
                let remedy = "resume it with cargo run -p stage04_training -- finetune --resume";
                Err(Error::format(directory.join(TRAINER_FILE), problem, remedy))
            }
        }
    }

    /// [`State::load`] for a file's content that is already in memory. path: its name in errors.
    ///
    /// # Errors
    /// [`Error::Format`] when it is damaged, or was altered.
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<State> {
        let file = TensorFile::open(path, &bytes)?;
        let note = TensorFile::note(&bytes, NOTE).and_then(|note| serde_json::from_str(&note).ok());
        let found = note.and_then(|mut note: Value| {
            let checksum = note.as_object_mut()?.shift_remove(CHECKSUM);
            let iter = note.get("iter")?.as_u64().filter(|iter| *iter <= MOST_STEPS)?;
            let run = note.get("run")?.clone();
            Some((usize::try_from(iter).ok()?, run, note, checksum))
        });
        let Some((iter, run, note, saved)) = found else {
            let problem = "it does not say which run it belongs to";
            return Err(Error::format(path, problem, "start a new run"));
        };
        if let Some(saved) = &saved {
            let names = file.tensors().iter().map(|tensor| tensor.name.as_str());
            let numbers = Cow::Borrowed(file.numbers(&bytes));
            if *saved != checksum(&note, names, std::iter::once(numbers)) {
                let problem = "it was altered since it was saved: its checksum differs";
                let remedy = "restore it from a copy, or start a new run";
                return Err(Error::format(path, problem, remedy));
            }
        }
        Ok(State { path: path.to_path_buf(), bytes, iter, run, checked: saved.is_some() })
    }

    /// The vocabulary size of the saved model: the rows of its token embedding.
    ///
    /// # Errors
    /// [`Error::Format`] when the file has no such tensor.
    pub fn vocab_size(&self) -> Result<usize> {
        let file = TensorFile::open(&self.path, &self.bytes)?;
        let wte = file.tensors().iter().find(|tensor| tensor.name == "weights.wte.weight");
        wte.and_then(|wte| wte.shape.first().copied()).ok_or_else(|| {
            let problem = "the tensor weights.wte.weight is missing";
            Error::format(&self.path, problem, "start a new run")
        })
    }

    /// The weights, and the optimiser's averages.
    ///
    /// # Errors
    /// [`Error::Format`] when the file has other tensors than this layout, naming the first.
    pub fn params(&self, layout: &Layout) -> Result<(Params<f32>, Moments<f32>)> {
        let file = TensorFile::open(&self.path, &self.bytes)?;
        // ANCHOR: restore
        let weights = file.read_params(layout, "weights.")?;
        let m = file.read_params(layout, "m.")?;
        let v = file.read_params(layout, "v.")?;
        self.refuse_negative(&v)?;
        Ok((weights, Moments { m, v }))
        // ANCHOR_END: restore
    }

    /// An average of squares is never below zero; the optimiser takes its root.
    fn refuse_negative(&self, v: &Params<f32>) -> Result<()> {
        match v.values.iter().find(|v| **v < 0.0) {
            Some(v) => {
                let problem = format!("an average of squared gradients is {v}, below zero");
                Err(Error::format(&self.path, problem, "start a new run"))
            }
            None => Ok(()),
        }
    }

    /// Sets the weights, the moments and the iteration of a trainer.
    ///
    /// # Errors
    /// As [`State::params`].
    pub fn restore(&self, trainer: &mut Trainer<f32>) -> Result<()> {
        (trainer.weights, trainer.moments) = self.params(trainer.gpt().layout())?;
        trainer.iter = self.iter;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adamw::AdamW;
    use crate::config::GptConfig;
    use crate::gpt::Gpt;
    use crate::schedule::Schedule;
    use crate::trainer::Settings;
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::dataset::Dataset;
    use stage01_bigram::random::{Purpose, generator};

    fn trainer() -> Trainer<f32> {
        let (vocab_size, block_size, n_layer) = (13, 8, 2);
        let (n_head, n_embd, dropout, bias) = (2, 8, 0.2, false);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let weights = gpt.initialise(&mut generator(3, Purpose::Initialisation, 0));
        let schedule =
            Schedule { learning_rate: 1e-2, min_lr: 1e-3, warmup_iters: 5, lr_decay_iters: 100 };
        let adamw = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };
        let settings = Settings {
            batch_size: 5,
            gradient_accumulation_steps: 2,
            schedule,
            adamw,
            seed: 7,
            threads: 2,
        };
        Trainer::new(gpt, weights, settings).unwrap()
    }

    fn train(trainer: &mut Trainer<f32>, steps: usize) {
        let mut rng = generator(1, Purpose::Other, 0);
        let data = (0..500).map(|_| rng.random_range(0..13u32)).collect();
        let data = Dataset::new(data, 8).unwrap();
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..steps {
            for _ in 0..2 {
                data.sample_batch(5, 8, &mut trainer.batch_rng(), &mut x, &mut y);
                trainer.accumulate(&x, &y);
            }
            trainer.step().unwrap();
        }
    }

    #[test]
    fn fifty_and_fifty_steps_are_a_hundred_to_the_byte() {
        let mut whole = trainer();
        train(&mut whole, 100);

        let directory = tempfile::tempdir().unwrap();
        let mut first = trainer();
        train(&mut first, 50);
        save(directory.path(), &first, &json!({"any": "thing"})).unwrap();
        drop(first);
        let mut second = trainer();
        let state = State::load(directory.path()).unwrap();
        assert_eq!((state.iter, &state.run), (50, &json!({"any": "thing"})));
        state.restore(&mut second).unwrap();
        train(&mut second, 50);

        assert_eq!(whole.weights, second.weights);
        assert_eq!(whole.moments, second.moments);
        assert_eq!(whole.iter, second.iter);
        let bytes = |trainer| {
            save(directory.path(), trainer, &json!(null)).unwrap();
            fs::read(directory.path().join(TRAINER_FILE)).unwrap()
        };
        assert_eq!(bytes(&whole), bytes(&second));
    }

    #[test]
    fn a_damaged_state_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let load = || State::load(directory.path()).err().unwrap().to_string();
        assert!(load().starts_with("cannot read"));
        save(directory.path(), &trainer(), &json!(null)).unwrap();
        let path = directory.path().join(TRAINER_FILE);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(load().contains("trainer.safetensors: damaged"));
    }

    /// The bytes of a small state, and its path.
    fn saved() -> (PathBuf, Vec<u8>) {
        let directory = tempfile::tempdir().unwrap();
        let mut run = trainer();
        train(&mut run, 1);
        save(directory.path(), &run, &json!({ "settings": { "seed": 7, "lr": 0.1 } })).unwrap();
        let path = directory.path().join(TRAINER_FILE);
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    }

    /// A forged state: the header and the tensors of another are altered, and the checksum is
    /// computed again.
    fn forged(bytes: &[u8], alter: impl FnOnce(&mut Value, &mut Value, &mut [u8])) -> Vec<u8> {
        let length = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let mut head: Value = serde_json::from_slice(&bytes[8..length]).unwrap();
        let mut note = serde_json::from_str(head["__metadata__"]["run"].as_str().unwrap()).unwrap();
        let mut numbers = bytes[length..].to_vec();
        alter(&mut head, &mut note, &mut numbers);
        if let Some(entries) = note.as_object_mut()
            && entries.shift_remove(CHECKSUM).is_some()
        {
            let place = |tensor: &Value| tensor["data_offsets"][0].as_u64();
            let tensors = head.as_object().unwrap().iter();
            let mut names: Vec<_> = tensors.filter(|(name, _)| *name != "__metadata__").collect();
            names.sort_by_key(|(_, tensor)| place(tensor));
            let names = names.into_iter().map(|(name, _)| name.as_str());
            note[CHECKSUM] = json!(checksum(&note, names, std::iter::once(numbers[..].into())));
        }
        head["__metadata__"]["run"] = json!(note.to_string());
        let head = head.to_string();
        let length = (head.len() as u64).to_le_bytes();
        [&length[..], head.as_bytes(), &numbers].concat()
    }

    #[test]
    fn a_single_altered_bit_is_noticed_wherever_it_is() {
        let (path, bytes) = saved();
        State::parse(&path, bytes.clone()).unwrap();
        for place in (0..bytes.len()).step_by(7).chain(bytes.len() - 9..bytes.len()) {
            let mut altered = bytes.clone();
            altered[place] ^= 1 << (place % 8);
            let error = State::parse(&path, altered).map(|state| state.iter);
            // The list of the tensors is checked where it is used: by their names and shapes.
            let head = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            assert!(error.is_err() || place < head, "byte {place}");
        }
        let entry = br#"lr\":0.1"#;
        let place = bytes.windows(entry.len()).position(|window| window == entry).unwrap();
        let mut altered = bytes;
        altered[place + entry.len() - 1] = b'2';
        let error = State::parse(&path, altered).unwrap_err().to_string();
        assert!(error.contains("its checksum differs; restore it"), "{error}");
    }

    #[test]
    fn what_no_run_saves_is_refused_although_its_checksum_is_right() {
        let (path, bytes) = saved();
        let parse = |bytes| State::parse(&path, bytes);
        for iter in [json!(1u64 << 63), json!(u64::MAX), json!(-1), json!(1.5), json!("1")] {
            let error = parse(forged(&bytes, |_, note, _| note["iter"] = iter)).unwrap_err();
            assert!(error.to_string().contains("which run it belongs to"), "{error}");
        }
        for (value, expected) in [(-1.0f32, "-1, below zero"), (f32::NAN, "holds NaN")] {
            let negative = forged(&bytes, |_, _, numbers| {
                let last = numbers.len() - 4; // the last of v
                numbers[last..].copy_from_slice(&value.to_le_bytes());
            });
            let error = parse(negative).unwrap().restore(&mut trainer()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        // A state of the first version has no checksum, and says so.
        let old = forged(&bytes, |_, note, _| {
            note.as_object_mut().unwrap().shift_remove(CHECKSUM);
        });
        assert!(!parse(old).unwrap().checked && parse(bytes).unwrap().checked);
    }

    proptest! {
        /// Any header gives an error or a state, never a panic.
        #[test]
        fn no_head_can_break_it(
            entry in 0..8usize, number: u64, text in ".{0,12}", place in 0..2000usize,
        ) {
            let (path, bytes) = saved();
            let altered = forged(&bytes, |head, note, _| match entry {
                0 => note["iter"] = json!(number),
                1 => note["run"] = json!(text),
                2 => note["run"]["settings"] = json!([number, text]),
                3 => *note = json!(text),
                4 => head["weights.wte.weight"]["shape"] = json!([number, 8]),
                5 => head["v.wte.weight"]["data_offsets"] = json!([number, number]),
                6 => head["m.wte.weight"]["dtype"] = json!(text),
                _ => head[&text] = json!({ "dtype": "F32", "shape": [], "data_offsets": [0, 4] }),
            });
            let mut flipped = bytes.clone();
            flipped[place % bytes.len()] ^= number as u8;
            for bytes in [altered, flipped] {
                if let Ok(state) = State::parse(&path, bytes) {
                    let _ = (state.vocab_size(), state.restore(&mut trainer()));
                }
            }
        }
    }
}
