//! Every kernel against the plain definition, bit by bit.

use ndarray::{Array2, ArrayView2, s};
use proptest::prelude::*;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

use super::kernel::{Instructions, multiply_with};
use super::plain::{Block, dot};
use super::*;

const KINDS: [BlockType; 3] = [BlockType::Q8_0, BlockType::Q4_0, BlockType::Q4_1];

/// Blocks whose whole numbers are any at all, and whose scales and minima are finite.
fn random_bytes(kind: BlockType, blocks: usize, seed: u64) -> Vec<u8> {
    let mut rng = generator(seed, Purpose::Other, 0);
    let mut bytes: Vec<u8> = (0..blocks * kind.bytes()).map(|_| rng.random()).collect();
    let halves = if kind == BlockType::Q4_1 { 2 } else { 1 };
    for block in bytes.chunks_exact_mut(kind.bytes()) {
        for half in 0..halves {
            block[2 * half + 1] &= 0b1011_1111; // the exponent stays below that of 1
        }
    }
    bytes
}

fn random_activations(rows: usize, n_in: usize, seed: u64) -> Array2<f32> {
    let mut rng = generator(seed, Purpose::Other, 1);
    Array2::from_shape_simple_fn((rows, n_in), || rng.random_range(-3.0..3.0))
}

