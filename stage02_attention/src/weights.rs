//! The weights of a model as inference reads them, whatever numbers they are stored as.
//!
//! Training needs every weight as a number that can be changed: [`Params`]. Generating text only
//! multiplies by them, so there they may stand as a file has them: [`BlockWeights`] keeps the
//! matrices as quantised blocks, and no copy in f32. The layers' passes for inference take a
//! [`Weights`], which is either.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::params::{Init, Layout, Params};
//! use stage02_attention::linear::Linear;
//! use stage02_attention::weights::Weights;
//!
//! let mut layout = Layout::new();
//! let linear = Linear::declare(layout.scope("c_fc"), 2, 1, true, Init::Zeros);
//! let params = Params { values: vec![3.0, 4.0, 100.0] };
//! let weights: &dyn Weights<f64> = &params;
//! let mut y = array![[0.0]];
//! weights.linear(&linear, array![[1.0, 10.0]].view(), y.view_mut());
//! assert_eq!(y, array![[143.0]]);
//! ```

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use stage01_bigram::Float;

use crate::attention::cache::Numbers;
use crate::linear::Linear;
use crate::matmul::blocks::{Activations, BlockMatrix, multiply_all};
use crate::matmul::{Dtype, par_gemm};
use crate::parallel::each_row;
use crate::params::{Matrix, Params, Tensor, Vector};
use crate::profiler::Region;

/// The weights of a model, to be multiplied by.
pub trait Weights<T: Float>: Sync {
    /// A vector: a bias, or the scale of a norm.
    fn vector(&self, handle: Vector) -> &[T];

    /// One row of a matrix: the vector of a token or of a position.
    fn row(&self, handle: Matrix, row: usize, to: &mut [T]);

    /// y = x W + b: see [`Linear::forward`].
    fn linear(&self, linear: &Linear, x: ArrayView2<T>, y: ArrayViewMut2<T>);

    /// [`Weights::linear`] for layers that read the same x.
    fn linears(&self, x: ArrayView2<T>, layers: Vec<(&Linear, ArrayViewMut2<T>)>) {
        layers.into_iter().for_each(|(linear, y)| self.linear(linear, x, y));
    }

    /// y = x W': the logits, of a matrix with a row for each token.
    fn output(&self, handle: Matrix, dtype: Dtype, x: ArrayView2<T>, y: ArrayViewMut2<T>);

    /// The numbers that keys and values are stored as, for the tokens to come. Beside weights that are
    /// rounded more coarsely, those of 16 bits lose nothing that counts.
    fn cache_numbers(&self) -> Numbers {
        Numbers::Full
    }
}

impl<T: Float> Weights<T> for Params<T> {
    fn vector(&self, handle: Vector) -> &[T] {
        self.vector(handle)
    }

    fn row(&self, handle: Matrix, row: usize, to: &mut [T]) {
        let matrix = self.matrix(handle);
        to.copy_from_slice(matrix.row(row).to_slice().expect("rows are contiguous"));
    }

    fn linear(&self, linear: &Linear, x: ArrayView2<T>, y: ArrayViewMut2<T>) {
        linear.forward(self, x, y);
    }

    fn output(&self, handle: Matrix, dtype: Dtype, x: ArrayView2<T>, mut y: ArrayViewMut2<T>) {
        par_gemm(dtype, T::one(), x, self.matrix(handle).t(), T::zero(), &mut y);
    }
}

/// Weights whose matrices are quantised: blocks, beside full numbers where a file has those.
///
/// Tensors are found by their place in the layout of the model, which itself holds none of them.
#[derive(Debug, Default)]
pub struct BlockWeights {
    vectors: BTreeMap<usize, Vec<f32>>,
    matrices: BTreeMap<usize, Vec<Part>>,
}

/// Some outputs of a matrix, all of its inputs: a row for each output.
#[derive(Debug)]
pub enum Part {
    /// Quantised.
    Blocks(BlockMatrix),
    /// Full numbers. Shape: (n_out, n_in).
    Full(Array2<f32>),
}

impl Part {
    /// Number of outputs.
    pub fn n_out(&self) -> usize {
        match self {
            Part::Blocks(matrix) => matrix.n_out(),
            Part::Full(matrix) => matrix.nrows(),
        }
    }

    /// Number of inputs.
    pub fn n_in(&self) -> usize {
        match self {
            Part::Blocks(matrix) => matrix.n_in(),
            Part::Full(matrix) => matrix.ncols(),
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Part::Blocks(matrix) => matrix.bytes(),
            Part::Full(matrix) => 4 * matrix.len(),
        }
    }
}

