//! The files of a fine-tuning: what a run resumes from, and what other programs open.
//!
//! ```text
//! out/finetuned/
//!   trainer.safetensors         what is trained, both moments, the step
//!   adapter_model.safetensors   the adapters, with adapter_config.json: a directory of peft's; or
//!   model.safetensors           all weights, with config.json, where all were trained
//!   tokenizer.json, ...         the tokenizer and the chat template of the model
//!   best/                       the same layout: the lowest loss on held-out examples
//!   log.jsonl                   the metrics log
//! ```
//!
//! Of a model with adapters only these are saved. The weights that they were trained beside are those
//! of `--init-from`, and a checksum of them says on resuming whether they are still the same.
//!
//! What this file leaves out: the formats (`stage03_gpt::files`), and when to save (`training`).

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::files::TRAINER_FILE;
use stage03_gpt::files::hugging_face::{TextSettings, save_description_with, save_model};
use stage03_gpt::files::peft;
use stage03_gpt::files::resume::{self, Snapshot, State, TOKENIZER_NOTE, text_checksum};
use stage03_gpt::files::run_directory::{self, OutDir, Place};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::SpecialTokens;
use stage03_gpt::training::Checkpoints;
use xxhash_rust::xxh3::Xxh3;

use super::run::FinetuneTraining;
use super::settings::FinetuneSettings;
use crate::checkpoint::BEST;

/// What kind of run a state belongs to, in its note.
const KIND: &str = "finetune";

/// Saves a run into its directory.
pub struct FinetuneCheckpoints {
    /// The directory with its lock, once the run has it.
    pub out: Option<OutDir>,
    /// The directory of the best weights with its lock, after the first save there.
    best: RefCell<Option<OutDir>>,
    /// The model as its files describe it: with the whole of its context.
    pub gpt: Gpt,
    /// The path of the model that the run began with, from the root: the adapters' file names it.
    pub base: PathBuf,
    /// The checksum of its weights.
    pub base_sum: String,
    /// The tokenizer of the model.
    pub tokenizer: Tokenizer,
    /// The special tokens of the model, and what else its files say about texts.
    pub texts: (SpecialTokens, TextSettings),
    /// The settings of the run.
    pub settings: FinetuneSettings,
    /// The identity of the data.
    pub data: Value,
}

impl FinetuneCheckpoints {
    /// The manager of a run.
    pub fn new(
        gpt: Gpt,
        (base, base_sum): (PathBuf, String),
        tokenizer: Tokenizer,
        texts: (SpecialTokens, TextSettings),
        (settings, data): (FinetuneSettings, Value),
    ) -> Self {
        let (out, best) = (None, RefCell::new(None));
        FinetuneCheckpoints { out, best, gpt, base, base_sum, tokenizer, texts, settings, data }
    }

    /// Fails if the directory was moved, because another program may now use its name.
    ///
    /// # Errors
    /// As [`OutDir::require`].
    pub fn require(&self) -> Result<&Path> {
        let out = self.out.as_ref().expect("the run has its directory");
        out.require().map(|()| out.path.as_path())
    }

    /// Creates the directory of a new run in its reserved place.
    ///
    /// # Errors
    /// As [`Place::fill`].
    pub fn create(&self, run: &mut FinetuneTraining, place: Place) -> Result<OutDir> {
        place.fill(|directory| {
            self.describe(directory)?;
            self.save_to(directory, run)
        })
    }

    /// The base was in the directory of the run, and was moved aside with what else was there: names its
    /// new place in the files of the run.
    ///
    /// # Errors
    /// [`Error::File`] when the disk is full.
    pub fn follow(&mut self, base: PathBuf, run: &mut FinetuneTraining) -> Result<()> {
        self.settings.init_from = Some(base.clone());
        self.base = base;
        let directory = self.require()?;
        self.describe(directory)?;
        self.save_to(directory, run)
    }

    /// Writes the files that stay the same once more, for a run that is resumed: they may be missing,
    /// or name a base that was moved.
    ///
    /// # Errors
    /// [`Error::File`] when the disk is full.
    pub fn describe_again(&self) -> Result<()> {
        let directory = self.require()?;
        self.describe(directory)?;
        let best = directory.join(BEST);
        if best.is_dir() { self.describe(&best) } else { Ok(()) }
    }

    /// Writes what stays the same while the model is trained.
    fn describe(&self, directory: &Path) -> Result<()> {
        let (special, texts) = &self.texts;
        match self.gpt.lora() {
            None => {
                let config = self.gpt.config();
                save_description_with(directory, config, &self.tokenizer, special, texts)
            }
            Some(_) => {
                let (gpt, base) = (&self.gpt, self.base.display().to_string());
                peft::save_description(directory, gpt, &base, &self.tokenizer, special, texts)
            }
        }
    }

    /// Writes the weights for other programs.
    fn save_weights(&self, directory: &Path, weights: &Params<f32>) -> Result<()> {
        match self.gpt.lora() {
            None => save_model(directory, &self.gpt, weights),
            Some(_) => peft::save_weights(directory, &self.gpt, weights),
        }
    }

