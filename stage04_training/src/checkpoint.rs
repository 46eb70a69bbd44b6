//! Checkpoints: the files from which a run resumes after a stop or a crash.
//!
//! ```text
//! out/training/
//!   trainer.safetensors    weights, both moments, the step, the position in the data
//!   model.safetensors      the weights alone, with config.json and tokenizer.json: a directory in
//!                          the Hugging Face layout, as in stage 3
//!   best/                  the same layout: the weights with the lowest validation loss
//!   log.jsonl, report.html the metrics log, and a page that shows it
//! ```
//!
//! The formats are those of stage 3, so a run can begin there and continue here, or the other way
//! round. The header of `trainer.safetensors` has two more fields beside the settings: the
//! position, and the lowest loss so far.
//!
//! Replacing one file is atomic, replacing three is not. So they are written in an order that is
//! consistent wherever the process is killed: first `best/`, then the state with its loss, then the
//! model. A resumed run reads only the state.
//!
//! ```
//! use serde_json::json;
//! use stage02_attention::params::Params;
//! use stage03_gpt::{files::resume, settings::RunSettings, trainer::Trainer};
//! use stage04_training::checkpoint::Saved;
//!
//! // A run of stage 3, with the two fields of this stage.
//! let run = RunSettings { n_layer: 1, n_embd: 16, block_size: 8, ..RunSettings::default() };
//! let gpt = run.gpt(10)?;
//! let weights = Params::<f32>::zeros(gpt.layout());
//! let trainer = Trainer::new(gpt, weights, run.settings())?;
//! let directory = tempfile::tempdir().unwrap();
//! let note = json!({ "settings": {}, "position": 24, "best": 1.5 });
//! resume::save(directory.path(), &trainer, &note)?;
//!
//! let saved = Saved::load(directory.path())?;
//! assert_eq!((saved.state.iter, saved.position, saved.best), (0, 24, 1.5));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the log, and when to save ([`crate::trainer`]).

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage03_gpt::files::TRAINER_FILE;
use stage03_gpt::files::hugging_face::{TextSettings, save_description_with, save_model};
use stage03_gpt::files::resume::{self, Snapshot, State, TOKENIZER_NOTE, text_checksum};
use stage03_gpt::files::run_directory::{self, OutDir, Place};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::SpecialTokens;
use stage03_gpt::training::Checkpoints;

use crate::backend::Backend;
use crate::trainer::ShardTraining;

/// The directory of the best weights, inside the run's.
pub const BEST: &str = "best";

/// Saves a run into its directory.
pub struct CheckpointManager {
    /// The directory.
    pub directory: PathBuf,
    /// The directory with its lock, once the run has it.
    pub out: Option<OutDir>,
    /// The directory of the best weights with its lock, after the first save there.
    best: RefCell<Option<OutDir>>,
    /// The tokenizer of the model.
    pub tokenizer: Tokenizer,
    /// The checksum of the tokenizer's file.
    pub tokenizer_sum: String,
    /// The settings of the run.
    pub settings: Value,
    /// The identity of the data.
    pub data: Value,
    /// The special tokens of the model, and what else its files say about texts.
    pub texts: (SpecialTokens, TextSettings),
}

impl CheckpointManager {
    /// The manager of a new run in a directory.
    pub fn new(
        directory: &Path,
        tokenizer: Tokenizer,
        settings: Value,
        data: Value,
    ) -> CheckpointManager {
        let tokenizer_sum = text_checksum(&tokenizer.to_json());
        let texts = (SpecialTokens::of(&tokenizer), TextSettings::default());
        let (directory, out, best) = (directory.to_path_buf(), None, RefCell::new(None));
        CheckpointManager { directory, out, best, tokenizer, tokenizer_sum, settings, data, texts }
    }

    /// Takes the directory with its lock; saves go there from now on.
    pub fn hold(&mut self, out: OutDir) {
        self.directory.clone_from(&out.path);
        self.out = Some(out);
    }

    /// Fails if the directory was moved, because another program may now use its name.
    ///
    /// # Errors
    /// As [`OutDir::require`].
    pub fn require(&self) -> Result<()> {
        self.out.as_ref().map_or(Ok(()), OutDir::require)
    }

    /// Creates the directory of a new run in its reserved place.
    ///
    /// # Errors
    /// As [`Place::fill`].
    pub fn create(&self, run: &mut ShardTraining, place: Place) -> Result<OutDir> {
        place.fill(|directory| {
            self.describe(directory, run.backend.gpt())?;
            self.save_to(directory, run)
        })
    }

