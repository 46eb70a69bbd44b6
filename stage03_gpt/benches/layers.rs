//! The time of each layer beside its plain version: `cargo bench -p stage03_gpt`.
//!
//! A group is one layer, a line in it one implementation: `plain` is the loops of
//! [`stage03_gpt::plain`], the others are those of the fast model. All run on one thread. The
//! last column counts numbers, or for the products multiplications and additions, so that
//! Gitem/s are GFLOP/s. `cargo bench -p stage03_gpt -- linear` runs the groups of that name.

use std::fmt;
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, Divan, black_box};
use ndarray::{Array2, ArrayView2, s};
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::{Layout, Params, fill_normal};
use stage03_gpt::plain::layers as plain;

fn main() {
    // The layers divide their work among the threads of the pool in which they run: here one.
    let single_threaded = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    single_threaded.build_global().expect("no pool was made before");
    Divan::default().max_time(Duration::from_millis(400)).config_with_args().main();
}

/// The shape of a worker's slice of a batch.
#[derive(Clone, Copy, Debug)]
struct Shape {
    sequences: usize,
    length: usize,
    n_embd: usize,
    n_head: usize,
}

/// Half of a batch of the preset shakespeare-cpu, and two sequences of shakespeare-char.
const SHAPES: [Shape; 2] = [
    Shape { sequences: 6, length: 64, n_embd: 128, n_head: 4 },
    Shape { sequences: 2, length: 256, n_embd: 384, n_head: 6 },
];

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} wide, {} x {}", self.n_embd, self.sequences, self.length)
    }
}

impl Shape {
    fn rows(self) -> usize {
        self.sequences * self.length
    }
}

/// A matrix of normal random numbers with standard deviation 1.
fn matrix(rows: usize, cols: usize, seed: u64) -> Array2<f32> {
    let mut matrix = Array2::zeros((rows, cols));
    let values = matrix.as_slice_mut().expect("owned matrices are contiguous");
    fill_normal(values, 1.0, &mut generator(seed, Purpose::Other, 0));
    matrix
}

/// A layer, random weights for it, and a vector for their gradient.
fn layer<L>(declare: impl FnOnce(&mut Layout) -> L) -> (L, Layout, Params<f32>, Params<f32>) {
    let mut layout = Layout::new();
    let layer = declare(&mut layout);
    let mut params = Params::zeros(&layout);
    fill_normal(&mut params.values, 0.1, &mut generator(0, Purpose::Other, 1));
    let grads = Params::zeros(&layout);
    (layer, layout, params, grads)
}

/// The three products of the largest linear layer of a block: C columns to 4 C.
mod linear {
    use super::*;
    use stage02_attention::matmul;
    use stage03_gpt::plain::Product;

    fn measure(bencher: Bencher, shape: Shape, product: Product<f32>, which: usize) {
        let (rows, n_in, n_out) = (shape.rows(), shape.n_embd, 4 * shape.n_embd);
        let (x, w, dy) = (matrix(rows, n_in, 1), matrix(n_in, n_out, 2), matrix(rows, n_out, 3));
        let (a, b): (ArrayView2<f32>, ArrayView2<f32>) =
            [(x.view(), w.view()), (dy.view(), w.t()), (x.t(), dy.view())][which];
        let mut c = Array2::zeros((a.nrows(), b.ncols()));
        bencher.counter(ItemsCount::new(2 * rows * n_in * n_out)).bench_local(|| {
            product(1.0, black_box(a), black_box(b), 0.0, &mut c.view_mut());
        });
    }

    macro_rules! product {
        ($name:ident, $which:literal) => {
            mod $name {
                use super::*;
                #[divan::bench(args = SHAPES)]
                fn blocked(bencher: Bencher, shape: Shape) {
                    measure(bencher, shape, matmul::gemm, $which);
                }
                #[divan::bench(args = SHAPES)]
                fn plain(bencher: Bencher, shape: Shape) {
                    measure(bencher, shape, matmul::plain, $which);
                }
            }
        };
    }
    product!(forward_x_w, 0);
    product!(backward_dy_wt, 1);
    product!(backward_xt_dy, 2);
}

