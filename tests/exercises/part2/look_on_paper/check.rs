//! What the predictions are held to.

use super::answer::{all_keys_moved, mixture, sharper, turned_round, weight_of_last};
use exercises::probe::Probe;
use ndarray::{Array2, array};
use stage02_attention::attention::{Mask, scaled_dot_product};

/// The attention weight of the last key, and the mixture.
fn look(query: f64, moved: f64) -> (f64, f64) {
    let q = array![[query]];
    let k = array![[moved], [2f64.ln() + moved], [4f64.ln() + moved]];
    let v = array![[8.0], [0.0], [4.0]];
    let (mut att, mut y) = (Array2::zeros((1, 3)), Array2::zeros((1, 1)));
    let qkv = (q.view(), k.view(), v.view());
    scaled_dot_product::forward(qkv, Mask::None, att.view_mut(), y.view_mut());
    (att[[0, 2]], y[[0, 0]])
}

pub fn probe(p: &mut Probe) {
    p.part("weight_of_last", |p| {
        p.predict("query 1: the weight of the last key", weight_of_last(), look(1.0, 0.0).0);
    });
    p.part("mixture", |p| p.predict("query 1: the mixture", mixture(), look(1.0, 0.0).1));
    p.part("sharper", |p| {
        p.predict("query 2: the weight of the last key", sharper(), look(2.0, 0.0).0);
    });
    p.part("turned_round", |p| {
        p.predict("query -1: the weight of the last key", turned_round(), look(-1.0, 0.0).0);
    });
    p.part("all_keys_moved", |p| {
        let truth = look(1.0, 3f64.ln()).0;
        p.predict("query 1, keys moved: the weight of the last key", all_keys_moved(), truth);
    });
}
