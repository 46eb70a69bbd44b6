//! The settings of a training run, under nanoGPT's names, and the presets.
//!
//! Each setting is one field of [`RunSettings`], whose doc comment is also its help; its default is
//! in [`RunSettings::default`]. With the feature `cli` each is also a flag of the command line.
//!
//! ```
//! use stage03_gpt::settings::RunSettings;
//!
//! let run = RunSettings { n_layer: 2, ..RunSettings::preset("shakespeare-cpu")? };
//! assert_eq!((run.n_layer, run.tokenizer.as_str()), (2, "char"));
//! assert!((run.settings().schedule.min_lr - 1e-4).abs() < 1e-12);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: which flags were typed on the command line (`cli::run`).

mod parts;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage01_bigram::{Error, Result};
use stage02_attention::matmul::Dtype;

use crate::adamw::AdamW;
use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::schedule::Schedule;
use crate::trainer::{Settings, cores};
use crate::training::LoopConfig;

pub use self::parts::PartSettings;

/// The settings of a training run: everything that decides what it computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct RunSettings {
    /// The text to train on: one file or several, read in this order. Without it: the King James
    /// Bible, which is built in. The first 90% are the training set, the last 10% the validation set.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", num_args = 1.., help_heading = "Data"))]
    pub text: Vec<PathBuf>,

    /// How text becomes tokens: `char` (every character is one), `bpe:SIZE` (byte-pair encoding,
    /// a vocabulary of SIZE is trained on the text), `gpt2`, or a tokenizer.json.
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", default_value_t = RunSettings::default().tokenizer, help_heading = "Data"))]
    pub tokenizer: String,

    /// The number of transformer blocks.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().n_layer, help_heading = "Model"))]
    pub n_layer: usize,

    /// The number of attention heads in each block.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().n_head, help_heading = "Model"))]
    pub n_head: usize,

    /// The embedding width: how many numbers stand for one token. A multiple of the number of heads.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().n_embd, help_heading = "Model"))]
    pub n_embd: usize,

    /// The context length: how many tokens the model sees at once.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().block_size, help_heading = "Model"))]
    pub block_size: usize,

    /// The probability of dropping an activation in training. For small texts and long runs: 0.2.
    #[cfg_attr(feature = "cli", arg(long, value_name = "P", default_value_t = RunSettings::default().dropout, help_heading = "Model"))]
    pub dropout: f64,

    /// Whether linear layers and layer norms have a bias. GPT-2: true.
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true", default_value_t = RunSettings::default().bias, help_heading = "Model"))]
    pub bias: bool,

    /// The parts of the model.
    #[serde(flatten)]
    #[cfg_attr(feature = "cli", command(flatten))]
    pub parts: PartSettings,

    /// How many sequences a micro-batch has.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().batch_size, help_heading = "Training"))]
    pub batch_size: usize,

    /// How many micro-batches make one step: a large batch in little memory.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().gradient_accumulation_steps, help_heading = "Training"))]
    pub gradient_accumulation_steps: usize,

    /// The number of training steps.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().max_iters, help_heading = "Training"))]
    pub max_iters: usize,

    /// The largest learning rate.
    #[cfg_attr(feature = "cli", arg(long, value_name = "LR", default_value_t = RunSettings::default().learning_rate, help_heading = "Training"))]
    pub learning_rate: f64,

    /// The learning rate at the end. [default: a tenth of the largest]
    #[cfg_attr(feature = "cli", arg(long, value_name = "LR", help_heading = "Training"))]
    pub min_lr: Option<f64>,

    /// For how many steps the learning rate grows. [default: a tenth of the run, at most 100]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub warmup_iters: Option<usize>,

    /// At which step the learning rate has fallen to the end's. [default: the last]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub lr_decay_iters: Option<usize>,

    /// How strongly matrices are pulled towards zero.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = RunSettings::default().weight_decay, help_heading = "Training"))]
    pub weight_decay: f64,

    /// The decay rate of the moving average of the gradient.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = RunSettings::default().beta1, help_heading = "Training"))]
    pub beta1: f64,

    /// The decay rate of the moving average of the squared gradient.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = RunSettings::default().beta2, help_heading = "Training"))]
    pub beta2: f64,

    /// The maximum norm of the gradient; 0 for no limit.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = RunSettings::default().grad_clip, help_heading = "Training"))]
    pub grad_clip: f64,

    /// The random seed: the same seed gives the same run.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().seed, help_heading = "Training"))]
    pub seed: u64,

    /// The number of threads. The batch, or where the model is wide each layer, is cut into as many
    /// parts; the rounding, and so the exact bytes of a run, depend on it. A run that is resumed
    /// keeps its number. [default: the number of cores]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub threads: Option<usize>,

    /// The precision of the matrix products: `float32`, or `bfloat16`, which keeps 8 significant
    /// bits of each factor; sums and weights stay in float32. On AMD's Zen 4 that is nearly twice as
    /// fast; on other processors it can be slower, and `bench --dtype bfloat16` tells.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TYPE", value_parser = ["float32", "bfloat16"], default_value_t = RunSettings::default().dtype, help_heading = "Training"))]
    pub dtype: String,

    /// After how many steps the model is evaluated and saved. [default: a tenth of the run]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Evaluation"))]
    pub eval_interval: Option<usize>,

    /// How many batches of each part of the text make an evaluation.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = RunSettings::default().eval_iters, help_heading = "Evaluation"))]
    pub eval_iters: usize,
}

