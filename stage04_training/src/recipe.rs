//! A recipe: all settings of a training run in one small file.
//!
//! ```toml
//! about = "a small model for a small text"
//! n_layer = 4            # the names are those of the flags, with underscores
//! learning_rate = 1e-3
//! ```
//!
//! Each setting has, in increasing precedence, its default, the value in the recipe, and the value
//! given besides, such as a typed flag. A resumed run has its saved settings in place of a recipe.
//! The settings of stage 3 keep their names and meanings ([`RunSettings`]); [`Recipe`] adds those of a run
//! at scale.
//!
//! ```
//! use std::path::Path;
//! use stage04_training::recipe::Recipe;
//!
//! let recipe = Recipe::parse(Path::new("mine.toml"), "n_layer = 2\nlearning_rate = 1e-3")?;
//! assert_eq!((recipe.run.n_layer, recipe.run.n_head), (2, 4));
//! let error = Recipe::parse(Path::new("mine.toml"), "n_layers = 2").unwrap_err();
//! assert!(error.to_string().ends_with("did you mean n_layer?"));
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the meaning of stage 3's settings (`stage03_gpt::settings`).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};
use stage01_bigram::{Error, Result, files};
use stage03_gpt::settings::{RunSettings, require_text};

use crate::backend;
use file::Written;

mod file;

/// The default directory of a model.
pub const OUT_DIR: &str = "out/training";

/// The built-in recipes: name and file. The first is the default.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("cpu-tiny", include_str!("../recipes/cpu-tiny.toml")),
    ("shakespeare-cpu", include_str!("../recipes/shakespeare-cpu.toml")),
    ("shakespeare-char", include_str!("../recipes/shakespeare-char.toml")),
    ("llama-124m", include_str!("../recipes/llama-124m.toml")),
    ("gpt2-124m", include_str!("../recipes/gpt2-124m.toml")),
];

/// All settings of a training run. Names have underscores in a file and hyphens as flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct Recipe {
    /// The settings of stage 3.
    #[cfg_attr(feature = "cli", command(flatten))]
    #[serde(flatten)]
    pub run: RunSettings,

    /// A directory of tokens made by `prepare`. Without it, --text is prepared with --tokenizer
    /// first, into a directory beside the model; for a small text that takes seconds.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR", help_heading = "Data"))]
    pub data: Option<PathBuf>,

    /// Start from the weights of this model directory instead of random ones (fine-tuning). The
    /// model keeps its size and its tokenizer.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR", help_heading = "Model"))]
    pub init_from: Option<PathBuf>,

    /// Round the vocabulary size up to a multiple of this. GPUs are faster with matrix dimensions
    /// that are multiples of 64; the added tokens never occur.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", default_value_t = Recipe::default().vocab_multiple, help_heading = "Model"))]
    pub vocab_multiple: usize,

    /// The device: `cpu` (the engine of stage 3), `cuda` or `cuda:N` (an NVIDIA GPU), `mps`
    /// (a Mac's), `torch-cpu` (libtorch without a GPU), or `auto`: a GPU if there is one.
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", default_value_t = Recipe::default().device, help_heading = "Device"))]
    pub device: String,

    /// Precision of the matrix products: `f32`; `tf32`, which keeps 11 significand bits of each
    /// factor (NVIDIA's GPUs only); `bf16`, which keeps 8; or `auto`: bf16 on such a GPU, f32
    /// everywhere else. Weights and sums stay in f32 (mixed precision).
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", default_value_t = Recipe::default().precision, help_heading = "Device",
          value_parser = ["auto", "f32", "tf32", "bf16"]))]
    pub precision: String,

    /// The peak speed of the device in matrix products, in TFLOP/s: the denominator of utilisation
    /// (MFU). [default: measured, or known for the device]
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", help_heading = "Device"))]
    pub peak_tflops: Option<f64>,

    /// The directory of the model.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR", default_value = OUT_DIR, help_heading = "Saving"))]
    #[serde(serialize_with = "shown")]
    pub out_dir: PathBuf,

    /// Also save every N steps. [default: only at evaluations]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Saving"))]
    pub save_interval: Option<usize>,

    /// Also save when M minutes have passed since the last save.
    #[cfg_attr(feature = "cli", arg(long, value_name = "M", default_value_t = Recipe::default().save_minutes, help_heading = "Saving"))]
    pub save_minutes: f64,
}