/// One head of one sequence. Counted are the products of whole matrices: what the mask hides is
/// counted, too, and what the fused version computes a second time is not.
mod attention {
    use super::*;
    use stage02_attention::attention::{Mask, fused, scaled_dot_product};
    use stage02_attention::matmul;

    struct Head {
        qkv: Array2<f32>,
        dy: Array2<f32>,
        /// y; dq, dk and dv.
        results: [Array2<f32>; 4],
        /// The attention weights, and their gradient.
        att: [Array2<f32>; 2],
        lse: ndarray::Array1<f32>,
        scratch: Vec<f32>,
        flops: usize,
    }

    impl Head {
        fn new(shape: Shape) -> Self {
            let (length, size) = (shape.length, shape.n_embd / shape.n_head);
            Head {
                qkv: matrix(length, 3 * shape.n_embd, 1),
                dy: matrix(length, size, 2),
                results: [(); 4].map(|_| Array2::zeros((length, size))),
                att: [(); 2].map(|_| Array2::zeros((length, length))),
                lse: ndarray::Array1::zeros(length),
                scratch: vec![0.0; fused::scratch_len(length)],
                flops: 2 * length * length * size,
            }
        }

        /// Queries, keys and values, as a head of the model gets them: columns of one matrix.
        fn qkv(&self) -> [ArrayView2<'_, f32>; 3] {
            let (n_embd, size) = (self.qkv.ncols() / 3, self.dy.ncols());
            [0, 1, 2].map(|i| self.qkv.slice(s![.., i * n_embd..i * n_embd + size]))
        }
    }

    mod forward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fused(bencher: Bencher, shape: Shape) {
            let (mut to, from) = (Head::new(shape), Head::new(shape));
            let [q, k, v] = from.qkv();
            bencher.counter(ItemsCount::new(2 * to.flops)).bench_local(|| {
                let (mask, scratch) = (Mask::Causal, &mut to.scratch[..]);
                let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
                fused::forward(pass, to.lse.view_mut(), to.results[0].view_mut());
            });
        }

