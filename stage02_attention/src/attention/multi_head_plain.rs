//! Many heads side by side, written to be read.
//!
//! The same layer as [`multi_head`](super::multi_head), with the same weights: the equations of
//! [`scaled_dot_product`], once for each head of each sequence. It keeps every matrix of attention
//! weights, works on one thread, and has no dropout. A test compares the fast layer with it.
//!
//! Shapes: B = batch, T = length, C = n_embd, nh = n_head, hs = head size = C / nh.
//!
//! ```text
//! qkv  = c_attn(x)                      (B T, C) -> (B T, 3 C)
//! q, k, v of a head                     (T, hs) each: views into qkv
//! att  = softmax(mask(q k' / sqrt(hs))) (T, T)
//! y    = att v, heads side by side      (B T, C)
//! out  = c_proj(y)                      (B T, C)
//! ```
//!
//! ```
//! use ndarray::Array2;
//! use stage01_bigram::random::{Purpose, generator};
//! use stage02_attention::attention::{Mask, multi_head::MultiHeadAttention, multi_head_plain};
//! use stage02_attention::dropout::Dropout;
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! // C = 4 and nh = 2; two sequences of three tokens.
//! let (mut layout, init) = (Layout::new(), Init::Normal(0.5));
//! let (scope, none) = (layout.scope("attn"), Dropout::new(0.0)?);
//! let attn = MultiHeadAttention::declare(scope, (4, 2), Mask::Causal, none, true, (init, init))?;
//! let params = Params::<f64>::initialise(&layout, &mut generator(1, Purpose::Other, 0));
//!
//! let x = Array2::from_shape_fn((2 * 3, 4), |(i, j)| (i * 4 + j) as f64 / 10.0);
//! let acts = multi_head_plain::forward(&attn, &params, x.view(), 3);
//! assert_eq!(acts.out.dim(), (6, 4));
//! assert_eq!(acts.att.len(), 2 * 2); // a matrix for each head of each sequence
//! assert_eq!(acts.att[0].row(0).to_vec(), [1.0, 0.0, 0.0]); // the first token sees itself alone
//! # Ok::<(), stage01_bigram::Error>(())
//! ```

use ndarray::{Array2, ArrayView2, s};
use stage01_bigram::Float;

use super::multi_head::MultiHeadAttention;
use super::scaled_dot_product;
use crate::params::Params;

/// What a forward pass gives, and leaves for the backward pass.
#[derive(Clone, Debug)]
pub struct Activations<T> {
    /// Queries, keys and values of all heads. Shape: (B T, 3 C).
    pub qkv: Array2<T>,
    /// The attention weights of each head of each sequence, sequence after sequence: B nh matrices
    /// of shape (T, T).
    pub att: Vec<Array2<T>>,
    /// What the heads found, side by side. Shape: (B T, C).
    pub y: Array2<T>,
    /// The result. Shape: (B T, C).
    pub out: Array2<T>,
}

/// out = c_proj(the heads of c_attn(x)).
///
/// x: (B T, C), sequence after sequence of `length` = T tokens.
pub fn forward<T: Float>(
    layer: &MultiHeadAttention,
    params: &Params<T>,
    x: ArrayView2<T>,
    length: usize,
) -> Activations<T> {
    let (rows, n_embd) = x.dim();
    let mut qkv = Array2::zeros((rows, 3 * n_embd));
    layer.c_attn.forward(params, x, qkv.view_mut());

    // ANCHOR: heads
    let (mut att, mut y) = (Vec::new(), Array2::zeros((rows, n_embd)));
    for b in 0..rows / length {
        let t = b * length..(b + 1) * length;
        for h in 0..layer.n_head {
            let [q, k, v] = layer.columns(h).map(|c| qkv.slice(s![t.clone(), c]));
            let [columns, ..] = layer.columns(h);
            let y = y.slice_mut(s![t.clone(), columns]);
            let mut weights = Array2::zeros((length, length));
            scaled_dot_product::forward((q, k, v), layer.mask, weights.view_mut(), y);
            att.push(weights);
        }
    }
    // ANCHOR_END: heads

    let mut out = Array2::zeros((rows, n_embd));
    layer.c_proj.forward(params, y.view(), out.view_mut());
    Activations { qkv, att, y, out }
}

