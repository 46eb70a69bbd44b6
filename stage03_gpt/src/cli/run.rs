//! The settings of a training run: one list of flags, presets, and what a resumed run keeps.
//!
//! Each setting is one field of [`Run`]: its type, its default and its help stand together.
//! Where a preset or a saved run brings other values, only the flags that were really typed
//! replace them.

use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stage01_bigram::screen::wrap;
use stage01_bigram::{Error, Result};
use stage02_attention::matmul::Dtype;

use super::screen::{remark, width};
use crate::adamw::AdamW;
use crate::config::GptConfig;
use crate::gpt::Gpt;
use crate::schedule::Schedule;
use crate::trainer::{MOST_THREADS, Settings};

/// Everything that decides what a training run computes. The names are nanoGPT's.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
pub struct Run {
    /// The text to learn: one file or several, read in this order. Without it: the King James
    /// Bible, which is built in. The first 90% are learned, the last 10% only measured.
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Data")]
    pub text: Vec<PathBuf>,

    /// How text becomes tokens: `char` (every character is one), `bpe:SIZE` (pieces of words,
    /// a vocabulary of SIZE is learned from the text), `gpt2`, or a tokenizer.json.
    #[arg(long, value_name = "KIND", default_value = "bpe:2048", help_heading = "Data")]
    pub tokenizer: String,

    /// How many blocks stand one above another.
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Model")]
    pub n_layer: usize,

    /// How many heads each attention has.
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = "Model")]
    pub n_head: usize,

    /// How many numbers stand for one token; a multiple of the number of heads.
    #[arg(long, value_name = "N", default_value_t = 128, help_heading = "Model")]
    pub n_embd: usize,

    /// How many tokens the model sees at once.
    #[arg(long, value_name = "N", default_value_t = 64, help_heading = "Model")]
    pub block_size: usize,

    /// The probability of dropping a number while training. For small texts and long runs: 0.2.
    #[arg(long, value_name = "P", default_value_t = 0.0, help_heading = "Model")]
    pub dropout: f64,

    /// Whether linear layers and layer norms have a bias. GPT-2: true.
    #[arg(long, value_name = "BOOL", default_value_t = false, action = clap::ArgAction::Set,
          num_args = 0..=1, default_missing_value = "true", help_heading = "Model")]
    pub bias: bool,

    /// How many sequences one pass reads.
    #[arg(long, value_name = "N", default_value_t = 12, help_heading = "Training")]
    pub batch_size: usize,

    /// How many passes make one step: a large batch in little memory.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Training")]
    pub gradient_accumulation_steps: usize,

    /// How many steps the run has.
    #[arg(long, value_name = "N", default_value_t = 4500, help_heading = "Training")]
    pub max_iters: usize,

    /// The largest learning rate.
    #[arg(long, value_name = "LR", default_value_t = 3e-3, help_heading = "Training")]
    pub learning_rate: f64,

    /// The learning rate at the end. [default: a tenth of the largest]
    #[arg(long, value_name = "LR", help_heading = "Training")]
    pub min_lr: Option<f64>,

    /// For how many steps the learning rate grows. [default: a tenth of the run, at most 100]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub warmup_iters: Option<usize>,

    /// At which step the learning rate has fallen to the end's. [default: the last]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub lr_decay_iters: Option<usize>,

    /// How strongly matrices are pulled towards zero.
    #[arg(long, value_name = "X", default_value_t = 0.1, help_heading = "Training")]
    pub weight_decay: f64,

    /// How slowly the average gradient forgets.
    #[arg(long, value_name = "X", default_value_t = 0.9, help_heading = "Training")]
    pub beta1: f64,

    /// How slowly the average squared gradient forgets.
    #[arg(long, value_name = "X", default_value_t = 0.99, help_heading = "Training")]
    pub beta2: f64,

    /// The longest gradient; 0 for no limit.
    #[arg(long, value_name = "X", default_value_t = 1.0, help_heading = "Training")]
    pub grad_clip: f64,

    /// Names all random numbers: the same seed gives the same run.
    #[arg(long, value_name = "N", default_value_t = 1337, help_heading = "Training")]
    pub seed: u64,

    /// On how many threads to work. The batch, or where the model is wide each layer, is cut
    /// into as many parts; the rounding, and so the last digits of a run, depend on it.
    /// A run that is resumed keeps its number. [default: the number of cores]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub threads: Option<usize>,

    /// How exactly matrices are multiplied: `f32`, or `bf16`, which keeps 8 bits of each factor.
    /// On AMD's Zen 4 that is nearly twice as fast; on other processors it can be slower, and
    /// `bench --products bf16` tells.
    #[arg(long, value_name = "KIND", default_value = "f32", value_parser = ["f32", "bf16"],
          help_heading = "Training")]
    #[serde(default = "full_products")]
    pub products: String,

    /// After how many steps the model is measured and saved. [default: a tenth of the run]
    #[arg(long, value_name = "N", help_heading = "Measuring")]
    pub eval_interval: Option<usize>,

    /// How many batches of each part of the text make a measurement.
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Measuring")]
    pub eval_iters: usize,
}

