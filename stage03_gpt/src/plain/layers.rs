//! The layers of a GPT in plain loops, each forward and backward.
//!
//! A function takes whole tables and gives back a new one; gradients of weights are added to
//! `grads`. The comments say what is computed; why a derivative is what it is stands beside its
//! fast twin ([`Linear`], [`fused`](stage02_attention::attention::fused), [`LayerNorm`],
//! [`loss`](stage01_bigram::loss), [`mlp`](crate::mlp)).

use ndarray::{Array2, ArrayView2};
use stage01_bigram::Float;
use stage02_attention::embedding::Embedding;
use stage02_attention::linear::Linear;
use stage02_attention::params::Params;

use super::Product;
use crate::layer_norm::{EPSILON, LayerNorm};

/// alpha a b, as a new table. a: (m, k); b: (k, n); result: (m, n).
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

/// `x[i] = wte[token i] + wpe[i mod length]`: what the token is, and where it stands.
///
/// tokens: (rows); result: (rows, n_embd).
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

/// `dwte[token i] += dx[i]`;  `dwpe[i mod length] += dx[i]`. dx: (rows, n_embd).
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

/// y = x W + b. x: (rows, n_in); y: (rows, n_out).
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

/// dx = dy W';  dW += x' dy;  db += the sum of the rows of dy.
///
/// x, dx: (rows, n_in); dy: (rows, n_out).
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

/// att = softmax(q k' / sqrt(d)) with the future left out;  y = att v. Returns (att, y).
///
/// q, k, v, y: (length, d); att: (length, length).
pub fn attention<T: Float>(
    product: Product<T>,
    [q, k, v]: [ArrayView2<T>; 3],
) -> (Array2<T>, Array2<T>) {
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    let mut att = times(product, scale, q, k.t());
    for (i, mut row) in att.rows_mut().into_iter().enumerate() {
        let (seen, hidden) = row.as_slice_mut().expect("contiguous rows").split_at_mut(i + 1);
        softmax(seen);
        hidden.fill(T::zero());
    }
    let y = times(product, T::one(), att.view(), v);
    (att, y)
}

/// The gradients of q, k and v from the gradient of y.
///
///   datt = dy v',    dscore\[i, j\] = att\[i, j\] (datt\[i, j\] - sum over l of att\[i, l\] datt\[i, l\]),
///   dq = dscore k / sqrt(d),    dk = dscore' q / sqrt(d),    dv = att' dy
///
/// q, k, v, att: as in [`attention`]; dy, dq, dk, dv: (length, d).
pub fn attention_backward<T: Float>(
    product: Product<T>,
    [q, k, v]: [ArrayView2<T>; 3],
    att: &Array2<T>,
    dy: ArrayView2<T>,
) -> [Array2<T>; 3] {
    let scale = T::of(1.0 / (q.ncols() as f64).sqrt());
    let dv = times(product, T::one(), att.t(), dy);
    let mut d = times(product, T::one(), dy, v.t()); // datt, then dscore in its place
    for (mut d, p) in d.rows_mut().into_iter().zip(att.rows()) {
        let mean: T = d.iter().zip(p).map(|(&d, &p)| d * p).sum();
        d.iter_mut().zip(p).for_each(|(d, &p)| *d = p * (*d - mean));
    }
    [times(product, scale, d.view(), k), times(product, scale, d.t(), q), dv]
}

/// `row[j]` = exp(`row[j]`) / sum of exp(`row`). Returns ln(sum of exp(`row`)), of the old row.
///
/// The largest is taken from each before, and given back after, so that exp cannot overflow.
pub fn softmax<T: Float>(row: &mut [T]) -> T {
    let max = row.iter().fold(T::neg_infinity(), |max, &x| max.max(x));
    row.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: T = row.iter().copied().sum();
    row.iter_mut().for_each(|p| *p /= sum);
    max + sum.ln()
}

/// The sum over all rows of -ln p(target), and its gradient times `scale`:
///
///   dlogits\[i, j\] = scale (softmax(logits\[i\])\[j\] - (1 if j is the target, else 0))
///
/// logits, dlogits: (rows, vocab_size); targets: (rows).
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

/// y = n gamma + beta, where n = (x - mean) rstd is the row with mean 0 and spread 1.
///
/// x, y: (rows, n_embd); gamma, beta: (n_embd).
pub fn layer_norm<T: Float>(norm: &LayerNorm, params: &Params<T>, x: &Array2<T>) -> Array2<T> {
    let gamma = params.vector(norm.gamma);
    let mut y = normalised(x).0;
    for ((_, j), y) in y.indexed_iter_mut() {
        *y *= gamma[j];
    }
    if let Some(beta) = norm.beta {
        let beta = params.vector(beta);
        for ((_, j), y) in y.indexed_iter_mut() {
            *y += beta[j];
        }
    }
    y
}

/// dx = rstd (g - mean of g - n * mean of (g n)), where g = dy gamma;
/// dgamma += the sum of dy n;  dbeta += the sum of dy.
///
/// x, dy, dx: (rows, n_embd). n and rstd are computed a second time.
pub fn layer_norm_backward<T: Float>(
    norm: &LayerNorm,
    params: &Params<T>,
    x: &Array2<T>,
    dy: &Array2<T>,
    grads: &mut Params<T>,
) -> Array2<T> {
    let (gamma, columns) = (params.vector(norm.gamma), T::of(x.ncols() as f64));
    let (n, rstd) = normalised(x);
    let mut dx = Array2::zeros(x.raw_dim());
    for i in 0..x.nrows() {
        let g = |j| dy[[i, j]] * gamma[j];
        let mean_g = (0..x.ncols()).map(g).sum::<T>() / columns;
        let mean_gn = (0..x.ncols()).map(|j| g(j) * n[[i, j]]).sum::<T>() / columns;
        for j in 0..x.ncols() {
            dx[[i, j]] = rstd[i] * (g(j) - mean_g - n[[i, j]] * mean_gn);
        }
    }
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
    dx
}

/// n = (x - mean) rstd for every row, and its rstd = 1 / sqrt(variance + 1e-5).
///
/// x, n: (rows, n_embd); rstd: (rows).
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

/// gelu(x) = x/2 (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x³).
pub fn gelu<T: Float>(x: T) -> T {
    T::of(0.5) * x * (T::one() + gelu_u(x).tanh())
}

/// gelu'(x) = (1 + tanh(u))/2 + x/2 (1 - tanh²(u)) u', u' = sqrt(2/pi) (1 + 3 * 0.044715 x²).
pub fn gelu_derivative<T: Float>(x: T) -> T {
    let (half, tanh) = (T::of(0.5), gelu_u(x).tanh());
    let du = T::of(SQRT_2_OVER_PI) * (T::one() + T::of(3.0 * 0.044715) * x * x);
    half * (T::one() + tanh) + half * x * (T::one() - tanh * tanh) * du
}

fn gelu_u<T: Float>(x: T) -> T {
    T::of(SQRT_2_OVER_PI) * (x + T::of(0.044715) * x * x * x)
}

const SQRT_2_OVER_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
