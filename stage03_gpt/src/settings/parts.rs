//! The settings of a model's parts: a whole architecture, and over it a flag for each part.
//!
//! ```
//! use stage03_gpt::architecture::{Architecture, MlpKind};
//! use stage03_gpt::settings::PartSettings;
//!
//! let llama = PartSettings { arch: "llama".into(), ..PartSettings::default() };
//! assert_eq!(llama.architecture()?, Architecture::LLAMA);
//! let gated = PartSettings { mlp: Some("swiglu".into()), ..PartSettings::default() };
//! let expected = Architecture { mlp: MlpKind::SwiGlu, ..Architecture::GPT2 };
//! assert_eq!(gated.architecture()?, expected);
//! assert_eq!(PartSettings::of(&expected)?.architecture()?, expected);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use serde::{Deserialize, Serialize};
use stage01_bigram::{Error, Result};
use stage02_attention::attention::rotary::{Rope, Scaling};

use crate::architecture::{Architecture, MlpKind, NormKind, Positions};

/// The parts in which models of today differ from GPT-2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default)]
pub struct PartSettings {
    /// The architecture: `gpt2`, or `llama`, which has RMSNorm, rotary positions and SwiGLU. Each flag
    /// below exchanges a part of it.
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", value_parser = ["gpt2", "llama"], default_value_t = PartSettings::default().arch, help_heading = "Parts"))]
    pub arch: String,

    /// The norm before each layer: `layer` (layer norm) or `rms` (RMSNorm).
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", value_parser = ["layer", "rms"], help_heading = "Parts"))]
    pub norm: Option<String>,

    /// What is added to the mean square in RMSNorm. [default: 1e-5]
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", help_heading = "Parts"))]
    pub rms_norm_eps: Option<f64>,

    /// How the model knows positions: `learned` (a vector for each) or `rotary` (queries and keys are
    /// rotated).
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", value_parser = ["learned", "rotary"], help_heading = "Parts"))]
    pub positions: Option<String>,

    /// The base of the frequencies of rotary positions. [default: 10000]
    #[cfg_attr(feature = "cli", arg(long, value_name = "X", help_heading = "Parts"))]
    pub rope_theta: Option<f64>,

    /// The feed-forward layer: `gelu` (two matrices) or `swiglu` (three, one of them a gate).
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", value_parser = ["gelu", "swiglu"], help_heading = "Parts"))]
    pub mlp: Option<String>,

    /// The number of hidden units of the feed-forward layer. [default: 4 n_embd; with swiglu 8/3 n_embd,
    /// which is as many weights]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Parts"))]
    pub n_inner: Option<usize>,

    /// The number of heads that have keys and values; each serves n_head / n_kv_head query heads.
    /// [default: n_head]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", help_heading = "Parts"))]
    pub n_kv_head: Option<usize>,

    /// Whether the output layer is the token embedding again.
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", action = clap::ArgAction::Set,
        default_value_t = PartSettings::default().tie_weights, help_heading = "Parts"))]
    pub tie_weights: bool,

    /// Whether queries, keys and values have biases, whatever --bias says. Qwen2: true.
    #[cfg_attr(feature = "cli", arg(long, value_name = "BOOL", action = clap::ArgAction::Set,
        default_value_t = PartSettings::default().qkv_bias, help_heading = "Parts"))]
    pub qkv_bias: bool,
}

impl Default for PartSettings {
    /// GPT-2's.
    fn default() -> Self {
        PartSettings {
            arch: "gpt2".into(),
            norm: None,
            rms_norm_eps: None,
            positions: None,
            rope_theta: None,
            mlp: None,
            n_inner: None,
            n_kv_head: None,
            tie_weights: true,
            qkv_bias: false,
        }
    }
}

impl PartSettings {
    /// The names of these settings, as they are saved.
    pub const NAMES: [&str; 10] = [
        "arch",
        "norm",
        "rms_norm_eps",
        "positions",
        "rope_theta",
        "mlp",
        "n_inner",
        "n_kv_head",
        "tie_weights",
        "qkv_bias",
    ];

