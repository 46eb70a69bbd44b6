//! Keys and values of the tokens that a layer has read, in the order in which a decode step reads
//! them.
//!
//! A new token compares its query with every key. With the keys as rows of a matrix, the products of
//! one score lie side by side, and have to be added up at the end. So the keys of 64 tokens and one
//! head are a *tile*, in which each column of the head has a row:
//!
//! ```text
//!                token 0   token 1   ...   token 63
//! column 0     |  k[0,0]    k[1,0]   ...    k[63,0]  |     64 scores += q[0] times this row
//! column 1     |  k[0,1]    k[1,1]   ...    k[63,1]  |     64 scores += q[1] times this row
//! ...
//! ```
//!
//! and 64 scores are computed side by side. The values are added up token by token, so in their tiles
//! each token has a row. Tiles of one block of 64 tokens stand together, head after head.
//!
//! Beside quantised weights, the numbers are [`F16`]: half the bytes of f32, and a decode step waits
//! for bytes. They become f32 again before anything is computed.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::attention::cache::{Cache, Numbers};
//!
//! for (numbers, expected) in [(Numbers::Full, 0.1), (Numbers::Half, 0.099_975_586)] {
//!     // Room for four tokens, with one head of two columns.
//!     let mut cache = Cache::<f32>::new(numbers, 4, (1, 2));
//!     cache.write(0, array![[0.1, 1.0]].view(), array![[2.0, 3.0]].view());
//!     let (mut k, mut v) = (array![[0.0, 0.0]], array![[0.0, 0.0]]);
//!     cache.read(k.view_mut(), v.view_mut());
//!     assert_eq!((k, v), (array![[expected, 1.0]], array![[2.0, 3.0]]));
//! }
//! ```
//!
//! What this file leaves out: attention itself ([`single_query`](super::single_query)).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};
use stage01_bigram::Float;
use stage01_bigram::float16::{from_f16, to_f16};

use crate::parallel::each_row;
use crate::profiler::Region;

/// Tokens in a tile.
pub const TILE: usize = 64;

/// A number as it is stored, for arithmetic in T.
pub trait Stored<T>: Copy + Default + Send + Sync {
    /// The stored number that is nearest to a value.
    fn store(value: T) -> Self;

    /// Its value, exactly.
    fn load(self) -> T;
}

/// A number that is stored as it is.
impl<T: Float> Stored<T> for T {
    #[inline(always)]
    fn store(value: T) -> Self {
        value
    }

    #[inline(always)]
    fn load(self) -> T {
        self
    }
}

/// A float16: 11 significant bits, numbers up to 65,504.
#[derive(Clone, Copy, Debug, Default)]
pub struct F16(u16);

impl<T: Float> Stored<T> for F16 {
    #[inline(always)]
    fn store(value: T) -> Self {
        F16(to_f16(value.f64() as f32))
    }

    #[inline(always)]
    fn load(self) -> T {
        T::of(f64::from(from_f16(self.0)))
    }
}

/// Which numbers a cache consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Those that the layer computes with.
    Full,
    /// The nearest [`F16`].
    Half,
}

impl Numbers {
    /// The bytes of a number, beside a model that computes in T.
    pub const fn bytes<T>(self) -> usize {
        match self {
            Numbers::Full => size_of::<T>(),
            Numbers::Half => size_of::<F16>(),
        }
    }
}

/// Keys and values of one layer, as numbers of one kind.
#[derive(Clone, Debug)]
pub struct Tiles<S> {
    heads: usize,
    /// Columns of a head.
    d: usize,
    /// Shape: (blocks, heads, d, 64).
    keys: Vec<S>,
    /// Shape: (blocks, heads, 64, d).
    values: Vec<S>,
}

impl<S: Copy + Default> Tiles<S> {
    fn new(tokens: usize, (heads, d): (usize, usize)) -> Self {
        let zeros = || vec![S::default(); tokens.div_ceil(TILE) * heads * d * TILE];
        Tiles { heads, d, keys: zeros(), values: zeros() }
    }

    /// Heads of keys and values.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// The keys from a tile on. Shape of a tile: (d, 64).
    #[inline(always)]
    pub fn keys(&self, tile: usize) -> &[S] {
        &self.keys[tile * self.d * TILE..]
    }

    /// The values from a tile on. Shape of a tile: (64, d).
    #[inline(always)]
    pub fn values(&self, tile: usize) -> &[S] {
        &self.values[tile * self.d * TILE..]
    }