    fn save_to(&self, directory: &Path, run: &mut FinetuneTraining) -> Result<()> {
        let note = json!({
            "kind": KIND,
            "settings": self.settings.saved(),
            "data": self.data,
            "base": self.base_sum,
            "best": run.best.is_finite().then_some(run.best),
            "references": run.batches.pairs.as_ref().map(|pairs| pairs.each_ref().map(|p| &p.references)),
            TOKENIZER_NOTE: text_checksum(&self.tokenizer.to_json()),
        });
        self.with_state(run, |snapshot| {
            resume::save(directory, snapshot, &note)?;
            self.save_weights(directory, snapshot.weights)
        })
    }

    /// Saves the weights as the best so far.
    fn save_best(&self, run: &mut FinetuneTraining) -> Result<()> {
        let directory = self.require()?;
        let mut best = self.best.borrow_mut();
        self.with_state(run, |snapshot| {
            if let Some(best) = &*best {
                best.require()?;
                return self.save_weights(&best.path, snapshot.weights);
            }
            *best = Some(run_directory::fill_inside(&directory.join(BEST), |directory| {
                self.describe(directory)?;
                self.save_weights(directory, snapshot.weights)
            })?);
            Ok(())
        })
    }

    /// Passes what is trained to `save`, unless a weight is NaN or infinite.
    fn with_state(
        &self,
        run: &mut FinetuneTraining,
        save: impl FnOnce(Snapshot) -> Result<()>,
    ) -> Result<()> {
        let (iter, trained) = (run.backend.iter(), self.gpt.trained());
        let (weights, moments) = run.backend.state()?;
        if let Some(weight) = weights.values[..trained].iter().find(|weight| !weight.is_finite()) {
            return Err(Error::diverged(iter, f64::from(*weight)));
        }
        let layout = &self.gpt.layout().first(trained);
        save(Snapshot { iter, layout, weights, moments })
    }
}

impl Checkpoints<FinetuneTraining> for FinetuneCheckpoints {
    /// Saves the best weights first, because the state has their loss.
    fn save(&self, run: &mut FinetuneTraining, best: bool) -> Result<()> {
        if best {
            self.save_best(run)?;
        }
        let directory = self.require()?;
        self.save_to(directory, run)
    }
}

/// The checksum of the weights that a run begins with. XXH3 (Yann Collet).
pub fn weights_checksum(weights: &Params<f32>) -> String {
    let mut hash = Xxh3::new();
    for chunk in weights.values.chunks(1 << 16) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        hash.update(&bytes);
    }
    format!("{:016x}", hash.digest())
}

/// A fine-tuning that was saved.
#[derive(Debug)]
pub struct SavedFinetune {
    /// What was trained, and the moments.
    pub state: State,
    /// The settings of the run.
    pub settings: FinetuneSettings,
    /// The identity of its data.
    pub data: Value,
    /// The checksum of the weights that it began with.
    pub base_sum: String,
    /// The checksum of its tokenizer.
    pub tokenizer_sum: String,
    /// Its lowest loss on held-out examples.
    pub best: f64,
}

impl SavedFinetune {
    /// Reads the state of a run.
    ///
    /// # Errors
    /// As [`State::load`]; [`Error::Format`] for the state of another kind of run, and for damaged
    /// settings.
    pub fn load(directory: &Path) -> Result<SavedFinetune> {
        let state = State::load(directory)?;
        let path = directory.join(TRAINER_FILE);
        let note = &state.run;
        if note.get("kind").and_then(Value::as_str) != Some(KIND) {
            let problem = "this run is no fine-tuning";
            return Err(Error::format(path, problem, "resume it with `train --resume`"));
        }
        let text = |entry: &str| note.get(entry).and_then(Value::as_str).map(String::from);
        let settings = note.get("settings").cloned().and_then(|s| serde_json::from_value(s).ok());
        let (Some(settings), Some(base_sum), Some(tokenizer_sum)) =
            (settings, text("base"), text(TOKENIZER_NOTE))
        else {
            return Err(Error::format(path, "its settings are damaged", "start a new run"));
        };
        let data = note.get("data").cloned().unwrap_or_default();
        let best = note.get("best").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
        Ok(SavedFinetune { state, settings, data, base_sum, tokenizer_sum, best })
    }

    /// Restores the run into a new trainer of this model.
    ///
    /// # Errors
    /// As [`State::params`].
    pub fn restore(&self, run: &mut FinetuneTraining, gpt: &Gpt) -> Result<()> {
        let (weights, moments) = self.state.params(&gpt.layout().first(gpt.trained()))?;
        run.backend.restore(self.state.iter, weights, moments)?;
        run.best = self.best;
        let Some(pairs) = &mut run.batches.pairs else { return Ok(()) };
        let saved = self.state.run.get("references").cloned().unwrap_or_default();
        let saved = serde_json::from_value::<[Vec<[f64; 2]>; 2]>(saved).ok();
        let fits = |saved: &[Vec<[f64; 2]>; 2]| {
            saved.iter().zip(&*pairs).all(|(saved, pairs)| saved.len() == pairs.len())
        };
        let Some(saved) = saved.filter(fits) else {
            let problem = "it does not say what the reference thinks of each pair";
            return Err(Error::format(TRAINER_FILE, problem, "start a new run"));
        };
        pairs.iter_mut().zip(saved).for_each(|(pairs, saved)| pairs.references = saved);
        Ok(())
    }
}
