//! The matrix product with inputs of half the size: bf16 in, f32 out.
//!
//! A bf16 is the upper half of an f32: the sign, all 8 bits of the exponent, and 7 of the 23 stored
//! bits of the mantissa. It has the range of an f32 (about 1e-38 to 3e38) but only 128 steps from
//! one power of two to the next. Rounding to the nearest of them moves a number by at most 2^-8 of
//! itself, 0.4%:
//!
//! ```text
//! 3.14159  ->  3.140625          steps between 2 and 4 are 1/64 apart
//! 1.01     ->  1.0078125         between 1 and 2, 1/128
//! 0.1      ->  0.10009765625     between 1/16 and 1/8, 1/2048
//! ```
//!
//! A product of two such numbers has 8 + 8 significand bits, so an f32 holds it exactly. What is
//! lost is lost in rounding the inputs; the sums are as good as those of [`super::gemm`]:
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::matmul::bf16;
//!
//! let mut c = array![[0.0]];
//! bf16::gemm(1.0, array![[1.01, 2.0]].view(), array![[3.14159], [0.1]].view(), 0.0, &mut c.view_mut());
//! // 1.0078125 * 3.140625 + 2 * 0.10009765625; unrounded it would be 3.37301, 0.2% more.
//! assert!((c[[0, 0]] - 3.365356_f32).abs() < 1e-6);
//! ```
//!
//! Weights are averages over very many such sums, whose errors mostly cancel: training tolerates it
//! (Kalamkar and others 2019, "A Study of BFLOAT16 for Deep Learning Training").
//!
//! The gain is speed. Processors with AVX-512 BF16 have an instruction that multiplies and adds
//! twice as many bf16 numbers as the usual one does f32 numbers. `kernel.rs` keeps it busy, and
//! `pack.rs` brings the numbers into the order in which it reads them. How much that gains depends
//! on how often a processor can do it: on AMD's Zen 4 products are nearly twice as fast, on a Xeon
//! of Intel's a step took 1.4 times as long as in f32. Other processors round a copy of the inputs
//! and multiply that in f32: the same result, but slower than without rounding.
//!
//! Left out: threads ([`par_gemm`](super::par_gemm)), and matrices that are stored as bf16.

use std::cell::RefCell;

use ndarray::{ArrayView2, ArrayViewMut2};

#[cfg(target_arch = "x86_64")]
mod kernel;
#[cfg(target_arch = "x86_64")]
mod pack;
#[cfg(test)]
mod tests;

/// c = alpha a b + beta c, with the entries of a and b rounded to bf16 and sums in f32.
///
/// a: (m, k); b: (k, n); c: (m, n), any strides. With `beta` zero the old content of `c` is
/// not read, so it may be anything.
///
/// An entry differs from the unrounded product by at most about 2 * 2^-8 times the sum of
/// |a\[i, l\] b\[l, j\]|. Which processor it is changes only the order of the sums, and whether
/// sums below 2^-126, the smallest normal f32, count as zero.
///
/// Where [`is_fast`], every entry is summed from left to right, in chunks of 512 that depend on
/// nothing else. So a product that is cut into parts of c, for threads, gives the same bits. It
/// pays from about 8 rows on: with fewer, rounding b costs more than multiplying by it.
///
/// # Panics
/// When the shapes do not fit together: a bug in the calling layer.
pub fn gemm(
    alpha: f32,
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    beta: f32,
    c: &mut ArrayViewMut2<f32>,
) {
    let (m, k, n) = super::sizes(a, b, c);
    #[cfg(target_arch = "x86_64")]
    if is_fast() && m * n * k > 0 {
        let column_major = c.strides()[0].unsigned_abs() < c.strides()[1].unsigned_abs();
        // The kernel writes rows. A result stored by columns is c' = b' a', stored by rows.
        let (a, b, c) = match column_major {
            true => (b.t(), a.t(), c.view_mut().reversed_axes()),
            false => (a, b, c.view_mut()),
        };
        // SAFETY: `is_fast` has found the instructions this function was compiled for.
        return unsafe { kernel::gemm(alpha, a, b, beta, c) };
    }
    rounded_copies(alpha, a, b, beta, c);
}

/// Whether this processor multiplies bf16 numbers by itself; how fast, the module's head says.
pub fn is_fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The nearest bf16, as an f32; of two equally near, the one whose last bit is 0.
///
/// NaN stays NaN and infinities stay; above 3.39e38 a number becomes infinite. Numbers below
/// 2^-126, which have lost bits already, become zero: the processors' instruction does so.
pub fn round(x: f32) -> f32 {
    let bits = x.to_bits();
    if x.is_nan() {
        f32::NAN
    } else if x.is_subnormal() {
        0.0_f32.copysign(x)
    } else {
        // Cutting off 16 bits rounds down. So add just under half a step first, and the missing
        // bit where the last kept bit is 1: a tie then carries into it and makes it 0.
        f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }
}

/// The same equation for all other processors: rounds copies of a and b, multiplies in f32.
fn rounded_copies(
    alpha: f32,
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    beta: f32,
    c: &mut ArrayViewMut2<f32>,
) {
    thread_local! {
        static COPIES: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    }
    COPIES.with_borrow_mut(|[a_copy, b_copy]| {
        super::gemm(alpha, rounded(a, a_copy), rounded(b, b_copy), beta, c);
    });
}

/// A rounded copy of x, kept in `copy` in the order in which x is stored.
fn rounded<'a>(x: ArrayView2<f32>, copy: &'a mut Vec<f32>) -> ArrayView2<'a, f32> {
    if x.strides()[0].unsigned_abs() < x.strides()[1].unsigned_abs() {
        return rounded(x.reversed_axes(), copy).reversed_axes();
    }
    copy.clear();
    for row in x.rows() {
        copy.extend(row.iter().map(|&x| round(x)));
    }
    ArrayView2::from_shape(x.dim(), copy).expect("one number for each entry")
}
