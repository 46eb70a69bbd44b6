//! The parts of a GPT that the exercises ask for: one function for each, the reader's or the
//! solution's. [`Parts`] are those of GPT-2; four of them have successors, [`TodaysParts`].

use clap::ValueEnum;
use ndarray::{Array1, Array2};
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;

use crate::catalog::ALL;
use crate::exercise::Exercise;

/// What a residual block takes: a layer, as a function from its input to its output.
pub type Layer<'a> = &'a mut dyn FnMut(&Array2<f64>) -> Array2<f64>;

/// The settings of AdamW.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// How much of the old mean of gradients stays.
    pub beta1: f64,
    /// How much of the old mean of squares stays.
    pub beta2: f64,
    /// The small number under the step.
    pub eps: f64,
    /// The weight decay.
    pub weight_decay: f64,
}

/// Moves weights w along gradients g; keeps their moments m and v. t: the number of the step, from 1.
pub type Step =
    fn(settings: AdamW, lr: f64, t: i32, w: &mut [f64], g: &[f64], m: &mut [f64], v: &mut [f64]);

/// Every function of the GPT that an exercise asks for. The exercises say what each does.
// One type for each signature would have to be looked up by who reads this list.
#[allow(missing_docs, clippy::type_complexity)]
#[derive(Clone, Copy)]
pub struct Parts {
    pub vocabulary: fn(&str) -> Vec<char>,
    pub encode: fn(&str, &[char]) -> Vec<u32>,
    pub decode: fn(&[u32], &[char]) -> String,
    pub window: fn(&[u32], usize, usize) -> (Vec<u32>, Vec<u32>),
    pub softmax: fn(&[f64]) -> Vec<f64>,
    pub cross_entropy: fn(&[f64], u32) -> f64,
    pub cross_entropy_backward: fn(&[f64], u32) -> Vec<f64>,
    pub scaled: fn(&[f64], f64) -> Vec<f64>,
    pub top_k: fn(&[f64], usize) -> Vec<f64>,
    pub draw: fn(&[f64], f64) -> u32,
    pub embed: fn(&Array2<f64>, &Array2<f64>, &[u32], usize) -> Array2<f64>,
    pub embed_backward: fn(&[u32], usize, &Array2<f64>, &mut Array2<f64>, &mut Array2<f64>),
    pub linear: fn(&Array2<f64>, &Array2<f64>, &Array1<f64>) -> Array2<f64>,
    pub linear_backward: fn(
        &Array2<f64>,
        &Array2<f64>,
        &Array2<f64>,
        &mut Array2<f64>,
        &mut Array1<f64>,
    ) -> Array2<f64>,
    pub attention: fn(&Array2<f64>, &Array2<f64>, &Array2<f64>) -> (Array2<f64>, Array2<f64>),
    pub attention_backward: fn(
        &Array2<f64>,
        &Array2<f64>,
        &Array2<f64>,
        &Array2<f64>,
        &Array2<f64>,
    ) -> [Array2<f64>; 3],
    pub head: fn(&Array2<f64>, usize, usize) -> [Array2<f64>; 3],
    pub join: fn(&[Array2<f64>]) -> Array2<f64>,
    pub gelu: fn(f64) -> f64,
    pub gelu_derivative: fn(f64) -> f64,
    pub layer_norm: fn(&Array2<f64>, &Array1<f64>, &Array1<f64>) -> Array2<f64>,
    pub layer_norm_backward: fn(
        &Array2<f64>,
        &Array1<f64>,
        &Array2<f64>,
        &mut Array1<f64>,
        &mut Array1<f64>,
    ) -> Array2<f64>,
    pub block: fn(&Array2<f64>, Layer, Layer, Layer, Layer) -> Array2<f64>,
    pub block_backward: fn(&Array2<f64>, Layer, Layer, Layer, Layer) -> Array2<f64>,
    pub std: fn(&str, usize) -> f64,
    pub training_step: fn(
        usize,
        &mut [f64],
        &mut dyn FnMut(usize, f64, &mut [f64]) -> f64,
        &mut dyn FnMut(&mut [f64]),
    ) -> f64,
    pub step: Step,
    pub clip: fn(&mut [f64], f64) -> f64,
    pub learning_rate: fn(usize, f64, f64, usize, usize) -> f64,
    pub append_and_attend: fn(
        &mut Array2<f64>,
        &mut Array2<f64>,
        &Array2<f64>,
        &Array2<f64>,
        &Array2<f64>,
    ) -> Array2<f64>,
    pub shifted: fn(usize, usize, usize) -> usize,
    /// What takes the place of four of these in models of today.
    pub today: TodaysParts,
}

