//! All parameters of a model in one vector.
//!
//! A model has weights in dozens of tensors: matrices and vectors. Keeping them as dozens of
//! separate arrays would make the optimiser, the checkpoint, the gradient check and the sum over
//! threads each walk a tree. Here all weights of a model stand one after another in a single `Vec`,
//! and a layer owns small *handles* that say where its tensors begin and which shape they have:
//!
//! ```text
//! Params.values   | wte ............ | h.0.ln_1 | h.0.attn.c_attn ...... | ...
//!                   ^ Matrix { offset: 0, rows: 65, cols: 128 }
//! ```
//!
//! A handle is made once, by a [`Scope`], where the tensor's name, shape, initial values and weight
//! decay are declared together. The gradient and both moments of the optimiser are [`Params`] over
//! the same [`Layout`], so the same handle finds the gradient of a weight. The idea is llm.c's
//! (Karpathy 2024); the types are ours.
//!
//! ```
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! let mut layout = Layout::new();
//! let weight = layout.scope("c_fc").matrix("weight", 2, 3, Init::Ones);
//! let bias = layout.scope("c_fc").vector("bias", 3, Init::Zeros);
//! assert_eq!(layout.len(), 9); // the parameter count
//!
//! let mut params = Params::<f32>::zeros(&layout);
//! params.matrix_mut(weight)[[1, 2]] = 5.0;
//! params.vector_mut(bias)[0] = 7.0;
//! assert_eq!(params.values, [0., 0., 0., 0., 0., 5., 7., 0., 0.]);
//! ```
//!
//! What this file leaves out: reading and writing files (`stage03_gpt::files`), and the
//! optimiser (`stage03_gpt::adamw`).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2};
use rand::{Rng, RngExt};
use stage01_bigram::Float;

use crate::matmul::pages::ask_for_large_pages;

/// Initial values of one tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All zero: biases.
    Zeros,
    /// All one: the scale of a layer norm.
    Ones,
    /// Drawn from a normal distribution around 0 with this standard deviation.
    Normal(f64),
}

impl Init {
    /// Sets the values of a tensor.
    pub fn fill<T: Float>(self, values: &mut [T], rng: &mut impl Rng) {
        match self {
            Init::Zeros => values.fill(T::zero()),
            Init::Ones => values.fill(T::one()),
            Init::Normal(std) => fill_normal(values, std, rng),
        }
    }
}

/// One tensor of a model: its description, without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The full name, such as `h.0.attn.c_attn.weight`.
    pub name: String,
    /// One or two lengths: `[n]` for a vector, `[rows, columns]` for a matrix.
    pub shape: Vec<usize>,
    /// Index of its first value in the vector of all parameters.
    pub offset: usize,
    /// Its initial values.
    pub init: Init,
    /// Whether weight decay applies to it. True for matrices only.
    pub decay: bool,
}

impl Tensor {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its indices in the vector of all parameters.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len()
    }
}

/// The layout of a parameter vector: its tensors, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    len: usize,
}

impl Layout {
    /// A layout without tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scope in which a layer declares its tensors: `name.` is the prefix of their names.
    pub fn scope(&mut self, name: impl Into<String>) -> Scope<'_> {
        Scope { layout: self, prefix: name.into() }
    }

    /// The tensors, in the order in which they stand in the vector.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensors that stand in the first `len` values: those that are trained, where the others are
    /// frozen.
    pub fn first(&self, len: usize) -> Layout {
        let tensors = self.tensors.iter().take_while(|tensor| tensor.range().end <= len);
        Layout { tensors: tensors.cloned().collect(), len }
    }

    /// The model's parameter count.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was declared yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn declare(&mut self, name: String, shape: Vec<usize>, init: Init, decay: bool) -> usize {
        debug_assert!(self.tensors.iter().all(|t| t.name != name), "{name} is declared twice");
        let tensor = Tensor { name, shape, offset: self.len, init, decay };
        self.len += tensor.len();
        self.tensors.push(tensor);
        self.tensors[self.tensors.len() - 1].offset
    }
}

/// A prefix of names within a [`Layout`], under which tensors are declared.
pub struct Scope<'a> {
    layout: &'a mut Layout,
    prefix: String,
}

impl Scope<'_> {
    /// A scope one level down: `h.0` and then `attn` gives `h.0.attn`.
    pub fn scope(&mut self, name: &str) -> Scope<'_> {
        Scope { prefix: format!("{}.{name}", self.prefix), layout: self.layout }
    }

    /// Declares a matrix. Shape: (rows, cols). Weight decay applies to it.
    pub fn matrix(&mut self, name: &str, rows: usize, cols: usize, init: Init) -> Matrix {
        let name = format!("{}.{name}", self.prefix);
        let offset = self.layout.declare(name, vec![rows, cols], init, true);
        Matrix { offset, rows, cols }
    }

    /// Declares a vector of `len` values. Weight decay does not apply to it.
    pub fn vector(&mut self, name: &str, len: usize, init: Init) -> Vector {
        let name = format!("{}.{name}", self.prefix);
        let offset = self.layout.declare(name, vec![len], init, false);
        Vector { offset, len }
    }
}

// ANCHOR: handle
/// A handle to a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    offset: usize,
    rows: usize,
    cols: usize,
}
// ANCHOR_END: handle

