//! The layers of a GPT in plain loops, each forward pass beside its backward pass.
//!
//! A function takes whole matrices and returns a new one; gradients of weights are added to
//! `grads`. B, T, C, nh, hs and V are explained in [`plain`](super). Attention is the only layer
//! that mixes positions: in every other one a row of the result depends on the same row of the
//! input alone.
//!
//! The comments say what is computed. Why a derivative is what it is, the book says, and the
//! documentation of the fast layer ([`Linear`], [`fused`](stage02_attention::attention::fused),
//! [`LayerNorm`], [`loss`](stage01_bigram::loss), [`mlp`](crate::mlp)).
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::matmul;
//! use stage03_gpt::plain::layers::{attention, cross_entropy};
//!
//! // All scores are zero: the first token sees itself alone, the second one both, equally.
//! let (q, k, v) = (array![[0.0], [0.0]], array![[1.0], [2.0]], array![[4.0], [8.0]]);
//! let (att, y) = attention(matmul::plain, [q.view(), k.view(), v.view()], None);
//! assert_eq!(att, array![[1.0, 0.0], [0.5, 0.5]]);
//! assert_eq!(y, array![[4.0], [6.0]]);
//!
//! // Two equal logits: the loss is ln 2, and its gradient the probabilities minus (0, 1).
//! let (loss, dlogits) = cross_entropy(&array![[0.0, 0.0]], &[1], 1.0);
//! assert_eq!((loss, dlogits), (2f64.ln(), array![[0.5, -0.5]]));
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use rand::{Rng, SeedableRng};
use stage01_bigram::Float;
use stage01_bigram::random::Generator;
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::embedding::Embedding;
use stage02_attention::linear::Linear;
use stage02_attention::params::Params;

use super::{Plain, Product};
use crate::layer_norm::{EPSILON, LayerNorm};
use crate::norm::Norm;

/// alpha a b, as a new matrix. a: (m, k); b: (k, n); result: (m, n).
pub fn times<T: Float>(
    product: Product<T>,
    alpha: T,
    a: ArrayView2<T>,
    b: ArrayView2<T>,
) -> Array2<T> {
    let mut c = Array2::zeros((a.nrows(), b.ncols()));
    product(alpha, a, b, T::zero(), &mut c.view_mut());
    c
}

/// `x[i] = wte[token i] + wpe[i mod T]`: what the token is, and where it stands.
///
/// tokens: (B T); length: T; x: (B T, C).
// ANCHOR: embed
pub fn embed<T: Float>(
    [wte, wpe]: [&Embedding; 2],
    params: &Params<T>,
    tokens: &[u32],
    length: usize,
) -> Array2<T> {
    let (wte, wpe) = (params.matrix(wte.weight), params.matrix(wpe.weight));
    Array2::from_shape_fn((tokens.len(), wte.ncols()), |(i, j)| {
        wte[[tokens[i] as usize, j]] + wpe[[i % length, j]]
    })
}
// ANCHOR_END: embed

/// `dwte[token i] += dx[i]`;  `dwpe[i mod T] += dx[i]`. dx: (B T, C).
// ANCHOR: embed_backward
pub fn embed_backward<T: Float>(
    [wte, wpe]: [&Embedding; 2],
    tokens: &[u32],
    length: usize,
    dx: &Array2<T>,
    grads: &mut Params<T>,
) {
    let mut dwte = grads.matrix_mut(wte.weight);
    for ((i, j), &dx) in dx.indexed_iter() {
        dwte[[tokens[i] as usize, j]] += dx;
    }
    let mut dwpe = grads.matrix_mut(wpe.weight);
    for ((i, j), &dx) in dx.indexed_iter() {
        dwpe[[i % length, j]] += dx;
    }
}
// ANCHOR_END: embed_backward

