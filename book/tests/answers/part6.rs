//! The numeric answers of the quizzes of part 6.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use std::collections::BTreeSet;

use ndarray::{Array2, array};
use stage02_attention::attention::documents::Documents;
use stage02_attention::linear::Linear;
use stage02_attention::lora::{Adapter, Lora};
use stage02_attention::params::{Init, Layout, Params};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    loss_of_two_answers,
    scores_of_a_packed_row,
    similarity_of_four_and_six,
    numbers_of_rank_four,
    first_output,
    scale_of_rank_sixteen,
    old_tokens_for_a_tenth,
    where_it_settles,
    old_loss_halfway,
];

/// The mean over all tokens of both.
pub fn loss_of_two_answers() -> f64 {
    let losses = [[1.0; 4].as_slice(), &[6.0]].concat();
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Each token sees those of its document up to itself.
pub fn scores_of_a_packed_row() -> f64 {
    let mut documents = Documents::whole(1, 8);
    documents.set(&[vec![5, 3]]);
    (0..8).map(|row| documents.position(row) + 1).sum::<usize>() as f64
}

/// 4 and 6 elements, 2 of which are the same.
pub fn similarity_of_four_and_six() -> f64 {
    let (a, b): (BTreeSet<u32>, BTreeSet<u32>) = ((0..4).collect(), (2..8).collect());
    a.intersection(&b).count() as f64 / a.union(&b).count() as f64
}

/// What the layer declares.
pub fn numbers_of_rank_four() -> f64 {
    let mut layout = Layout::new();
    Adapter::declare(layout.scope("layer"), 1000, 0..200, 4);
    layout.len() as f64
}

/// A layer of one input, which is 1: x W = (1, 1), x A = 1, B = (4, 0), s = 0.5.
pub fn first_output() -> f64 {
    let mut layout = Layout::new();
    let adapter = Adapter::declare(layout.scope("w"), 1, 0..2, 1);
    let mut linear = Linear::declare(layout.scope("w"), 1, 2, false, Init::Zeros);
    linear.lora = Some(Lora::new(&[adapter], 0.5).unwrap());
    let params = Params { values: vec![1.0, 4.0, 0.0, 1.0, 1.0] };
    let mut y = Array2::zeros((1, 2));
    linear.forward(&params, array![[1.0]].view(), y.view_mut());
    y[[0, 0]]
}

/// alpha / rank, for an alpha of 16.
pub fn scale_of_rank_sixteen() -> f64 {
    let (alpha, rank) = (16.0, 16usize);
    alpha / rank as f64
}

/// As many as make a tenth of all, counted up one by one.
pub fn old_tokens_for_a_tenth() -> f64 {
    let new = 9000;
    let old = (0..).find(|old| 10 * old >= new + old);
    f64::from(old.expect("some number is enough"))
}

/// Gradient descent on the mixture of a fifth of the old task, until nothing moves.
pub fn where_it_settles() -> f64 {
    let mut w = 0.0;
    for _ in 0..200 {
        w -= 0.5 * (0.2 * w + 0.8 * (w - 10.0));
    }
    w
}

/// A square that is 0 at 0 and 12 at 1, in the middle.
pub fn old_loss_halfway() -> f64 {
    let square = |place: f64| 12.0 * place * place;
    square(0.5)
}