impl Recipe {
    /// A recipe by its name or its file, overridden by the settings of `given` that `typed` names.
    ///
    /// # Errors
    /// [`Error::Setting`] for an unknown recipe or an invalid value; [`Error::File`] and
    /// [`Error::Format`] for a file that cannot be used, with the line.
    pub fn load(name: &str, given: &Recipe, typed: impl Fn(&str) -> bool) -> Result<Recipe> {
        let written = Written::find(name)?;
        Recipe::over(written.settings, given, &typed)
    }

    /// The recipe in a text. path: its name in errors.
    ///
    /// # Errors
    /// As [`Recipe::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Recipe> {
        let written = Written::parse(path, text)?;
        Recipe::over(written.settings, &Recipe::default(), &|_| false)
    }

    /// The settings of a saved run, overridden by those of `given` that `typed` names.
    ///
    /// saved: the result of [`Recipe::saved`], or the settings of a run of stage 3.
    ///
    /// # Errors
    /// As [`RunSettings::continued`]; and [`Error::Setting`] for damaged settings.
    pub fn resumed(saved: &Value, given: &Recipe, typed: impl Fn(&str) -> bool) -> Result<Recipe> {
        let mut settings = saved.as_object().cloned().unwrap_or_default();
        if let (None, Some(dtype)) = (settings.get("precision"), settings.get("dtype")) {
            let precision = if *dtype == "bfloat16" { "bf16" } else { "f32" };
            settings.insert("precision".into(), precision.into());
        }
        let mut all = object(&Recipe::default());
        all.extend(settings.clone());
        let old = from_object(all)?;
        RunSettings::continued(&old.run, &given.run, &typed)?; // refuses another model
        if typed("vocab_multiple") && given.vocab_multiple != old.vocab_multiple {
            let expected = format!(
                "the saved run has {}, and a resumed run keeps it; leave the flag out",
                old.vocab_multiple
            );
            return Err(Error::setting("--vocab-multiple", given.vocab_multiple, expected));
        }
        let mut recipe = Recipe::over(settings, given, &typed)?;
        // A typed --data replaces the saved text, and a typed --text the saved data.
        if typed("data") {
            recipe.run.text.clear();
        } else if typed("text") {
            recipe.data = None;
        }
        // The directory may have been moved after the save.
        recipe.out_dir = given.out_dir.clone();
        Ok(recipe)
    }

    /// The defaults, overridden by `settings`, then by those of `given` that `typed` names.
    fn over(
        settings: Map<String, Value>,
        given: &Recipe,
        typed: &dyn Fn(&str) -> bool,
    ) -> Result<Recipe> {
        given.check_savable()?;
        if typed("dtype") {
            let expected = "here the setting is called --precision";
            return Err(Error::setting("--dtype", &given.run.dtype, expected));
        }
        let own = object(given).into_iter().filter(|(setting, _)| typed(setting));
        let mut all = object(&Recipe::default());
        all.extend(settings);
        all.extend(own);
        let mut recipe = from_object(all)?;
        if typed("out_dir") {
            recipe.out_dir.clone_from(&given.out_dir); // JSON would alter a name that is not UTF-8
        }
        // Stage 3's name for the same setting.
        let bf16 = recipe.precision == "bf16";
        recipe.run.dtype = if bf16 { "bfloat16" } else { "float32" }.into();
        recipe.validate()?;
        Ok(recipe)
    }

    /// Refuses values that cannot be saved with a run, as [`RunSettings::check_savable`] does. The
    /// directory of the run is not saved: it may have any name.
    fn check_savable(&self) -> Result<()> {
        self.run.check_savable()?;
        let numbers = [
            ("--save-minutes", self.save_minutes),
            ("--peak-tflops", self.peak_tflops.unwrap_or(1.0)),
        ];
        if let Some((flag, number)) = numbers.into_iter().find(|(_, number)| !number.is_finite()) {
            return Err(Error::setting(flag, number, "choose a number"));
        }
        let paths = [("--data", &self.data), ("--init-from", &self.init_from)];
        paths
            .into_iter()
            .try_for_each(|(flag, path)| path.iter().try_for_each(|path| require_text(flag, path)))
    }

    /// Checks all that does not depend on the data.
    fn validate(&self) -> Result<()> {
        backend::check(&self.device, &self.precision)?;
        self.run.eval_interval()?;
        self.run.settings().validate()?;
        self.run.config(1)?.validate()?;
        for (setting, value) in [
            ("--vocab-multiple", self.vocab_multiple),
            ("--save-interval", self.save_interval.unwrap_or(1)),
        ] {
            if value == 0 {
                return Err(Error::setting(setting, value, "it must be at least 1"));
            }
        }
        for (setting, value) in [
            ("--save-minutes", self.save_minutes),
            ("--peak-tflops", self.peak_tflops.unwrap_or(1.0)),
        ] {
            if value <= 0.0 {
                let expected = "choose a number above 0, such as 10";
                return Err(Error::setting(setting, value, expected));
            }
        }
        Ok(())
    }

    /// The vocabulary size of the model for a tokenizer with this many tokens.
    pub fn vocab_size(&self, tokens: usize) -> usize {
        tokens.checked_next_multiple_of(self.vocab_multiple).unwrap_or(usize::MAX)
    }

    /// The settings as they are saved with a run.
    pub fn saved(&self) -> Value {
        let mut settings = object(self);
        settings.remove("out_dir");
        Value::Object(settings)
    }
}