impl Default for RunSettings {
    /// Real English in about three minutes on two cores.
    fn default() -> Self {
        RunSettings {
            text: Vec::new(),
            tokenizer: "bpe:2048".into(),
            n_layer: 4,
            n_head: 4,
            n_embd: 128,
            block_size: 64,
            dropout: 0.0,
            bias: false,
            parts: PartSettings::default(),
            batch_size: 12,
            gradient_accumulation_steps: 1,
            max_iters: 4500,
            learning_rate: 3e-3,
            min_lr: None,
            warmup_iters: None,
            lr_decay_iters: None,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            grad_clip: 1.0,
            seed: 1337,
            threads: None,
            dtype: "float32".into(),
            eval_interval: None,
            eval_iters: 20,
        }
    }
}

/// A set of settings with a name.
pub struct Preset {
    /// Its name, as `--preset` takes it.
    pub name: &'static str,
    /// One line for the help page.
    pub about: &'static str,
    /// The settings that differ from the defaults.
    settings: fn() -> Value,
    /// A measured run: the length of its text in bytes, and its final validation loss.
    reference: Option<(usize, f64)>,
}

/// All presets. The first is the default.
pub static PRESETS: [Preset; 4] = [
    Preset {
        name: "three-minutes",
        about: "real English in about three minutes on two cores",
        settings: || json!({}),
        reference: Some((4_158_678, 3.97)),
    },
    Preset {
        name: "shakespeare-cpu",
        about: "nanoGPT's setting for a CPU; with --text tinyshakespeare.txt",
        settings: || json!({ "tokenizer": "char", "max_iters": 2000, "learning_rate": 1e-3 }),
        reference: Some((1_115_394, 1.91)),
    },
    Preset {
        name: "shakespeare-char",
        about: "nanoGPT's setting for a GPU: ten million weights, hours on a CPU",
        settings: || {
            json!({
                "tokenizer": "char", "n_layer": 6, "n_head": 6, "n_embd": 384,
                "block_size": 256, "batch_size": 64, "dropout": 0.2, "max_iters": 5000,
                "learning_rate": 1e-3, "eval_interval": 250, "eval_iters": 200,
            })
        },
        // From nanoGPT's README; not measured here.
        reference: Some((1_115_394, 1.47)),
    },
    Preset {
        name: "gpt2-124m",
        about: "the smallest GPT-2, for measuring: it would learn for months here",
        settings: || {
            json!({
                "tokenizer": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768,
                "block_size": 1024, "bias": true, "batch_size": 4,
                "gradient_accumulation_steps": 120, "max_iters": 600_000,
                "learning_rate": 6e-4, "warmup_iters": 2000, "beta2": 0.95,
                "eval_interval": 1000, "eval_iters": 200,
            })
        },
        reference: None,
    },
];

impl Preset {
    /// A preset by its name.
    ///
    /// # Errors
    /// [`Error::Setting`] for one that does not exist.
    pub fn find(name: &str) -> Result<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            Error::setting("--preset", name, format!("the presets are {}", names.join(", ")))
        })
    }

    /// The settings that differ from the defaults, as a JSON object.
    pub fn settings(&self) -> Value {
        (self.settings)()
    }
}

impl RunSettings {
    /// The settings of a preset.
    ///
    /// # Errors
    /// [`Error::Setting`] for a preset that does not exist.
    pub fn preset(name: &str) -> Result<RunSettings> {
        let mut run = RunSettings::default();
        run.replace(Preset::find(name)?.settings(), |_| true);
        Ok(run)
    }

