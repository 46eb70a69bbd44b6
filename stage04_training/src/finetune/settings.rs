//! The settings of a fine-tuning.
//!
//! ```
//! use stage04_training::finetune::FinetuneSettings;
//!
//! let settings = FinetuneSettings { epochs: Some(2.0), ..FinetuneSettings::default() };
//! assert_eq!(settings.steps(25)?, 50); // 25 batches in an epoch
//! let few = FinetuneSettings::default();
//! assert_eq!((few.batch_size(4), few.epochs(4)), (1, 10.0)); // twenty short lines: four rows
//! assert_eq!((few.batch_size(232), few.epochs(58)), (4, 3.0));
//! assert_eq!(settings.learning_rate(), 1e-3); // of adapters; of all weights: 1e-4
//! let pairs = FinetuneSettings { preferences: true, ..settings };
//! assert_eq!((pairs.block_size(), pairs.learning_rate()), (512, 1e-4)); // a pair has two answers
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: what is learned from ([`read`](super::read())), and the loop
//! ([`FinetuneTraining`](super::FinetuneTraining)).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage01_bigram::{Error, Result};
use stage03_gpt::adamw::AdamW;
use stage03_gpt::lora::LoraSettings;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::settings::require_text;
use stage03_gpt::trainer::{Settings, cores};
use stage03_gpt::training::LoopConfig;

use crate::recipe::shown;

/// The default directory of a fine-tuned model.
pub const OUT_DIR: &str = "out/finetuned";

/// The rows of a micro-batch where there are enough of them.
const BATCH_SIZE: usize = 4;

/// The steps that a few lines need to be learned, and for which more than three epochs are taken.
const FEWEST_STEPS: f64 = 40.0;

/// Everything that decides what a fine-tuning computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default)]
pub struct FinetuneSettings {
    /// The model to start from: a directory in the Hugging Face layout or a GGUF file, whose weights
    /// are then turned into full numbers. It keeps its size and its tokenizer.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR|FILE", help_heading = "Model"))]
    pub init_from: Option<PathBuf>,

    /// What to learn: JSON lines of conversations (`messages`, or `instruction` with `input` and
    /// `output`, or `prompt` with `completion`), of which the answers are learned, or plain text.
    /// Without it: 530 questions about this course with their answers, which are built in.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", num_args = 1.., help_heading = "Data"))]
    pub text: Vec<PathBuf>,

    /// Files for validation, in the same forms. Without them a part of the text is held out.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", num_args = 1.., help_heading = "Data"))]
    pub val_text: Vec<PathBuf>,

    /// The fraction of the text that is held out for validation.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = FinetuneSettings::default().held_out, help_heading = "Data"))]
    pub held_out: f64,

    /// Leave out lines that cannot be used, instead of refusing the file.
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Data"))]
    pub skip_bad: bool,

    /// A text such as the model was trained on. The loss on its last 10% is shown in each evaluation:
    /// what the model forgets. [default: none; with --replay the King James Bible]
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", num_args = 1.., help_heading = "Data"))]
    pub old_text: Vec<PathBuf>,

    /// Replay: the fraction of the tokens that come from the first 90% of the old text, so that it is
    /// not forgotten.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = FinetuneSettings::default().replay, help_heading = "Data"))]
    pub replay: f64,

    /// Learn from pairs of answers (DPO): JSON lines of `prompt`, `chosen` and `rejected`. Without
    /// --text: 170 pairs on the subject of this course, which are built in.
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Preferences"))]
    pub preferences: bool,

    /// How strongly the model is held to what it was: a smaller beta lets it go further.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = FinetuneSettings::default().beta, help_heading = "Preferences"))]
    pub beta: f64,

