//! Low-rank adapters for a whole model: which layers get one, and how they are merged.
//!
//! The layer itself, its equations and its gradient, is [`stage02_attention::lora`]. Here a trained
//! model becomes one with adapters, and back:
//!
//! ```text
//! Params.values   | lora_A, lora_B of every adapted layer | the weights of the model, as they were |
//!                   trained: a gradient and two moments      frozen: neither
//! ```
//!
//! The adapters stand first, so that the gradient of all that is trained is the beginning of the
//! vector (see [`Params::trains`]), and the weights behind it are those of the file, bit for bit.
//!
//! Layers are named as in the files of the model's family, which is what `peft` calls
//! `target_modules`: `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj` in a
//! Llama; `c_attn`, `c_proj` (two in each block) and `c_fc` in a GPT-2.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt, lora::{self, LoraSettings}};
//!
//! let gpt = Gpt::new(GptConfig { vocab_size: 10, ..GptConfig::default() })?;
//! let params = gpt.initialise::<f32>(&mut generator(1, Purpose::Initialisation, 0));
//! let (weights, settings) = (params.values.clone(), LoraSettings::default());
//!
//! let rng = &mut generator(1, Purpose::Initialisation, 1);
//! let (adapted, params) = lora::adapt(&gpt, params, &settings, rng)?;
//! assert_eq!(&params.values[adapted.trained()..], &weights); // the model's own, unchanged
//! let (merged, params) = lora::merge(&adapted, params)?;
//! assert_eq!((merged.layout(), params.values), (gpt.layout(), weights)); // B is still zero
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the files of adapters ([`files::peft`](crate::files::peft)).

use std::ops::Range;

use rand::Rng;
use stage01_bigram::{Error, Float, Result};
use stage02_attention::dropout::Dropout;
use stage02_attention::linear::Linear;
use stage02_attention::lora::{Adapter, InputDropout, Lora};
use stage02_attention::params::{Layout, Params};

use crate::architecture::MlpKind;
use crate::block::Block;
use crate::config::GptConfig;
use crate::files::hugging_face::joins_qkv;
use crate::gpt::Gpt;

/// The largest rank: beyond, the thin matrices are no longer thin.
pub const MOST_RANK: usize = 1024;

/// The largest alpha: a factor beyond would be infinite in f32 before long.
pub const LARGEST_ALPHA: f64 = 1e6;

/// The settings of the adapters of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraSettings {
    /// The columns of A, and rows of B.
    pub rank: usize,
    /// The adapters' product is multiplied by alpha / rank.
    pub alpha: f64,
    /// The probability that an entry of an adapter's input is dropped in training.
    pub dropout: f64,
    /// The names of the layers that get adapters, `c_proj`, or their paths in the block,
    /// `attn.c_proj`; empty: all linear layers of the blocks.
    pub targets: Vec<String>,
}

impl Default for LoraSettings {
    /// Rank 8 and alpha 16 for all linear layers, without dropout.
    fn default() -> Self {
        LoraSettings { rank: 8, alpha: 16.0, dropout: 0.0, targets: vec![] }
    }
}

impl LoraSettings {
    /// Checks the settings for a model of these sizes.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first that cannot be used.
    pub fn validate(&self, config: &GptConfig) -> Result<()> {
        if !(1..=MOST_RANK).contains(&self.rank) {
            let expected = format!("choose from 1 to {MOST_RANK}, such as 8");
            return Err(Error::setting("--lora-rank", self.rank, expected));
        }
        if !(self.alpha > 0.0 && self.alpha <= LARGEST_ALPHA) {
            let expected = "choose a number above 0 and at most 1000000, such as twice the rank";
            return Err(Error::setting("--lora-alpha", self.alpha, expected));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let expected = "choose at least 0 and less than 1, such as 0.05";
            return Err(Error::setting("--lora-dropout", self.dropout, expected));
        }
        for target in &self.targets {
            if !sites(config).iter().flatten().any(|site| site.is_called(target)) {
                let known = target_names(config).join(", ");
                let expected = format!("this model's layers are {known}");
                return Err(Error::setting("--lora-targets", target, expected));
            }
        }
        Ok(())
    }

    fn has(&self, site: &Site) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|target| site.is_called(target))
    }
}

