//! Stopping a training run and going on as if nothing had happened.
//!
//! A run is at one point when it has these weights, these two moments, this iteration and
//! these settings. All of them stand in one file, `trainer.safetensors`, which is replaced in
//! one instant; so whenever the process dies, the file is that of the last save. The state of
//! chance needs no place of its own: every generator is named by the seed and the iteration
//! (see [`random`](stage01_bigram::random)). A run of 100 steps, and one of 50 that is resumed
//! for 50 more, end with the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stage01_bigram::{Error, Result};
use stage02_attention::params::{Layout, Params};

use crate::adamw::Moments;
use crate::checkpoint::{Entry, TensorFile, write_tensors};
use crate::trainer::Trainer;

/// The file in the model's folder.
pub const TRAINER_FILE: &str = "trainer.safetensors";

/// The name of the settings in the head of the file.
const NOTE: &str = "run";

/// Everything that decides how a run goes on, whoever keeps it: a [`Trainer`], or the memory of
/// a graphics processor.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    /// How many steps have been taken.
    pub iter: usize,
    /// Where each tensor stands.
    pub layout: &'a Layout,
    /// The weights.
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
/// note: whatever the caller wants to find again: the settings, and what they were applied to.
///
/// # Errors
/// [`Error::File`] when it cannot be written; the state saved before is then untouched.
pub fn save<'a>(folder: &Path, run: impl Into<Snapshot<'a>>, note: &Value) -> Result<()> {
    // ANCHOR: save
    let Snapshot { iter, layout, weights, moments } = run.into();
    let parts = [("weights", weights), ("m", &moments.m), ("v", &moments.v)];
    let tensors = parts.into_iter().flat_map(|(part, params)| {
        layout.tensors().iter().map(move |tensor| {
            let values = &params.values[tensor.range()];
            (format!("{part}.{}", tensor.name), Entry { shape: tensor.shape.clone(), values })
        })
    });
    let note = json!({ "iter": iter, "run": note }).to_string();
    write_tensors(&folder.join(TRAINER_FILE), tensors, (NOTE, &note))
    // ANCHOR_END: save
}

/// A state that was read from a file.
pub struct State {
    path: PathBuf,
    bytes: Vec<u8>,
    /// How many steps had been taken.
    pub iter: usize,
    /// What the caller of [`save`] wanted to find again.
    pub run: Value,
}

impl State {
    /// Reads a state.
    ///
    /// # Errors
    /// [`Error::File`] when there is none; [`Error::Format`] when it is damaged.
    pub fn load(folder: &Path) -> Result<State> {
        let path = folder.join(TRAINER_FILE);
        let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
        TensorFile::open(&path, &bytes)?;
        let note = TensorFile::note(&bytes, NOTE).and_then(|note| serde_json::from_str(&note).ok());
        let found = note.as_ref().and_then(|note: &Value| {
            let iter = usize::try_from(note.get("iter")?.as_u64()?).ok()?;
            Some((iter, note.get("run")?.clone()))
        });
        let Some((iter, run)) = found else {
            let problem = "it does not say which run it belongs to";
            return Err(Error::format(path, problem, "start the training anew"));
        };
        Ok(State { path, bytes, iter, run })
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
        Ok((weights, Moments { m, v }))
        // ANCHOR_END: restore
    }

    /// Puts a new trainer where the old one stood.
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
    use rand::RngExt;
    use stage01_bigram::dataset::Dataset;
    use stage01_bigram::random::{Purpose, generator};

    fn trainer() -> Trainer<f32> {
        let (vocab_size, block_size, n_layer) = (13, 8, 2);
        let (n_head, n_embd, dropout, bias) = (2, 8, 0.2, false);
        let config = GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias };
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

        let folder = tempfile::tempdir().unwrap();
        let mut first = trainer();
        train(&mut first, 50);
        save(folder.path(), &first, &json!({"any": "thing"})).unwrap();
        drop(first);
        let mut second = trainer();
        let state = State::load(folder.path()).unwrap();
        assert_eq!((state.iter, &state.run), (50, &json!({"any": "thing"})));
        state.restore(&mut second).unwrap();
        train(&mut second, 50);

        assert_eq!(whole.weights, second.weights);
        assert_eq!(whole.moments, second.moments);
        assert_eq!(whole.iter, second.iter);
        let bytes = |trainer| {
            save(folder.path(), trainer, &json!(null)).unwrap();
            fs::read(folder.path().join(TRAINER_FILE)).unwrap()
        };
        assert_eq!(bytes(&whole), bytes(&second));
    }

    #[test]
    fn a_damaged_state_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let load = || State::load(folder.path()).err().unwrap().to_string();
        assert!(load().starts_with("cannot read"));
        save(folder.path(), &trainer(), &json!(null)).unwrap();
        let path = folder.path().join(TRAINER_FILE);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(load().contains("trainer.safetensors: damaged"));
    }
}
