//! How fast the matrix products are: `cargo bench -p stage02_attention --bench matmul`.
//!
//! The shapes are those of a GPT's layers, forward (x W) and backward (dy W' and x' dy), and of
//! its logits. An item is one multiplication or one addition: Gitem/s are GFLOP/s.

use std::fmt;

use divan::Bencher;
use divan::counter::ItemsCount;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rand::RngExt;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::matmul::{self, bf16};

fn main() {
    if !bf16::is_fast() {
        println!("This processor has no bf16 instruction; it rounds copies and multiplies those.");
    }
    divan::main();
}

/// (m, k) times (k, n); `.t` marks the matrix that is a transposed view.
struct Shape {
    name: &'static str,
    sizes: [usize; 3],
    transposed: [bool; 2],
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ([m, k, n], [a, b]) = (self.sizes, self.transposed.map(|t| if t { ".t" } else { "" }));
        write!(f, "{:8} ({m}, {k}){a} x ({k}, {n}){b}", self.name)
    }
}

const fn shape(name: &'static str, sizes: [usize; 3], transposed: [bool; 2]) -> Shape {
    Shape { name, sizes, transposed }
}

const SMALL: [Shape; 4] = [
    shape("x W", [384, 128, 512], [false, false]),
    shape("x W", [768, 128, 384], [false, false]),
    shape("dy W'", [384, 512, 128], [false, true]),
    shape("x' dy", [128, 384, 512], [true, false]),
];

const ALL: [Shape; 11] = {
    let [s0, s1, s2, s3] = SMALL;
    [
        s0,
        s1,
        s2,
        s3,
        shape("x W", [1024, 384, 1536], [false, false]),
        shape("x W", [1024, 1536, 384], [false, false]),
        shape("x W", [256, 768, 3072], [false, false]),
        shape("dy W'", [1024, 1536, 384], [false, true]),
        shape("x' dy", [384, 1024, 1536], [true, false]),
        shape("x' dy", [768, 256, 3072], [true, false]),
        shape("logits", [256, 768, 50304], [false, true]),
    ]
};

type Gemm = fn(f32, ArrayView2<f32>, ArrayView2<f32>, f32, &mut ArrayViewMut2<f32>);

fn run(bencher: Bencher, shape: &Shape, gemm: Gemm) {
    let mut rng = generator(1, Purpose::Other, 0);
    let mut matrix = |rows, cols, transposed| {
        let shape = if transposed { (cols, rows) } else { (rows, cols) };
        let matrix = Array2::from_shape_simple_fn(shape, || rng.random::<f32>() - 0.5);
        if transposed { matrix.reversed_axes() } else { matrix }
    };
    let [m, k, n] = shape.sizes;
    let a = matrix(m, k, shape.transposed[0]);
    let b = matrix(k, n, shape.transposed[1]);
    let mut c = Array2::zeros((m, n));
    bencher
        .counter(ItemsCount::new(2 * m * k * n))
        .bench_local(|| gemm(1.0, a.view(), b.view(), 0.0, &mut c.view_mut()));
}

/// Three loops, on the small shapes alone.
#[divan::bench(args = &SMALL, sample_count = 10)]
fn plain_f32(bencher: Bencher, shape: &Shape) {
    run(bencher, shape, matmul::plain);
}

#[divan::bench(args = &ALL, sample_count = 30)]
fn gemm_f32(bencher: Bencher, shape: &Shape) {
    run(bencher, shape, matmul::gemm);
}

#[divan::bench(args = &ALL, sample_count = 30)]
fn gemm_bf16(bencher: Bencher, shape: &Shape) {
    run(bencher, shape, bf16::gemm);
}
