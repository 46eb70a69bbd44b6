//! A gradient check of one layer: is its backward pass the derivative of its forward pass?
//!
//! A layer turns inputs x and weights w into an output y. To check its backward pass alone, without
//! the rest of a model, we give it a small loss of its own: L = r · y, the dot product of the
//! output with fixed random numbers r. The gradient of L with respect to y is then r, and the
//! backward pass must turn r into the gradients of x and w that
//! [`gradcheck`](stage01_bigram::gradcheck) computes by central differences.
//!
//! Two more rules are checked: gradients of weights are *added* to what is there, gradients of
//! inputs are *overwritten* without being read.
//!
//! ```
//! use stage02_attention::layer_check::{Problem, array, array_mut};
//! use stage02_attention::linear::Linear;
//! use stage02_attention::params::Init;
//!
//! // A linear layer from 2 inputs to 3 outputs, on one row.
//! let declare = |layout: &mut stage02_attention::params::Layout| {
//!     Linear::declare(layout.scope("c_fc"), 2, 3, true, Init::Zeros)
//! };
//! Problem::new(1, &[2], declare).check(
//!     3,
//!     |linear, params, x, y| {
//!         linear.forward(params, array(&x[0], 1, 2), array_mut(y, 1, 3));
//!     },
//!     |linear, params, x, dy, dx, grads| {
//!         let (x, dy) = (array(&x[0], 1, 2), array(dy, 1, 3));
//!         linear.backward(params, x, dy, array_mut(&mut dx[0], 1, 2), grads);
//!     },
//! );
//! ```

use ndarray::{ArrayView2, ArrayViewMut2};
use rand::RngExt;
use stage01_bigram::gradcheck::check_gradient;
use stage01_bigram::random::{Generator, Purpose, generator};

use crate::params::{Layout, Params, fill_normal};

/// A layer with random weights, random inputs and a random loss, all in `f64`.
pub struct Problem<L> {
    layer: L,
    params: Params<f64>,
    inputs: Vec<Vec<f64>>,
    rng: Generator,
}

/// A flat slice as a matrix. Shape: (rows, cols).
///
/// # Panics
/// When the slice has another length.
pub fn array(values: &[f64], rows: usize, cols: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((rows, cols), values).expect("rows times cols numbers")
}

/// A flat slice as a matrix to be filled. Shape: (rows, cols).
///
/// # Panics
/// When the slice has another length.
pub fn array_mut(values: &mut [f64], rows: usize, cols: usize) -> ArrayViewMut2<'_, f64> {
    ArrayViewMut2::from_shape((rows, cols), values).expect("rows times cols numbers")
}

impl<L> Problem<L> {
    /// Declares the layer, and draws all its weights and all its inputs from a normal distribution,
    /// so that none is zero.
    ///
    /// input_lengths: the length of each input.
    pub fn new(
        seed: u64,
        input_lengths: &[usize],
        declare: impl FnOnce(&mut Layout) -> L,
    ) -> Problem<L> {
        let mut rng = generator(seed, Purpose::Other, 0);
        let mut layout = Layout::new();
        let layer = declare(&mut layout);
        let mut params = Params::zeros(&layout);
        fill_normal(&mut params.values, 0.7, &mut rng);
        let inputs = input_lengths
            .iter()
            .map(|&n| {
                let mut input = vec![0.0; n];
                fill_normal(&mut input, 1.0, &mut rng);
                input
            })
            .collect();
        Problem { layer, params, inputs, rng }
    }

    /// Compares every derivative.
    ///
    /// `forward(layer, params, inputs, y)` fills y, a slice of `output_len` numbers.
    /// `backward(layer, params, inputs, dy, dx, grads)` overwrites dx, one vector for each input,
    /// and adds to grads; it may run the forward pass first for the activations.
    ///
    /// # Panics
    /// When a derivative is wrong by more than one part in a million.
    pub fn check(
        mut self,
        output_len: usize,
        forward: impl Fn(&L, &Params<f64>, &[Vec<f64>], &mut [f64]),
        backward: impl Fn(&L, &Params<f64>, &[Vec<f64>], &[f64], &mut [Vec<f64>], &mut Params<f64>),
    ) {
        let r: Vec<f64> = (0..output_len).map(|_| self.rng.random::<f64>() * 2.0 - 1.0).collect();

        // ANCHOR: backward
        // The backward pass. The gradient begins at one, to see that it is added to.
        let mut grads = Params { values: vec![1.0; self.params.values.len()] };
        let mut dx: Vec<_> = self.inputs.iter().map(|x| vec![f64::NAN; x.len()]).collect();
        backward(&self.layer, &self.params, &self.inputs, &r, &mut dx, &mut grads);
        // ANCHOR_END: backward
        let mut gradient: Vec<f64> = grads.values.iter().map(|g| g - 1.0).collect();
        gradient.extend(dx.into_iter().flatten());

        // The finite differences: weights first, then the inputs one after another.
        let mut values = self.params.values.clone();
        values.extend(self.inputs.iter().flatten());
        let lengths: Vec<usize> = self.inputs.iter().map(Vec::len).collect();
        let n_params = self.params.values.len();
        let mut y = vec![0.0; output_len];
        let loss = |values: &[f64]| {
            self.params.values.copy_from_slice(&values[..n_params]);
            let mut at = n_params;
            for (input, &n) in self.inputs.iter_mut().zip(&lengths) {
                input.copy_from_slice(&values[at..at + n]);
                at += n;
            }
            forward(&self.layer, &self.params, &self.inputs, &mut y);
            y.iter().zip(&r).map(|(y, r)| y * r).sum()
        };
        if let Err(mismatch) = check_gradient(&mut values, &gradient, 1e-6, loss) {
            panic!("{mismatch} (the first {n_params} values are the weights)");
        }
    }
}