/// y = x W + b. x: (B T, n_in); W: (n_in, n_out); y: (B T, n_out).
// ANCHOR: linear
pub fn linear<T: Float>(
    product: Product<T>,
    layer: &Linear,
    params: &Params<T>,
    x: &Array2<T>,
) -> Array2<T> {
    let mut y = times(product, T::one(), x.view(), params.matrix(layer.weight));
    if let Some(bias) = layer.bias {
        let b = params.vector(bias);
        for ((_, j), y) in y.indexed_iter_mut() {
            *y += b[j];
        }
    }
    y
}
// ANCHOR_END: linear

/// dx = dy W';  dW += x' dy;  db += the sum of the rows of dy.
///
/// x, dx: (B T, n_in); dy: (B T, n_out).
// ANCHOR: linear_backward
pub fn linear_backward<T: Float>(
    product: Product<T>,
    layer: &Linear,
    params: &Params<T>,
    x: &Array2<T>,
    dy: &Array2<T>,
    grads: &mut Params<T>,
) -> Array2<T> {
    product(T::one(), x.t(), dy.view(), T::one(), &mut grads.matrix_mut(layer.weight));
    if let Some(bias) = layer.bias {
        let db = grads.vector_mut(bias);
        for ((_, j), &dy) in dy.indexed_iter() {
            db[j] += dy;
        }
    }
    times(product, T::one(), dy.view(), params.matrix(layer.weight).t())
}
// ANCHOR_END: linear_backward

/// Scaled dot-product attention of one head, with the causal mask: the attention weights
///
///   att = softmax(q k' / sqrt(hs)) with the future left out,    y = att v
///
/// Returns (att, y). The queries belong to the last of the tokens whose keys are given: all T of
/// them in training, the newest alone where the earlier keys come from a KV cache.
///
/// q, y: (queries, hs); k, v: (T, hs); att: (queries, T); dropout_mask: as att, or none.
// ANCHOR: attention
pub fn attention<T: Float>(
    product: Product<T>,
    [q, k, v]: [ArrayView2<T>; 3],
    dropout_mask: Option<&Array2<T>>,
) -> (Array2<T>, Array2<T>) {
    let earlier = k.nrows() - q.nrows();
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    let mut att = times(product, scale, q, k.t());
    for (i, mut row) in att.rows_mut().into_iter().enumerate() {
        let row = row.as_slice_mut().expect("contiguous rows");
        let (past, future) = row.split_at_mut(earlier + i + 1);
        softmax(past);
        future.fill(T::zero());
    }
    let y = times(product, T::one(), dropout(att.clone(), dropout_mask).view(), v);
    (att, y)
}
// ANCHOR_END: attention

/// The gradients of q, k and v from the gradient of y.
///
///   datt = dy v',    dscore\[i, j\] = att\[i, j\] (datt\[i, j\] - sum over l of att\[i, l\] datt\[i, l\]),
///   dq = dscore k / sqrt(hs),    dk = dscore' q / sqrt(hs),    dv = att' dy
///
/// q, k, v, dy, dq, dk, dv: (T, hs); att, dropout_mask: (T, T), as in [`attention`].
// ANCHOR: attention_backward
pub fn attention_backward<T: Float>(
    product: Product<T>,
    [q, k, v]: [ArrayView2<T>; 3],
    (att, dropout_mask): (&Array2<T>, Option<&Array2<T>>),
    dy: ArrayView2<T>,
) -> [Array2<T>; 3] {
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    let dv = times(product, T::one(), dropout(att.clone(), dropout_mask).t(), dy);
    let mut d = dropout(times(product, T::one(), dy, v.t()), dropout_mask); // datt
    for (mut d, p) in d.rows_mut().into_iter().zip(att.rows()) {
        let mean: T = d.iter().zip(p).map(|(&d, &p)| d * p).sum();
        d.iter_mut().zip(p).for_each(|(d, &p)| *d = p * (*d - mean)); // dscore in its place
    }
    [times(product, scale, d.view(), k), times(product, scale, d.t(), q), dv]
}
// ANCHOR_END: attention_backward

