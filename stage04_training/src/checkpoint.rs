//! What is kept of a run, so that it can go on after anything.
//!
//! ```text
//! out/training/
//!   trainer.safetensors    weights, both moments, the step, the position in the data
//!   model.safetensors      the weights alone, with config.json and tokenizer.json: a directory in
//!                          the Hugging Face layout, as in stage 3
//!   best/                  the same layout: the weights with the lowest validation loss
//!   log.jsonl, report.html what happened
//! ```
//!
//! The formats are stage 3's, so a run can begin there and go on here, or the other way round.
//! What is new stands in the head of `trainer.safetensors` beside the settings: the position,
//! and the lowest loss so far.
//!
//! Each file is replaced in one instant, but three cannot be. So they are written in an order in
//! which a process that is killed between any two leaves nothing wrong: first `best/`, then the
//! state that says how good it is, then the model. A resumed run trusts the state alone.
//!
//! ```no_run
//! use std::path::Path;
//! use stage04_training::checkpoint::Saved;
//!
//! let saved = Saved::load(Path::new("out/training"))?;
//! println!("step {}, lowest validation loss {:.3}", saved.state.iter, saved.best);
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
use stage03_gpt::files::hugging_face::{save_description, save_model};
use stage03_gpt::files::resume::{self, Snapshot, State, TOKENIZER_NOTE, text_checksum};
use stage03_gpt::files::run_directory::{self, OutDir, Place};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::training::Checkpoints;

use crate::backend::Backend;
use crate::trainer::ShardTraining;

/// The directory of the best weights, inside the run's.
pub const BEST: &str = "best";

/// Saves a run into its directory.
pub struct CheckpointManager {
    /// The directory.
    pub directory: PathBuf,
    /// The directory and its lock, once the run has them.
    pub out: Option<OutDir>,
    /// The directory of the best weights and its lock, once something was written there.
    best: RefCell<Option<OutDir>>,
    /// What the model reads text with.
    pub tokenizer: Tokenizer,
    /// The checksum of the tokenizer's file.
    pub tokenizer_sum: String,
    /// The settings of the run.
    pub settings: Value,
    /// What tells this data from any other.
    pub data: Value,
}

impl CheckpointManager {
    /// What saves a new run into a directory.
    pub fn new(
        directory: &Path,
        tokenizer: Tokenizer,
        settings: Value,
        data: Value,
    ) -> CheckpointManager {
        let tokenizer_sum = text_checksum(&tokenizer.to_json());
        let (directory, out, best) = (directory.to_path_buf(), None, RefCell::new(None));
        CheckpointManager { directory, out, best, tokenizer, tokenizer_sum, settings, data }
    }

    /// Holds the directory of the run from now on, and saves there.
    pub fn hold(&mut self, out: OutDir) {
        self.directory.clone_from(&out.path);
        self.out = Some(out);
    }

    /// Refuses to write where the directory was moved, or another program may have its name.
    ///
    /// # Errors
    /// As [`OutDir::require`].
    pub fn require(&self) -> Result<()> {
        self.out.as_ref().map_or(Ok(()), OutDir::require)
    }

    /// Makes the directory of a new run, in a place that was reserved for it.
    ///
    /// # Errors
    /// As [`Place::fill`].
    pub fn create(&self, run: &mut ShardTraining, place: Place) -> Result<OutDir> {
        place.fill(|directory| {
            save_description(directory, run.backend.gpt().config(), &self.tokenizer)?;
            self.save_to(directory, run)
        })
    }

    /// Saves the state and the model.
    ///
    /// # Errors
    /// [`Error::File`] when they cannot be written; [`Error::Diverged`] when a weight is no
    /// number. What was saved before is then untouched. As [`CheckpointManager::require`].
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
            // An earlier start of this run may have left it, and it may have been altered.
            *best = Some(run_directory::fill_inside(&self.directory.join(BEST), |directory| {
                save_description(directory, gpt.config(), &self.tokenizer)?;
                save_model(directory, gpt, snapshot.weights)
            })?);
            Ok(())
        })
    }
}

impl Checkpoints<ShardTraining<'_>> for CheckpointManager {
    /// The best weights first: the state that says how good they are comes after them.
    fn save(&self, run: &mut ShardTraining, best: bool) -> Result<()> {
        if best {
            self.save_best(run)?;
        }
        CheckpointManager::save(self, run)
    }
}

/// Does something with the state of a backend, unless a weight in it is NaN.
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

/// A run that was saved, by this stage or by stage 3.
pub struct Saved {
    /// The weights and the moments.
    pub state: State,
    /// The settings of the run.
    pub settings: Value,
    /// What told its data from any other; nothing in a run of stage 3.
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
    /// As [`State::load`], and [`Error::Format`] for settings that are none.
    pub fn load(directory: &Path) -> Result<Saved> {
        let state = State::load(directory)?;
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

    /// Puts the saved run in the place of a new one. Of data that it did not learn from, it
    /// begins at the first window, and no loss on it was the best yet.
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
