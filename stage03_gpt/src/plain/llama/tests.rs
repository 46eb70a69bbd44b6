//! The plain parts and the fast ones are held to each other, in `f64`.

use ndarray::{Array2, Axis, concatenate, s};
use proptest::prelude::*;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::attention::Mask;
use stage02_attention::attention::multi_head::{MultiHeadAttention, Options};
use stage02_attention::attention::rotary::Rope;
use stage02_attention::backward::Backward;
use stage02_attention::dropout::Dropout;
use stage02_attention::matmul;
use stage02_attention::params::{Init, Layout, Params, fill_normal};

use super::grouped::{grouped_attention, grouped_attention_backward};
use super::rotary::{rotate, rotate_backward};
use crate::plain::layers::{linear, linear_backward};

const THETA: f64 = 50.0;

fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut x = Array2::zeros((rows, columns));
    let values = x.as_slice_mut().expect("contiguous");
    fill_normal(values, 1.0, &mut generator(seed, Purpose::Other, 0));
    x
}

/// Applies `turn` to every head.
fn each_head(
    x: Array2<f64>,
    head_size: usize,
    turn: impl Fn(&Array2<f64>) -> Array2<f64>,
) -> Array2<f64> {
    let heads = x.axis_chunks_iter(Axis(1), head_size).map(|head| turn(&head.to_owned()));
    let heads: Vec<_> = heads.collect();
    let views: Vec<_> = heads.iter().map(|head| head.view()).collect();
    concatenate(Axis(1), &views).expect("as many rows")
}

fn near(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-10 * (1.0 + b.abs());
    a.dim() == b.dim() && a.iter().zip(b).all(near)
}

proptest! {
    #[test]
    fn the_fast_rotation_is_the_plain_one(pairs in 1usize..9, start in 0usize..99, seed: u64) {
        let (size, rows) = (2 * pairs, 3);
        let (x, dy) = (normal(rows, size, seed), normal(rows, size, seed ^ 1));
        let (mut y, mut dx) = (x.clone(), dy.clone());
        let angles = Rope::new(THETA).angles(size, start + rows);
        for i in 0..rows {
            angles.rotate(start + i, y.row_mut(i).into_slice().expect("contiguous"));
            angles.rotate_back(start + i, dx.row_mut(i).into_slice().expect("contiguous"));
        }
        prop_assert!(near(&y, &rotate(&x, start, THETA)));
        prop_assert!(near(&dx, &rotate_backward(&dy, start, THETA)));
    }

    /// A whole attention layer with rotary positions and grouped queries, forward and backward.
    #[test]
    fn the_fast_layer_is_the_plain_one(
        kv in 1usize..4, group in 1usize..4, pairs in 1usize..4, batch in 1usize..3,
        length in 1usize..6, bias: (bool, bool), seed: u64,
    ) {
        let (n_head, size) = (kv * group, 2 * pairs);
        let (n_embd, rows) = (n_head * size, batch * length);
        let (mut layout, init) = (Layout::new(), Init::Normal(0.5));
        let options = Options { n_kv_head: kv, rope: Some(Rope::new(THETA)), bias };
        let (scope, none) = (layout.scope("attn"), Dropout::new(0.0).unwrap());
        let attn = MultiHeadAttention::declare_with(
            scope, (n_embd, n_head), Mask::Causal, none, options, (init, init),
        ).unwrap();
        let params = Params::<f64>::initialise(&layout, &mut generator(seed, Purpose::Other, 0));
        let (x, dout) = (normal(rows, n_embd, seed ^ 1), normal(rows, n_embd, seed ^ 2));

        let (mut out, mut dx) = (x.clone(), x.clone());
        let (mut acts, mut scratch) = (attn.activations(batch, length), attn.scratch(batch, length));
        let mut grads = Params::zeros(&layout);
        attn.forward(&params, x.view(), &mut acts, out.view_mut(), None);
        let pass = Backward { params: &params, grads: &mut grads, scratch: &mut scratch };
        attn.backward(x.view(), &acts, dout.view(), dx.view_mut(), pass);

        // The same in plain steps, one sequence after another.
        let product = matmul::plain;
        let mut plain_grads = Params::zeros(&layout);
        let qkv = linear(product, &attn.c_attn, &params, &x);
        let (keys, values) = (n_embd, n_embd + kv * size);
        let (mut y, mut sequences) = (x.clone(), Vec::new());
        for b in 0..batch {
            let t = b * length..(b + 1) * length;
            let part = |columns: std::ops::Range<usize>| qkv.slice(s![t.clone(), columns]).to_owned();
            let turned = |x| each_head(x, size, |head| rotate(head, 0, THETA));
            let parts = [turned(part(0..keys)), turned(part(keys..values)), part(values..qkv.ncols())];
            let [q, k, v] = [0, 1, 2].map(|i| parts[i].view());
            let (att, found) = grouped_attention(product, [q, k, v], n_head, kv);
            y.slice_mut(s![t.clone(), ..]).assign(&found);
            sequences.push((t, parts, att));
        }
        let plain_out = linear(product, &attn.c_proj, &params, &y);
        prop_assert!(near(&out, &plain_out));

        let dy = linear_backward(product, &attn.c_proj, &params, &y, &dout, &mut plain_grads);
        let mut dqkv = Array2::zeros(qkv.raw_dim());
        for (t, parts, att) in sequences {
            let [q, k, v] = [0, 1, 2].map(|i| parts[i].view());
            let dy = dy.slice(s![t.clone(), ..]);
            let [dq, dk, dv] = grouped_attention_backward(product, [q, k, v], &att, dy, kv);
            let back = |d| each_head(d, size, |head| rotate_backward(head, 0, THETA));
            let d = concatenate![Axis(1), back(dq), back(dk), dv];
            dqkv.slice_mut(s![t, ..]).assign(&d);
        }
        let plain_dx = linear_backward(product, &attn.c_attn, &params, &x, &dqkv, &mut plain_grads);
        prop_assert!(near(&dx, &plain_dx));
        for (fast, plain) in grads.values.iter().zip(&plain_grads.values) {
            prop_assert!((fast - plain).abs() < 1e-10 * (1.0 + plain.abs()), "{fast} {plain}");
        }
    }
}
