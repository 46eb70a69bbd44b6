//! `adapter_config.json`: the settings of adapters, as `peft` reads and writes them.
//!
//! | entry | |
//! |---|---|
//! | `r`, `lora_alpha`, `lora_dropout`, `use_rslora` | followed |
//! | `target_modules` | followed: `all-linear`, or a list of names or ends of paths. A regular expression is not evaluated: the tensors say which layers it chose |
//! | `base_model_name_or_path` | followed, where it is a path |
//! | `bias`, `use_dora`, `modules_to_save`, `rank_pattern` … | refused where they ask for more than A and B with one rank |
//! | `init_lora_weights` | refused where `peft` changes the base by it |
//! | how the adapters were made and where | without effect |
//! | an entry that is not known here | refused where it is true, or a list or an object that is not empty |

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use stage01_bigram::{Error, Result};

use super::weights::{Part, tensor_name};
use crate::config::GptConfig;
use crate::files::bounded::{read_json, shown};
use crate::files::entries::{Entries, in_the_words_of};
use crate::files::hugging_face::{joins_qkv, layer_name};
use crate::files::safetensors::TensorFile;
use crate::lora::{LARGEST_ALPHA, LoraSettings, Site, sites, target_names};

/// The longest file, in bytes.
const LIMIT: u64 = 4_000_000;

/// What to do with an adapter that is not computed here.
const MERGE_ELSEWHERE: &str = "merge it in Python, with peft's merge_and_unload, and use the \
                               model that its save_pretrained writes";

/// The entry for each setting.
const ENTRIES: &Entries = &[
    ("--lora-rank", "r"),
    ("--lora-alpha", "lora_alpha"),
    ("--lora-dropout", "lora_dropout"),
    ("--lora-alpha / --lora-rank", "lora_alpha / r"),
];

/// Entries that are read, and entries without effect on what is computed.
const KNOWN: [&str; 23] = [
    "peft_type",
    "task_type",
    "base_model_name_or_path",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "bias",
    "use_rslora",
    "fan_in_fan_out",
    "init_lora_weights",
    "auto_mapping",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "loftq_config",
    "lora_ga_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
];

/// Entries that ask for something else when they are neither null, nor false, nor empty.
const REFUSED: [(&str, &str); 15] = [
    ("use_dora", "DoRA, which scales the columns of each weight, is not computed here"),
    ("use_qalora", "QA-LoRA, which averages the input in groups, is not computed here"),
    ("lora_bias", "adapters here have no biases"),
    ("modules_to_save", "whole layers were trained beside the adapters"),
    ("trainable_token_indices", "rows of the embedding were trained beside the adapters"),
    ("target_parameters", "adapters here stand beside linear layers only"),
    ("rank_pattern", "all adapters here have one rank"),
    ("alpha_pattern", "all adapters here have one alpha"),
    ("layers_to_transform", "here every block has adapters, or none"),
    ("layers_pattern", "here every block has adapters, or none"),
    ("exclude_modules", "expected the names of the layers in target_modules alone"),
    ("layer_replication", "the base has each of its blocks once"),
    ("alora_invocation_tokens", "adapters here are active from the first token on"),
    ("arrow_config", "one adapter is used at a time"),
    ("megatron_config", "expected a model of transformers"),
];

/// Which layers the adapters stand beside.
enum Targets {
    /// All linear layers of the blocks.
    AllLinear,
    /// Those whose path is one of these or ends in one, at a dot.
    Ends(HashSet<String>),
    /// A regular expression chose: those that have tensors in the file.
    InFile,
}

/// The content of the file.
pub(super) struct AdapterConfig {
    path: PathBuf,
    /// Without `targets`.
    pub settings: LoraSettings,
    targets: Targets,
    /// The path of the base, or its name on the hub.
    pub base: Option<String>,
}