    /// Writes what stays the same while the model is trained.
    fn describe(&self, directory: &Path, gpt: &Gpt) -> Result<()> {
        let (special, text_settings) = &self.texts;
        save_description_with(directory, gpt.config(), &self.tokenizer, special, text_settings)
    }

    /// Saves the state and the model.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written; [`Error::Diverged`] when a weight is NaN or
    /// infinite. The previous files are then unchanged. Also those of
    /// [`CheckpointManager::require`].
    pub fn save(&self, run: &mut ShardTraining) -> Result<()> {
        self.require()?;
        self.save_to(&self.directory, run)
    }

    fn save_to(&self, directory: &Path, run: &mut ShardTraining) -> Result<()> {
        // ANCHOR: save
        let best = run.best.is_finite().then_some(run.best);
        let note = json!({
            "settings": self.settings, "data": self.data, "position": run.position, "best": best,
            TOKENIZER_NOTE: self.tokenizer_sum,
        });
        with_weights(&mut *run.backend, |snapshot, gpt| {
            resume::save(directory, snapshot, &note)?;
            save_model(directory, gpt, snapshot.weights)
        })
        // ANCHOR_END: save
    }

    /// Saves the weights as the best so far.
    ///
    /// # Errors
    /// As [`CheckpointManager::save`].
    pub fn save_best(&self, run: &mut ShardTraining) -> Result<()> {
        self.require()?;
        let mut best = self.best.borrow_mut();
        with_weights(&mut *run.backend, |snapshot, gpt| {
            if let Some(best) = &*best {
                best.require()?;
                return save_model(&best.path, gpt, snapshot.weights);
            }
            // A directory from an earlier start of this run may have been altered: write it new.
            *best = Some(run_directory::fill_inside(&self.directory.join(BEST), |directory| {
                self.describe(directory, gpt)?;
                save_model(directory, gpt, snapshot.weights)
            })?);
            Ok(())
        })
    }
}

impl Checkpoints<ShardTraining<'_>> for CheckpointManager {
    /// Saves the best weights first, because the state has their loss.
    fn save(&self, run: &mut ShardTraining, best: bool) -> Result<()> {
        if best {
            self.save_best(run)?;
        }
        CheckpointManager::save(self, run)
    }
}

/// Passes the state of a backend to `save`, unless a weight is NaN or infinite.
fn with_weights(
    backend: &mut dyn Backend,
    save: impl FnOnce(Snapshot, &Gpt) -> Result<()>,
) -> Result<()> {
    let (iter, gpt) = (backend.iter(), backend.gpt().clone());
    let (weights, moments) = backend.state()?;
    if let Some(weight) = weights.values.iter().find(|weight| !weight.is_finite()) {
        return Err(Error::diverged(iter, f64::from(*weight)));
    }
    save(Snapshot { iter, layout: gpt.layout(), weights, moments }, &gpt)
}

/// A saved run of this stage or of stage 3.
pub struct Saved {
    /// The weights and the moments.
    pub state: State,
    /// The settings of the run.
    pub settings: Value,
    /// The identity of its data; `None` in a run of stage 3.
    pub data: Option<Value>,
    /// Its position in the data.
    pub position: u64,
    /// Its lowest validation loss.
    pub best: f64,
}

impl Saved {
    /// Reads the state of a run.
    ///
    /// # Errors
    /// As [`State::load`], and [`Error::Format`] for damaged settings.
    pub fn load(directory: &Path) -> Result<Saved> {
        let state = State::load(directory)?;
        state.require_training(directory)?;
        let note = &state.run;
        let settings = note.get("settings").filter(|settings| settings.is_object());
        let Some(settings) = settings.cloned() else {
            let path = directory.join(TRAINER_FILE);
            return Err(Error::format(path, "its settings are damaged", "start a new run"));
        };
        let data = note.get("data").cloned();
        let position = note.get("position").and_then(Value::as_u64).unwrap_or(0);
        let best = note.get("best").and_then(Value::as_f64).unwrap_or(f64::INFINITY);
        Ok(Saved { state, settings, data, position, best })
    }

    /// Restores the saved run into a new trainer. On other data it starts at the first window, and
    /// without a lowest loss.
    ///
    /// # Errors
    /// As [`State::params`].
    pub fn restore(&self, run: &mut ShardTraining, data: &Value) -> Result<()> {
        let (weights, moments) = self.state.params(run.backend.gpt().layout())?;
        run.backend.restore(self.state.iter, weights, moments)?;
        if self.data.as_ref() == Some(data) {
            (run.position, run.best) = (self.position, self.best);
        }
        Ok(())
    }
}
