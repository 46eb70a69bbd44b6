//! The settings of a training run: presets, and what a resumed run keeps.
//!
//! Each setting is one field of [`Run`]: its type, its flag and its help stand together, its
//! default in [`Run::default`]. Where a preset or a saved run brings other values, only the
//! settings that were really given replace them.
//!
//! ```
//! use stage03_gpt::settings::Run;
//!
//! let run = Run { n_layer: 2, max_iters: 100, ..Run::default() };
//! assert_eq!(run.gpt(65)?.config().n_layer, 2);
//! assert_eq!(run.settings().schedule.lr_decay_iters, 100);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: reading a command line (`cli::run`).

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

/// Everything that decides what a training run computes. The names are nanoGPT's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Run {
    /// The text to learn: one file or several, read in this order. Without it: the King James
    /// Bible, which is built in. The first 90% are learned, the last 10% only measured.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", num_args = 1.., help_heading = "Data"))]
    pub text: Vec<PathBuf>,

    /// How text becomes tokens: `char` (every character is one), `bpe:SIZE` (pieces of words,
    /// a vocabulary of SIZE is learned from the text), `gpt2`, or a tokenizer.json.
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", default_value_t = Run::default().tokenizer, help_heading = "Data"))]
    pub tokenizer: String,

    /// How many blocks stand one above another.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().n_layer, help_heading = "Model"))]
    pub n_layer: usize,

    /// How many heads each attention has.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().n_head, help_heading = "Model"))]
    pub n_head: usize,

    /// How many numbers stand for one token; a multiple of the number of heads.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().n_embd, help_heading = "Model"))]
    pub n_embd: usize,

    /// How many tokens the model sees at once.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().block_size, help_heading = "Model"))]
    pub block_size: usize,

    /// The probability of dropping a number while training. For small texts and long runs: 0.2.
    #[cfg_attr(feature = "cli", arg(long, value_name = "P", default_value_t = Run::default().dropout, help_heading = "Model"))]
    pub dropout: f64,

    /// Whether linear layers and layer norms have a bias. GPT-2: true.
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", default_value_t = Run::default().bias, action = clap::ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true", help_heading = "Model"))]
    pub bias: bool,

    /// How many sequences one pass reads.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().batch_size, help_heading = "Training"))]
    pub batch_size: usize,

    /// How many passes make one step: a large batch in little memory.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().gradient_accumulation_steps, help_heading = "Training"))]
    pub gradient_accumulation_steps: usize,

    /// How many steps the run has.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().max_iters, help_heading = "Training"))]
    pub max_iters: usize,

    /// The largest learning rate.
    #[cfg_attr(feature = "cli", arg(long, value_name = "LR", default_value_t = Run::default().learning_rate, help_heading = "Training"))]
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
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = Run::default().weight_decay, help_heading = "Training"))]
    pub weight_decay: f64,

    /// How slowly the average gradient forgets.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = Run::default().beta1, help_heading = "Training"))]
    pub beta1: f64,

    /// How slowly the average squared gradient forgets.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = Run::default().beta2, help_heading = "Training"))]
    pub beta2: f64,

    /// The longest gradient; 0 for no limit.
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", default_value_t = Run::default().grad_clip, help_heading = "Training"))]
    pub grad_clip: f64,

    /// Names all random numbers: the same seed gives the same run.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().seed, help_heading = "Training"))]
    pub seed: u64,

    /// On how many threads to work. The batch, or where the model is wide each layer, is cut
    /// into as many parts; the rounding, and so the last digits of a run, depend on it.
    /// A run that is resumed keeps its number. [default: the number of cores]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Training"))]
    pub threads: Option<usize>,

    /// How exactly matrices are multiplied: `f32`, or `bf16`, which keeps 8 bits of each factor.
    /// On AMD's Zen 4 that is nearly twice as fast; on other processors it can be slower, and
    /// `bench --products bf16` tells.
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", default_value_t = Run::default().products,
          value_parser = ["f32", "bf16"],
          help_heading = "Training"))]
    #[serde(default = "full_products")]
    pub products: String,

    /// After how many steps the model is measured and saved. [default: a tenth of the run]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Measuring"))]
    pub eval_interval: Option<usize>,

    /// How many batches of each part of the text make a measurement.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Run::default().eval_iters, help_heading = "Measuring"))]
    pub eval_iters: usize,
}

/// A set of settings with a name.
pub struct Preset {
    /// What to type.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The settings in which it differs from the defaults.
    pub(crate) settings: fn() -> Value,
    /// Where it ends, as measured: the length of the text in bytes, and the validation loss.
    reference_loss: Option<(usize, f64)>,
}

/// All presets. The first is the default.
pub const PRESETS: [Preset; 4] = [
    Preset {
        name: "three-minutes",
        about: "real English in about three minutes on two cores",
        settings: || json!({}),
        reference_loss: Some((4_158_678, 3.97)),
    },
    Preset {
        name: "shakespeare-cpu",
        about: "nanoGPT's setting for a CPU; with --text tinyshakespeare.txt",
        settings: || json!({ "tokenizer": "char", "max_iters": 2000, "learning_rate": 1e-3 }),
        reference_loss: Some((1_115_394, 1.91)),
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
        // The figure of nanoGPT's README; not measured here.
        reference_loss: Some((1_115_394, 1.47)),
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
        reference_loss: None,
    },
];

