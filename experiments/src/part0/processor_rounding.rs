//! How does this processor round? A few products of matrices, as the bits they come out with.
//!
//! A sum of rounded numbers depends on the order in which they are added, and the order on how a
//! product is cut for the caches and registers of the processor. So two kinds of processor differ
//! in last digits, and after some hundred steps of training in all of them. Where this program
//! prints the same as elsewhere, so does training.

use ndarray::Array2;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::matmul::gemm;

/// (m, k, n) of a few products such as a small GPT makes.
const SHAPES: [(usize, usize, usize); 5] =
    [(64, 32, 64), (384, 128, 512), (384, 512, 128), (512, 384, 1536), (256, 768, 65)];

/// Runs the experiment.
pub fn run() {
    for (m, k, n) in SHAPES {
        println!("({m}, {k}) x ({k}, {n})    {:08x}", fingerprint(m, k, n));
    }
}

/// The bits of all entries of a product of random matrices, mixed into one number.
fn fingerprint(m: usize, k: usize, n: usize) -> u32 {
    let mut rng = generator(1, Purpose::Other, 0);
    let mut matrix =
        |rows, cols| Array2::from_shape_simple_fn((rows, cols), || rng.random::<f32>());
    let (a, b, mut c) = (matrix(m, k), matrix(k, n), matrix(m, n));
    gemm(1.0, a.view(), b.view(), 1.0, &mut c.view_mut());
    c.iter().fold(0, |mix, entry| mix.rotate_left(5) ^ entry.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_processor_rounds_in_the_same_way_every_time() {
        assert_eq!(fingerprint(65, 129, 33), fingerprint(65, 129, 33));
    }
}
