//! Rows of activations, rounded to blocks of whole numbers.
//!
//! ```text
//! d = largest |x_i| / 127,    p_i = round(x_i / d)      in each block of 32
//! ```
//!
//! Between two blocks the scale may differ, so that one large number makes its own block coarse and
//! no other. Ties are rounded to even, as the processors' instruction does.

use ndarray::{ArrayView2, ArrayViewMut2};

use super::BLOCK;
use crate::parallel::each_row;
use crate::profiler::Region;

/// Four whole numbers of 8 bits, as the kernels take them.
pub(super) type Four = u32;

/// Rows of activations, rounded to blocks.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    rows: usize,
    blocks: usize,
    /// The whole numbers of each block, four in a word. Row after row.
    pub(super) q: Vec<[Four; BLOCK / 4]>,
    /// Scale and sum of each block.
    pub(super) scales: Vec<Scale>,
}

/// What a block has besides its whole numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scale {
    /// The scale.
    pub(super) d: f32,
    /// The sum of the whole numbers.
    pub(super) sum: i32,
}

/// One block of activations, to be read: x_i = d q_i.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundedBlock {
    /// The scale.
    pub d: f32,
    /// The whole numbers, from -127 to 127.
    pub q: [i8; BLOCK],
    /// Their sum.
    pub sum: i32,
}

impl Activations {
    /// Rounds every row.
    ///
    /// A row with a number that is NaN or infinite has the scale NaN in that block, so that what is
    /// computed from it is NaN, as in full precision.
    ///
    /// # Panics
    /// When a row is no whole number of blocks, or not contiguous.
    pub fn round(x: ArrayView2<f32>) -> Activations {
        let (rows, n_in) = x.dim();
        assert!(n_in.is_multiple_of(BLOCK), "a row of {n_in} is no whole number of blocks");
        let blocks = n_in / BLOCK;
        let mut q = vec![[0; BLOCK / 4]; rows * blocks];
        let mut scales = vec![Scale::default(); rows * blocks];
        let shape = (rows, blocks);
        let each = (
            x,
            ArrayViewMut2::from_shape(shape, &mut q[..]).expect("its length"),
            ArrayViewMut2::from_shape(shape, &mut scales[..]).expect("its length"),
        );
        each_row(
            Region::MatrixProducts,
            each,
            #[inline(always)]
            |(x, q, scales)| {
                let (x, _) = x.as_chunks::<BLOCK>();
                for ((x, q), scale) in x.iter().zip(q).zip(scales) {
                    *scale = round_block(x, q);
                }
            },
        );
        Activations { rows, blocks, q, scales }
    }

    /// (rows, n_in)
    pub fn dim(&self) -> (usize, usize) {
        (self.rows, self.blocks * BLOCK)
    }

    /// The blocks of row `i`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, i: usize) -> impl Iterator<Item = RoundedBlock> {
        let range = i * self.blocks..(i + 1) * self.blocks;
        self.q[range.clone()].iter().zip(&self.scales[range]).map(|(q, &Scale { d, sum })| {
            let mut bytes = [0; BLOCK];
            for (to, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(q) {
                *to = word.to_le_bytes().map(|byte| byte as i8);
            }
            RoundedBlock { d, q: bytes, sum }
        })
    }
}

// ANCHOR: round
/// Rounds one block.
#[inline(always)]
fn round_block(x: &[f32; BLOCK], q: &mut [Four; BLOCK / 4]) -> Scale {
    let mut largest = 0.0f32;
    let mut finite = true;
    for &x in x {
        largest = largest.max(x.abs());
        finite &= x.is_finite();
    }
    if !finite {
        return Scale { d: f32::NAN, sum: 0 };
    }
    // Numbers so small that their inverse is infinite count as zero.
    if largest < 1e-30 {
        *q = [0; BLOCK / 4];
        return Scale::default();
    }
    let inverse = 127.0 / largest;
    let mut rounded = [0i8; BLOCK];
    let mut sum = 0;
    for i in 0..BLOCK {
        // At most 127 in size, so no number is cut off.
        let p = to_nearest(x[i] * inverse);
        rounded[i] = p as i8;
        sum += p;
    }
    for (to, four) in q.iter_mut().zip(rounded.as_chunks::<4>().0) {
        *to = u32::from_le_bytes(four.map(|p| p as u8));
    }
    Scale { d: largest / 127.0, sum }
}
// ANCHOR_END: round

/// The nearest whole number, ties to even, of a number whose size is below 2^22.
///
/// Around 1.5 * 2^23 an f32 has no digits behind the point: the addition rounds, and the last bits
/// of the result are the whole number. An addition and a subtraction, which vector instructions do
/// for many numbers at once.
#[inline(always)]
fn to_nearest(x: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}
