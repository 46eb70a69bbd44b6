//! The parts of a GPT that the exercises ask for: one function for each, the reader's or the
//! solution's.

use ndarray::{Array1, Array2};

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
}

/// The exercises whose answers are the parts, in the order of the book.
pub fn exercises() -> impl Iterator<Item = &'static crate::exercise::Exercise> {
    crate::catalog::ALL.iter().copied().filter(|exercise| exercise.gpt)
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
        }
    };
}
