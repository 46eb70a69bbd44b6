//! The numeric answers of part 2's quizzes, computed by the libraries that the chapters explain.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use ndarray::{Array2, ArrayView2, array};
use stage01_bigram::loss::softmax;
use stage02_attention::attention::head::Head;
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::attention::{Mask, head_size, scaled_dot_product};
use stage02_attention::dropout::Dropout;
use stage02_attention::embedding::Embedding;
use stage02_attention::linear::Linear;
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::params::{Init, Layout, Params};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    numbers_of_a_row,
    gradient_of_man,
    size_of_one_hot,
    second_output,
    second_of_dx,
    derivative_over_two_rows,
    weights_of_a_layer,
    size_of_first_weights,
    attention_weight_of_ln_two,
    mixture_of_three,
    attention_weight_of_a_zero_query,
    attention_weights_of_256,
    variance_of_nine_coins,
    divisor_of_sixteen,
    derivative_at_nine_tenths,
    seen_by_token_four,
    attention_weights_left_of_ten,
    seen_by_one_query,
    columns_of_gpt2,
    weights_of_attention,
    first_key_of_head_two,
    blurred,
    gradient_of_first_score,
    gradient_of_scores_adds_up_to,
    second_by_first,
    gradient_of_a_value,
    loss_of_73,
    weights_at_32,
    velocity_after_two,
    belief_at_one_half,
];

/// How many numbers looking up one of 73 tokens copies, at the embedding width 64.
pub fn numbers_of_a_row() -> f64 {
    let wte = Embedding::declare(Layout::new().scope("wte"), 73, 64, Init::Zeros);
    wte.weight.cols() as f64
}

/// The first number of the gradient of *man* in "man dog man man", every row's being (1, 0).
pub fn gradient_of_man() -> f64 {
    let mut layout = Layout::new();
    let wte = Embedding::declare(layout.scope("wte"), 3, 2, Init::Zeros);
    let mut grads = Params::zeros(&layout);
    let dx = array![[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]];
    wte.backward([2, 1, 2, 2].into_iter(), dx.view(), &mut grads);
    grads.matrix(wte.weight)[[2, 0]]
}

/// How many numbers the one-hot rows of 64 tokens have, with 73 tokens to choose from.
pub fn size_of_one_hot() -> f64 {
    let tokens: Vec<usize> = (0..64).collect();
    let one_hot = Array2::from_shape_fn((tokens.len(), 73), |(i, j)| u8::from(tokens[i] == j));
    one_hot.len() as f64
}

/// The linear layer of the paper example.
fn linear() -> (Linear, Params<f64>) {
    let mut layout = Layout::new();
    let linear = Linear::declare(layout.scope("c_fc"), 2, 3, true, Init::Zeros);
    (linear, Params { values: vec![1., 0., -1., 2., 1., 0., 10., 20., 30.] })
}

/// The second output of the paper example's layer for (3, 1).
pub fn second_output() -> f64 {
    let (linear, params) = linear();
    let mut y = Array2::zeros((1, 3));
    linear.forward(&params, array![[3.0, 1.0]].view(), y.view_mut());
    y[[0, 1]]
}

/// The second number of dx, where dy is (1, 1, 1).
pub fn second_of_dx() -> f64 {
    let (linear, params) = linear();
    let (mut dx, mut grads) = (Array2::zeros((1, 2)), params.clone());
    let (x, dy) = (array![[0.0, 0.0]], array![[1.0, 1.0, 1.0]]);
    linear.backward(&params, x.view(), dy.view(), dx.view_mut(), &mut grads);
    dx[[0, 1]]
}

/// The derivative with respect to a weight that two rows use.
pub fn derivative_over_two_rows() -> f64 {
    let mut layout = Layout::new();
    let linear = Linear::declare(layout.scope("c_fc"), 2, 1, false, Init::Zeros);
    let mut grads = Params::zeros(&layout);
    let (x, dy) = (array![[1.0, 0.0], [1.0, 5.0]], array![[2.0], [2.0]]);
    linear.backward_weights(x.view(), dy.view(), &mut grads);
    grads.matrix(linear.weight)[[0, 0]]
}

/// How many weights a layer of 64 to 192 has, with a bias.
pub fn weights_of_a_layer() -> f64 {
    let mut layout = Layout::new();
    Linear::declare(layout.scope("c_fc"), 64, 192, true, Init::Zeros);
    layout.len() as f64
}