    /// The rank of the low-rank adapters (LoRA).
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = FinetuneSettings::default().lora_rank, help_heading = "Adapters"))]
    pub lora_rank: usize,

    /// The adapters' product is multiplied by alpha / rank.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = FinetuneSettings::default().lora_alpha, help_heading = "Adapters"))]
    pub lora_alpha: f64,

    /// The probability that an input of an adapter is dropped in training.
    #[cfg_attr(feature = "cli", arg(long, value_name = "P", default_value_t = FinetuneSettings::default().lora_dropout, help_heading = "Adapters"))]
    pub lora_dropout: f64,

    /// The layers that get adapters, by their names in the model's files, such as
    /// `q_proj,v_proj`. [default: all linear layers of the blocks]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Adapters")
    )]
    pub lora_targets: Vec<String>,

    /// Train all weights, without adapters. It takes four times the memory of the model.
    #[cfg_attr(feature = "cli", arg(long, help_heading = "Adapters"))]
    pub full: bool,

    /// How often each example is learned from. [default: 3, and up to 10 where that makes fewer than
    /// 40 steps]
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", help_heading = "Training"))]
    pub epochs: Option<f64>,

    /// The number of tokens in a row. Several examples share one; an example that is longer is
    /// refused, and so is a pair of answers, which has its question twice. [default: 256; 512 for
    /// preferences]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub block_size: Option<usize>,

    /// The number of rows in a micro-batch. [default: 4, and fewer where an epoch would have less
    /// than ten micro-batches]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub batch_size: Option<usize>,

    /// The number of micro-batches in one step.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = FinetuneSettings::default().gradient_accumulation_steps, help_heading = "Training"))]
    pub gradient_accumulation_steps: usize,

    /// The learning rate after its warmup over the first 5% of the steps; from there it falls to a
    /// tenth. [default: 1e-3 for adapters, 1e-4 for all weights; a tenth of it for preferences]
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", help_heading = "Training"))]
    pub learning_rate: Option<f64>,

    /// How strongly matrices are pulled towards zero.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = FinetuneSettings::default().weight_decay, help_heading = "Training"))]
    pub weight_decay: f64,

    /// The maximum norm of the gradient; 0 for no limit.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = FinetuneSettings::default().grad_clip, help_heading = "Training"))]
    pub grad_clip: f64,

    /// The random seed: of the adapters' first weights, of the order of the examples, and of what is
    /// held out.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = FinetuneSettings::default().seed, help_heading = "Training"))]
    pub seed: u64,

    /// After how many steps the model is evaluated and saved. [default: ten times in all]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub eval_interval: Option<usize>,

    /// The number of threads. [default: all cores]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Device"))]
    pub threads: Option<usize>,

    /// The device: `cpu`, `cuda`, `cuda:N`, `mps`, `torch-cpu`, or `auto`: a GPU if there is one.
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", default_value_t = FinetuneSettings::default().device, help_heading = "Device"))]
    pub device: String,

    /// Precision of the matrix products: `f32`, `tf32`, `bf16`, or `auto`.
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", default_value_t = FinetuneSettings::default().precision, help_heading = "Device",
          value_parser = ["auto", "f32", "tf32", "bf16"]))]
    pub precision: String,

    /// The directory of the fine-tuned model: of its adapters, or with --full of all its weights.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR", default_value = OUT_DIR, help_heading = "Saving"))]
    #[serde(serialize_with = "shown")]
    pub out_dir: PathBuf,

    /// Also save when M minutes have passed since the last save.
    #[cfg_attr(feature = "cli", arg(long, value_name = "M", default_value_t = FinetuneSettings::default().save_minutes, help_heading = "Saving"))]
    pub save_minutes: f64,
}

impl Default for FinetuneSettings {
    fn default() -> Self {
        let LoraSettings { rank, alpha, dropout, targets } = LoraSettings::default();
        FinetuneSettings {
            init_from: None,
            text: vec![],
            val_text: vec![],
            held_out: 0.1,
            skip_bad: false,
            old_text: vec![],
            replay: 0.0,
            preferences: false,
            beta: 0.1,
            lora_rank: rank,
            lora_alpha: alpha,
            lora_dropout: dropout,
            lora_targets: targets,
            full: false,
            epochs: None,
            block_size: None,
            batch_size: None,
            gradient_accumulation_steps: 1,
            learning_rate: None,
            weight_decay: 0.0,
            grad_clip: 1.0,
            seed: 1337,
            eval_interval: None,
            threads: None,
            device: "auto".into(),
            precision: "auto".into(),
            out_dir: OUT_DIR.into(),
            save_minutes: 10.0,
        }
    }
}

impl FinetuneSettings {
    /// Checks what does not depend on the model or the data.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first that cannot be used.
    pub fn validate(&self) -> Result<()> {
        if let Some(epochs) = self.epochs.filter(|epochs| !(*epochs > 0.0 && *epochs <= 1e6)) {
            let expected = "choose a number above 0, such as 3";
            return Err(Error::setting("--epochs", epochs, expected));
        }
        if !(0.0..=0.9).contains(&self.replay) {
            let expected = "choose at least 0 and at most 0.9, such as 0.05";
            return Err(Error::setting("--replay", self.replay, expected));
        }
        if !(self.beta.is_finite() && self.beta > 0.0) {
            return Err(Error::setting(
                "--beta",
                self.beta,
                "choose a number above 0, such as 0.1",
            ));
        }
        if self.preferences && self.replay > 0.0 {
            let expected = "an old text has no pairs; leave out --replay, or --preferences";
            return Err(Error::setting("--replay", self.replay, expected));
        }
        if self.eval_interval == Some(0) {
            return Err(Error::setting("--eval-interval", 0, "it must be at least 1"));
        }
        if self.save_minutes.is_nan() || self.save_minutes <= 0.0 {
            let expected = "choose a number above 0";
            return Err(Error::setting("--save-minutes", self.save_minutes, expected));
        }
        if self.full && *self != (FinetuneSettings { full: true, ..self.without_adapters() }) {
            let expected = "all weights are trained without adapters; leave out --full, or the \
                            flags of the adapters";
            return Err(Error::setting("--full", "with --lora flags", expected));
        }
        // The saved settings are JSON, which holds text alone. (The directory of the run is not read
        // from there.)
        for (flag, paths) in [
            ("--text", &self.text[..]),
            ("--val-text", &self.val_text),
            ("--old-text", &self.old_text),
            ("--init-from", self.init_from.as_slice()),
        ] {
            paths.iter().try_for_each(|path| require_text(flag, path))?;
        }
        self.training(1).validate()
    }

