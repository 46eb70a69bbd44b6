//! Both ways of multiplying, against loops that are too short to be wrong.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, array, s};
use proptest::prelude::*;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};

use super::{gemm, is_fast, round, rounded_copies};

type Gemm = fn(f32, ArrayView2<f32>, ArrayView2<f32>, f32, &mut ArrayViewMut2<f32>);

/// The product of this processor, and that of processors without the instruction.
const BOTH: [Gemm; 2] = [gemm, rounded_copies];

fn random(rows: usize, cols: usize, seed: u64) -> Array2<f32> {
    let mut rng = generator(seed, Purpose::Other, 0);
    Array2::from_shape_simple_fn((rows, cols), || rng.random::<f32>() - 0.5)
}

/// A matrix of this shape in one of four memory layouts; all of them but the first inside a larger
/// matrix.
fn place(rows: usize, cols: usize, way: usize, seed: u64) -> Array2<f32> {
    match way {
        0 => random(rows, cols, seed),
        1 => random(rows + 2, cols + 1, seed).slice_move(s![2.., 1..]),
        2 => random(cols + 1, rows + 2, seed).reversed_axes().slice_move(s![2.., 1..]),
        _ => random(3 * rows, 2 * cols, seed).slice_move(s![..;-3, ..;2]),
    }
}