impl Matrix {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Index of its first value: that of its [`Tensor`].
    pub fn offset(&self) -> usize {
        self.offset
    }

    fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.rows * self.cols
    }
}

/// A handle to a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector {
    offset: usize,
    len: usize,
}

impl Vector {
    /// Number of values.
    #[allow(clippy::len_without_is_empty, reason = "a declared vector is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Index of its first value: that of its [`Tensor`].
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// One value for every parameter of a model: its weights, its gradient, or a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Params<T> {
    /// All values, tensor after tensor, in the order of the [`Layout`].
    pub values: Vec<T>,
}

impl<T: Float> Params<T> {
    /// All zero: a gradient before the first backward pass, a moment before the first step.
    pub fn zeros(layout: &Layout) -> Self {
        Self::zeros_of_first(layout.len())
    }

    /// All zero, of the first `len` values of a layout: the gradient of weights of which the others
    /// are frozen (see [`Params::trains`]).
    pub fn zeros_of_first(len: usize) -> Self {
        let values = vec![T::zero(); len];
        ask_for_large_pages(&values);
        Params { values }
    }

    /// The initial weights of a model: every tensor as its [`Init`] says.
    ///
    /// The values are drawn tensor by tensor in the layout's order, so one seed always gives one
    /// model.
    pub fn initialise(layout: &Layout, rng: &mut impl Rng) -> Self {
        let mut params = Self::zeros(layout);
        for tensor in &layout.tensors {
            tensor.init.fill(&mut params.values[tensor.range()], rng);
        }
        params
    }

    /// Whether the tensor that begins at this offset is among these.
    ///
    /// A gradient may end before the weights do. Those behind its end are *frozen*: nothing computes
    /// their gradient, and the optimiser does not reach them.
    pub fn trains(&self, offset: usize) -> bool {
        offset < self.values.len()
    }

    /// A matrix, to read. Shape: (rows, columns) of the handle.
    pub fn matrix(&self, handle: Matrix) -> ArrayView2<'_, T> {
        ArrayView2::from_shape((handle.rows, handle.cols), &self.values[handle.range()])
            .expect("the range of a handle fits its shape")
    }

    /// A matrix, to change.
    pub fn matrix_mut(&mut self, handle: Matrix) -> ArrayViewMut2<'_, T> {
        let shape = (handle.rows, handle.cols);
        ArrayViewMut2::from_shape(shape, &mut self.values[handle.range()])
            .expect("the range of a handle fits its shape")
    }

    /// A vector, to read.
    pub fn vector(&self, handle: Vector) -> &[T] {
        &self.values[handle.offset..handle.offset + handle.len]
    }

    /// A vector, to change.
    pub fn vector_mut(&mut self, handle: Vector) -> &mut [T] {
        &mut self.values[handle.offset..handle.offset + handle.len]
    }
}

/// Fills a slice with numbers of a normal distribution around 0 (Box and Muller 1958).
///
/// Two uniform numbers u and v give two normal ones:
/// sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v).
pub fn fill_normal<T: Float>(values: &mut [T], std: f64, rng: &mut impl Rng) {
    for pair in values.chunks_mut(2) {
        // 1 - [0, 1) is (0, 1], whose logarithm is always finite.
        let u = 1.0 - rng.random::<f64>();
        let angle = std::f64::consts::TAU * rng.random::<f64>();
        let radius = std * (-2.0 * u.ln()).sqrt();
        pair[0] = T::of(radius * angle.cos());
        if let Some(second) = pair.get_mut(1) {
            *second = T::of(radius * angle.sin());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage01_bigram::random::{Purpose, generator};

    #[test]
    fn tensors_stand_one_after_another_and_handles_find_them() {
        let mut layout = Layout::new();
        let mut block = layout.scope("h.0");
        let weight = block.scope("c_fc").matrix("weight", 2, 3, Init::Ones);
        let bias = block.scope("c_fc").vector("bias", 3, Init::Zeros);
        assert_eq!(layout.len(), 9);
        let names: Vec<_> = layout.tensors().iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["h.0.c_fc.weight", "h.0.c_fc.bias"]);
        assert_eq!(layout.tensors()[1].range(), 6..9);
        assert!(layout.tensors()[0].decay && !layout.tensors()[1].decay);

        let mut params = Params::<f32>::zeros(&layout);
        params.matrix_mut(weight)[[1, 2]] = 5.0;
        params.vector_mut(bias)[0] = 7.0;
        assert_eq!(params.values, [0., 0., 0., 0., 0., 5., 7., 0., 0.]);
    }

    #[test]
    fn initial_weights_have_mean_0_and_the_given_standard_deviation() {
        let mut layout = Layout::new();
        layout.scope("wte").matrix("weight", 100, 101, Init::Normal(0.02));
        let rng = &mut generator(1, Purpose::Initialisation, 0);
        let values = Params::<f64>::initialise(&layout, rng).values;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        // Four standard errors of each.
        assert!(mean.abs() < 4.0 * 0.02 / 100.0, "mean {mean}");
        assert!((variance.sqrt() - 0.02).abs() < 4.0 * 0.02 / 141.0, "std {}", variance.sqrt());
    }
}