impl Default for Recipe {
    /// The defaults of all settings.
    fn default() -> Self {
        Recipe {
            run: RunSettings::default(),
            data: None,
            init_from: None,
            vocab_multiple: 1,
            device: "auto".into(),
            precision: "auto".into(),
            peak_tflops: None,
            out_dir: OUT_DIR.into(),
            save_interval: None,
            save_minutes: 10.0,
        }
    }
}

/// The names of the built-in recipes, and the purpose of each.
pub fn list() -> Vec<(&'static str, String)> {
    let about = |name: &str, text: &str| {
        Written::parse(Path::new(name), text).expect("a built-in recipe").about
    };
    BUILT_IN.iter().map(|&(name, text)| (name, about(name, text))).collect()
}

/// The text of a recipe, with its comments.
///
/// # Errors
/// As [`Recipe::load`].
pub fn text(name: &str) -> Result<String> {
    match BUILT_IN.iter().find(|recipe| recipe.0 == name) {
        Some(&(_, text)) => Ok(text.to_string()),
        None if name.ends_with(".toml") || name.contains(['/', '\\']) => {
            files::read_text(Path::new(name))
        }
        None => {
            let names: Vec<&str> = BUILT_IN.iter().map(|recipe| recipe.0).collect();
            let nearest = file::nearest(name, &names)
                .map_or(String::new(), |near| format!("; did you mean {near}?"));
            let expected =
                format!("the recipes are {}, or name a .toml file{nearest}", names.join(", "));
            Err(Error::setting("--recipe", name, expected))
        }
    }
}

/// A path as text, also if it is not UTF-8.
pub(crate) fn shown<S: Serializer>(path: &Path, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}

fn object(recipe: &Recipe) -> Map<String, Value> {
    match json!(recipe) {
        Value::Object(settings) => settings,
        _ => unreachable!("settings are an object"),
    }
}