/// In f64: the product, and the same sums over absolute values, which errors are measured by.
fn exact(
    alpha: f32,
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    beta: f32,
    c: ArrayView2<f32>,
) -> [Array2<f64>; 2] {
    let (alpha, beta) = (alpha as f64, beta as f64);
    let entry = |i: usize, j: usize, absolute: bool| {
        let f = |x: f64| if absolute { x.abs() } else { x };
        let dtype = (0..a.dim().1).map(|l| f(a[[i, l]] as f64 * b[[l, j]] as f64));
        f(alpha) * dtype.sum::<f64>() + f(beta * c[[i, j]] as f64)
    };
    [false, true].map(|absolute| Array2::from_shape_fn(c.dim(), |(i, j)| entry(i, j, absolute)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn equals_the_three_loops(
        m in 1usize..40, n in 1usize..110, k in 0usize..80, seed: u64,
        ways in [0usize..4, 0usize..4, 0usize..4], alpha in -2.0f32..2.0, beta in 0usize..3,
    ) {
        let beta = [0.0, 1.0, -0.5][beta];
        let (a, b) = (place(m, k, ways[0], seed), place(k, n, ways[1], seed ^ 1));
        let old = place(m, n, ways[2], seed ^ 2);
        let (ra, rb) = (a.mapv(round), b.mapv(round));
        let [of_rounded, size] = exact(alpha, ra.view(), rb.view(), beta, old.view());
        let [unrounded, size_unrounded] = exact(alpha, a.view(), b.view(), beta, old.view());
        for gemm in BOTH {
            let mut c = place(m, n, ways[2], seed ^ 2);
            gemm(alpha, a.view(), b.view(), beta, &mut c.view_mut());
            for ((i, j), &c) in c.indexed_iter() {
                // Products are exact. Each of k additions, two multiplications and a last
                // addition moves a number no larger than `size` by at most 2^-24 of itself;
                // 2^-125 is for a sum near zero that the instruction takes for zero.
                let sums = 1.01 * (k + 3) as f64 * 0.5f64.powi(24) * size[[i, j]]
                    + k as f64 * 0.5f64.powi(125);
                prop_assert!((c as f64 - of_rounded[[i, j]]).abs() <= sums);
                // (1 + e) (1 + e) - 1 for the two roundings, e = 2^-8.
                let inputs = (2.0 * 0.5f64.powi(8) + 0.5f64.powi(16)) * size_unrounded[[i, j]];
                prop_assert!((c as f64 - unrounded[[i, j]]).abs() <= sums + inputs);
            }
        }
    }

    /// A product that threads cut into parts of c has the same bits as the whole.
    #[test]
    fn a_product_in_parts_has_the_same_bits(
        m in 2usize..70, n in 2usize..200, k in 1usize..1200, seed: u64,
        ways in [0usize..4, 0usize..4, 0usize..4], cut: [prop::sample::Index; 2],
    ) {
        if is_fast() {
            let (a, b) = (place(m, k, ways[0], seed), place(k, n, ways[1], seed ^ 1));
            let mut whole = place(m, n, ways[2], seed ^ 2);
            let mut parts = place(m, n, (ways[2] + 1) % 4, seed ^ 2);
            parts.assign(&whole);
            gemm(0.3, a.view(), b.view(), 0.7, &mut whole.view_mut());
            let (i, j) = (cut[0].index(m), cut[1].index(n));
            let (a0, a1) = a.view().split_at(Axis(0), i);
            let (b0, b1) = b.view().split_at(Axis(1), j);
            for (a, rows) in [(a0, 0..i), (a1, i..m)] {
                for (b, columns) in [(b0, 0..j), (b1, j..n)] {
                    let mut c = parts.slice_mut(s![rows.clone(), columns]);
                    gemm(0.3, a, b, 0.7, &mut c);
                }
            }
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn rounding_takes_the_nearest_and_of_two_the_even_one(bits: u32) {
        let x = f32::from_bits(bits);
        let rounded = round(x);
        prop_assume!(x.is_normal() || x == 0.0);
        prop_assert_eq!(rounded.to_bits() & 0xffff, 0, "has more bits than a bf16");
        // The two bf16 around x, toward zero and away from it; the latter may be infinite,
        // which stands for 2^128 here.
        let toward = bits & 0xffff_0000;
        let value = |bits: u32| match f32::from_bits(bits) {
            x if x.is_infinite() => 2f64.powi(128).copysign(x as f64),
            x => x as f64,
        };
        let distance = |bits: u32| (value(bits) - x as f64).abs();
        let (below, above) = (distance(toward), distance(toward + 0x1_0000));
        let odd = toward & 0x1_0000 != 0;
        let up = above < below || above == below && odd;
        prop_assert_eq!(rounded.to_bits(), if up { toward + 0x1_0000 } else { toward });
        prop_assert!((rounded as f64 - x as f64).abs() <= 0.5f64.powi(8) * x.abs() as f64
            || rounded.is_infinite());
    }
}

#[test]
fn rounding_of_ties_and_special_numbers() {
    assert_eq!(round(1.0 + 1.0 / 256.0), 1.0); // between 1 and 1 + 1/128: the even one is 1
    assert_eq!(round(1.0 + 3.0 / 256.0), 1.0 + 1.0 / 64.0);
    assert_eq!(round(-1.0 - 3.0 / 256.0), -1.0 - 1.0 / 64.0);
    assert_eq!([std::f32::consts::PI, 1.01, 0.1].map(round), [3.140625, 1.0078125, 205.0 / 2048.0]);
    assert_eq!([f32::INFINITY, f32::NEG_INFINITY].map(round), [f32::INFINITY, f32::NEG_INFINITY]);
    assert_eq!(round(f32::MAX), f32::INFINITY);
    assert_eq!(round(-1e-40).to_bits(), (-0.0f32).to_bits());
    // The second has its only mantissa bit in the half that is cut off.
    assert!([f32::NAN, f32::from_bits(0x7f80_0001)].map(round).iter().all(|x| x.is_nan()));
}

/// A product with 1 shows what the inputs are rounded to, in whichever way they are packed.
#[test]
fn the_processor_rounds_as_we_do() {
    let specials =
        [0, 0x7f7f_8000, 0x7f7f_7fff, 0x7f80_0000, 0x7f80_0001, 0x0040_0000, 0x0080_0000];
    let mut rng = generator(1, Purpose::Other, 0);
    let one = array![[1.0]];
    for round_of_many in 0..50 {
        let mut bits: Vec<u32> = (0..100).map(|_| rng.random()).collect();
        bits.iter_mut().step_by(3).for_each(|x| *x = *x & 0xffff_0000 | 0x8000); // ties
        bits[..specials.len()].copy_from_slice(&specials);
        bits.iter_mut().skip(round_of_many % 2).step_by(2).for_each(|x| *x ^= 0x8000_0000);
        let x = Array2::from_shape_fn((1, 100), |(_, j)| f32::from_bits(bits[j]));
        for x in
            [x.clone(), Array2::from_shape_vec((100, 1), x.into_raw_vec_and_offset().0).unwrap()]
        {
            for gemm in BOTH {
                let mut c = x.clone();
                match x.dim().0 {
                    1 => gemm(1.0, one.view(), x.view(), 0.0, &mut c.view_mut()),
                    _ => gemm(1.0, x.view(), one.view(), 0.0, &mut c.view_mut()),
                }
                for (&x, &c) in x.iter().zip(&c) {
                    assert!(c == round(x) || c.is_nan() && x.is_nan(), "{x:e} became {c:e}");
                }
            }
        }
    }
}

#[test]
fn with_beta_zero_the_old_content_does_not_matter() {
    for (m, k, n) in [(3, 4, 5), (8, 2, 48), (20, 0, 70)] {
        for gemm in BOTH {
            let mut c = Array2::from_elem((m, n), f32::NAN);
            gemm(1.0, random(m, k, 1).view(), random(k, n, 2).view(), 0.0, &mut c.view_mut());
            assert!(c.iter().all(|x| x.is_finite()));
        }
    }
}

/// Infinities reach the entries they belong to, and no others: padding is never seen.
#[test]
fn special_numbers_stay_in_their_row() {
    for gemm in BOTH {
        let (mut a, b) = (random(11, 7, 1).mapv(f32::abs), random(7, 50, 2).mapv(f32::abs));
        a[[9, 6]] = f32::INFINITY;
        a[[10, 0]] = f32::NAN;
        let mut c = Array2::zeros((11, 50));
        gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut());
        assert!(c.slice(s![..9, ..]).iter().all(|x| x.is_finite()));
        assert!(c.row(9).iter().all(|&x| x == f32::INFINITY));
        assert!(c.row(10).iter().all(|x| x.is_nan()));
    }
}

/// Larger than every block: the sums are those of f32 from left to right, bit for bit.
#[test]
#[cfg(target_arch = "x86_64")]
fn sums_run_from_left_to_right_in_chunks() {
    use super::kernel::DEPTH;
    if !is_fast() {
        return;
    }
    let (m, k, n) = (261, 2 * DEPTH + 13, 1550);
    for (way_a, way_b) in [(0, 2), (2, 0)] {
        let (a, b) = (place(m, k, way_a, 1), place(k, n, way_b, 2));
        let mut c = random(m, n, 3);
        let mut expected = c.clone();
        gemm(0.5, a.view(), b.view(), -1.5, &mut c.view_mut());
        let (a, b) = (a.mapv(round), b.mapv(round));
        let b = Array2::from_shape_fn((k, n), |at| b[at]); // row by row, for speed
        for (i, mut row) in expected.rows_mut().into_iter().enumerate() {
            for piece in (0..k).step_by(DEPTH) {
                let mut sums = vec![0.0; n];
                for l in piece..k.min(piece + DEPTH) {
                    for (sum, &b) in sums.iter_mut().zip(b.row(l).to_slice().unwrap()) {
                        *sum += a[[i, l]] * b;
                    }
                }
                let beta = if piece == 0 { -1.5 } else { 1.0 };
                row.iter_mut().zip(&sums).for_each(|(c, sum)| *c = 0.5 * sum + beta * *c);
            }
        }
        assert!(c == expected);
    }
}

#[test]
#[should_panic(expected = "(2, 3) x (4, 5) into (2, 5)")]
fn shapes_that_do_not_fit_are_a_bug() {
    let mut c = Array2::zeros((2, 5));
    gemm(1.0, random(2, 3, 1).view(), random(4, 5, 2).view(), 0.0, &mut c.view_mut());
}