/// What multi-head attention leaves for the backward pass.
pub(super) struct MultiHead<T> {
    /// Its input. Shape: (B T, C).
    x: Array2<T>,
    /// Queries, keys and values. Shape: (B T, 3 C).
    pub(super) qkv: Array2<T>,
    /// The attention weights of each sequence and each head, and their dropout mask. Shape: (T, T).
    att: Vec<(Array2<T>, Option<Array2<T>>)>,
    /// The results of the heads, side by side. Shape: (B T, C).
    y: Array2<T>,
}

impl<T: Float> Plain<'_, T> {
    /// Multi-head attention: the only layer that mixes positions.
    ///
    /// Every head of every sequence attends by itself, on hs columns of the queries, keys and
    /// values. No sequence meets another, and no head another before c_proj.
    // ANCHOR: multi_head
    pub(super) fn multi_head(
        &self,
        attn: &MultiHeadAttention,
        params: &Params<T>,
        x: Array2<T>,
        rngs: &mut [Generator],
    ) -> (MultiHead<T>, Array2<T>) {
        let qkv = linear(self.product, &attn.c_attn, params, &x); //         (B T, 3 C)
        let mut y = Array2::zeros(x.raw_dim()); //                           (B T, C)
        let mut att = Vec::new();
        for (b, rows, [q, k, v]) in self.heads(attn, x.nrows()) {
            let mask = rngs.get_mut(b).map(|rng| self.attention_mask(rng)); // (T, T)
            let part = [&q, &k, &v].map(|c| qkv.slice(s![rows.clone(), c.clone()])); // (T, hs)
            let (weights, found) = attention(self.product, part, mask.as_ref()); // (T, T), (T, hs)
            y.slice_mut(s![rows, q]).assign(&found);
            att.push((weights, mask));
        }
        let out = linear(self.product, &attn.c_proj, params, &y); //         (B T, C)
        (MultiHead { x, qkv, att, y }, out)
    }
    // ANCHOR_END: multi_head

    /// dx from dout: the lines of `multi_head` from the last to the first.
    // ANCHOR: multi_head_backward
    pub(super) fn multi_head_backward(
        &self,
        attn: &MultiHeadAttention,
        params: &Params<T>,
        acts: &MultiHead<T>,
        dout: &Array2<T>,
        grads: &mut Params<T>,
    ) -> Array2<T> {
        let dy = linear_backward(self.product, &attn.c_proj, params, &acts.y, dout, grads);
        let mut dqkv = Array2::zeros(acts.qkv.raw_dim());
        for ((_, rows, columns), (att, mask)) in self.heads(attn, dy.nrows()).zip(&acts.att) {
            let part = columns.clone().map(|c| acts.qkv.slice(s![rows.clone(), c]));
            let dy = dy.slice(s![rows.clone(), columns[0].clone()]);
            let gradients = attention_backward(self.product, part, (att, mask.as_ref()), dy);
            for (c, gradient) in columns.into_iter().zip(gradients) {
                dqkv.slice_mut(s![rows.clone(), c]).assign(&gradient);
            }
        }
        linear_backward(self.product, &attn.c_attn, params, &acts.x, &dqkv, grads)
    }
    // ANCHOR_END: multi_head_backward

    /// For each sequence and each head: the sequence's number, its rows of `qkv`, and the head's
    /// columns of queries, keys and values. Its result goes to the columns of its queries in `y`.
    fn heads(
        &self,
        attn: &MultiHeadAttention,
        rows: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>, [Range<usize>; 3])> {
        let (attn, length, n_head) = (*attn, self.length, self.gpt.config().n_head);
        (0..rows / length).flat_map(move |b| {
            (0..n_head).map(move |h| (b, b * length..(b + 1) * length, attn.columns(h)))
        })
    }

    /// A dropout mask for the attention weights of one head, from a generator of its own.
    ///
    /// It is drawn in the order of the fast attention, so that both drop the same weights: 64
    /// queries at a time from the last to the first, with the keys up to the last of them.
    fn attention_mask(&self, rng: &mut Generator) -> Array2<T> {
        let (length, mut rng) = (self.length, Generator::from_rng(rng));
        let mut mask = Array2::zeros((length, length));
        for start in (0..length).step_by(64).rev() {
            let end = (start + 64).min(length);
            let seen = mask.slice_mut(s![start..end, ..end]);
            seen.into_iter().for_each(|m| *m = mask_value(self.gpt.config().dropout, &mut rng));
        }
        mask
    }
}

