//! Many heads: one mixture or two on paper, the columns of each head, and how many heads are
//! good.

use ndarray::{Array2, array, s};
use stage01_bigram::{Error, Result};
use stage02_attention::attention::multi_head::MultiHeadAttention;
use stage02_attention::attention::{Mask, scaled_dot_product};
use stage02_attention::dropout::Dropout;
use stage02_attention::model::{AttentionModel, Config};
use stage02_attention::params::{Init, Layout};
use stage02_attention::training::{Settings, train};

use crate::setup::CharData;

// ANCHOR: mixtures
/// The output of a head with the attention weights p and 1 - p: p v1 + (1 - p) v2.
fn one_head(p: f64) -> [f64; 2] {
    let (v1, v2) = ([8.0, 0.0], [0.0, 8.0]);
    [p * v1[0] + (1.0 - p) * v2[0], p * v1[1] + (1.0 - p) * v2[1]]
}

/// Two heads, one for each column, with attention weights of their own.
fn two_heads(p: f64, other_p: f64) -> [f64; 2] {
    [one_head(p)[0], one_head(other_p)[1]]
}
// ANCHOR_END: mixtures

/// Attention of `n_head` heads with q = k = v = x; with the bug, memory is cut into heads
/// as it lies.
fn attend(x: &Array2<f64>, n_head: usize, bug: bool) -> Array2<f64> {
    let (length, n_embd) = x.dim();
    let d = n_embd / n_head;
    let mut y = Array2::zeros((length, n_embd));
    if bug {
        // ANCHOR: bug
        let cut = x.to_shape((n_head, length, d)).expect("as many numbers");
        // ANCHOR_END: bug
        let mut heads = ndarray::Array3::zeros((n_head, length, d));
        for h in 0..n_head {
            let (x, mut att) = (cut.slice(s![h, .., ..]), Array2::zeros((length, length)));
            let y = heads.slice_mut(s![h, .., ..]);
            scaled_dot_product::forward((x, x, x), Mask::Causal, att.view_mut(), y);
        }
        y.assign(&heads.to_shape((length, n_embd)).expect("as many numbers"));
    } else {
        for h in 0..n_head {
            let columns = s![.., h * d..(h + 1) * d];
            let (x, mut att) = (x.slice(columns), Array2::zeros((length, length)));
            let y = y.slice_mut(columns);
            scaled_dot_product::forward((x, x, x), Mask::Causal, att.view_mut(), y);
        }
    }
    y
}

/// Which rows of the output change when a token changes.
fn outputs_that_change(token: usize, bug: bool) -> Vec<usize> {
    let x = Array2::from_shape_fn((4, 4), |(i, j)| ((3 * i + 2 * j) % 5) as f64 / 4.0 + 0.1);
    let mut changed = x.clone();
    changed.row_mut(token).mapv_inplace(|x| x + 0.5);
    let (before, after) = (attend(&x, 2, bug), attend(&changed, 2, bug));
    (0..4).filter(|&i| before.row(i) != after.row(i)).collect()
}

fn columns() -> Result<()> {
    println!("\nTHE COLUMNS OF EACH HEAD in c_attn's output: embedding width 64, 4 heads");
    let mut layout = Layout::new();
    let init = (Init::Zeros, Init::Zeros);
    let dropout = Dropout::new(0.0)?;
    let attn = MultiHeadAttention::declare(
        layout.scope("attn"),
        (64, 4),
        Mask::Causal,
        dropout,
        false,
        init,
    )?;
    for h in 0..4 {
        let [q, k, v] = attn.columns(h);
        println!("  head {h}   q {q:?}   k {k:?}   v {v:?}");
    }
    Ok(())
}

fn how_many() -> Result<()> {
    println!("\nHOW MANY HEADS? Embedding width 64, 1,000 steps, the King James text");
    println!("{:>8}{:>18}{:>12}{:>20}", "heads", "numbers per head", "weights", "validation loss");
    let CharData { tokenizer, train: train_set, validation: val_set } = CharData::king_james(64)?;
    let vocab_size = tokenizer.vocab_size();
    for n_head in [1, 2, 4, 8, 16] {
        let model = AttentionModel::new(Config { vocab_size, block_size: 64, n_embd: 64, n_head })?;
        let settings = Settings { max_iters: 1000, eval_interval: 1000, ..Settings::default() };
        let (_, curve) = train(&model, (&train_set, &val_set), settings, |_| Ok::<_, Error>(()))?;
        let (weights, loss) = (model.layout().len(), curve[1].val_loss);
        println!("{n_head:>8}{:>18}{weights:>12}{loss:>20.4}", 64 / n_head);
    }
    Ok(())
}

/// Runs the experiment.
pub fn run() -> Result<()> {
    println!("ONE HEAD, TWO HEADS: values (8, 0) and (0, 8); wanted: (8, 8)");
    for p in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let [a, b] = one_head(p);
        println!("  one head, weight {p:<4} of the first: ({a}, {b})");
    }
    let [a, b] = two_heads(1.0, 0.0);
    println!("  two heads, weights 1 and 0:         ({a}, {b})");
    columns()?;

    println!("\nA BUG: heads cut from memory as it lies; 4 tokens, 4 numbers each, 2 heads");
    let x = array![[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23], [30, 31, 32, 33]];
    println!("head 0, cut by columns:\n{}", x.slice(s![.., ..2]));
    let cut = x.to_shape((2, 4, 2)).expect("as many numbers");
    println!("head 0, cut as memory lies:\n{}", cut.slice(s![0, .., ..]));
    println!("which outputs change when a token changes:");
    for token in 0..4 {
        let [right, wrong] =
            [false, true].map(|bug| format!("{:?}", outputs_that_change(token, bug)));
        println!("  token {token}   by columns {right:<14} as memory lies {wrong}");
    }
    how_many()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        for p in [0.0, 0.25, 1.0] {
            assert_eq!(one_head(p).iter().sum::<f64>(), 8.0);
        }
        assert_eq!(two_heads(1.0, 0.0), [8.0, 8.0]);
    }

    #[test]
    fn cut_as_memory_lies_a_head_sees_a_part_of_the_text() {
        assert_eq!(outputs_that_change(0, false), [0, 1, 2, 3]);
        assert_eq!(outputs_that_change(3, false), [3]);
        assert_eq!(outputs_that_change(0, true), [0, 1]);
    }
}