// ANCHOR: backward
/// The gradient of x, and of both layers, from the gradient of the output.
///
/// x, length, acts: as in the forward pass; dout: (B T, C); returns dx: (B T, C).
pub fn backward<T: Float>(
    layer: &MultiHeadAttention,
    params: &Params<T>,
    x: ArrayView2<T>,
    acts: &Activations<T>,
    dout: ArrayView2<T>,
    grads: &mut Params<T>,
) -> Array2<T> {
    let Activations { qkv, att, y, .. } = acts;
    let (mut dy, mut dqkv) = (Array2::zeros(y.raw_dim()), Array2::zeros(qkv.raw_dim()));
    layer.c_proj.backward(params, y.view(), dout, dy.view_mut(), grads);

    for (i, att) in att.iter().enumerate() {
        let (b, h, length) = (i / layer.n_head, i % layer.n_head, att.nrows());
        let t = b * length..(b + 1) * length;
        let [q, k, v] = layer.columns(h).map(|c| qkv.slice(s![t.clone(), c]));
        let [cq, ck, cv] = layer.columns(h);
        let dy = dy.slice(s![t.clone(), cq.clone()]);
        let d = dqkv.multi_slice_mut((s![t.clone(), cq], s![t.clone(), ck], s![t, cv]));
        let mut datt = Array2::zeros(att.raw_dim());
        scaled_dot_product::backward((q, k, v), att.view(), dy, datt.view_mut(), d);
    }

    let mut dx = Array2::zeros(x.raw_dim());
    layer.c_attn.backward(params, x, dqkv.view(), dx.view_mut(), grads);
    dx
}
// ANCHOR_END: backward

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Mask;
    use crate::attention::multi_head::tests::{normal, random_layer};
    use crate::backward::Backward;
    use proptest::prelude::*;
    use stage01_bigram::random::{Purpose, generator};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        /// Forward and backward, on one thread and on several.
        #[test]
        fn the_fast_layer_equals_it(
            batch in 1usize..4, length in 1usize..80, n_head in 1usize..4, size in 1usize..20,
            causal: bool, bias: bool, threads in 1usize..4, seed: u64,
        ) {
            let (mask, n_embd) = (if causal { Mask::Causal } else { Mask::None }, n_head * size);
            let mut rng = generator(seed, Purpose::Other, 0);
            let (attn, params) = random_layer((n_embd, n_head), mask, bias, &mut rng);
            let mut random = || normal((batch * length, n_embd), &mut rng);
            let (x, dout) = (random(), random());

            let plain = forward(&attn, &params, x.view(), length);
            let zeros = || Params { values: vec![0.0; params.values.len()] };
            let (mut plain_grads, mut grads) = (zeros(), zeros());
            let plain_dx = backward(&attn, &params, x.view(), &plain, dout.view(), &mut plain_grads);

            // The buffers are made on one thread and used by several.
            let (mut acts, mut scratch) = crate::parallel::single_threaded(|| {
                (attn.activations(batch, length), attn.scratch(batch, length))
            });
            let (mut out, mut dx) = (Array2::zeros(x.raw_dim()), Array2::zeros(x.raw_dim()));
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                attn.forward(&params, x.view(), &mut acts, out.view_mut(), None);
                let (dout, dx) = (dout.view(), dx.view_mut());
                let (params, grads, scratch) = (&params, &mut grads, &mut scratch);
                attn.backward(x.view(), &acts, dout, dx, Backward { params, grads, scratch });
            });
            let near = |a: f64, b: f64| (a - b).abs() < 1e-11 * (1.0 + b.abs());
            for (fast, plain) in [(&out, &plain.out), (&dx, &plain_dx)] {
                prop_assert!(fast.iter().zip(plain).all(|(&a, &b)| near(a, b)));
            }
            let (fast, plain) = (&grads.values, &plain_grads.values);
            prop_assert!(fast.iter().zip(plain).all(|(&a, &b)| near(a, b)));
        }
    }
}