/// The parts of Llama that GPT-2 does not have.
#[allow(missing_docs, clippy::type_complexity)]
#[derive(Clone, Copy)]
pub struct TodaysParts {
    // In the place of layer norm.
    pub rms_norm: fn(&Array2<f64>, &Array1<f64>) -> Array2<f64>,
    pub rms_norm_backward:
        fn(&Array2<f64>, &Array1<f64>, &Array2<f64>, &mut Array1<f64>) -> Array2<f64>,
    // In the place of the position table.
    pub rotate: fn(&Array2<f64>, usize) -> Array2<f64>,
    pub rotate_backward: fn(&Array2<f64>, usize) -> Array2<f64>,
    // In the place of GELU.
    pub gated: fn(&Array2<f64>, &Array2<f64>) -> Array2<f64>,
    pub gated_backward: fn(&Array2<f64>, &Array2<f64>, &Array2<f64>) -> [Array2<f64>; 2],
    // In the place of keys and values for every head.
    pub kv_head: fn(usize, usize, usize) -> usize,
    pub add_groups: fn(&[Array2<f64>], usize) -> Vec<Array2<f64>>,
}

/// Which GPT is made of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// GPT-2: parts 1 to 3 of the book
    Gpt2,
    /// Llama: RMSNorm, rotary positions, SwiGLU and grouped queries, of part 5
    Llama,
}

/// The exercises of [`TodaysParts`].
const TODAY: [&str; 5] = ["rms_norm", "rms_norm_backward", "rotary", "swiglu", "grouped_queries"];
/// The exercises that Llama does not need.
const EXCHANGED: [&str; 3] = ["gelu", "layer_norm", "layer_norm_backward"];

impl Arch {
    /// Its name, as `--arch` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Arch::Gpt2 => "gpt2",
            Arch::Llama => "llama",
        }
    }

    /// The exercises whose answers are its parts, in the order of the book.
    pub fn exercises(self) -> impl Iterator<Item = &'static Exercise> {
        let left_out = match self {
            Arch::Gpt2 => &TODAY[..],
            Arch::Llama => &EXCHANGED,
        };
        exercises().filter(move |exercise| !left_out.contains(&exercise.name))
    }

    /// These sizes with its parts. Llama's four heads share two of keys and values.
    pub fn config(self, sizes: GptConfig) -> GptConfig {
        match self {
            Arch::Gpt2 => GptConfig { bias: true, arch: Architecture::GPT2, ..sizes },
            Arch::Llama => {
                let arch = Architecture { n_kv_head: Some(2), ..Architecture::LLAMA };
                GptConfig { bias: false, arch, ..sizes }
            }
        }
    }
}

/// The exercises whose answers are parts of either GPT, in the order of the book.
pub fn exercises() -> impl Iterator<Item = &'static Exercise> {
    ALL.iter().copied().filter(|exercise| exercise.gpt)
}

/// [`Parts`] out of modules with the names of the exercises, which must be in scope.
#[macro_export]
macro_rules! gpt_parts {
    () => {
        exercises::gpt::parts::Parts {
            vocabulary: characters::vocabulary,
            encode: characters::encode,
            decode: characters::decode,
            window: windows::window,
            softmax: softmax::softmax,
            cross_entropy: cross_entropy::cross_entropy,
            cross_entropy_backward: cross_entropy_backward::cross_entropy_backward,
            scaled: temperature::scaled,
            top_k: top_k::top_k,
            draw: draw::draw,
            embed: embedding::embed,
            embed_backward: embedding::embed_backward,
            linear: linear::linear,
            linear_backward: linear_backward::linear_backward,
            attention: causal_attention::attention,
            attention_backward: attention_backward::attention_backward,
            head: heads::head,
            join: heads::join,
            gelu: gelu::gelu,
            gelu_derivative: gelu::gelu_derivative,
            layer_norm: layer_norm::layer_norm,
            layer_norm_backward: layer_norm_backward::layer_norm_backward,
            block: residual_block::block,
            block_backward: residual_block::block_backward,
            std: initial_weights::std,
            training_step: training_step::training_step,
            step: |settings, lr, t, w, g, m, v| {
                let exercises::gpt::parts::AdamW { beta1, beta2, eps, weight_decay } = settings;
                let settings = adamw::AdamW { beta1, beta2, eps, weight_decay };
                adamw::step(&settings, lr, t, w, g, m, v);
            },
            clip: clip::clip,
            learning_rate: schedule::learning_rate,
            append_and_attend: kv_cache::append_and_attend,
            shifted: context_shift::shifted,
            today: exercises::gpt::parts::TodaysParts {
                rms_norm: rms_norm::rms_norm,
                rms_norm_backward: rms_norm_backward::rms_norm_backward,
                rotate: rotary::rotate,
                rotate_backward: rotary::rotate_backward,
                gated: swiglu::gated,
                gated_backward: swiglu::gated_backward,
                kv_head: grouped_queries::kv_head,
                add_groups: grouped_queries::add_groups,
            },
        }
    };
}