/// y by the definition.
fn by_definition(kind: BlockType, bytes: &[u8], n_in: usize, x: ArrayView2<f32>) -> Array2<f32> {
    let rounded = Activations::round(x);
    let rows: Vec<&[u8]> = bytes.chunks_exact(n_in / BLOCK * kind.bytes()).collect();
    Array2::from_shape_fn((x.nrows(), rows.len()), |(i, j)| dot(kind, rows[j], &rounded, i))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_kernel_gives_the_bits_of_the_definition(
        n_out in 1usize..70, blocks in 1usize..6, rows in 1usize..20, seed: u64,
    ) {
        let x = random_activations(rows, blocks * BLOCK, seed);
        for kind in KINDS {
            let bytes = random_bytes(kind, n_out * blocks, seed);
            let expected = by_definition(kind, &bytes, blocks * BLOCK, x.view());
            let matrix = BlockMatrix::new(kind, n_out, blocks * BLOCK, &bytes);
            let rounded = Activations::round(x.view());
            for instructions in Instructions::available() {
                // Written into a wider matrix, as a part of the columns is.
                let mut y = Array2::from_elem((rows, n_out + 3), f32::NAN);
                let part = y.slice_mut(s![.., 2..n_out + 2]);
                multiply_with(instructions, &matrix.tiles, 0, &rounded, part);
                prop_assert_eq!(&y.slice(s![.., 2..n_out + 2]), &expected, "{:?} {:?}", kind, instructions);
                prop_assert!(y.column(1).iter().chain(y.column(n_out + 2)).all(|y| y.is_nan()));
            }
        }
    }

    #[test]
    fn rounding_is_off_by_half_a_step_at_most(seed: u64, exponent in -60i32..60) {
        let x = random_activations(3, 64, seed) * 2f32.powi(exponent);
        let rounded = Activations::round(x.view());
        for (i, row) in x.rows().into_iter().enumerate() {
            let blocks = row.to_slice().unwrap().chunks(BLOCK);
            for (x, block) in blocks.zip(rounded.row(i)) {
                prop_assert_eq!(block.sum, block.q.iter().map(|&q| i32::from(q)).sum::<i32>());
                prop_assert!(block.q.iter().any(|q| q.abs() == 127));
                for (x, q) in x.iter().zip(block.q) {
                    let error = (x - block.d * f32::from(q)).abs();
                    prop_assert!(error <= 0.50001 * block.d, "{} {} {}", x, q, block.d);
                }
            }
        }
    }
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    // All q and all p at the ends of their ranges, with every sign.
    for kind in KINDS {
        for fill in [0x00u8, 0x7F, 0x80, 0xFF] {
            let mut bytes = vec![fill; 16 * kind.bytes()];
            for block in bytes.chunks_exact_mut(kind.bytes()) {
                block[..2].copy_from_slice(&[0x00, 0x3C]); // 1
                if kind == BlockType::Q4_1 {
                    block[2..4].copy_from_slice(&[0x00, 0xC0]); // -2
                }
            }
            for sign in [1.0, -1.0] {
                let x = Array2::from_elem((9, BLOCK), 3.0 * sign);
                let expected = by_definition(kind, &bytes, BLOCK, x.view());
                let matrix = BlockMatrix::new(kind, 16, BLOCK, &bytes);
                for instructions in Instructions::available() {
                    let mut y = Array2::zeros((9, 16));
                    let rounded = Activations::round(x.view());
                    multiply_with(instructions, &matrix.tiles, 0, &rounded, y.view_mut());
                    assert_eq!(y, expected, "{kind:?} {fill} {instructions:?}");
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (n_out, n_in) = (1000, 1024);
    for kind in KINDS {
        let bytes = random_bytes(kind, n_out * n_in / BLOCK, 1);
        let matrix = BlockMatrix::new(kind, n_out, n_in, &bytes);
        for rows in [1, 30] {
            let x = random_activations(rows, n_in, 2);
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut y = Array2::zeros((rows, n_out));
                pool.install(|| matrix.multiply(x.view(), &mut y.view_mut()));
                y
            };
            let alone = run(1);
            for threads in [2, 3, 7] {
                assert_eq!(run(threads), alone, "{kind:?} {threads}");
            }
        }
    }
}

#[test]
fn several_matrices_at_once_are_each_by_itself() {
    // Numbers of outputs that are cut within a matrix and between two, and in no whole groups.
    let n_in = 512;
    let matrices = [(BlockType::Q4_1, 576), (BlockType::Q8_0, 7), (BlockType::Q4_0, 1000)];
    let matrices = matrices.map(|(kind, n_out)| {
        let bytes = random_bytes(kind, n_out * n_in / BLOCK, n_out as u64);
        BlockMatrix::new(kind, n_out, n_in, &bytes)
    });
    for rows in [1, 30] {
        let x = random_activations(rows, n_in, 2);
        let new = || matrices.each_ref().map(|matrix| Array2::zeros((rows, matrix.n_out())));
        let mut each = new();
        for (matrix, y) in matrices.iter().zip(&mut each) {
            matrix.multiply(x.view(), &mut y.view_mut());
        }
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut all = new();
            let products = matrices.iter().zip(&mut all).map(|(m, y)| (m, y.view_mut())).collect();
            pool.install(|| multiply_all(&Activations::round(x.view()), products));
            assert_eq!(all, each, "{threads} threads");
        }
    }
}

#[test]
fn rows_are_those_of_the_file() {
    for kind in KINDS {
        let bytes = random_bytes(kind, 19 * 3, 4);
        let matrix = BlockMatrix::new(kind, 19, 3 * BLOCK, &bytes);
        for (i, row) in bytes.chunks_exact(3 * kind.bytes()).enumerate() {
            let mut weights = [0.0; 3 * BLOCK];
            matrix.row(i, &mut weights);
            let blocks = row.chunks_exact(kind.bytes()).map(|bytes| Block::read(kind, bytes));
            let expected = blocks.flat_map(|Block { d, m, q }| q.map(|q| d * f32::from(q) + m));
            assert!(weights.iter().copied().eq(expected), "{kind:?} {i}");
        }
    }
}

#[test]
fn numbers_that_are_not_finite_stay_visible() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = Array2::from_elem((1, BLOCK), 1.0);
        x[[0, 7]] = bad;
        let bytes = random_bytes(BlockType::Q8_0, 1, 1);
        let mut y = Array2::zeros((1, 1));
        BlockMatrix::new(BlockType::Q8_0, 1, BLOCK, &bytes).multiply(x.view(), &mut y.view_mut());
        assert!(y[[0, 0]].is_nan());
    }
    // Far below the smallest normal number there is nothing to divide by.
    let tiny = Array2::from_elem((1, BLOCK), 1e-42);
    let block = Activations::round(tiny.view()).row(0).next().unwrap();
    assert_eq!(block, RoundedBlock { d: 0.0, q: [0; BLOCK], sum: 0 });
}
