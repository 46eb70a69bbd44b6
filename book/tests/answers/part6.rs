//! The numeric answers of the quizzes of part 6.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use std::collections::BTreeSet;

use ndarray::{Array2, array};
use stage02_attention::attention::documents::Documents;
use stage02_attention::linear::Linear;
use stage02_attention::lora::{Adapter, Lora};
use stage02_attention::params::{Init, Layout, Params};
use stage03_gpt::dpo::Pair;

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    loss_of_two_answers,
    scores_of_a_packed_row,
    similarity_of_four_and_six,
    numbers_of_rank_four,
    first_output,
    scale_of_rank_sixteen,
    chance_of_a_against_c,
    margin_of_two_falls,
    bytes_of_a_thousand_references,
    error_of_ninety_of_a_hundred,
    four_to_none,
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

/// Strengths of 6, 2 and 1: A beats B by 3 to 1, B beats C by 2 to 1.
pub fn chance_of_a_against_c() -> f64 {
    let [a, _, c] = [6.0, 2.0, 1.0];
    a / (a + c)
}

/// What the loss computes.
pub fn margin_of_two_falls() -> f64 {
    Pair { policy: [-53.0, -63.0], reference: [-50.0, -40.0], beta: 0.1 }.margin()
}

/// Two numbers of 8 bytes for each.
pub fn bytes_of_a_thousand_references() -> f64 {
    (1000 * size_of::<[f64; 2]>()) as f64
}

/// From the deviations of a hundred numbers, 90 of them 1 and 10 of them 0.
pub fn error_of_ninety_of_a_hundred() -> f64 {
    let numbers = [vec![1.0; 90], vec![0.0; 10]].concat();
    let square = numbers.iter().map(|x| (x - 0.9) * (x - 0.9)).sum::<f64>() / 100.0;
    (square / 100.0f64).sqrt()
}

/// The outcomes of four tosses that are all the same.
pub fn four_to_none() -> f64 {
    let same = (0u32..16).filter(|outcome| [0, 4].contains(&outcome.count_ones()));
    same.count() as f64 / 16.0
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
