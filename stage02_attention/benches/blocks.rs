//! How fast quantised matrices multiply: `cargo bench -p stage02_attention --bench blocks`.
//!
//! Prefill is many rows at once, and an item is one multiplication or one addition: Gitem/s beside
//! those of `--bench matmul`. A decode step is one row, and what counts is how fast the matrix is
//! fetched: GB/s.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use ndarray::Array2;
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::matmul::blocks::{BlockMatrix, BlockType};
use stage02_attention::parallel::single_threaded;

fn main() {
    divan::main();
}

const KINDS: [BlockType; 3] = [BlockType::Q8_0, BlockType::Q4_0, BlockType::Q4_1];

/// (n_in, n_out): the layers of GPT-2 and of SmolLM2, and the output layer of GPT-2.
const SHAPES: [(usize, usize); 5] =
    [(768, 3072), (3072, 768), (576, 1536), (1536, 576), (768, 50304)];

fn random(kind: BlockType, (n_in, n_out): (usize, usize)) -> BlockMatrix {
    let mut rng = generator(1, Purpose::Other, 0);
    let mut bytes: Vec<u8> =
        (0..n_in * n_out / 32 * kind.bytes()).map(|_| rng.random::<u8>()).collect();
    // Scales of about 0.01.
    bytes.chunks_exact_mut(kind.bytes()).for_each(|block| block[1] = 0x21);
    BlockMatrix::new(kind, n_out, n_in, &bytes)
}

fn activations(rows: usize, n_in: usize) -> Array2<f32> {
    let mut rng = generator(1, Purpose::Other, 1);
    Array2::from_shape_simple_fn((rows, n_in), || rng.random::<f32>() - 0.5)
}

/// 256 rows on one thread.
#[divan::bench(args = KINDS.iter().flat_map(|&kind| SHAPES.map(|shape| (kind, shape))), sample_count = 20)]
fn prefill(bencher: Bencher, (kind, shape): (BlockType, (usize, usize))) {
    let (n_in, n_out) = shape;
    let (w, x) = (random(kind, shape), activations(256, n_in));
    let mut y = Array2::zeros((256, n_out));
    bencher
        .counter(ItemsCount::new(2 * 256 * n_in * n_out))
        .bench_local(|| single_threaded(|| w.multiply(x.view(), &mut y.view_mut())));
}

/// One row, on one thread.
#[divan::bench(args = KINDS.iter().flat_map(|&kind| SHAPES.map(|shape| (kind, shape))), sample_count = 100)]
fn decode(bencher: Bencher, (kind, shape): (BlockType, (usize, usize))) {
    let (n_in, n_out) = shape;
    let (w, x) = (random(kind, shape), activations(1, n_in));
    let mut y = Array2::zeros((1, n_out));
    bencher
        .counter(BytesCount::new(w.bytes()))
        .bench_local(|| single_threaded(|| w.multiply(x.view(), &mut y.view_mut())));
}