/// y = x mask: dropout forward, and with the same mask backward. No mask: nothing is dropped.
// ANCHOR: dropout
pub fn dropout<T: Float>(x: Array2<T>, mask: Option<&Array2<T>>) -> Array2<T> {
    match mask {
        Some(mask) => x * mask,
        None => x,
    }
}
// ANCHOR_END: dropout

/// A dropout mask for B sequences of T rows, from a generator for each sequence. Shape: (B T, C).
// ANCHOR: dropout_mask
pub fn dropout_mask<T: Float>(
    p: f64,
    (length, n_embd): (usize, usize),
    rngs: &mut [Generator],
) -> Array2<T> {
    let mut mask = Array2::zeros((rngs.len() * length, n_embd));
    for ((i, _), m) in mask.indexed_iter_mut() {
        *m = mask_value(p, &mut rngs[i / length]);
    }
    mask
}

/// 0 with probability p, otherwise 1 / (1 - p), so that the mean stays 1.
fn mask_value<T: Float>(p: f64, rng: &mut Generator) -> T {
    // A 32-bit number is below p 2^32 with probability p.
    let dropped = rng.next_u32() < (p * 4_294_967_296.0) as u32;
    if dropped { T::zero() } else { T::of(1.0 / (1.0 - p)) }
}
// ANCHOR_END: dropout_mask

/// `row[j]` = exp(`row[j]`) / sum of exp(`row`). Returns ln(sum of exp(`row`)), of the old row.
///
/// The largest is subtracted first and added to the result, so that exp cannot overflow.
// ANCHOR: softmax
pub fn softmax<T: Float>(row: &mut [T]) -> T {
    let max = row.iter().fold(T::neg_infinity(), |max, &x| max.max(x));
    row.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: T = row.iter().copied().sum();
    row.iter_mut().for_each(|p| *p /= sum);
    max + sum.ln()
}
// ANCHOR_END: softmax

/// The sum over all rows of -ln p(target), and its gradient times `scale`:
///
///   dlogits\[i, j\] = scale (softmax(logits\[i\])\[j\] - (1 if j is the target, else 0))
///
/// logits, dlogits: (B T, V); targets: (B T).
// ANCHOR: cross_entropy
pub fn cross_entropy<T: Float>(logits: &Array2<T>, targets: &[u32], scale: T) -> (f64, Array2<T>) {
    let (mut loss, mut d) = (0.0, logits.clone());
    for (i, mut row) in d.rows_mut().into_iter().enumerate() {
        let target = targets[i] as usize;
        let lse = softmax(row.as_slice_mut().expect("contiguous rows"));
        loss += (lse - logits[[i, target]]).f64();
        row[target] -= T::one();
        row.iter_mut().for_each(|d| *d *= scale);
    }
    (loss, d)
}
// ANCHOR_END: cross_entropy

/// y = n gamma + beta, where n = (x - mean) rstd is the row with mean 0 and standard deviation 1.
///
/// x, y: (B T, C); gamma, beta: (C).
// ANCHOR: layer_norm
pub fn layer_norm<T: Float>(norm: &Norm, params: &Params<T>, x: &Array2<T>) -> Array2<T> {
    let LayerNorm { gamma, beta } = *norm.layer_norm();
    let gamma = params.vector(gamma);
    let mut y = normalised(x).0;
    for ((_, j), y) in y.indexed_iter_mut() {
        *y *= gamma[j];
    }
    if let Some(beta) = beta {
        let beta = params.vector(beta);
        for ((_, j), y) in y.indexed_iter_mut() {
            *y += beta[j];
        }
    }
    y
}
// ANCHOR_END: layer_norm