/// How large the model lets the first weights of a layer with 100 inputs be.
pub fn size_of_first_weights() -> f64 {
    let config = Config { vocab_size: 73, block_size: 64, n_embd: 100, n_head: 4 };
    let model = AttentionModel::new(config).expect("sizes that fit");
    match model.layout().tensors()[2].init {
        Init::Normal(std) => std,
        Init::Zeros | Init::Ones => f64::NAN,
    }
}

/// The attention weights of one query of one number for some keys, and its mixture of the values.
fn look_up(query: f64, keys: &[f64], values: &[f64]) -> (Vec<f64>, f64) {
    let column = |values: &[f64]| {
        Array2::from_shape_vec((values.len(), 1), values.to_vec()).expect("one column")
    };
    let (q, k, v) = (column(&[query]), column(keys), column(values));
    let (mut att, mut y) = (Array2::zeros((1, keys.len())), Array2::zeros((1, 1)));
    let qkv = (q.view(), k.view(), v.view());
    scaled_dot_product::forward(qkv, Mask::None, att.view_mut(), y.view_mut());
    (att.into_raw_vec_and_offset().0, y[[0, 0]])
}

/// Scores 0, 0 and ln 2: the attention weight of the third.
pub fn attention_weight_of_ln_two() -> f64 {
    digits(look_up(1.0, &[0.0, 0.0, 2f64.ln()], &[0.0; 3]).0[2], 9)
}

/// Attention weights 0.5, 0.25 and 0.25 of the values 4, 8 and 0.
pub fn mixture_of_three() -> f64 {
    digits(look_up(1.0, &[2f64.ln(), 0.0, 0.0], &[4.0, 8.0, 0.0]).1, 9)
}

/// The attention weight of each of five tokens for a query of zero.
pub fn attention_weight_of_a_zero_query() -> f64 {
    digits(look_up(0.0, &[1.0, 2.0, 3.0, 4.0, 5.0], &[0.0; 5]).0[0], 9)
}

/// How many attention weights a head has over 256 tokens.
pub fn attention_weights_of_256() -> f64 {
    let mut layout = Layout::new();
    let head = Head::declare(layout.scope("head"), 1, 1, Mask::None, Init::Zeros);
    let acts = head.forward(&Params::zeros(&layout), Array2::<f64>::zeros((256, 1)).view());
    acts.att.len() as f64
}

/// The mean square of the sum of nine coins.
pub fn variance_of_nine_coins() -> f64 {
    let square = |throw: u32| f64::from(2 * throw.count_ones() as i32 - 9).powi(2);
    (0..1 << 9).map(square).sum::<f64>() / 512.0
}

/// By what scores are divided where a head has 16 columns: what is left of a score of 1.
pub fn divisor_of_sixteen() -> f64 {
    let mut q = Array2::zeros((1, 16));
    q[[0, 0]] = 1.0;
    let k = array![[1.0], [0.0]].dot(&q);
    let mut att = Array2::zeros((1, 2));
    scaled_dot_product::attention_weights(q.view(), k.view(), Mask::None, att.view_mut());
    digits(1.0 / f64::ln(att[[0, 0]] / att[[0, 1]]), 6)
}

/// The derivative of an attention weight of 0.9, of two, with respect to its score.
pub fn derivative_at_nine_tenths() -> f64 {
    derivative_of_weight(&[0.9, 0.1], 0, 0)
}

/// The derivative of attention weight i with respect to score j, by nudging.
fn derivative_of_weight(att: &[f64], i: usize, j: usize) -> f64 {
    let at = |h: f64| {
        let mut scores: Vec<f64> = att.iter().map(|p| p.ln()).collect();
        scores[j] += h;
        let mut p = vec![0.0; scores.len()];
        softmax(&scores, &mut p);
        p[i]
    };
    digits((at(1e-5) - at(-1e-5)) / 2e-5, 6)
}

/// How many tokens token 4 of ten sees.
pub fn seen_by_token_four() -> f64 {
    Mask::Causal.visible(4, 10, 10) as f64
}

/// How many attention weights a causal mask leaves of ten tokens.
pub fn attention_weights_left_of_ten() -> f64 {
    (0..10).map(|i| Mask::Causal.visible(i, 10, 10)).sum::<usize>() as f64
}

/// How many of 20 keys a single new query sees.
pub fn seen_by_one_query() -> f64 {
    Mask::Causal.visible(0, 1, 20) as f64
}