        #[divan::bench(args = SHAPES)]
        fn whole_matrix(bencher: Bencher, shape: Shape) {
            let (mut to, from) = (Head::new(shape), Head::new(shape));
            let [q, k, v] = from.qkv();
            bencher.counter(ItemsCount::new(2 * to.flops)).bench_local(|| {
                let (att, y) = (to.att[0].view_mut(), to.results[0].view_mut());
                scaled_dot_product::forward((q, k, v), Mask::Causal, att, y);
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let head = Head::new(shape);
            let bencher = bencher.counter(ItemsCount::new(2 * head.flops));
            bencher.bench_local(|| plain::attention(matmul::plain, head.qkv(), None));
        }
    }

    mod backward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fused(bencher: Bencher, shape: Shape) {
            let (mut to, from) = (Head::new(shape), Head::new(shape));
            let [q, k, v] = from.qkv();
            let (scratch, lse) = (&mut to.scratch, &mut to.lse);
            let [y, dq, dk, dv] = &mut to.results;
            let mask = Mask::Causal;
            let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
            fused::forward(pass, lse.view_mut(), y.view_mut());
            bencher.counter(ItemsCount::new(4 * to.flops)).bench_local(|| {
                let gradients = (dq.view_mut(), dk.view_mut(), dv.view_mut());
                let pass = fused::Pass { q, k, v, mask, dropout: None, scratch };
                fused::backward(pass, lse.view(), (y.view(), from.dy.view()), gradients, 0.0);
            });
        }

        #[divan::bench(args = SHAPES)]
        fn whole_matrix(bencher: Bencher, shape: Shape) {
            let (mut to, from) = (Head::new(shape), Head::new(shape));
            let [q, k, v] = from.qkv();
            let [y, dq, dk, dv] = &mut to.results;
            let [att, datt] = &mut to.att;
            scaled_dot_product::forward((q, k, v), Mask::Causal, att.view_mut(), y.view_mut());
            bencher.counter(ItemsCount::new(4 * to.flops)).bench_local(|| {
                let gradients = (dq.view_mut(), dk.view_mut(), dv.view_mut());
                let (att, dy) = (att.view(), from.dy.view());
                scaled_dot_product::backward((q, k, v), att, dy, datt.view_mut(), gradients);
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let head = Head::new(shape);
            let (att, _) = plain::attention(matmul::gemm, head.qkv(), None);
            bencher.counter(ItemsCount::new(4 * head.flops)).bench_local(|| {
                plain::attention_backward(matmul::plain, head.qkv(), (&att, None), head.dy.view())
            });
        }
    }
}

mod layer_norm {
    use super::*;
    use stage03_gpt::layer_norm::{LayerNorm, Statistics};
    use stage03_gpt::norm::Norm;

    fn declare(shape: Shape) -> (LayerNorm, Layout, Params<f32>, Params<f32>) {
        layer(|layout| LayerNorm::declare(layout.scope("ln_1"), shape.n_embd, true))
    }

    mod forward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fast(bencher: Bencher, shape: Shape) {
            let (norm, _, params, _) = declare(shape);
            let x = matrix(shape.rows(), shape.n_embd, 1);
            let (mut statistics, mut y) = (Statistics::new(x.nrows()), x.clone());
            bencher.counter(ItemsCount::new(x.len())).bench_local(|| {
                norm.forward(&params, x.view(), &mut statistics, y.view_mut());
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let (norm, _, params, _) = declare(shape);
            let x = matrix(shape.rows(), shape.n_embd, 1);
            let bencher = bencher.counter(ItemsCount::new(x.len()));
            bencher.bench_local(|| plain::layer_norm(&Norm::Layer(norm), &params, &x));
        }
    }

    mod backward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fast(bencher: Bencher, shape: Shape) {
            let (norm, _, params, mut grads) = declare(shape);
            let [x, dy] = [1, 2].map(|seed| matrix(shape.rows(), shape.n_embd, seed));
            let (mut statistics, mut dx) = (Statistics::new(x.nrows()), x.clone());
            norm.forward(&params, x.view(), &mut statistics, dx.view_mut());
            bencher.counter(ItemsCount::new(x.len())).bench_local(|| {
                let (x, dy, dx) = (x.view(), dy.view(), dx.view_mut());
                norm.backward(&params, x, &statistics, dy, dx, &mut grads);
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let (norm, _, params, mut grads) = declare(shape);
            let [x, dy] = [1, 2].map(|seed| matrix(shape.rows(), shape.n_embd, seed));
            let bencher = bencher.counter(ItemsCount::new(x.len()));
            bencher.bench_local(|| {
                plain::layer_norm_backward(&Norm::Layer(norm), &params, &x, &dy, &mut grads)
            });
        }
    }
}

/// The activation function on the 4 C columns of a feed-forward layer.
mod gelu {
    use super::*;
    use stage01_bigram::vector::simd_dispatch;
    use stage03_gpt::mlp;

    /// The value alone, as in generation.
    mod forward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fast(bencher: Bencher, shape: Shape) {
            let h = matrix(shape.rows(), 4 * shape.n_embd, 1).into_raw_vec_and_offset().0;
            let mut g = h.clone();
            bencher.counter(ItemsCount::new(h.len())).bench_local(|| {
                simd_dispatch(
                    #[inline(always)]
                    || g.iter_mut().zip(&h).for_each(|(g, &h)| *g = mlp::gelu(h)),
                );
                black_box(&mut g);
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let h = matrix(shape.rows(), 4 * shape.n_embd, 1);
            bencher.counter(ItemsCount::new(h.len())).bench_local(|| h.mapv(plain::gelu));
        }
    }

    /// Value and derivative, as in the forward pass of training.
    mod forward_and_derivative {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fast(bencher: Bencher, shape: Shape) {
            let h = matrix(shape.rows(), 4 * shape.n_embd, 1).into_raw_vec_and_offset().0;
            let (mut g, mut derivative) = (h.clone(), h.clone());
            bencher.counter(ItemsCount::new(h.len())).bench_local(|| {
                simd_dispatch(
                    #[inline(always)]
                    || {
                        for ((g, derivative), &h) in g.iter_mut().zip(&mut derivative).zip(&h) {
                            (*g, *derivative) = mlp::gelu_and_derivative(h);
                        }
                    },
                );
                black_box((&mut g, &mut derivative));
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let h = matrix(shape.rows(), 4 * shape.n_embd, 1);
            let bencher = bencher.counter(ItemsCount::new(h.len()));
            bencher.bench_local(|| (h.mapv(plain::gelu), h.mapv(plain::gelu_derivative)));
        }
    }
}

/// Softmax and the loss, for one sequence and three vocabularies: characters, a small byte-pair
/// encoding, and GPT-2's, padded to a multiple of 64.
mod loss {
    use super::*;
    use stage01_bigram::loss;

    const ROWS: usize = 64;
    const VOCABULARIES: [usize; 3] = [65, 2048, 50_304];

    fn targets(vocab_size: usize) -> Vec<u32> {
        (0..ROWS).map(|row| (row * 31 % vocab_size) as u32).collect()
    }

    /// Logits into probabilities.
    mod softmax {
        use super::*;

        #[divan::bench(args = VOCABULARIES)]
        fn fast(bencher: Bencher, vocab_size: usize) {
            let mut logits = matrix(ROWS, vocab_size, 1).into_raw_vec_and_offset().0;
            bencher.counter(ItemsCount::new(logits.len())).bench_local(|| {
                logits.chunks_exact_mut(vocab_size).for_each(loss::softmax_in_place);
            });
        }

        #[divan::bench(args = VOCABULARIES)]
        fn plain(bencher: Bencher, vocab_size: usize) {
            let mut logits = matrix(ROWS, vocab_size, 1).into_raw_vec_and_offset().0;
            bencher.counter(ItemsCount::new(logits.len())).bench_local(|| {
                for row in logits.chunks_exact_mut(vocab_size) {
                    plain::softmax(row);
                }
            });
        }
    }

    /// The loss alone, as in an evaluation. The plain version is the one with the gradient.
    mod cross_entropy_forward {
        use super::*;

        #[divan::bench(args = VOCABULARIES)]
        fn fast(bencher: Bencher, vocab_size: usize) {
            let (logits, targets) = (matrix(ROWS, vocab_size, 1), targets(vocab_size));
            let bencher = bencher.counter(ItemsCount::new(logits.len()));
            bencher.bench_local(|| loss::cross_entropy(black_box(logits.view()), &targets));
        }
    }

    /// The loss and the gradient of every logit.
    mod cross_entropy_backward {
        use super::*;

        #[divan::bench(args = VOCABULARIES)]
        fn fast(bencher: Bencher, vocab_size: usize) {
            let (mut logits, targets) = (matrix(ROWS, vocab_size, 1), targets(vocab_size));
            bencher.counter(ItemsCount::new(logits.len())).bench_local(|| {
                loss::cross_entropy_backward(logits.view_mut(), &targets, 1.0 / ROWS as f32)
            });
        }

        #[divan::bench(args = VOCABULARIES)]
        fn plain(bencher: Bencher, vocab_size: usize) {
            let (logits, targets) = (matrix(ROWS, vocab_size, 1), targets(vocab_size));
            let bencher = bencher.counter(ItemsCount::new(logits.len()));
            bencher.bench_local(|| plain::cross_entropy(&logits, &targets, 1.0 / ROWS as f32));
        }
    }
}

/// The embeddings of tokens, from a vocabulary of 65, and of positions.
mod embedding {
    use super::*;
    use stage02_attention::embedding::Embedding;
    use stage02_attention::params::Init;

    type Case = ([Embedding; 2], Params<f32>, Params<f32>, Vec<u32>);

    fn case(shape: Shape) -> Case {
        let (embeddings, _, params, grads) = layer(|layout| {
            [("wte", 65), ("wpe", shape.length)].map(|(name, n)| {
                Embedding::declare(layout.scope(name), n, shape.n_embd, Init::Normal(0.02))
            })
        });
        let tokens = (0..shape.rows()).map(|row| (row * 31 % 65) as u32).collect();
        (embeddings, params, grads, tokens)
    }

    mod forward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fast(bencher: Bencher, shape: Shape) {
            let ([wte, wpe], params, _, tokens) = case(shape);
            let mut x = Array2::zeros((shape.rows(), shape.n_embd));
            bencher.counter(ItemsCount::new(x.len())).bench_local(|| {
                let positions = (0..shape.rows()).map(|row| row % shape.length);
                wte.forward(&params, tokens.iter().map(|&token| token as usize), x.view_mut());
                wpe.forward_add(&params, positions, x.view_mut());
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let ([wte, wpe], params, _, tokens) = case(shape);
            let bencher = bencher.counter(ItemsCount::new(shape.rows() * shape.n_embd));
            bencher.bench_local(|| plain::embed([&wte, &wpe], &params, &tokens, shape.length));
        }
    }

    mod backward {
        use super::*;

        #[divan::bench(args = SHAPES)]
        fn fast(bencher: Bencher, shape: Shape) {
            let ([wte, wpe], _, mut grads, tokens) = case(shape);
            let dx = matrix(shape.rows(), shape.n_embd, 1);
            bencher.counter(ItemsCount::new(dx.len())).bench_local(|| {
                let positions = (0..shape.rows()).map(|row| row % shape.length);
                let tokens = tokens.iter().map(|&token| token as usize);
                wte.backward(tokens, dx.view(), &mut grads);
                wpe.backward(positions, dx.view(), &mut grads);
            });
        }

        #[divan::bench(args = SHAPES)]
        fn plain(bencher: Bencher, shape: Shape) {
            let ([wte, wpe], _, mut grads, tokens) = case(shape);
            let dx = matrix(shape.rows(), shape.n_embd, 1);
            bencher.counter(ItemsCount::new(dx.len())).bench_local(|| {
                plain::embed_backward([&wte, &wpe], &tokens, shape.length, &dx, &mut grads);
            });
        }
    }
}

/// The optimiser's step for the 12 C² weights of one block.
mod adamw {
    use super::*;
    use stage02_attention::params::Init;
    use stage03_gpt::adamw::{AdamW, Moments};
    use stage03_gpt::plain::Optimiser;

    const ADAMW: AdamW =
        AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 };

    const WIDTHS: [usize; 2] = [128, 384];

    fn case(n_embd: usize) -> (Layout, Params<f32>, Params<f32>, Moments<f32>) {
        let (_, layout, weights, mut gradient) = layer(|layout| {
            layout.scope("h.0").matrix("weight", 12 * n_embd, n_embd, Init::Zeros);
        });
        fill_normal(&mut gradient.values, 0.01, &mut generator(1, Purpose::Other, 0));
        let moments = Moments::new(&layout);
        (layout, weights, gradient, moments)
    }

    #[divan::bench(args = WIDTHS)]
    fn fast(bencher: Bencher, n_embd: usize) {
        let (layout, mut weights, gradient, mut moments) = case(n_embd);
        // A step clears its gradient, so each call gets a copy.
        let bencher = bencher.counter(ItemsCount::new(layout.len()));
        bencher.with_inputs(|| gradient.clone()).bench_local_refs(|gradient| {
            ADAMW.step(1, 1e-3, 1.0, &layout, &mut weights, gradient, &mut moments);
        });
    }

    #[divan::bench(args = WIDTHS)]
    fn plain(bencher: Bencher, n_embd: usize) {
        let (layout, mut weights, gradient, _) = case(n_embd);
        let mut optimiser = Optimiser::new(ADAMW, &layout);
        bencher.counter(ItemsCount::new(layout.len())).bench_local(|| {
            optimiser.step(1e-3, &mut weights, &gradient);
        });
    }
}