    /// The architecture.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name that does not exist, and for a setting of a part that the model
    /// does not have.
    pub fn architecture(&self) -> Result<Architecture> {
        let base = match self.arch.as_str() {
            "gpt2" => Architecture::GPT2,
            "llama" => Architecture::LLAMA,
            other => return Err(Error::setting("--arch", other, "choose gpt2 or llama")),
        };
        let eps = self.rms_norm_eps.unwrap_or(1e-5);
        let norm = match self.norm.as_deref() {
            None => base.norm,
            Some("layer") => NormKind::LayerNorm,
            Some("rms") => NormKind::RmsNorm { eps },
            Some(other) => return Err(Error::setting("--norm", other, "choose layer or rms")),
        };
        let norm = match (norm, self.rms_norm_eps) {
            (NormKind::RmsNorm { .. }, _) => NormKind::RmsNorm { eps },
            (NormKind::LayerNorm, None) => NormKind::LayerNorm,
            (NormKind::LayerNorm, Some(eps)) => {
                let expected = "a layer norm has its own; add --norm rms, or leave it out";
                return Err(Error::setting("--rms-norm-eps", eps, expected));
            }
        };
        let rotary = Positions::Rotary(Rope::new(self.rope_theta.unwrap_or(10_000.0)));
        let positions = match self.positions.as_deref() {
            None if base.positions == Positions::Learned => Positions::Learned,
            None | Some("rotary") => rotary,
            Some("learned") => Positions::Learned,
            Some(other) => {
                return Err(Error::setting("--positions", other, "choose learned or rotary"));
            }
        };
        if let (Positions::Learned, Some(theta)) = (positions, self.rope_theta) {
            let expected =
                "learned positions have no base; add --positions rotary, or leave it out";
            return Err(Error::setting("--rope-theta", theta, expected));
        }
        let mlp = match self.mlp.as_deref() {
            None => base.mlp,
            Some("gelu") => MlpKind::Gelu,
            Some("swiglu") => MlpKind::SwiGlu,
            Some(other) => return Err(Error::setting("--mlp", other, "choose gelu or swiglu")),
        };
        let &PartSettings { n_inner, n_kv_head, tie_weights, qkv_bias, .. } = self;
        Ok(Architecture { norm, positions, mlp, n_inner, n_kv_head, tie_weights, qkv_bias })
    }

    /// The settings of an architecture, unless one of its parts has no setting.
    ///
    /// # Errors
    /// [`Error::Setting`] for a scaled rotation.
    pub fn of(architecture: &Architecture) -> Result<PartSettings> {
        if architecture.rope().is_some_and(|rope| rope.scaling != Scaling::None) {
            let expected = "a model whose rotation is scaled cannot be trained further yet";
            return Err(Error::setting("the rope scaling of the model", "set", expected));
        }
        let Architecture { norm, positions, mlp, n_inner, n_kv_head, tie_weights, qkv_bias } =
            *architecture;
        let (norm, rms_norm_eps) = match norm {
            NormKind::LayerNorm => ("layer", None),
            NormKind::RmsNorm { eps } => ("rms", Some(eps)),
        };
        let (positions, rope_theta) = match positions {
            Positions::Learned => ("learned", None),
            Positions::Rotary(rope) => ("rotary", Some(rope.theta)),
        };
        let mlp = match mlp {
            MlpKind::Gelu => "gelu",
            MlpKind::SwiGlu => "swiglu",
        };
        let [norm, positions, mlp] = [norm, positions, mlp].map(|name| Some(name.into()));
        let arch = if architecture.is_llama() { "llama" } else { "gpt2" }.into();
        Ok(PartSettings {
            arch,
            norm,
            rms_norm_eps,
            positions,
            rope_theta,
            mlp,
            n_inner,
            n_kv_head,
            tie_weights,
            qkv_bias,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpt::tests::heads_and_architecture;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn every_architecture_has_its_settings((_, architecture) in heads_and_architecture()) {
            let settings = PartSettings::of(&architecture).unwrap();
            prop_assert_eq!(settings.architecture().unwrap(), architecture);
            let saved = serde_json::from_value::<PartSettings>(json!(settings)).unwrap();
            prop_assert_eq!(saved, settings);
        }
    }

    #[test]
    fn the_names_are_those_of_the_settings() {
        let saved = json!(PartSettings::default());
        let names: Vec<_> = saved.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, PartSettings::NAMES);
    }

    #[test]
    fn a_setting_of_a_part_that_is_not_there_is_refused() {
        let theta = PartSettings { rope_theta: Some(1e4), ..PartSettings::default() };
        assert!(theta.architecture().unwrap_err().to_string().contains("--positions rotary"));
        let eps = PartSettings { rms_norm_eps: Some(1e-6), ..PartSettings::default() };
        assert!(eps.architecture().unwrap_err().to_string().contains("--norm rms"));
        for (flag, name) in [("norm", "batch"), ("positions", "alibi"), ("mlp", "relu")] {
            let mut settings = json!(PartSettings::default());
            settings[flag] = json!(name);
            let settings: PartSettings = serde_json::from_value(settings).unwrap();
            assert!(settings.architecture().unwrap_err().to_string().contains(name));
        }
    }
}
