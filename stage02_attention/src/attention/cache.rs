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
//! use ndarray::{Array2, array};
//! use stage02_attention::attention::cache::{Cache, Numbers};
//!
//! for (numbers, expected) in [(Numbers::Full, 0.1), (Numbers::Half, 0.099_975_586)] {
//!     // Space for four tokens, with one head of two columns.
//!     let mut cache = Cache::<f32>::new(numbers, 4, (1, 2));
//!     cache.write(0, array![[0.1, 1.0]].view(), array![[2.0, 3.0]].view());
//!     let (mut k, mut v) = (Array2::zeros((64, 2)), Array2::zeros((64, 2)));
//!     cache.read(k.view_mut(), v.view_mut());
//!     assert_eq!((k.row(0), v.row(0)), (array![expected, 1.0].view(), array![2.0, 3.0].view()));
//! }
//! ```
//!
//! What this file leaves out: attention itself ([`single_query`](super::single_query)).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, s};
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

/// Keys and values of one layer, in numbers of one kind.
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

    fn read<T: Float>(&self, k: ArrayViewMut2<T>, v: ArrayViewMut2<T>)
    where
        S: Stored<T>,
    {
        let (d, columns, blocks) = (self.d, self.heads * self.d, k.nrows() / TILE);
        // A row for each block.
        let shape = (blocks, TILE * columns);
        let stored = |numbers| ArrayView2::from_shape(shape, numbers).expect("its length");
        let [keys, values] =
            [&self.keys, &self.values].map(|all| stored(&all[..shape.0 * shape.1]));
        let k = k.into_shape_with_order(shape).expect("whole blocks, contiguous");
        let v = v.into_shape_with_order(shape).expect("whole blocks, contiguous");
        each_row(
            Region::Attention,
            (keys, values, k, v),
            #[inline(always)]
            |(keys, values, k, v)| {
                for (column, keys) in keys.chunks_exact(TILE).enumerate() {
                    let mut loaded = [T::zero(); TILE];
                    loaded.iter_mut().zip(keys).for_each(|(to, key)| *to = key.load());
                    let k = k[column..].iter_mut().step_by(columns);
                    k.zip(loaded).for_each(|(k, loaded)| *k = loaded);
                }
                for (head, values) in values.chunks_exact(TILE * d).enumerate() {
                    for (v, values) in v.chunks_exact_mut(columns).zip(values.chunks_exact(d)) {
                        let v = &mut v[head * d..][..d];
                        v.iter_mut().zip(values).for_each(|(v, value)| *v = value.load());
                    }
                }
            },
        );
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

    /// Rounds numbers to those that the cache stores.
    #[inline(always)]
    pub fn round(&self, numbers: &mut [T]) {
        match self {
            Cache::Full(_) => {}
            Cache::Half(_) => numbers.iter_mut().for_each(|x| *x = F16::store(*x).load()),
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

    /// The keys and values of the first tokens, in whole blocks of 64: what stands behind the last token
    /// has no meaning. Shape of each: (64 * blocks, heads * d), contiguous.
    ///
    /// # Panics
    /// When the cache is for fewer blocks.
    pub fn read(&self, k: ArrayViewMut2<T>, v: ArrayViewMut2<T>) {
        match self {
            Cache::Full(tiles) => tiles.read(k, v),
            Cache::Half(tiles) => tiles.read(k, v),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matmul::tests::random;
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        /// However many tokens are written at a time, and over what stood there before.
        #[test]
        fn what_was_written_is_read(
            parts in prop::collection::vec(1usize..100, 1..5), heads in 1usize..4, d in 1usize..20,
            half: bool, seed: u64,
        ) {
            let (tokens, columns) = (parts.iter().sum(), heads * d);
            let numbers = if half { Numbers::Half } else { Numbers::Full };
            let mut cache = Cache::<f64>::new(numbers, tokens, (heads, d));
            let (mut k, mut v) = (random(tokens, columns, seed), random(tokens, columns, seed + 1));
            cache.write(0, v.view(), k.view());
            let mut start = 0;
            for part in parts {
                let rows = s![start..start + part, ..];
                cache.write(start, k.slice(rows), v.slice(rows));
                start += part;
            }
            let zeros = || Array2::zeros((tokens.next_multiple_of(TILE), columns));
            let (mut k_read, mut v_read) = (zeros(), zeros());
            cache.read(k_read.view_mut(), v_read.view_mut());
            cache.round(k.as_slice_mut().unwrap());
            cache.round(v.as_slice_mut().unwrap());
            prop_assert_eq!(k_read.slice(s![..tokens, ..]), k);
            prop_assert_eq!(v_read.slice(s![..tokens, ..]), v);
        }
    }

    #[test]
    fn rounding_is_to_float16() {
        let mut x = [0.1, 65_504.0, 1e6, f32::NAN];
        Cache::new(Numbers::Half, 1, (1, 1)).round(&mut x);
        assert_eq!(x[..3], [0.099_975_586, 65_504.0, f32::INFINITY]);
        assert!(x[3].is_nan());
        Cache::new(Numbers::Full, 1, (1, 1)).round(&mut x[..1]);
        assert_eq!(x[0], 0.099_975_586);
    }
}