/// One place of a block where an adapter can stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Its path within the block, in the names of the model's family: `self_attn.q_proj`.
    pub path: &'static str,
    /// The columns of the layer's output.
    pub columns: Range<usize>,
}

impl Site {
    /// The last part of its path: `q_proj`.
    pub fn name(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// Whether a name is that of this place, or its path.
    fn is_called(&self, target: &str) -> bool {
        target == self.path || target == self.name()
    }
}

/// The places of each block, for each of its linear layers: of attention, then of the feed-forward
/// layer.
pub fn sites(config: &GptConfig) -> Vec<Vec<Site>> {
    let (c, kv) = (config.n_embd, config.n_embd / config.n_head * config.n_kv_head());
    let inner = config.n_inner();
    let one = |path, columns| vec![Site { path, columns: 0..columns }];
    let joined = joins_qkv(config);
    let mut all = match joined {
        true => vec![one("attn.c_attn", c + 2 * kv), one("attn.c_proj", c)],
        false => {
            let site = |path, columns| Site { path, columns };
            let qkv = vec![
                site("self_attn.q_proj", 0..c),
                site("self_attn.k_proj", c..c + kv),
                site("self_attn.v_proj", c + kv..c + 2 * kv),
            ];
            vec![qkv, one("self_attn.o_proj", c)]
        }
    };
    all.extend(match config.arch.mlp {
        MlpKind::Gelu => vec![one("mlp.c_fc", inner), one("mlp.c_proj", c)],
        MlpKind::SwiGlu => {
            vec![one("mlp.gate_proj", inner), one("mlp.up_proj", inner), one("mlp.down_proj", c)]
        }
    });
    all
}

/// The names that may stand in [`LoraSettings::targets`].
pub fn target_names(config: &GptConfig) -> Vec<&'static str> {
    let mut names: Vec<_> = sites(config).iter().flatten().map(Site::name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The linear layers of a block: of attention, then of the feed-forward layer.
fn linears(block: &mut Block) -> Vec<&mut Linear> {
    let attention = [&mut block.attn.c_attn, &mut block.attn.c_proj];
    attention.into_iter().chain(block.mlp.linears()).collect()
}

impl Gpt {
    /// How many parameters are trained: the first ones. All, or those of the adapters.
    pub fn trained(&self) -> usize {
        self.lora.as_ref().map_or(self.layout().len(), |(_, adapters)| *adapters)
    }

    /// The settings of its adapters, if it has any.
    pub fn lora(&self) -> Option<&LoraSettings> {
        self.lora.as_ref().map(|(settings, _)| settings)
    }

    /// A gradient of zero for all that is trained.
    pub fn gradient<T: Float>(&self) -> Params<T> {
        Params::zeros_of_first(self.trained())
    }

    /// Its adapters: the number of the block, the place in it, and the handles.
    pub fn adapters(&self) -> Vec<(usize, Site, Adapter)> {
        let (sites, mut all) = (sites(self.config()), vec![]);
        for (i, mut block) in self.blocks.iter().copied().enumerate() {
            for (linear, sites) in linears(&mut block).into_iter().zip(&sites) {
                for adapter in linear.lora.iter().flat_map(Lora::adapters) {
                    let site = sites.iter().find(|site| site.columns == adapter.columns());
                    all.push((i, site.expect("it was declared there").clone(), adapter));
                }
            }
        }
        all
    }

    /// What the adapters drop in the next passes: of a run with this seed that has read so many rows
    /// before; none: nothing, as in evaluation.
    pub fn set_adapter_dropout(&mut self, at: Option<(u64, u64)>) {
        let Some((settings, _)) = &self.lora else { return };
        let dropout = Dropout::new(settings.dropout).expect("it was checked");
        let layers = self.blocks.iter_mut().flat_map(linears);
        for (layer, linear) in layers.enumerate() {
            let layer = u16::try_from(layer).unwrap_or(u16::MAX);
            let own = at.map(|(seed, first_row)| InputDropout { dropout, layer, seed, first_row });
            if let Some(lora) = &mut linear.lora {
                lora.set_dropout(own);
            }
        }
    }
}

/// An architecture with adapters, whose layout begins with theirs.
///
/// # Errors
/// [`Error::Setting`] for settings that do not fit the model, and for a model that has adapters.
pub fn declare(gpt: &Gpt, settings: &LoraSettings) -> Result<Gpt> {
    let config = gpt.config();
    settings.validate(config)?;
    if gpt.lora.is_some() {
        let expected = "merge its adapters first";
        return Err(Error::setting("the model", "a model with adapters", expected));
    }
    let scale = settings.alpha / settings.rank as f64;
    let (mut layout, sites, mut loras) = (Layout::new(), sites(config), vec![]);
    for (i, mut block) in gpt.blocks.iter().copied().enumerate() {
        for (linear, sites) in linears(&mut block).into_iter().zip(&sites) {
            let mut adapters = vec![];
            for site in sites.iter().filter(|site| settings.has(site)) {
                let scope = layout.scope(format!("h.{i}.{}", site.path));
                let (n_in, rank) = (linear.weight.rows(), settings.rank);
                adapters.push(Adapter::declare(scope, n_in, site.columns.clone(), rank));
            }
            let none = adapters.is_empty();
            loras.push(if none { None } else { Some(Lora::new(&adapters, scale)?) });
        }
    }
    let adapters = layout.len();
    let mut adapted = Gpt::declare_in(layout, config.clone())?;
    adapted.set_dtype(gpt.dtype());
    let layers = adapted.blocks.iter_mut().flat_map(linears);
    layers.zip(loras).for_each(|(linear, lora)| linear.lora = lora);
    adapted.lora = Some((settings.clone(), adapters));
    Ok(adapted)
}

/// A model with new adapters that change nothing yet: A is drawn, B is zero.
///
/// params: of `gpt`. They are moved behind the adapters, and not copied to a second place.
///
/// # Errors
/// As [`declare`].
pub fn adapt<T: Float>(
    gpt: &Gpt,
    mut params: Params<T>,
    settings: &LoraSettings,
    rng: &mut impl Rng,
) -> Result<(Gpt, Params<T>)> {
    let adapted = declare(gpt, settings)?;
    let n = adapted.trained();
    move_behind(&mut params, n);
    adapted.layout().tensors().iter().take_while(|tensor| tensor.offset < n).for_each(|tensor| {
        tensor.init.fill(&mut params.values[tensor.range()], rng);
    });
    Ok((adapted, params))
}

/// Moves the weights of a model behind the `n` of its adapters, which are zero.
pub(crate) fn move_behind<T: Float>(params: &mut Params<T>, n: usize) {
    let own = params.values.len();
    params.values.reserve_exact(n);
    params.values.resize(own + n, T::zero());
    params.values.copy_within(..own, n);
}

/// The model without adapters that computes the same: W + s A B in place of every adapted W.
///
/// # Errors
/// None that can be caused: the sizes were checked when the model was made.
pub fn merge<T: Float>(gpt: &Gpt, mut params: Params<T>) -> Result<(Gpt, Params<T>)> {
    let mut merged = Gpt::declare(gpt.config().clone())?;
    merged.set_dtype(gpt.dtype());
    let n = gpt.lora.as_ref().map_or(0, |(_, adapters)| *adapters);
    let adapters = Params { values: params.values.drain(..n).collect() };
    for (from, to) in gpt.blocks.iter().zip(&merged.blocks) {
        let (mut from, mut to) = (*from, *to);
        for (from, to) in linears(&mut from).into_iter().zip(linears(&mut to)) {
            if let Some(lora) = &from.lora {
                lora.merge(&adapters, params.matrix_mut(to.weight));
            }
        }
    }
    Ok((merged, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adamw::AdamW;
    use crate::gpt::tests::heads_and_architecture;
    use crate::schedule::Schedule;
    use crate::trainer::{PackedBatch, Settings, Trainer};
    use proptest::prelude::*;
    use rand::RngExt;
    use stage01_bigram::gradcheck::{check_gradient_at, some_indices};
    use stage01_bigram::loss::IGNORED;
    use stage01_bigram::random::{Purpose, generator};
    use stage02_attention::params::fill_normal;

    fn config(n_head: usize, arch: crate::architecture::Architecture, dropout: f64) -> GptConfig {
        let (n_layer, n_embd) = (2, 4 * n_head);
        let (vocab_size, block_size, bias) = (11, 6, false);
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias, arch }
    }

    /// A model with adapters that are not zero, and the tokens of a batch of two.
    fn adapted(gpt: &Gpt, settings: &LoraSettings, seed: u64) -> (Gpt, Params<f64>) {
        let rng = &mut generator(seed, Purpose::Other, 0);
        let mut params = Params::zeros(gpt.layout());
        fill_normal(&mut params.values, 0.3, rng);
        let (adapted, mut params) = adapt(gpt, params, settings, rng).unwrap();
        let n = adapted.trained();
        fill_normal(&mut params.values[..n], 0.5, rng);
        (adapted, params)
    }

    fn tokens(seed: u64) -> Vec<u32> {
        let rng = &mut generator(seed, Purpose::Other, 1);
        (0..12).map(|_| rng.random_range(0..11u32)).collect()
    }

    fn trainer(gpt: Gpt, params: Params<f64>, threads: usize, schedule: Schedule) -> Trainer<f64> {
        let adamw = AdamW { weight_decay: 0.0, grad_clip: 0.0, ..AdamW::default() };
        let settings = Settings {
            batch_size: 2,
            gradient_accumulation_steps: 1,
            schedule,
            adamw,
            seed: 1,
            threads,
        };
        Trainer::for_packed(gpt, params, settings).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// The gradient of a whole model's adapters, with dropout of their inputs, masked targets and
        /// packed documents, against central differences of its own loss.
        #[test]
        fn gradient(
            (n_head, arch) in heads_and_architecture(), rank in 1usize..4,
            p in prop::sample::select(vec![0.0, 0.3]), seed: u64,
        ) {
            let settings = LoraSettings { rank, alpha: 3.0, dropout: p, targets: vec![] };
            let gpt = Gpt::new(config(n_head, arch, 0.0)).unwrap();
            let (mut gpt, params) = adapted(&gpt, &settings, seed);
            let (x, mut y) = (tokens(seed), tokens(seed + 1));
            (y[0], y[3]) = (IGNORED, IGNORED);
            let documents = [vec![4, 2], vec![6]];
            let batch = PackedBatch { inputs: &x, targets: &y, documents: &documents, targets_of_step: 10 };
            let mut trainer = trainer(gpt.clone(), params.clone(), 2, Schedule::constant(1e-3));
            trainer.accumulate_packed(&batch);
            let gradient = trainer.gradient().values;
            prop_assert_eq!(gradient.len(), gpt.trained());

            // The same entries are dropped from row 0 of the run on.
            gpt.set_adapter_dropout(Some((1, 0)));
            let mut acts = gpt.activations(2, 6);
            acts.set_documents(&documents);
            let mut values = params.values.clone();
            let indices = some_indices(gradient.len(), 60, seed);
            let n = values.len();
            let whole = [&gradient[..], &vec![0.0; n - gradient.len()]].concat();
            let checked = check_gradient_at(indices, &mut values, &whole, 1e-6, |values| {
                let params = Params { values: values.to_vec() };
                gpt.forward(&params, &x, &mut acts, None);
                let rows = acts.logits.rows().into_iter().zip(&y).filter(|(_, t)| **t != IGNORED);
                let loss = rows.map(|(row, &target)| {
                    let row = row.insert_axis(ndarray::Axis(0));
                    stage01_bigram::loss::cross_entropy(row, &[target])
                });
                loss.sum::<f64>() / 10.0
            });
            prop_assert!(checked.is_ok(), "{:?}", checked.err().map(|e| e.to_string()));
        }

        #[test]
        fn a_merged_model_computes_the_same(
            (n_head, arch) in heads_and_architecture(), seed: u64,
        ) {
            let gpt = Gpt::new(config(n_head, arch, 0.0)).unwrap();
            let (adapted, params) = adapted(&gpt, &LoraSettings::default(), seed);
            let x = &tokens(seed)[..6];
            let expected = adapted.logits(&params, x).unwrap();
            let base = params.values[adapted.trained()..].to_vec();
            let (merged, params) = merge(&adapted, params).unwrap();
            prop_assert_eq!(merged.layout(), gpt.layout());
            prop_assert!(params.values != base);
            let logits = merged.logits(&params, x).unwrap();
            prop_assert!(logits.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    #[test]
    fn training_changes_the_adapters_and_nothing_else_on_any_number_of_threads() {
        let arch = crate::architecture::Architecture::LLAMA;
        let gpt = Gpt::new(config(2, arch, 0.0)).unwrap();
        let settings = LoraSettings { dropout: 0.1, ..LoraSettings::default() };
        let run = |threads| {
            let mut rng = generator(3, Purpose::Initialisation, 0);
            let mut params = Params::<f64>::zeros(gpt.layout());
            fill_normal(&mut params.values, 0.3, &mut rng);
            let before = params.values.clone();
            let (adapted, params) = adapt(&gpt, params, &settings, &mut rng).unwrap();
            let n = adapted.trained();
            let mut trainer = trainer(adapted, params, threads, Schedule::constant(1e-2));
            let (x, y, documents) = (tokens(1), tokens(2), [vec![6], vec![3, 3]]);
            let batch =
                PackedBatch { inputs: &x, targets: &y, documents: &documents, targets_of_step: 12 };
            let first = trainer.evaluate_packed(&batch);
            for _ in 0..60 {
                trainer.accumulate_packed(&batch);
                trainer.step().unwrap();
            }
            assert!(trainer.evaluate_packed(&batch) < 0.8 * first);
            assert!(trainer.weights.values[n..] == before, "the model's own weights are frozen");
            assert_eq!(trainer.moments.m.values.len(), n);
            trainer.weights.values
        };
        let (one, two) = (run(1), run(2));
        assert!(one.iter().zip(&two).all(|(a, b)| (a - b).abs() < 1e-9));
        assert_eq!(two, run(2));
    }

    #[test]
    fn layers_have_the_names_of_their_family() {
        use crate::architecture::Architecture;
        let names = |arch| target_names(&config(2, arch, 0.0)).join(" ");
        assert_eq!(names(Architecture::GPT2), "c_attn c_fc c_proj");
        let llama = "down_proj gate_proj k_proj o_proj q_proj up_proj v_proj";
        assert_eq!(names(Architecture::LLAMA), llama);

        let gpt = Gpt::new(config(2, Architecture::LLAMA, 0.0)).unwrap();
        let targets = vec!["q_proj".to_string(), "v_proj".to_string()];
        let some = declare(&gpt, &LoraSettings { targets, ..LoraSettings::default() }).unwrap();
        let names: Vec<_> =
            some.layout().tensors().iter().map(|t| t.name.as_str()).take(5).collect();
        assert_eq!(names[0], "h.0.self_attn.q_proj.lora_A");
        assert_eq!(names[3], "h.0.self_attn.v_proj.lora_B");
        assert_eq!(names[4], "h.1.self_attn.q_proj.lora_A");
        assert_eq!(some.adapters().len(), 4);
    }

    /// Of two layers with one name, the path chooses.
    #[test]
    fn a_path_chooses_one_of_two_layers_of_a_name() {
        let gpt = Gpt::new(config(2, crate::architecture::Architecture::GPT2, 0.0)).unwrap();
        let paths = |target: &str| {
            let targets = vec![target.to_string()];
            let settings = LoraSettings { targets, ..LoraSettings::default() };
            let adapters = declare(&gpt, &settings).unwrap().adapters();
            adapters.iter().map(|(i, site, _)| format!("{i} {}", site.path)).collect::<Vec<_>>()
        };
        assert_eq!(
            paths("c_proj"),
            ["0 attn.c_proj", "0 mlp.c_proj", "1 attn.c_proj", "1 mlp.c_proj"]
        );
        assert_eq!(paths("attn.c_proj"), ["0 attn.c_proj", "1 attn.c_proj"]);
    }

    #[test]
    fn settings_that_do_not_fit_are_refused() {
        let gpt = Gpt::new(config(2, crate::architecture::Architecture::GPT2, 0.0)).unwrap();
        let refused = |settings: LoraSettings| declare(&gpt, &settings).unwrap_err().to_string();
        let settings = LoraSettings::default();
        let rank = refused(LoraSettings { rank: 0, ..settings.clone() });
        assert_eq!(rank, "--lora-rank = 0: choose from 1 to 1024, such as 8");
        let targets = vec!["q_proj".into()];
        assert_eq!(
            refused(LoraSettings { targets, ..settings.clone() }),
            "--lora-targets = q_proj: this model's layers are c_attn, c_fc, c_proj"
        );
        assert!(refused(LoraSettings { alpha: f64::NAN, ..settings.clone() }).contains("alpha"));
        assert!(refused(LoraSettings { dropout: 1.0, ..settings }).contains("less than 1"));
    }
}