/// The columns of a head in GPT-2's smallest model.
pub fn columns_of_gpt2() -> f64 {
    head_size(768, 12).expect("they fit") as f64
}

/// Attention of an embedding width with 4 heads, without bias, and its layout.
fn attention(n_embd: usize) -> (MultiHeadAttention, Layout) {
    let mut layout = Layout::new();
    let (dropout, init) = (Dropout::new(0.0).expect("a probability"), (Init::Zeros, Init::Zeros));
    let scope = layout.scope("attn");
    let attn = MultiHeadAttention::declare(scope, (n_embd, 4), Mask::Causal, dropout, false, init);
    (attn.expect("4 heads fit"), layout)
}

/// The number of weights of attention at the embedding width 128.
pub fn weights_of_attention() -> f64 {
    attention(128).1.len() as f64
}

/// Where the keys of head 2 begin.
pub fn first_key_of_head_two() -> f64 {
    attention(64).0.columns(2)[1].start as f64
}

/// The attention weights 0.3 and 0.7 of (20, 0) and (0, 20): the second number.
pub fn blurred() -> f64 {
    digits(look_up(1.0, &[3f64.ln(), 7f64.ln()], &[0.0, 20.0]).1, 9)
}

/// The gradients of queries, keys and values of one number each.
fn back(q: &[f64], k: &[f64], v: &[f64], dy: &[f64]) -> [Vec<f64>; 3] {
    let column = |x: &[f64]| Array2::from_shape_vec((x.len(), 1), x.to_vec()).expect("a column");
    let columns = [q, k, v, dy].map(column);
    let [q, k, v, dy]: [ArrayView2<f64>; 4] = columns.each_ref().map(|x| x.view());
    let shape = (q.nrows(), k.nrows());
    let (mut att, mut datt) = (Array2::zeros(shape), Array2::zeros(shape));
    scaled_dot_product::attention_weights(q, k, Mask::None, att.view_mut());
    let [mut dq, mut dk, mut dv] = [q, k, v].map(|x| Array2::zeros(x.dim()));
    let grads = (dq.view_mut(), dk.view_mut(), dv.view_mut());
    scaled_dot_product::backward((q, k, v), att.view(), dy, datt.view_mut(), grads);
    [dq, dk, dv].map(|d| d.into_raw_vec_and_offset().0)
}

/// Two equal attention weights with dp = (2, 6): the gradient of the first score. With q = 1 it
/// is that of the first key.
pub fn gradient_of_first_score() -> f64 {
    back(&[1.0], &[0.0, 0.0], &[2.0, 6.0], &[1.0])[1][0]
}

/// The sum of the gradient of a row of scores.
pub fn gradient_of_scores_adds_up_to() -> f64 {
    let dk = &back(&[1.0], &[0.3, -1.0, 2.0], &[2.0, 6.0, -1.0], &[1.0])[1];
    dk.iter().sum::<f64>().round().abs()
}

/// Attention weights 0.5, 0.3, 0.2: the derivative of the second with respect to the first score.
pub fn second_by_first() -> f64 {
    derivative_of_weight(&[0.5, 0.3, 0.2], 1, 0)
}

/// The gradient of a value to which two tokens attend with the weights 0.2 and 0.7.
pub fn gradient_of_a_value() -> f64 {
    let q = [0.25f64.ln(), (7.0 / 3.0f64).ln()];
    digits(back(&q, &[1.0, 0.0], &[0.0, 0.0], &[10.0, 10.0])[2][0], 9)
}

/// The loss of the uniform baseline with 73 characters.
pub fn loss_of_73() -> f64 {
    let mut p = [0.0; 73];
    softmax(&[0.0; 73], &mut p);
    digits(-f64::ln(p[0]), 2)
}

/// The number of weights of the one-block model at the embedding width 32.
pub fn weights_at_32() -> f64 {
    let config = Config { vocab_size: 73, block_size: 64, n_embd: 32, n_head: 4 };
    AttentionModel::new(config).expect("sizes that fit").layout().len() as f64
}

/// The velocity after two steps with the gradient 1.
pub fn velocity_after_two() -> f64 {
    (0..2).fold(0.0, |velocity, _| 0.9 * velocity + 1.0)
}

/// What to believe of a letter that the rule names in half of the cases, and a lot in a quarter
/// of the rest.
pub fn belief_at_one_half() -> f64 {
    let lots = [0.25; 4];
    0.5 + 0.5 * lots[0]
}

/// Rounded to some digits behind the point.
fn digits(x: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (x * scale).round() / scale
}
