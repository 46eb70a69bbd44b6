//! The matrix product with quantised weights: whole numbers of 4 or 8 bits, 32 to a block.
//!
//! A file of quantised weights keeps, for every 32 weights of a row, 32 small whole numbers `q` and
//! a scale `d`, in one type also a minimum `m`. Multiplying by such a row does not need the weights
//! themselves. The other factor, a row of activations, is rounded to blocks in the same way, and
//! what is left is whole numbers:
//!
//! ```text
//! w_i = d q_i + m,    x_i = d' p_i
//! sum of w_i x_i  =  d d' (sum of q_i p_i)  +  m d' (sum of p_i)        in each block
//! ```
//!
//! The sums are exact: 32 products of 8 bits by 8 bits need 20 bits of an `i32`. Only the products
//! with the scales, one for each block, are rounded. An instruction multiplies four times as many
//! bytes as `f32`; and where a row of activations meets a matrix alone, as in a decode step, the
//! time is that of fetching the matrix, and a matrix of 4 bits takes a seventh of the bytes.
//!
//! | file | what it holds |
//! |---|---|
//! | [`plain`] | the blocks as a file has them, and the equation above as a loop |
//! | `activations` | rows of activations, rounded to blocks |
//! | `tiles` | the same weights in the order in which the kernels read them |
//! | `kernel` | sixteen rows at a time: VNNI, AVX2, and portable code |
//!
//! Every kernel rounds where [`plain`] rounds and in its order, so all of them give the same bits,
//! on any processor and any number of threads; tests compare them.
//!
//! ```
//! use ndarray::{Array2, array};
//! use stage02_attention::matmul::blocks::{BlockMatrix, BlockType};
//!
//! // One row of 32 weights: scale 0.5 (0x3800 as float16), all q are 2, so all weights are 1.
//! let mut row = vec![0x00, 0x38];
//! row.extend([2; 32]);
//! let matrix = BlockMatrix::new(BlockType::Q8_0, 1, 32, &row);
//!
//! let x = Array2::from_shape_fn((1, 32), |(_, i)| i as f32);
//! let mut y = array![[0.0]];
//! matrix.multiply(x.view(), &mut y.view_mut());
//! assert!((y[[0, 0]] - 496.0_f32).abs() < 1.0); // 0 + 1 + … + 31, of rounded numbers
//! ```
//!
//! What this module leaves out: finding the blocks for given weights (`stage03_gpt::files::gguf`).

mod activations;
mod kernel;
pub mod plain;
#[cfg(test)]
mod tests;
mod tiles;

use ndarray::{ArrayView2, ArrayViewMut2, Axis};

pub use activations::{Activations, RoundedBlock};

use crate::parallel::{join, threads_for, threads_to_fetch};
use crate::profiler::{Region, time};
use tiles::{ROWS, Tiles};

/// Weights in a block.
pub const BLOCK: usize = 32;

/// How the weights of a block are stored. The names are those of GGUF files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockType {
    /// w = d q, with q from -128 to 127: 34 bytes.
    Q8_0,
    /// w = d (q - 8), with q from 0 to 15: 18 bytes.
    Q4_0,
    /// w = d q + m, with q from 0 to 15: 20 bytes.
    Q4_1,
}

impl BlockType {
    /// Bytes of a block in a file, scale and minimum included.
    pub const fn bytes(self) -> usize {
        match self {
            BlockType::Q8_0 => 2 + 32,
            BlockType::Q4_0 => 2 + 16,
            BlockType::Q4_1 => 2 + 2 + 16,
        }
    }
}

/// A quantised matrix that multiplies rows of activations: y = x W'.
///
/// A row of W is what one output is computed from, as files store it: W has the shape (n_out, n_in).
#[derive(Clone, Debug)]
pub struct BlockMatrix {
    n_out: usize,
    n_in: usize,
    tiles: Tiles,
}

impl BlockMatrix {
    /// A matrix from the bytes of its rows, block after block, as a GGUF file has them.
    ///
    /// # Panics
    /// When `n_in` is no whole number of blocks, or the bytes are not those of `n_out` such rows.
    pub fn new(kind: BlockType, n_out: usize, n_in: usize, bytes: &[u8]) -> BlockMatrix {
        assert!(n_in.is_multiple_of(BLOCK), "a row of {n_in} weights is no whole number of blocks");
        assert_eq!(bytes.len(), n_out * n_in / BLOCK * kind.bytes(), "the bytes of its rows");
        BlockMatrix { n_out, n_in, tiles: Tiles::pack(kind, n_in / BLOCK, bytes) }
    }

