//! The numeric answers of the quizzes of part 3's first half, computed by the libraries that the
//! chapters explain.
//!
//! A question names one of these functions in `computed`; the right choice must be its number.

use stage01_bigram::loss::cross_entropy;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::linear::Linear;
use stage02_attention::params::{Init, Layout, Params, fill_normal};
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::layer_norm::{LayerNorm, Statistics};
use stage03_gpt::mlp::{Mlp, gelu_and_derivative};

use crate::Answer;

/// Every answer by its name.
pub const ANSWERS: &[Answer] = answers![
    bias_of_two_layers,
    derivative_of_gelu_at_zero,
    feed_forward_numbers_of_ten,
    nudge_through_four_layers,
    nudge_through_two_residual_layers,
    ways_through_ten_layers,
    second_of_four_and_six,
    normalised_constant,
    gradient_of_a_norm_adds_up_to,
    numbers_of_a_norm,
    numbers_of_a_small_gpt,
    more_numbers_with_fewer_heads,
    block_matrices_with_twice_the_width,
    std_of_a_hundred,
    above_for_a_std_of_two,
    c_proj_divisor_of_eight_blocks,
    gradient_of_a_number_used_twice,
    kept_for_a_token,
];

/// The bias of the single layer that 3x + 1 and then 2x - 4 make: what they make of 0.
pub fn bias_of_two_layers() -> f64 {
    let mut layout = Layout::new();
    let [first, second] = ["first", "second"]
        .map(|name| Linear::declare(layout.scope(name), 1, 1, true, Init::Zeros));
    let params = Params { values: vec![3.0, 1.0, 2.0, -4.0f64] };
    let [mut x, mut y] = [ndarray::array![[0.0]], ndarray::array![[0.0]]];
    first.forward(&params, x.view(), y.view_mut());
    second.forward(&params, y.view(), x.view_mut());
    x[[0, 0]]
}

/// The derivative of GELU at 0.
pub fn derivative_of_gelu_at_zero() -> f64 {
    gelu_and_derivative(0.0f64).1
}

/// How many numbers a feed-forward layer for the embedding width 10 has.
pub fn feed_forward_numbers_of_ten() -> f64 {
    let mut layout = Layout::new();
    let init = (Init::Zeros, Init::Zeros);
    let _ = Mlp::declare(layout.scope("mlp"), 10, true, init);
    layout.len() as f64
}

/// What four layers, y = 0.5 x each, make of a nudge of 1.
pub fn nudge_through_four_layers() -> f64 {
    let mut x = ndarray::array![[1.0]];
    for _ in 0..4 {
        x = through_half(&x);
    }
    x[[0, 0]]
}

/// What two layers, y = x + 0.5 x each, make of a nudge of 1.
pub fn nudge_through_two_residual_layers() -> f64 {
    let mut x = ndarray::array![[1.0]];
    for _ in 0..2 {
        x = &x + &through_half(&x);
    }
    x[[0, 0]]
}

/// How many ways lead through ten layers with a plus: one layer with the derivative 1 doubles the sum.
pub fn ways_through_ten_layers() -> f64 {
    let mut ways = 1.0;
    for _ in 0..10 {
        ways += ways; // around it and through it
    }
    ways
}

/// x times one half, by a linear layer.
fn through_half(x: &ndarray::Array2<f64>) -> ndarray::Array2<f64> {
    let mut layout = Layout::new();
    let layer = Linear::declare(layout.scope("half"), 1, 1, false, Init::Zeros);
    let mut y = x.clone();
    layer.forward(&Params { values: vec![0.5] }, x.view(), y.view_mut());
    y
}

/// The result of a fresh layer norm for one row.
fn normalised(row: &[f64]) -> Vec<f64> {
    let mut layout = Layout::new();
    let norm = LayerNorm::declare(layout.scope("ln"), row.len(), false);
    let x = ndarray::ArrayView2::from_shape((1, row.len()), row).expect("one row");
    let mut y = x.to_owned();
    let params = Params { values: vec![1.0; row.len()] };
    norm.forward(&params, x, &mut Statistics::new(1), y.view_mut());
    y.into_raw_vec_and_offset().0
}

/// The second number of (4, 6), normalised.
pub fn second_of_four_and_six() -> f64 {
    normalised(&[4.0, 6.0])[1]
}

/// What becomes of a row of fives.
pub fn normalised_constant() -> f64 {
    normalised(&[5.0; 4])[0]
}

/// The sum of dx behind a layer norm, for some x and some gradient.
pub fn gradient_of_a_norm_adds_up_to() -> f64 {
    let mut layout = Layout::new();
    let norm = LayerNorm::declare(layout.scope("ln"), 3, false);
    let (x, dy) = (ndarray::array![[1.0, 2.0, 4.0]], ndarray::array![[1.0, -3.0, 0.5]]);
    let [mut y, mut dx] = [(); 2].map(|()| ndarray::Array2::zeros((1, 3)));
    let (params, mut statistics) = (Params { values: vec![1.0f64; 3] }, Statistics::new(1));
    norm.forward(&params, x.view(), &mut statistics, y.view_mut());
    let mut grads = Params::zeros(&layout);
    norm.backward(&params, x.view(), &statistics, dy.view(), dx.view_mut(), &mut grads);
    dx.sum()
}

