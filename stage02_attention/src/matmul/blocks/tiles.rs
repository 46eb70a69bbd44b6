//! The weights of a matrix in the order in which the kernels read them.
//!
//! A file has the blocks of a row one after another. A kernel computes sixteen outputs at a time,
//! one in each lane of a vector register, so it wants the same four bytes of sixteen rows side by
//! side. A *tile* is one block of each of sixteen rows; its words of four bytes are transposed.
//! Their bits stay, but for the signs of Q8_0, which are flipped:
//!
//! ```text
//! file   row 0: word 0, word 1, …      row 1: word 0, word 1, …
//! tile   word 0 of rows 0, 1, … 15;    word 1 of rows 0, 1, … 15;    …
//! ```
//!
//! Tiles stand in the order in which they are multiplied: those of the first sixteen rows, block
//! after block, then those of the next. Rows that are missing in the last group are zero.

use std::ops::{Deref, Range};
use std::sync::Arc;

use stage01_bigram::float16::from_f16;

use super::plain::Block;
use super::{BLOCK, BlockType};
use crate::matmul::pages::zeroed;

/// Rows of a tile: the `f32` in the largest register.
pub(super) const ROWS: usize = 16;

/// Four bytes of each row of a tile, aligned as a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Words(pub(super) [u32; ROWS]);

/// A float16 for each row of a tile.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub(super) struct Halves(pub(super) [u16; ROWS]);

/// A matrix of blocks, cut into tiles.
#[derive(Clone, Debug)]
pub(super) struct Tiles {
    kind: BlockType,
    /// Blocks of a row.
    blocks: usize,
    /// The whole numbers. Length: tiles * [`words`].
    words: Slice<Words>,
    /// The scales. Length: tiles.
    scales: Slice<Halves>,
    /// The minima, where the type has them. Length: tiles.
    minima: Slice<Halves>,
}

/// A part of memory that other matrices may share.
#[derive(Clone, Debug)]
struct Slice<T> {
    all: Arc<Vec<T>>,
    range: Range<usize>,
}

impl<T> Slice<T> {
    /// Memory of its own.
    fn own(values: Vec<T>) -> Slice<T> {
        Slice { range: 0..values.len(), all: Arc::new(values) }
    }
}

impl<T> Deref for Slice<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all[self.range.clone()]
    }
}

/// Moves slices into one piece of memory. Each old piece is given back once it was copied.
fn join<T: Copy + Default>(slices: &mut [&mut Slice<T>]) {
    let mut all = zeroed(slices.iter().map(|slice| slice.len()).sum());
    let mut end = 0;
    for slice in &mut *slices {
        let range = end..end + slice.len();
        all[range.clone()].copy_from_slice(slice);
        end = range.end;
        **slice = Slice { all: Arc::default(), range };
    }
    let all = Arc::new(all);
    slices.iter_mut().for_each(|slice| slice.all = all.clone());
}

/// The tiles of one group of sixteen rows.
#[derive(Clone, Copy)]
pub(super) struct Group<'a> {
    pub(super) words: &'a [Words],
    pub(super) scales: &'a [Halves],
    pub(super) minima: &'a [Halves],
}

/// Words of a row in a tile.
pub(super) const fn words(kind: BlockType) -> usize {
    match kind {
        BlockType::Q8_0 => BLOCK / 4,
        BlockType::Q4_0 | BlockType::Q4_1 => BLOCK / 8,
    }
}

/// The sign bits of four numbers of Q8_0. Flipping them turns q into q + 128, from 0 to 255, which
/// the kernels want.
const SIGNS: u32 = 0x8080_8080;