    /// The settings of a saved run, and over them those of `given` that `typed` names.
    ///
    /// # Errors
    /// [`Error::Setting`] when a flag asks for another model than the saved run has. (The text may
    /// have another path now; the caller checks whether it is the same text.)
    pub fn continued(
        saved: &RunSettings,
        given: &RunSettings,
        typed: impl Fn(&str) -> bool,
    ) -> Result<RunSettings> {
        const FIXED: [&str; 7] =
            ["tokenizer", "n_layer", "n_head", "n_embd", "block_size", "dropout", "bias"];
        given.check_savable()?;
        let (old, new) = (json!(saved), json!(given));
        let fixed = FIXED.into_iter().chain(PartSettings::NAMES);
        for setting in fixed.filter(|setting| typed(setting)) {
            if old[setting] != new[setting] {
                let flag = format!("--{}", setting.replace('_', "-"));
                let has = match &old[setting] {
                    Value::Null => format!("what --arch {} has", saved.parts.arch),
                    value => value.to_string(),
                };
                let expected = format!(
                    "the saved run has {has}, and a resumed run keeps it; leave the flag out, or \
                     start a new run in another --out-dir"
                );
                return Err(Error::setting(flag, &new[setting], expected));
            }
        }
        let mut run = saved.clone();
        run.replace(new, typed);
        Ok(run)
    }

    /// Refuses what JSON, and so the state of a run, cannot hold: NaN, infinities, and names of
    /// files that are not UTF-8. Ranges are checked where a setting is used.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first.
    pub fn check_savable(&self) -> Result<()> {
        let numbers = [
            ("--dropout", Some(self.dropout)),
            ("--learning-rate", Some(self.learning_rate)),
            ("--min-lr", self.min_lr),
            ("--weight-decay", Some(self.weight_decay)),
            ("--beta1", Some(self.beta1)),
            ("--beta2", Some(self.beta2)),
            ("--grad-clip", Some(self.grad_clip)),
            ("--rms-norm-eps", self.parts.rms_norm_eps),
            ("--rope-theta", self.parts.rope_theta),
        ];
        if let Some((flag, n)) =
            numbers.into_iter().find(|(_, n)| n.is_some_and(|n| !n.is_finite()))
        {
            return Err(Error::setting(flag, n.unwrap_or_default(), "choose a number"));
        }
        self.text.iter().try_for_each(|path| require_text("--text", path))
    }

    /// Replaces the settings that `which` names by those of a JSON object.
    pub(crate) fn replace(&mut self, other: Value, which: impl Fn(&str) -> bool) {
        let mut all = json!(self);
        for (setting, value) in other.as_object().expect("settings are an object") {
            if which(setting) {
                all[setting] = value.clone();
            }
        }
        *self = serde_json::from_value(all).expect("settings of the same names and types");
    }

    /// The sizes and parts of the model.
    ///
    /// # Errors
    /// As [`PartSettings::architecture`].
    pub fn config(&self, vocab_size: usize) -> Result<GptConfig> {
        Ok(GptConfig {
            vocab_size,
            block_size: self.block_size,
            n_layer: self.n_layer,
            n_head: self.n_head,
            n_embd: self.n_embd,
            dropout: self.dropout,
            bias: self.bias,
            arch: self.parts.architecture()?,
        })
    }

    /// The architecture of the model, with the precision of its matrix products.
    ///
    /// # Errors
    /// As [`Gpt::new`].
    pub fn gpt(&self, vocab_size: usize) -> Result<Gpt> {
        let mut gpt = Gpt::new(self.config(vocab_size)?)?;
        gpt.set_dtype(if self.dtype == "bfloat16" { Dtype::Bfloat16 } else { Dtype::Float32 });
        Ok(gpt)
    }

    /// The settings of the trainer.
    pub fn settings(&self) -> Settings {
        let lr_decay_iters = self.lr_decay_iters.unwrap_or(self.max_iters);
        Settings {
            batch_size: self.batch_size,
            gradient_accumulation_steps: self.gradient_accumulation_steps,
            schedule: Schedule {
                learning_rate: self.learning_rate,
                min_lr: self.min_lr.unwrap_or(self.learning_rate / 10.0),
                warmup_iters: self.warmup_iters.unwrap_or((lr_decay_iters / 10).min(100)),
                lr_decay_iters,
            },
            adamw: AdamW {
                beta1: self.beta1,
                beta2: self.beta2,
                eps: AdamW::default().eps,
                weight_decay: self.weight_decay,
                grad_clip: self.grad_clip,
            },
            seed: self.seed,
            threads: self.threads.unwrap_or_else(cores),
        }
    }