impl AdapterConfig {
    pub(super) fn read(path: &Path) -> Result<Self> {
        AdapterConfig::parse(path, &read_json(path, LIMIT)?)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let restore = "copy the adapter again, with all of its files";
        let json = match serde_json::from_str(text) {
            Ok(Value::Object(entries)) => entries,
            Ok(_) => return Err(Error::format(path, "it is no JSON object", restore)),
            Err(error) => {
                let problem = format!("not JSON: {}", shown(&error.to_string()));
                return Err(Error::format(path, problem, restore));
            }
        };
        let file = Entry { path, json: &json };
        file.refuse_other_methods()?;
        let alpha = file.number("lora_alpha", None)?;
        let rank = file.get("r").as_u64().and_then(|r| usize::try_from(r).ok());
        let rank = rank.ok_or_else(|| file.wrong("r", "expected a whole number above 0"))?;
        file.flag("fan_in_fan_out")?; // GPT-2's matrices lie the other way; those of adapters do not
        let alpha = if file.flag("use_rslora")? { alpha * (rank as f64).sqrt() } else { alpha };
        if alpha > LARGEST_ALPHA {
            return Err(file.wrong("lora_alpha", "expected at most 1000000, such as twice r"));
        }
        let dropout = file.number("lora_dropout", Some(0.0))?;
        let base = match file.get("base_model_name_or_path") {
            Value::Null => None,
            Value::String(name) => Some(name.clone()).filter(|name| !name.is_empty()),
            _ => return Err(file.wrong("base_model_name_or_path", "expected a path or a name")),
        };
        Ok(AdapterConfig {
            path: path.to_path_buf(),
            settings: LoraSettings { rank, alpha, dropout, targets: vec![] },
            targets: file.targets()?,
            base,
        })
    }

    /// The settings' names of the layers, on a base of these sizes.
    pub(super) fn targets(&self, base: &GptConfig, weights: &TensorFile) -> Result<Vec<String>> {
        let sites: Vec<Site> = sites(base).into_iter().flatten().collect();
        let has = |block: usize, site: &Site| match &self.targets {
            Targets::AllLinear => true,
            Targets::Ends(ends) => {
                let name = layer_name(base, block, site.path);
                let dots = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
                [&name[..]].into_iter().chain(dots).any(|end| ends.contains(end))
            }
            Targets::InFile => {
                weights.find(&tensor_name(base, block, site.path, Part::A)).is_some()
            }
        };
        let chosen_in = |block| sites.iter().filter(|site| has(block, site)).collect::<Vec<_>>();
        let chosen = chosen_in(0);
        let wrong =
            |problem: String, remedy: String| Err(Error::format(&self.path, problem, remedy));
        if let Some(other) = (1..base.n_layer).find(|&block| chosen_in(block) != chosen) {
            return wrong(
                format!("target_modules chooses other layers in block {other} than in block 0"),
                format!("here all blocks have the same adapters; {MERGE_ELSEWHERE}"),
            );
        }
        if chosen.is_empty() {
            return wrong(
                "target_modules chooses no layer of the base".into(),
                format!("its layers are {}; is it the right base?", target_names(base).join(", ")),
            );
        }
        if chosen.len() == sites.len() {
            return Ok(vec![]);
        }
        // A name, or a path where only one of two layers of this name was chosen.
        let all_of = |name| sites.iter().filter(|s| s.name() == name).all(|s| chosen.contains(&s));
        let name = |site: &Site| if all_of(site.name()) { site.name() } else { site.path };
        let mut targets: Vec<String> = chosen.iter().map(|site| name(site).into()).collect();
        targets.sort_unstable();
        targets.dedup();
        Ok(targets)
    }

    /// An error about settings, as one about this file.
    pub(super) fn wrong_settings(&self, error: &Error) -> Error {
        let problem = in_the_words_of(ENTRIES, error);
        Error::format(&self.path, problem, "copy the adapter again")
    }
}

/// The entries of a file, and its path for messages.
struct Entry<'a> {
    path: &'a Path,
    json: &'a Map<String, Value>,
}