impl Tiles {
    /// The tiles of rows, whose bytes are those of a file.
    pub(super) fn pack(kind: BlockType, blocks: usize, bytes: &[u8]) -> Tiles {
        let of_row = blocks * kind.bytes();
        let rows = bytes.len().checked_div(of_row).unwrap_or(0);
        let tiles = rows.div_ceil(ROWS) * blocks;
        let has_minima = kind == BlockType::Q4_1;
        let mut packed: Vec<Words> = zeroed(tiles * words(kind));
        let mut scales: Vec<Halves> = zeroed(tiles);
        let mut minima: Vec<Halves> = zeroed(if has_minima { tiles } else { 0 });
        let flip = if kind == BlockType::Q8_0 { SIGNS } else { 0 };
        let half = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
        for (row, bytes) in bytes.chunks_exact(of_row.max(1)).enumerate() {
            let (first, lane) = (row / ROWS * blocks, row % ROWS);
            for (tile, block) in (first..).zip(bytes.chunks_exact(kind.bytes())) {
                scales[tile].0[lane] = half(block);
                if has_minima {
                    minima[tile].0[lane] = half(&block[2..]);
                }
                let numbers = &block[kind.bytes() - 4 * words(kind)..];
                let to = &mut packed[tile * words(kind)..][..words(kind)];
                for (to, &word) in to.iter_mut().zip(numbers.as_chunks::<4>().0) {
                    to.0[lane] = u32::from_le_bytes(word) ^ flip;
                }
            }
        }
        let (words, scales, minima) = (Slice::own(packed), Slice::own(scales), Slice::own(minima));
        Tiles { kind, blocks, words, scales, minima }
    }

    /// Moves all of them into one piece of memory.
    pub(super) fn join_memory(mut all: Vec<&mut Tiles>) {
        join(&mut all.iter_mut().map(|tiles| &mut tiles.words).collect::<Vec<_>>());
        join(&mut all.iter_mut().map(|tiles| &mut tiles.scales).collect::<Vec<_>>());
        join(&mut all.iter_mut().map(|tiles| &mut tiles.minima).collect::<Vec<_>>());
    }

    pub(super) fn kind(&self) -> BlockType {
        self.kind
    }

    /// Blocks of a row.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// A group of sixteen rows.
    pub(super) fn group(&self, group: usize) -> Group<'_> {
        let (first, words) = (group * self.blocks, words(self.kind));
        Group {
            words: &self.words[first * words..][..self.blocks * words],
            scales: &self.scales[first..][..self.blocks],
            minima: self.minima.get(first..first + self.blocks).unwrap_or_default(),
        }
    }

    /// The weights of a row, as f32.
    pub(super) fn row(&self, row: usize, to: &mut [f32]) {
        let (group, lane) = (self.group(row / ROWS), row % ROWS);
        for (i, to) in to.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            let Block { d, m, q } = self.block(group, i, lane);
            to.iter_mut().zip(q).for_each(|(to, q)| *to = d * f32::from(q) + m);
        }
    }

    /// A block of a row, as it was in the file.
    fn block(&self, Group { words, scales, minima }: Group, tile: usize, lane: usize) -> Block {
        let n = self::words(self.kind);
        let words = words[tile * n..][..n].iter().map(|word| word.0[lane]);
        let mut q = [0; BLOCK];
        for (i, word) in words.enumerate() {
            let q = &mut q[4 * i..];
            match self.kind {
                BlockType::Q8_0 => four(word ^ SIGNS, 0, q),
                BlockType::Q4_0 => halves(word, 8, q),
                BlockType::Q4_1 => halves(word, 0, q),
            }
        }
        let m = minima.get(tile).map_or(0.0, |m| from_f16(m.0[lane]));
        Block { d: from_f16(scales[tile].0[lane]), m, q }
    }
}

/// Four numbers of 8 bits, minus a zero point.
fn four(word: u32, zero_point: i8, to: &mut [i8]) {
    to.iter_mut().zip(word.to_le_bytes()).for_each(|(to, q)| *to = q as i8 - zero_point);
}

/// Eight numbers of 4 bits: the lower halves of four bytes, and the upper ones sixteen places
/// further on.
fn halves(word: u32, zero_point: i8, to: &mut [i8]) {
    const LOWER: u32 = 0x0F0F_0F0F;
    four(word & LOWER, zero_point, to);
    four(word >> 4 & LOWER, zero_point, &mut to[BLOCK / 2..]);
}