    /// The same settings, with the default adapters.
    fn without_adapters(&self) -> FinetuneSettings {
        let LoraSettings { rank, alpha, dropout, targets } = LoraSettings::default();
        FinetuneSettings {
            lora_rank: rank,
            lora_alpha: alpha,
            lora_dropout: dropout,
            lora_targets: targets,
            ..self.clone()
        }
    }

    /// The adapters, unless all weights are trained.
    pub fn lora(&self) -> Option<LoraSettings> {
        (!self.full).then(|| LoraSettings {
            rank: self.lora_rank,
            alpha: self.lora_alpha,
            dropout: self.lora_dropout,
            targets: self.lora_targets.clone(),
        })
    }

    /// The number of tokens in a row.
    pub fn block_size(&self) -> usize {
        self.block_size.unwrap_or(if self.preferences { 512 } else { 256 })
    }

    /// The highest learning rate.
    pub fn learning_rate(&self) -> f64 {
        let default = if self.full { 1e-4 } else { 1e-3 };
        self.learning_rate.unwrap_or(if self.preferences { default / 10.0 } else { default })
    }

    /// How many rows a micro-batch has, where an epoch has so many rows. A few own lines are a few rows,
    /// and four of them in one step would leave too few steps to learn anything.
    pub fn batch_size(&self, rows: usize) -> usize {
        self.batch_size.unwrap_or((rows / 10).clamp(1, BATCH_SIZE))
    }

    /// How often each example is learned from, where an epoch has so many micro-batches.
    pub fn epochs(&self, batches: u64) -> f64 {
        let of_epoch = batches as f64 / self.gradient_accumulation_steps as f64;
        self.epochs.unwrap_or_else(|| (FEWEST_STEPS / of_epoch).ceil().clamp(3.0, 10.0))
    }

    /// How many steps the run has, where an epoch has so many batches.
    ///
    /// # Errors
    /// [`Error::Setting`] when one step would have more micro-batches than all epochs.
    pub fn steps(&self, batches: u64) -> Result<usize> {
        let (batches, of_step) =
            (batches as f64 * self.epochs(batches), self.gradient_accumulation_steps);
        let most = batches.ceil().max(1.0);
        if of_step as f64 > most {
            let expected =
                format!("all epochs have {most} micro-batches; choose at most that many");
            return Err(Error::setting("--gradient-accumulation-steps", of_step, expected));
        }
        Ok(((batches / of_step as f64).round() as usize).max(1))
    }

    /// The settings of a trainer, for a run of so many steps.
    pub fn training(&self, steps: usize) -> Settings {
        let learning_rate = self.learning_rate();
        Settings {
            batch_size: self.batch_size.unwrap_or(BATCH_SIZE),
            gradient_accumulation_steps: self.gradient_accumulation_steps,
            schedule: Schedule {
                learning_rate,
                min_lr: learning_rate / 10.0,
                warmup_iters: steps / 20,
                lr_decay_iters: steps,
            },
            adamw: AdamW {
                weight_decay: self.weight_decay,
                grad_clip: self.grad_clip,
                ..AdamW::default()
            },
            seed: self.seed,
            threads: self.threads.unwrap_or_else(cores),
        }
    }

    /// When a run of so many steps is evaluated and saved. Every evaluation has all held-out examples,
    /// and a few batches of those that are learned.
    pub fn loop_config(&self, steps: usize) -> LoopConfig {
        let eval_interval = self.eval_interval.unwrap_or(steps.div_ceil(10).max(1));
        let save_after = Duration::try_from_secs_f64(60.0 * self.save_minutes);
        LoopConfig {
            eval_interval,
            eval_iters: 4,
            save_after: save_after.unwrap_or(Duration::MAX),
            ..LoopConfig::steps(steps)
        }
    }

    /// As they are saved with the run: with paths that are the same from every directory.
    pub fn saved(&self) -> Value {
        let mut saved = self.clone();
        let files =
            [&mut saved.text, &mut saved.val_text, &mut saved.old_text].into_iter().flatten();
        for path in files.chain(&mut saved.init_from) {
            // JSON holds text alone.
            match std::path::absolute(&*path) {
                Ok(absolute) if absolute.to_str().is_some() => *path = absolute,
                _ => {}
            }
        }
        json!(saved)
    }
}