fn from_object(settings: Map<String, Value>) -> Result<Recipe> {
    serde_json::from_value(Value::Object(settings)).map_err(|e| {
        Error::setting(
            "the settings",
            e,
            "they are damaged, or of a newer version; start a new run",
        )
    })
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use clap::{ArgMatches, Args, Command, FromArgMatches};
    use stage03_gpt::cli::run::typed;

    fn parse(flags: &str) -> (Recipe, ArgMatches) {
        let command = Recipe::augment_args(Command::new("train")).args_override_self(true);
        let words = std::iter::once("train").chain(flags.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        (Recipe::from_arg_matches(&matches).unwrap(), matches)
    }

    fn load(name: &str, flags: &str) -> Result<Recipe> {
        let (given, matches) = parse(flags);
        Recipe::load(name, &given, |setting| typed(&matches, setting))
    }

    #[test]
    fn the_default_recipe_lists_every_setting_with_its_default() {
        assert_eq!(parse("").0, Recipe::default());
        assert_eq!(load("cpu-tiny", "").unwrap(), Recipe::default());
        let text = text("cpu-tiny").unwrap();
        for setting in object(&Recipe::default()).keys().filter(|name| *name != "dtype") {
            let said = text.lines().any(|line| {
                line.trim_start_matches("# ").split(" = ").next() == Some(setting.as_str())
            });
            assert!(said, "{setting} is missing");
        }
    }

    #[test]
    fn every_recipe_is_valid_and_has_a_purpose() {
        for (name, about) in list() {
            let recipe = load(name, "").unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(!about.is_empty() && about.len() < 80, "{about}");
            assert_eq!(recipe.out_dir, Path::new(OUT_DIR));
        }
    }

    #[test]
    fn the_recipes_have_nanogpts_settings() {
        let run = load("shakespeare-char", "").unwrap().run;
        assert_eq!((run.n_layer, run.n_head, run.n_embd, run.block_size), (6, 6, 384, 256));
        assert_eq!((run.batch_size, run.max_iters, run.dropout), (64, 5000, 0.2));
        let schedule = run.settings().schedule;
        assert_eq!((schedule.learning_rate, schedule.min_lr), (1e-3, 1e-4));
        assert_eq!((schedule.warmup_iters, schedule.lr_decay_iters, run.beta2), (100, 5000, 0.99));

        let recipe = load("gpt2-124m", "").unwrap();
        let run = &recipe.run;
        let tokens = run.batch_size * run.gradient_accumulation_steps * run.block_size;
        assert_eq!((tokens, recipe.vocab_size(50_257)), (491_520, 50_304));
        assert_eq!((run.learning_rate, run.min_lr), (6e-4, Some(6e-5)));
        assert_eq!((run.beta2, run.weight_decay, run.grad_clip), (0.95, 0.1, 1.0));
    }

    #[test]
    fn the_llama_has_the_size_and_the_training_of_the_gpt2() {
        let [gpt2, llama] = ["gpt2-124m", "llama-124m"].map(|name| load(name, "").unwrap());
        let config = |recipe: &Recipe| recipe.run.config(recipe.vocab_size(50_257)).unwrap();
        assert_eq!(config(&gpt2).n_params(), 124_373_760);
        assert_eq!(config(&llama).n_params(), 124_324_608);
        // The numbers that the comments of the recipe state.
        let text = text("llama-124m").unwrap();
        assert!(text.contains("124,324,608") && text.contains("124,373,760"));
        let cache = [&gpt2, &llama].map(|recipe| config(recipe).kv_cache_per_token());
        assert_eq!(cache[0], 3 * cache[1]);
        assert!(config(&llama).arch.is_llama());
        let same =
            Recipe { run: RunSettings { parts: gpt2.run.parts.clone(), ..llama.run }, ..llama };
        assert_eq!(same, gpt2, "only the parts differ");
    }

    #[test]
    fn parts_are_settings_of_a_recipe() {
        let parse = |text: &str| Recipe::parse(Path::new("mine.toml"), text);
        let recipe = parse(
            "norm = 'rms'\nrms_norm_eps = 1e-6\npositions = 'rotary'\nrope_theta = 500\n\
             mlp = 'swiglu'\nn_inner = 64\nn_kv_head = 2\ntie_weights = false\nqkv_bias = true",
        );
        let flags = "--norm rms --rms-norm-eps 1e-6 --positions rotary --rope-theta 500 --mlp \
                     swiglu --n-inner 64 --n-kv-head 2 --tie-weights false --qkv-bias true";
        assert_eq!(recipe.unwrap(), load("cpu-tiny", flags).unwrap());
        for (wrong, expected) in [
            ("arch = 'mamba'", "choose gpt2 or llama"),
            ("norm = 'batch'", "choose layer or rms"),
            ("n_kv_head = 3", "3"),
            ("n_kv_head = 'all'", "line 1: n_kv_head is the text \"all\"; expected a whole number"),
            ("rope_theta = 100", "--positions rotary"),
            ("nkv_head = 2", "did you mean n_kv_head?"),
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
        // A resumed run keeps its parts.
        let saved = load("llama-124m", "").unwrap().saved();
        let resume = |flags| {
            let (given, matches) = self::parse(flags);
            Recipe::resumed(&saved, &given, |setting| typed(&matches, setting))
        };
        assert!(resume("").unwrap().run.config(64).unwrap().arch.is_llama());
        for flag in ["--arch gpt2", "--n-kv-head 6", "--mlp gelu", "--tie-weights false"] {
            let error = resume(flag).unwrap_err().to_string();
            assert!(error.starts_with(flag.split(' ').next().unwrap()), "{error}");
        }
    }

    #[test]
    fn typed_flags_override_the_recipe_and_the_recipe_the_defaults() {
        let recipe = load("shakespeare-char", "--n-head 3 --precision bf16").unwrap();
        assert_eq!((recipe.run.n_head, recipe.run.n_embd), (3, 384));
        assert_eq!(recipe.run.dtype, "bfloat16");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mine.toml");
        std::fs::write(&path, "n_layer = 2\nlearning_rate = 1\ntext = [\"a\", \"b\"]\n").unwrap();
        let recipe = load(path.to_str().unwrap(), "--seed 5 --n-layer 3").unwrap();
        assert_eq!((recipe.run.n_layer, recipe.run.seed, recipe.run.n_embd), (3, 5, 128));
        assert_eq!((recipe.run.learning_rate, recipe.run.text.len()), (1.0, 2));
    }

    #[test]
    fn a_saved_run_is_a_recipe() {
        let saved = load("shakespeare-char", "--data shards --save-interval 7").unwrap().saved();
        assert_eq!(saved.get("out_dir"), None);
        let resume = |flags| {
            let (given, matches) = parse(flags);
            Recipe::resumed(&saved, &given, |setting| typed(&matches, setting))
        };
        let recipe = resume("--max-iters 9 --out-dir here").unwrap();
        assert_eq!((recipe.run.n_layer, recipe.run.max_iters), (6, 9));
        assert_eq!((recipe.save_interval, recipe.out_dir.to_str()), (Some(7), Some("here")));
        assert_eq!(recipe.data.as_deref(), Some(Path::new("shards")));
        assert_eq!(resume("--text mine.txt").unwrap().data, None);
        for flag in ["--n-layer 7", "--vocab-multiple 2", "--dtype bfloat16", "--save-minutes 0"] {
            let error = resume(flag).unwrap_err().to_string();
            assert!(error.starts_with(flag.split(' ').next().unwrap()), "{error}");
        }
    }

    /// The directory of a run may have any name; saved settings must be UTF-8.
    #[cfg(unix)]
    #[test]
    fn names_that_are_not_text() {
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;
        let load = |flag: &str| {
            let command = Recipe::augment_args(Command::new("train"));
            let name = OsString::from_vec(b"a\xff".to_vec());
            let words = [OsString::from("train"), flag.into(), name.clone()];
            let matches = command.try_get_matches_from(words).unwrap();
            let given = Recipe::from_arg_matches(&matches).unwrap();
            (Recipe::load("cpu-tiny", &given, |setting| typed(&matches, setting)), name)
        };
        for flag in ["--text", "--data", "--init-from"] {
            let error = load(flag).0.unwrap_err().to_string();
            assert!(error.starts_with(flag) && error.contains("not UTF-8"), "{error}");
        }
        let (recipe, name) = load("--out-dir");
        assert_eq!(recipe.unwrap().out_dir, PathBuf::from(name));
    }

    proptest::proptest! {
        /// Any number for any setting gives a recipe or an error of one line.
        #[test]
        fn no_number_can_break_it(setting in 0..40usize, size: u64, number: f64, exponent in 0..64u32) {
            let names: Vec<String> = object(&Recipe::default()).keys().cloned().collect();
            let name = &names[setting % names.len()];
            let sizes = [size, size >> exponent, 1 << exponent];
            let values = sizes.map(|n| n.to_string()).into_iter().chain([format!("{number:e}")]);
            for value in values {
                if let Err(e) = Recipe::parse(Path::new("mine.toml"), &format!("{name} = {value}")) {
                    proptest::prop_assert_eq!(e.to_string().lines().count(), 1);
                }
            }
        }
    }

    #[test]
    fn a_run_of_stage_3_is_a_recipe() {
        let (given, matches) = parse("");
        let saved =
            json!(RunSettings { dtype: "bfloat16".into(), n_layer: 2, ..RunSettings::default() });
        let recipe = Recipe::resumed(&saved, &given, |setting| typed(&matches, setting)).unwrap();
        assert_eq!((recipe.run.n_layer, recipe.precision.as_str()), (2, "bf16"));
    }
}