impl Run {
    /// The settings of a preset, and over them those of `given` that `typed` names.
    ///
    /// # Errors
    /// [`Error::Setting`] for a preset that does not exist.
    pub fn preset(name: &str, given: &Run, typed: impl Fn(&str) -> bool) -> Result<Run> {
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            let expected = format!("the presets are {}", names.join(", "));
            return Err(Error::setting("--preset", name, expected));
        };
        given.check_savable()?;
        let mut base = given.clone();
        base.replace((preset.settings)(), |setting| !typed(setting));
        Ok(base)
    }

    /// The settings of a saved run, and over them those of `given` that `typed` names.
    ///
    /// # Errors
    /// [`Error::Setting`] when a flag wants another model than the saved run has. (The text may
    /// have moved: whether it is the same is for the caller to see.)
    pub fn continued(saved: &Run, given: &Run, typed: impl Fn(&str) -> bool) -> Result<Run> {
        const FIXED: [&str; 7] =
            ["tokenizer", "n_layer", "n_head", "n_embd", "block_size", "dropout", "bias"];
        given.check_savable()?;
        let (old, new) = (json!(saved), json!(given));
        for setting in FIXED.into_iter().filter(|setting| typed(setting)) {
            if old[setting] != new[setting] {
                let flag = format!("--{}", setting.replace('_', "-"));
                let expected = format!(
                    "the saved run has {}, and a resumed run keeps it; leave the flag out, or \
                     start a new run in another --out-dir",
                    old[setting]
                );
                return Err(Error::setting(flag, &new[setting], expected));
            }
        }
        let mut run = saved.clone();
        run.replace(new, typed);
        Ok(run)
    }

    /// Refuses what cannot be saved with a run, because JSON cannot say it: NaN, infinities, and
    /// names of files that are no text. What else a setting may be is checked where it is used.
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
        ];
        if let Some((flag, n)) =
            numbers.into_iter().find(|(_, n)| n.is_some_and(|n| !n.is_finite()))
        {
            return Err(Error::setting(flag, n.unwrap_or_default(), "choose a number"));
        }
        self.text.iter().try_for_each(|path| require_text("--text", path))
    }

    /// Replaces the settings that `which` names by those of a JSON object.
    fn replace(&mut self, other: Value, which: impl Fn(&str) -> bool) {
        let mut all = json!(self);
        for (setting, value) in other.as_object().expect("settings are an object") {
            if which(setting) {
                all[setting] = value.clone();
            }
        }
        *self = serde_json::from_value(all).expect("settings of the same names and types");
    }

    /// The model these settings describe.
    pub fn config(&self, vocab_size: usize) -> GptConfig {
        GptConfig {
            vocab_size,
            block_size: self.block_size,
            n_layer: self.n_layer,
            n_head: self.n_head,
            n_embd: self.n_embd,
            dropout: self.dropout,
            bias: self.bias,
        }
    }

    /// The plan of that model, multiplying as these settings say.
    ///
    /// # Errors
    /// As [`Gpt::new`].
    pub fn gpt(&self, vocab_size: usize) -> Result<Gpt> {
        let mut gpt = Gpt::new(self.config(vocab_size))?;
        gpt.set_dtype(if self.products == "bf16" { Dtype::Bfloat16 } else { Dtype::Float32 });
        Ok(gpt)
    }

    /// How these settings train.
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
                eps: 1e-8,
                weight_decay: self.weight_decay,
                grad_clip: self.grad_clip,
            },
            seed: self.seed,
            threads: self.threads.unwrap_or_else(cores),
        }
    }

    /// The validation loss at which a run with these settings on a text of so many bytes
    /// usually ends, if it is a preset on the text it was measured on.
    pub fn reference_loss(&self, bytes: usize) -> Option<f64> {
        PRESETS.iter().find_map(|preset| {
            let (measured_on, loss) = preset.reference_loss?;
            // What may differ without changing where it ends.
            let mut usual = Run {
                text: self.text.clone(),
                threads: self.threads,
                seed: self.seed,
                eval_interval: self.eval_interval,
                eval_iters: self.eval_iters,
                ..Run::default()
            };
            let named = (preset.settings)();
            usual.replace(named, |setting| !setting.starts_with("eval"));
            (bytes == measured_on && *self == usual).then_some(loss)
        })
    }

    /// After how many steps the model is measured and saved.
    ///
    /// # Errors
    /// [`Error::Setting`] for 0, and for measurements of no batches.
    pub fn eval_interval(&self) -> Result<usize> {
        /// So many batches take hours, and more of them change no digit that is shown.
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
}

impl Default for Run {
    /// The preset `three-minutes`.
    fn default() -> Self {
        Run {
            text: Vec::new(),
            tokenizer: "bpe:2048".into(),
            n_layer: 4,
            n_head: 4,
            n_embd: 128,
            block_size: 64,
            dropout: 0.0,
            bias: false,
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
            products: full_products(),
            eval_interval: None,
            eval_iters: 20,
        }
    }
}

/// What runs that were saved before there was a choice multiplied in.
fn full_products() -> String {
    "f32".into()
}

/// Refuses a path whose name is no text (UTF-8): it is to be saved with the run.
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
