//! What the predictions are held to.

use super::answer::{
    attention_weights, parameters_with_twice_the_heads, queries_keys_values, with_twice_the_heads,
    with_twice_the_length,
};
use exercises::probe::Probe;
use ndarray::Array2;
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::attention::{Mask, multi_head_plain};
use stage02_attention::dropout::Dropout;
use stage02_attention::params::{Init, Layout, Params};

/// Attention weights; queries, keys and values; parameters.
fn counted(n_head: usize, length: usize) -> [usize; 3] {
    let (mut layout, init) = (Layout::new(), Init::Zeros);
    let none = Dropout::new(0.0).expect("no dropout");
    let scope = layout.scope("attn");
    let inits = (init, init);
    let attn = MultiHeadAttention::declare(scope, (32, n_head), Mask::Causal, none, false, inits)
        .expect("a multiple");
    let params = Params::<f64>::zeros(&layout);
    let x = Array2::zeros((2 * length, 32));
    let acts = multi_head_plain::forward(&attn, &params, x.view(), length);
    [acts.att.iter().map(Array2::len).sum(), acts.qkv.len(), layout.len()]
}

pub fn probe(p: &mut Probe) {
    let [att, qkv, _] = counted(4, 64);
    let [more_att, _, parameters] = counted(8, 64);
    p.part("attention_weights", |p| {
        p.predict("attention weights of two windows", attention_weights(), att);
    });
    p.part("queries_keys_values", |p| {
        p.predict("numbers of queries, keys and values", queries_keys_values(), qkv);
    });
    p.part("with_twice_the_heads", |p| {
        p.predict("attention weights with 8 heads", with_twice_the_heads(), more_att);
    });
    p.part("with_twice_the_length", |p| {
        let truth = counted(4, 128)[0];
        p.predict("attention weights with 128 tokens", with_twice_the_length(), truth);
    });
    p.part("parameters_with_twice_the_heads", |p| {
        let guess = parameters_with_twice_the_heads();
        p.predict("parameters with 8 heads", guess, parameters);
    });
}