/// dx = rstd (g - mean of g - n * mean of (g n)), where g = dy gamma;
/// dgamma += the sum of dy n;  dbeta += the sum of dy.
///
/// x moves y in three ways, one for each term of dx. x, dy, dx: (B T, C). n and rstd are computed
/// a second time.
pub fn layer_norm_backward<T: Float>(
    norm: &Norm,
    params: &Params<T>,
    x: &Array2<T>,
    dy: &Array2<T>,
    grads: &mut Params<T>,
) -> Array2<T> {
    let norm = norm.layer_norm();
    // ANCHOR: layer_norm_backward
    let (gamma, columns) = (params.vector(norm.gamma), T::of(x.ncols() as f64));
    let (n, rstd) = normalised(x);
    let mut dx = Array2::zeros(x.raw_dim());
    for i in 0..x.nrows() {
        let g = |j| dy[[i, j]] * gamma[j];
        let mean_g = (0..x.ncols()).map(g).sum::<T>() / columns;
        let mean_gn = (0..x.ncols()).map(|j| g(j) * n[[i, j]]).sum::<T>() / columns;
        for j in 0..x.ncols() {
            let direct = g(j);
            let through_mean = mean_g; //               every x is part of the mean
            let through_rstd = n[[i, j]] * mean_gn; //  and of the standard deviation
            dx[[i, j]] = rstd[i] * (direct - through_mean - through_rstd);
        }
    }
    // ANCHOR_END: layer_norm_backward
    // ANCHOR: layer_norm_weights
    let dgamma = grads.vector_mut(norm.gamma);
    for ((i, j), &dy) in dy.indexed_iter() {
        dgamma[j] += dy * n[[i, j]];
    }
    if let Some(beta) = norm.beta {
        let dbeta = grads.vector_mut(beta);
        for ((_, j), &dy) in dy.indexed_iter() {
            dbeta[j] += dy;
        }
    }
    // ANCHOR_END: layer_norm_weights
    dx
}

/// n = (x - mean) rstd for every row, and its rstd = 1 / sqrt(variance + 1e-5).
///
/// x, n: (B T, C); rstd: (B T).
// ANCHOR: normalised
fn normalised<T: Float>(x: &Array2<T>) -> (Array2<T>, Vec<T>) {
    let (mut n, mut rstds) = (x.clone(), Vec::new());
    let columns = T::of(x.ncols() as f64);
    for mut row in n.rows_mut() {
        let mean = row.iter().copied().sum::<T>() / columns;
        row.iter_mut().for_each(|x| *x -= mean);
        let variance = row.iter().map(|&x| x * x).sum::<T>() / columns;
        let rstd = T::one() / (variance + T::of(EPSILON)).sqrt();
        row.iter_mut().for_each(|x| *x *= rstd);
        rstds.push(rstd);
    }
    (n, rstds)
}
// ANCHOR_END: normalised

/// The activation function: gelu(x) = x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x³).
// ANCHOR: gelu
pub fn gelu<T: Float>(x: T) -> T {
    T::of(0.5) * x * (T::one() + gelu_u(x).tanh())
}

fn gelu_u<T: Float>(x: T) -> T {
    T::of(SQRT_2_OVER_PI) * (x + T::of(0.044715) * x * x * x)
}
// ANCHOR_END: gelu

/// Its derivative: gelu'(x) = (1 + tanh(u))/2 + x/2 (1 - tanh²(u)) u',
/// u' = sqrt(2/pi) (1 + 3 * 0.044715 x²).
// ANCHOR: gelu_derivative
pub fn gelu_derivative<T: Float>(x: T) -> T {
    let (half, tanh) = (T::of(0.5), gelu_u(x).tanh());
    let du = T::of(SQRT_2_OVER_PI) * (T::one() + T::of(3.0 * 0.044715) * x * x);
    half * (T::one() + tanh) + half * x * (T::one() - tanh * tanh) * du
}
// ANCHOR_END: gelu_derivative

const SQRT_2_OVER_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