    /// The reference: the measured final validation loss of these settings on a text of this many
    /// bytes, if they are those of a preset and the text has the length of the measured one.
    pub fn reference_loss(&self, bytes: usize) -> Option<f64> {
        PRESETS.iter().find_map(|preset| {
            let (measured_on, loss) = preset.reference?;
            // These may differ: they hardly change the final loss.
            let mut reference = RunSettings {
                text: self.text.clone(),
                threads: self.threads,
                seed: self.seed,
                eval_interval: self.eval_interval,
                eval_iters: self.eval_iters,
                ..RunSettings::default()
            };
            let named = (preset.settings)();
            reference.replace(named, |setting| !setting.starts_with("eval"));
            (bytes == measured_on && *self == reference).then_some(loss)
        })
    }

    /// After how many steps the model is evaluated and saved.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0, and for evaluations on no batches.
    pub fn eval_interval(&self) -> Result<usize> {
        /// This many batches take hours, and more do not change the printed digits.
        const MOST_BATCHES: usize = 1_000_000;
        if self.eval_iters == 0 {
            return Err(Error::setting("--eval-iters", 0, "it must be at least 1"));
        }
        if self.eval_iters > MOST_BATCHES {
            let expected = "choose at most 1,000,000; some hundred are enough";
            return Err(Error::setting("--eval-iters", self.eval_iters, expected));
        }
        match self.eval_interval {
            Some(0) => Err(Error::setting("--eval-interval", 0, "it must be at least 1")),
            Some(interval) => Ok(interval),
            None => Ok(self.max_iters.div_ceil(10).max(1)),
        }
    }

    /// When the run is evaluated, and when it ends.
    ///
    /// # Errors
    /// As [`RunSettings::eval_interval`].
    pub fn loop_config(&self) -> Result<LoopConfig> {
        let (eval_interval, eval_iters) = (self.eval_interval()?, self.eval_iters);
        Ok(LoopConfig { eval_interval, eval_iters, ..LoopConfig::steps(self.max_iters) })
    }
}

/// Refuses a path that is not UTF-8, because it is saved with the run.
///
/// # Errors
/// [`Error::Setting`].
pub fn require_text(flag: &str, path: &Path) -> Result<()> {
    match path.to_str() {
        Some(_) => Ok(()),
        None => {
            let expected = "this name is not UTF-8 and cannot be saved with the run; rename the \
                            file, or name a link to it";
            Err(Error::setting(flag, path.display(), expected))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_names_settings_that_exist() {
        let known = json!(RunSettings::default());
        for preset in &PRESETS {
            let named = preset.settings();
            assert!(named.as_object().unwrap().keys().all(|key| known.get(key).is_some()));
        }
        let run = RunSettings::preset("shakespeare-char").unwrap();
        assert_eq!((run.n_layer, run.n_embd, run.tokenizer.as_str()), (6, 384, "char"));
        assert_eq!(RunSettings::preset("three-minutes").unwrap(), RunSettings::default());
        let error = RunSettings::preset("huge").unwrap_err().to_string();
        assert!(error.contains("three-minutes, shakespeare-cpu"), "{error}");
    }

    /// Several structs have these defaults; all of them are those of the program.
    #[test]
    fn the_defaults_of_all_settings_agree() {
        let run = RunSettings::default();
        assert_eq!(run.settings(), Settings::default());
        let config = run.config(GptConfig::default().vocab_size).unwrap();
        assert_eq!(config, GptConfig::default());
        assert_eq!(format!("bpe:{}", config.vocab_size), run.tokenizer);
    }

    #[test]
    fn the_reference_is_given_for_the_preset_on_its_text_alone() {
        let run = RunSettings { seed: 3, threads: Some(1), ..RunSettings::default() };
        assert_eq!(run.reference_loss(4_158_678), Some(3.97));
        assert_eq!(RunSettings::default().reference_loss(4_158_679), None);
        let cpu = RunSettings::preset("shakespeare-cpu").unwrap();
        let cpu = RunSettings { text: vec!["t".into()], eval_interval: Some(9), ..cpu };
        assert_eq!(cpu.reference_loss(1_115_394), Some(1.91));
        assert_eq!(
            RunSettings { n_embd: 64, ..RunSettings::default() }.reference_loss(4_158_678),
            None
        );
    }

    #[test]
    fn settings_that_are_not_given_follow_from_the_others() {
        let run = RunSettings { max_iters: 50, learning_rate: 0.002, ..RunSettings::default() };
        let settings = run.settings();
        assert_eq!(settings.schedule.lr_decay_iters, 50);
        assert!((settings.schedule.min_lr - 0.0002).abs() < 1e-12);
        assert_eq!(settings.schedule.warmup_iters, 5);
        assert_eq!(RunSettings::default().settings().schedule.warmup_iters, 100);
        assert_eq!(run.eval_interval().unwrap(), 5);
        assert!(RunSettings { eval_interval: Some(0), ..run }.loop_config().is_err());
    }
}