    /// Number of outputs: the rows of W.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Number of inputs: the columns of W.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// Moves the weights of several matrices into one piece of memory, in large pages where the system
    /// has them: memory is fetched faster from it than from many small pieces.
    pub fn join_memory<'a>(matrices: impl Iterator<Item = &'a mut BlockMatrix>) {
        Tiles::join_memory(matrices.map(|matrix| &mut matrix.tiles).collect());
    }

    /// How the weights are stored.
    pub fn kind(&self) -> BlockType {
        self.tiles.kind()
    }

    /// Bytes of the weights with their scales: what one decode step fetches.
    pub fn bytes(&self) -> usize {
        self.n_out * self.n_in / BLOCK * self.kind().bytes()
    }

    /// The weights of one row as f32: a token's vector, where the matrix is an embedding.
    ///
    /// # Panics
    /// When there is no such row, or `to` has another length than `n_in`.
    pub fn row(&self, row: usize, to: &mut [f32]) {
        assert!(row < self.n_out && to.len() == self.n_in, "row {row} of {}", self.n_out);
        self.tiles.row(row, to);
    }

    /// y = x W', after x was rounded to blocks.
    ///
    /// x: (rows, n_in); y: (rows, n_out), overwritten; rows of both are contiguous.
    ///
    /// # Panics
    /// When the shapes do not fit together: a bug in the calling layer.
    pub fn multiply(&self, x: ArrayView2<f32>, y: &mut ArrayViewMut2<f32>) {
        multiply_all(&Activations::round(x), vec![(self, y.view_mut())]);
    }
}

/// y = x W' for several matrices: as [`BlockMatrix::multiply`], but the work is divided among threads
/// once, and x is rounded once.
///
/// # Panics
/// As [`BlockMatrix::multiply`].
pub fn multiply_all(x: &Activations, products: Vec<(&BlockMatrix, ArrayViewMut2<f32>)>) {
    let (rows, n_in) = x.dim();
    let (mut bytes, mut n_out) = (0, 0);
    for (matrix, y) in &products {
        let fits = n_in == matrix.n_in && y.dim() == (rows, matrix.n_out);
        assert!(fits, "{:?} into {:?}", x.dim(), y.dim());
        (bytes, n_out) = (bytes + matrix.bytes(), n_out + matrix.n_out);
    }
    if rows == 0 {
        return;
    }
    let threads =
        if rows == 1 { threads_to_fetch(bytes) } else { threads_for(rows * n_in * n_out / 4) };
    let whole = |(matrix, y)| Product { matrix, first: 0, y };
    cut(threads, x, products.into_iter().map(whole).collect());
}

/// Some outputs of a matrix.
struct Product<'a> {
    matrix: &'a BlockMatrix,
    /// The group of sixteen outputs at which y begins.
    first: usize,
    y: ArrayViewMut2<'a, f32>,
}

impl Product<'_> {
    /// Groups of sixteen outputs.
    fn groups(&self) -> usize {
        self.y.ncols().div_ceil(ROWS)
    }

    /// The first `at` groups, and the others.
    fn split(self, at: usize) -> (Self, Self) {
        let Product { matrix, first, y } = self;
        let (y_1, y_2) = y.split_at(Axis(1), at * ROWS);
        (Product { matrix, first, y: y_1 }, Product { matrix, first: first + at, y: y_2 })
    }
}

/// Halves the outputs of all products together, until there is a part for each thread.
fn cut(threads: usize, x: &Activations, products: Vec<Product>) {
    let groups: usize = products.iter().map(Product::groups).sum();
    let mut at = groups * (threads / 2) / threads;
    if threads < 2 || at == 0 {
        return time(Region::MatrixProducts, || {
            for Product { matrix, first, y } in products {
                kernel::multiply(&matrix.tiles, first, x, y);
            }
        });
    }
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for product in products {
        let groups = product.groups();
        match at {
            0 => behind.push(product),
            _ if at >= groups => before.push(product),
            _ => {
                let (first, rest) = product.split(at);
                before.push(first);
                behind.push(rest);
            }
        }
        at = at.saturating_sub(groups);
    }
    let half = threads / 2;
    join(|| cut(half, x, before), || cut(threads - half, x, behind));
}