impl BlockWeights {
    /// Takes the values of a vector.
    ///
    /// # Panics
    /// When there are more or fewer than the tensor has.
    pub fn insert_vector(&mut self, tensor: &Tensor, values: Vec<f32>) {
        assert_eq!(values.len(), tensor.len(), "{}", tensor.name);
        self.vectors.insert(tensor.offset, values);
    }

    /// Takes the parts of a matrix: their outputs, one after another, are all that it has.
    ///
    /// # Panics
    /// When they are not.
    pub fn insert_matrix(&mut self, tensor: &Tensor, parts: Vec<Part>) {
        let n_in = parts.first().map_or(0, Part::n_in);
        assert!(parts.iter().all(|part| part.n_in() == n_in), "{}", tensor.name);
        let n_out: usize = parts.iter().map(Part::n_out).sum();
        assert_eq!(n_in * n_out, tensor.len(), "{}", tensor.name);
        self.matrices.insert(tensor.offset, parts);
    }

    /// Moves all blocks into one piece of memory: see [`BlockMatrix::join_memory`].
    pub fn join_memory(&mut self) {
        let blocks = self.matrices.values_mut().flatten().filter_map(|part| match part {
            Part::Blocks(matrix) => Some(matrix),
            Part::Full(_) => None,
        });
        BlockMatrix::join_memory(blocks);
    }

    /// The parts of a matrix, where it was inserted.
    pub fn matrix(&self, tensor: &Tensor) -> Option<&[Part]> {
        self.matrices.get(&tensor.offset).map(Vec::as_slice)
    }

    /// The values of a vector, where it was inserted.
    pub fn vector(&self, tensor: &Tensor) -> Option<&[f32]> {
        self.vectors.get(&tensor.offset).map(Vec::as_slice)
    }

    /// The bytes that a tensor takes.
    pub fn bytes_of(&self, tensor: &Tensor) -> usize {
        let vector = self.vectors.get(&tensor.offset).map_or(0, |values| 4 * values.len());
        let parts = self.matrices.get(&tensor.offset).map_or(&[][..], Vec::as_slice);
        vector + parts.iter().map(Part::bytes).sum::<usize>()
    }

    fn parts(&self, handle: Matrix) -> &[Part] {
        self.matrices.get(&handle.offset()).expect("every matrix was inserted")
    }

    /// y = x W' for some matrices, part by part; all quantised parts together.
    fn multiply<'a>(
        &self,
        x: ArrayView2<f32>,
        products: impl IntoIterator<Item = (Matrix, ArrayViewMut2<'a, f32>)>,
    ) {
        let mut quantised = Vec::new();
        for (handle, mut y) in products {
            for part in self.parts(handle) {
                let (mut outputs, rest) = y.split_at(Axis(1), part.n_out());
                match part {
                    Part::Blocks(matrix) => quantised.push((matrix, outputs)),
                    Part::Full(matrix) => {
                        par_gemm(Dtype::Float32, 1.0, x, matrix.t(), 0.0, &mut outputs);
                    }
                }
                y = rest;
            }
        }
        if !quantised.is_empty() {
            multiply_all(&Activations::round(x), quantised);
        }
    }
}

impl Weights<f32> for BlockWeights {
    fn vector(&self, handle: Vector) -> &[f32] {
        self.vectors.get(&handle.offset()).expect("every vector was inserted")
    }

    fn row(&self, handle: Matrix, mut row: usize, to: &mut [f32]) {
        for part in self.parts(handle) {
            if row < part.n_out() {
                return match part {
                    Part::Blocks(matrix) => matrix.row(row, to),
                    Part::Full(matrix) => {
                        to.copy_from_slice(matrix.row(row).to_slice().expect("standard layout"));
                    }
                };
            }
            row -= part.n_out();
        }
        panic!("no such row");
    }

    fn linear(&self, linear: &Linear, x: ArrayView2<f32>, y: ArrayViewMut2<f32>) {
        self.linears(x, vec![(linear, y)]);
    }

    fn linears(&self, x: ArrayView2<f32>, mut layers: Vec<(&Linear, ArrayViewMut2<f32>)>) {
        self.multiply(x, layers.iter_mut().map(|(linear, y)| (linear.weight, y.view_mut())));
        for (linear, y) in layers {
            let Some(bias) = linear.bias else { continue };
            let bias = Weights::vector(self, bias);
            each_row(Region::MatrixProducts, y, |y| {
                y.iter_mut().zip(bias).for_each(|(y, &bias)| *y += bias);
            });
        }
    }

    fn output(&self, handle: Matrix, _: Dtype, x: ArrayView2<f32>, y: ArrayViewMut2<f32>) {
        self.multiply(x, [(handle, y)]);
    }

    fn cache_numbers(&self) -> Numbers {
        Numbers::Half
    }
}