impl Entry<'_> {
    fn get(&self, entry: &str) -> &Value {
        self.json.get(entry).unwrap_or(&Value::Null)
    }

    fn wrong(&self, entry: &str, remedy: &str) -> Error {
        let given = self.json.get(entry).map_or("missing".into(), |v| shown(&v.to_string()));
        Error::format(self.path, format!("{} is {given}", shown(entry)), remedy)
    }

    /// A number; where it may be absent, what it is then.
    fn number(&self, entry: &str, absent: Option<f64>) -> Result<f64> {
        let given = match self.get(entry) {
            Value::Null => absent,
            value => value.as_f64(),
        };
        given.ok_or_else(|| self.wrong(entry, "expected a number"))
    }

    fn flag(&self, entry: &str) -> Result<bool> {
        match self.get(entry) {
            Value::Null => Ok(false),
            value => value.as_bool().ok_or_else(|| self.wrong(entry, "expected true or false")),
        }
    }

    /// Refuses what is not LoRA as it is computed here.
    fn refuse_other_methods(&self) -> Result<()> {
        let elsewhere = |why: &str| format!("{why}; {MERGE_ELSEWHERE}");
        let fixed = [
            ("peft_type", vec![json!("LORA")], "expected \"LORA\", the method known here"),
            ("task_type", vec![json!(null), json!("CAUSAL_LM")], "expected \"CAUSAL_LM\""),
            ("bias", vec![json!(null), json!("none")], "the biases of the base were trained, too"),
            (
                "init_lora_weights",
                [json!(null), json!(true), json!(false)]
                    .into_iter()
                    .chain(["gaussian", "orthogonal", "eva"].map(|name| json!(name)))
                    .collect(),
                "with this beginning peft changes the weights of the base as well",
            ),
        ];
        for (entry, allowed, why) in fixed {
            if !allowed.contains(self.get(entry)) {
                return Err(self.wrong(entry, &elsewhere(why)));
            }
        }
        for (entry, value) in self.json {
            if KNOWN.contains(&&**entry) {
                continue;
            }
            let empty = match value {
                Value::Null => true,
                Value::Bool(on) => !on,
                Value::Array(items) => items.is_empty(),
                Value::Object(items) => items.is_empty(),
                Value::String(text) => text.is_empty(),
                Value::Number(_) => false,
            };
            let why = REFUSED.iter().find(|(name, _)| name == entry).map(|(_, why)| *why);
            match (empty, why, value) {
                (true, ..) | (_, None, Value::Number(_) | Value::String(_)) => {}
                (_, Some(why), _) => return Err(self.wrong(entry, &elsewhere(why))),
                (_, None, _) => {
                    let why = "this entry is not known here, and may change what is computed";
                    return Err(self.wrong(entry, &elsewhere(why)));
                }
            }
        }
        Ok(())
    }

    fn targets(&self) -> Result<Targets> {
        let wrong = || self.wrong("target_modules", "expected the names of layers");
        match self.get("target_modules") {
            Value::String(all) if all.eq_ignore_ascii_case("all-linear") => Ok(Targets::AllLinear),
            Value::String(expression) if !expression.is_empty() => Ok(Targets::InFile),
            Value::Array(names) if !names.is_empty() => {
                let names = names.iter().map(|name| name.as_str().map(str::to_string));
                Ok(Targets::Ends(names.collect::<Option<_>>().ok_or_else(wrong)?))
            }
            _ => Err(wrong()),
        }
    }
}

// ANCHOR: adapter_config
/// `adapter_config.json` as `peft` reads it.
pub(super) fn adapter_config(settings: &LoraSettings, config: &GptConfig, base: &str) -> Value {
    let LoraSettings { rank, alpha, dropout, targets } = settings;
    let targets = match targets.is_empty() {
        true => json!(target_names(config)),
        false => json!(targets),
    };
    // As people write it: 16, and not 16.0.
    let whole = alpha.fract() == 0.0 && *alpha < 1e15;
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": if whole { json!(*alpha as u64) } else { json!(alpha) },
        "lora_dropout": dropout,
        "target_modules": targets,
        "fan_in_fan_out": joins_qkv(config), // GPT-2's matrices are (n_in, n_out)
        "bias": "none",
        "use_rslora": false,
        "use_dora": false,
        "modules_to_save": null,
        "rank_pattern": {},
        "alpha_pattern": {},
        "init_lora_weights": true,
        "inference_mode": true,
    })
}
// ANCHOR_END: adapter_config