/// A set of settings with a name.
pub struct Preset {
    /// What to type.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The settings in which it differs from the defaults.
    settings: fn() -> Value,
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

/// The list of presets for a help page.
pub fn preset_help() -> String {
    // Wrapped here, because the help page would lose the indent.
    let lines =
        PRESETS.iter().map(|p| format!("  {}\n{}\n", p.name, wrap(p.about, width(), "      ")));
    format!("Presets (--preset NAME):\n{}", lines.collect::<String>())
}

impl Run {
    /// The settings of a preset, and over them the flags that were typed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a preset that does not exist.
    pub fn from_preset(name: &str, given: &Run, matches: &ArgMatches) -> Result<Run> {
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
            let names: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
            let expected = format!("the presets are {}", names.join(", "));
            return Err(Error::setting("--preset", name, expected));
        };
        given.check_savable()?;
        let mut base = given.clone();
        base.replace((preset.settings)(), |setting| !typed(matches, setting));
        Ok(base)
    }

    /// The settings of a saved run, and over them the flags that were typed.
    ///
    /// # Errors
    /// [`Error::Setting`] when a flag wants another model than the saved run has. (The text may
    /// have moved: whether it is the same is for the caller to see.)
    pub fn resumed(saved: &Run, given: &Run, matches: &ArgMatches) -> Result<Run> {
        const FIXED: [&str; 7] =
            ["tokenizer", "n_layer", "n_head", "n_embd", "block_size", "dropout", "bias"];
        given.check_savable()?;
        let (old, new) = (json!(saved), json!(given));
        for setting in FIXED.into_iter().filter(|setting| typed(matches, setting)) {
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
        run.replace(new, |setting| typed(matches, setting));
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
    /// The settings when nothing is typed.
    fn default() -> Self {
        let matches = Run::augment_args(Command::new("train")).get_matches_from(["train"]);
        Run::from_arg_matches(&matches).expect("every setting has a default")
    }
}

/// What runs that were saved before there was a choice multiplied in.
fn full_products() -> String {
    "f32".into()
}

/// Says what the number of threads means for a run that goes on, if there is anything to say.
///
/// saved: the number so far, unless an early version saved the run. now: from here on.
pub fn remark_threads(saved: Option<usize>, now: usize) {
    if let Some(note) = threads_note(saved, now, cores()) {
        remark(note);
    }
}

fn threads_note(saved: Option<usize>, now: usize, cores: usize) -> Option<String> {
    match saved {
        Some(saved) if saved != now => Some(format!(
            "note: the run had {saved} threads so far and goes on with {now}; its last digits will \
             not be those of a run that was never stopped"
        )),
        Some(saved) if saved > cores => Some(format!(
            "note: the run goes on with its {saved} threads, to the byte, on {cores} cores; \
             --threads {cores} may be faster, and changes its last digits"
        )),
        _ => None,
    }
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

/// How many threads this machine runs at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Whether a flag stood on the command line.
pub fn typed(matches: &ArgMatches, setting: &str) -> bool {
    matches.value_source(setting) == Some(ValueSource::CommandLine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &str) -> (Run, ArgMatches) {
        let command = Run::augment_args(Command::new("train"));
        let words = std::iter::once("train").chain(flags.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        (Run::from_arg_matches(&matches).unwrap(), matches)
    }

    #[test]
    fn every_preset_names_settings_that_exist_and_typed_flags_win() {
        for preset in &PRESETS {
            let (given, matches) = parse("--n-embd 96 --seed 5");
            let known = json!(given);
            let named = (preset.settings)();
            assert!(named.as_object().unwrap().keys().all(|key| known.get(key).is_some()));
            let run = Run::from_preset(preset.name, &given, &matches).unwrap();
            assert_eq!((run.n_embd, run.seed), (96, 5));
        }
        let (given, matches) = parse("");
        let run = Run::from_preset("shakespeare-char", &given, &matches).unwrap();
        assert_eq!((run.n_layer, run.n_embd, run.tokenizer.as_str()), (6, 384, "char"));
        let error = Run::from_preset("huge", &given, &matches).unwrap_err().to_string();
        assert!(error.contains("three-minutes, shakespeare-cpu"), "{error}");
    }

    #[test]
    fn the_usual_end_is_said_of_the_usual_run_alone() {
        let end = |flags: &str, preset: &str, bytes| {
            let (given, matches) = parse(flags);
            Run::from_preset(preset, &given, &matches).unwrap().reference_loss(bytes)
        };
        assert_eq!(end("--seed 3 --threads 1", "three-minutes", 4_158_678), Some(3.97));
        assert_eq!(end("--text t --eval-interval 9", "shakespeare-cpu", 1_115_394), Some(1.91));
        assert_eq!(end("", "three-minutes", 4_158_679), None);
        assert_eq!(end("--n-embd 64", "three-minutes", 4_158_678), None);
    }

    #[test]
    fn a_resumed_run_keeps_its_model_and_takes_new_lengths() {
        let (saved, _) = parse("--n-embd 64 --max-iters 10");
        let (given, matches) = parse("--max-iters 20");
        let run = Run::resumed(&saved, &given, &matches).unwrap();
        assert_eq!((run.n_embd, run.max_iters), (64, 20));
        let (given, matches) = parse("--n-embd 128");
        let error = Run::resumed(&saved, &given, &matches).unwrap_err().to_string();
        assert!(error.starts_with("--n-embd = 128: the saved run has 64"), "{error}");
    }

    #[test]
    fn a_resumed_run_keeps_its_threads_and_says_what_others_mean() {
        assert_eq!(threads_note(Some(2), 2, 2), None);
        assert_eq!(threads_note(Some(2), 2, 16), None);
        assert_eq!(threads_note(None, 4, 2), None);
        assert!(threads_note(Some(2), 2, 1).unwrap().contains("2 threads, to the byte"));
        assert!(threads_note(Some(2), 4, 4).unwrap().contains("goes on with 4"));
        let (saved, _) = parse("--threads 3");
        let (given, matches) = parse("");
        assert_eq!(Run::resumed(&saved, &given, &matches).unwrap().threads, Some(3));
    }

    #[test]
    fn what_is_not_typed_follows_from_the_rest() {
        let (run, _) = parse("--max-iters 50 --learning-rate 0.002");
        let settings = run.settings();
        assert_eq!(settings.schedule.lr_decay_iters, 50);
        assert!((settings.schedule.min_lr - 0.0002).abs() < 1e-12);
        assert_eq!(settings.schedule.warmup_iters, 5);
        assert_eq!(parse("").0.settings().schedule.warmup_iters, 100);
        assert_eq!(run.eval_interval().unwrap(), 5);
        assert!(parse("--eval-interval 0").0.eval_interval().is_err());
    }
}
