//! Sixteen outputs at a time, with the best instructions of the processor.
//!
//! A kernel takes the tiles of sixteen rows of weights and one or several rows of activations, and
//! keeps the sums in registers while it walks along the blocks:
//!
//! ```text
//! for each block: for each row of activations:
//!     s    =  sum of q p, in sixteen lanes of i32
//!     sum  =  d d' s + sum;    and where there are minima:  sum = m (d' sum of p) + sum
//! ```
//!
//! The weights of a tile are fetched once for all these rows. The sums `s` are exact, whichever way
//! an instruction set makes them, and the rest is the same multiplications and additions in the same
//! order, so all kernels give the bits of [`plain::dot`](super::plain::dot).
//!
//! The numbers of a tile count from 0: q + zero point. Where an instruction multiplies unsigned bytes
//! by signed ones, the sum begins at minus the zero point times the sum of p, which makes up for it.
//!
//! | file | instructions | products at a time |
//! |---|---|---|
//! | [`vnni`] | AVX-512 VNNI: one instruction multiplies and adds | 64 |
//! | [`avx2`] | AVX2 and FMA: three instructions | 32 |
//! | [`portable`] | loops that the compiler turns into what there is: NEON, for example | |

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vnni;

use ndarray::ArrayViewMut2;

use super::activations::{Activations, Four, Scale};
use super::tiles::{Group, ROWS, Tiles};
use super::{BLOCK, BlockType};

/// Rows of activations that a kernel takes at a time: their sums fit into the registers.
const TOGETHER: usize = 8;

/// Groups of sixteen outputs that meet some rows of activations before the next ones come: their
/// tiles stay in the cache.
const GROUPS: usize = 4;

/// How the whole numbers of a type are taken from the words of its tiles.
trait Numbers {
    /// Words of each row in a tile.
    const WORDS: usize;
    /// What is added to every q in a tile.
    const ZERO_POINT: i32;
    /// Whether there are minima.
    const MINIMA: bool;
}

/// Numbers of 8 bits.
struct Q8;
/// Numbers of 4 bits, the first half of a block in the lower halves of the bytes.
struct Q4<const MINIMA: bool>;

impl Numbers for Q8 {
    const WORDS: usize = 8;
    const ZERO_POINT: i32 = 128;
    const MINIMA: bool = false;
}

impl<const HAS_MINIMA: bool> Numbers for Q4<HAS_MINIMA> {
    const WORDS: usize = 4;
    const ZERO_POINT: i32 = if HAS_MINIMA { 0 } else { 8 };
    const MINIMA: bool = HAS_MINIMA;
}

/// A row of activations.
#[derive(Clone, Copy)]
struct Row<'a> {
    q: &'a [[Four; BLOCK / 4]],
    scales: &'a [Scale],
}

/// The instructions that a kernel is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    /// [`vnni`]
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// [`avx2`]
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// [`portable`]
    Portable,
}

impl Instructions {
    /// All, the best first.
    const ALL: &'static [Instructions] = &[
        #[cfg(target_arch = "x86_64")]
        Instructions::Vnni,
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2,
        Instructions::Portable,
    ];

    /// Whether this processor has them.
    fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Instructions::Vnni => vnni::is_available(),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => avx2::is_available(),
            Instructions::Portable => true,
        }
    }

    /// All that this processor has, the best first.
    pub(super) fn available() -> impl Iterator<Item = Instructions> {
        Self::ALL.iter().copied().filter(|instructions| instructions.is_available())
    }
}

/// Some outputs of every row of activations.
///
/// first: the group at which the outputs begin; y: (rows, outputs), overwritten.
pub(super) fn multiply(tiles: &Tiles, first: usize, x: &Activations, y: ArrayViewMut2<f32>) {
    let best = Instructions::available().next().expect("portable code runs everywhere");
    multiply_with(best, tiles, first, x, y);
}

/// [`multiply`] with the instructions that are named.
///
/// # Panics
/// When the processor does not have them.
pub(super) fn multiply_with(
    instructions: Instructions,
    tiles: &Tiles,
    first: usize,
    x: &Activations,
    y: ArrayViewMut2<f32>,
) {
    match tiles.kind() {
        BlockType::Q8_0 => walk::<Q8>(instructions, tiles, first, x, y),
        BlockType::Q4_0 => walk::<Q4<false>>(instructions, tiles, first, x, y),
        BlockType::Q4_1 => walk::<Q4<true>>(instructions, tiles, first, x, y),
    }
}

/// Walks over the outputs, some groups at a time, and for these over the rows of activations.
fn walk<N: Numbers>(
    instructions: Instructions,
    tiles: &Tiles,
    first: usize,
    x: &Activations,
    mut y: ArrayViewMut2<f32>,
) {
    let blocks = tiles.blocks();
    let row = |i: usize| Row {
        q: &x.q[i * blocks..][..blocks],
        scales: &x.scales[i * blocks..][..blocks],
    };
    let mut y: Vec<&mut [f32]> = y
        .rows_mut()
        .into_iter()
        .map(|row| row.into_slice().expect("rows are contiguous"))
        .collect();
    let groups = y[0].len().div_ceil(ROWS);
    for start in (0..groups).step_by(GROUPS) {
        let end = groups.min(start + GROUPS);
        let (whole, rest) = y.as_chunks_mut::<TOGETHER>();
        let done = whole.len() * TOGETHER;
        for (i, y) in whole.iter_mut().enumerate() {
            let x: [Row; TOGETHER] = std::array::from_fn(|j| row(i * TOGETHER + j));
            for group in start..end {
                put(group, sums::<N, TOGETHER>(instructions, tiles.group(first + group), x), y);
            }
        }
        for (i, y) in rest.iter_mut().enumerate() {
            for group in start..end {
                let sums = sums::<N, 1>(instructions, tiles.group(first + group), [row(done + i)]);
                put(group, sums, std::array::from_mut(y));
            }
        }
    }
}

/// Writes the sums of a group to their places; those of rows that are missing are dropped.
fn put<const R: usize>(group: usize, sums: [[f32; ROWS]; R], y: &mut [&mut [f32]; R]) {
    for (y, sums) in y.iter_mut().zip(&sums) {
        let y = &mut y[group * ROWS..];
        match y.first_chunk_mut() {
            Some(y) => *y = *sums,
            None => y.copy_from_slice(&sums[..y.len()]),
        }
    }
}

/// Sixteen outputs of `R` rows of activations.
#[inline]
fn sums<N: Numbers, const R: usize>(
    instructions: Instructions,
    group: Group,
    x: [Row; R],
) -> [[f32; ROWS]; R] {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        Instructions::Vnni => vnni::call::<N, R>(group, x),
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => avx2::call::<N, R>(group, x),
        Instructions::Portable => portable::sums::<N, R>(group, x),
    }
}

/// Asks for the memory that lies a page further on than a tile: where the weights are used once,
/// fetching them is all the work, and the processor by itself does not look beyond a page of 4 KB.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
fn fetch_ahead(tile: &[super::tiles::Words]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for words in tile {
        let ahead = (&raw const *words).wrapping_byte_add(4096);
        // SAFETY: a hint, which reads no memory and changes no value, for any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
    }
}

/// The lower halves of the four bytes of each word.
const LOWER: u32 = 0x0F0F_0F0F;