    /// The tiles of these blocks, to be written.
    fn blocks(numbers: &mut [S], blocks: Range<usize>, len: usize) -> ArrayViewMut2<'_, S> {
        let n = blocks.len();
        let numbers = &mut numbers[blocks.start * len..blocks.end * len];
        ArrayViewMut2::from_shape((n, len), numbers).expect("its length")
    }

    fn write<T: Float>(&mut self, start: usize, k: ArrayView2<T>, v: ArrayView2<T>)
    where
        S: Stored<T>,
    {
        let (d, end, len) = (self.d, start + k.nrows(), self.heads * self.d * TILE);
        let blocks = start / TILE..end.div_ceil(TILE);
        let keys = Self::blocks(&mut self.keys, blocks.clone(), len);
        let values = Self::blocks(&mut self.values, blocks.clone(), len);
        each_row(Region::Attention, (blocks, keys, values), |(block, keys, values)| {
            let tokens = start.max(block * TILE)..end.min((block + 1) * TILE);
            let (rows, places) = (
                tokens.start - start..tokens.end - start,
                tokens.start - block * TILE..tokens.end - block * TILE,
            );
            for (column, keys) in keys.chunks_exact_mut(TILE).enumerate() {
                let mut new = [T::zero(); TILE];
                let k = k.slice(s![rows.clone(), column]);
                new.iter_mut().zip(k).for_each(|(new, &k)| *new = k);
                let keys = &mut keys[places.clone()];
                keys.iter_mut().zip(&new).for_each(|(key, &new)| *key = S::store(new));
            }
            for (head, values) in values.chunks_exact_mut(TILE * d).enumerate() {
                let v = v.slice(s![rows.clone(), head * d..(head + 1) * d]);
                for (values, v) in values[places.start * d..].chunks_exact_mut(d).zip(v.rows()) {
                    values.iter_mut().zip(v).for_each(|(value, &v)| *value = S::store(v));
                }
            }
        });
    }

    fn read<T: Float>(&self, mut k: ArrayViewMut2<T>, mut v: ArrayViewMut2<T>)
    where
        S: Stored<T>,
    {
        let (d, len) = (self.d, self.heads * self.d * TILE);
        let chunks = k.axis_chunks_iter_mut(Axis(0), TILE).zip(v.axis_chunks_iter_mut(Axis(0), TILE));
        for (block, (mut k, mut v)) in chunks.enumerate() {
            for column in 0..self.heads * d {
                let keys = &self.keys[block * len + column * TILE..][..TILE];
                let mut old = [T::zero(); TILE];
                old.iter_mut().zip(keys).for_each(|(old, key)| *old = key.load());
                k.column_mut(column).iter_mut().zip(old).for_each(|(k, old)| *k = old);
            }
            let values = self.values[block * len..][..len].chunks_exact(TILE * d);
            for (head, values) in values.enumerate() {
                let mut v = v.slice_mut(s![.., head * d..(head + 1) * d]);
                for (mut v, values) in v.rows_mut().into_iter().zip(values.chunks_exact(d)) {
                    v.iter_mut().zip(values).for_each(|(v, value)| *v = value.load());
                }
            }
        }
    }
}

/// Keys and values of all tokens that a layer has read. The keys are rotated already, where the
/// layer rotates.
#[derive(Clone, Debug)]
pub enum Cache<T> {
    /// Of [`Numbers::Full`].
    Full(Tiles<T>),
    /// Of [`Numbers::Half`].
    Half(Tiles<F16>),
}

impl<T: Float> Cache<T> {
    /// An empty cache for this number of tokens. (heads, d): the heads that have keys and values, and
    /// the columns of each.
    pub fn new(numbers: Numbers, tokens: usize, (heads, d): (usize, usize)) -> Self {
        match numbers {
            Numbers::Full => Cache::Full(Tiles::new(tokens, (heads, d))),
            Numbers::Half => Cache::Half(Tiles::new(tokens, (heads, d))),
        }
    }

    /// Stores the keys and values of the tokens from `start` on. Shape of each: (tokens, heads * d).
    ///
    /// # Panics
    /// When there are more than the cache is for.
    pub fn write(&mut self, start: usize, k: ArrayView2<T>, v: ArrayView2<T>) {
        match self {
            Cache::Full(tiles) => tiles.write(start, k, v),
            Cache::Half(tiles) => tiles.write(start, k, v),
        }
    }

    /// The keys and values of the first tokens. Shape of each: (tokens, heads * d), contiguous.
    pub fn read(&self, k: ArrayViewMut2<T>, v: ArrayViewMut2<T>) {
        match self {
            Cache::Full(tiles) => tiles.read(k, v),
            Cache::Half(tiles) => tiles.read(k, v),
        }
    }
}