/// How many numbers a layer norm of 128 columns learns.
pub fn numbers_of_a_norm() -> f64 {
    let mut layout = Layout::new();
    let _ = LayerNorm::declare(layout.scope("ln"), 128, true);
    layout.len() as f64
}

/// The sizes of a GPT with biases: vocabulary, context, layers, heads, embedding width.
fn sizes([vocab_size, block_size, n_layer, n_head, n_embd]: [usize; 5]) -> GptConfig {
    GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout: 0.0,
        bias: true,
        ..GptConfig::default()
    }
}

/// How many numbers a GPT with 10 tokens, 8 places, one block and the embedding width 4 learns.
pub fn numbers_of_a_small_gpt() -> f64 {
    let gpt = Gpt::new(sizes([10, 8, 1, 1, 4])).expect("sizes that fit together");
    gpt.layout().len() as f64
}

/// What 6 heads instead of 12 do to the number of weights of GPT-2 small.
pub fn more_numbers_with_fewer_heads() -> f64 {
    let count = |heads| sizes([50_257, 1024, 12, heads, 768]).n_params() as f64;
    count(6) - count(12)
}

/// By what the weights in the matrices of a block are multiplied when its width is doubled.
pub fn block_matrices_with_twice_the_width() -> f64 {
    let weights = |n_embd| {
        let gpt = Gpt::new(sizes([10, 8, 1, 1, n_embd])).expect("sizes that fit together");
        let tensors = gpt.layout().tensors().iter();
        let matrices = tensors.filter(|t| t.name.starts_with("h.0") && t.shape.len() == 2);
        matrices.map(|t| t.len()).sum::<usize>() as f64
    };
    weights(16) / weights(8)
}

/// The standard deviation of a sum of a hundred random numbers with the standard deviation 0.1,
/// rounded to one digit: the root mean square of ten thousand such sums.
pub fn std_of_a_hundred() -> f64 {
    let mut values = vec![0.0f64; 1_000_000];
    fill_normal(&mut values, 0.1, &mut generator(1, Purpose::Other, 0));
    let squares = values.chunks(100).map(|chunk| chunk.iter().sum::<f64>().powi(2));
    ((squares.sum::<f64>() / 10_000.0).sqrt() * 10.0).round() / 10.0
}

/// Half of the square of a standard deviation of 2, by the loss of random scores, rounded to a whole number.
pub fn above_for_a_std_of_two() -> f64 {
    let mut scores = ndarray::Array2::<f64>::zeros((20, 20_000));
    let values = scores.as_slice_mut().expect("a new matrix");
    fill_normal(values, 2.0, &mut generator(1, Purpose::Other, 0));
    let targets: Vec<u32> = (0..20).collect();
    let scores_of_targets: f64 = (0..20).map(|i| scores[[i, i]]).sum();
    let sum = cross_entropy(scores.view(), &targets) + scores_of_targets; // the sum of ln S
    (sum / 20.0 - 20_000f64.ln()).round()
}

/// By what the standard deviation of `c_proj` is smaller in a GPT of 8 blocks.
pub fn c_proj_divisor_of_eight_blocks() -> f64 {
    let gpt = Gpt::new(sizes([10, 8, 8, 1, 4])).expect("sizes that fit together");
    let std = |name: &str| {
        let tensor = gpt.layout().tensors().iter().find(|t| t.name == name);
        match tensor.expect("a tensor of every GPT").init {
            Init::Normal(std) => std,
            Init::Zeros | Init::Ones => f64::NAN,
        }
    };
    std("h.0.mlp.c_fc.weight") / std("h.0.mlp.c_proj.weight")
}

/// The gradient of x in y = x x at 3, for dy = 2: a linear layer whose weight is its input.
pub fn gradient_of_a_number_used_twice() -> f64 {
    let mut layout = Layout::new();
    let layer = Linear::declare(layout.scope("x"), 1, 1, false, Init::Zeros);
    let (params, mut grads) = (Params { values: vec![3.0] }, Params::zeros(&layout));
    let (x, dy) = (ndarray::array![[3.0]], ndarray::array![[2.0]]);
    let mut dx = ndarray::array![[0.0]];
    layer.backward(&params, x.view(), dy.view(), dx.view_mut(), &mut grads);
    dx[[0, 0]] + grads.values[0]
}

/// How many numbers a forward pass keeps for each token of a small model.
pub fn kept_for_a_token() -> f64 {
    sizes([100, 8, 1, 2, 10]).activations_per_token()
}
