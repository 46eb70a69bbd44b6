//! Self-attention: a soft dictionary on paper, one head on paper, and a softmax along the wrong axis.

use ndarray::{Array2, ArrayView2, array};
use stage01_bigram::loss::softmax;
use stage02_attention::attention::head::{Activations, Head};
use stage02_attention::attention::{Mask, scaled_dot_product};
use stage02_attention::params::{Init, Layout, Params};

// ANCHOR: look_up
/// A soft look-up, for queries and keys of one number: the attention weights, and the
/// mixture of the values.
fn look_up<const N: usize>(query: f64, keys: [f64; N], values: [f64; N]) -> ([f64; N], f64) {
    let scores = keys.map(|key| query * key);
    let mut att = [0.0; N];
    softmax(&scores, &mut att);
    (att, att.iter().zip(values).map(|(weight, value)| weight * value).sum())
}
// ANCHOR_END: look_up

/// The keys and values of "the dog barked".
fn the_dog_barked() -> ([f64; 3], [f64; 3]) {
    ([0.0, 3f64.ln(), 0.0], [5.0, 10.0, 0.0])
}

fn on_paper() {
    println!("THE DOG BARKED: keys 0, ln 3, 0; values 5, 10, 0");
    println!("{:>9}{:>24}{:>12}", "query", "attention weights", "mixture");
    let (keys, values) = the_dog_barked();
    for query in [0.0, 1.0, 2.0, 5.0, -5.0] {
        let ([a, b, c], mixture) = look_up(query, keys, values);
        println!("{query:>9}{a:>10.3}{b:>7.3}{c:>7.3}{mixture:>12.3}");
    }
}

/// The head of the book: one number for each token, and q = k = v = x.
fn one_head(x: ArrayView2<f64>) -> Activations<f64> {
    let mut layout = Layout::new();
    let head = Head::declare(layout.scope("head"), 1, 1, Mask::Causal, Init::Ones);
    head.forward(&Params { values: vec![1.0; 3] }, x)
}

fn show(name: &str, att: &Array2<f64>) {
    println!("{name}");
    for (i, row) in att.rows().into_iter().enumerate() {
        let weights: String = row.iter().map(|weight| format!("{weight:8.3}")).collect();
        println!("  token {i}{weights}    together {:.3}", row.sum());
    }
}

// ANCHOR: wrong_axis
/// The bug: attention weights add up to one down each column, not along each row.
fn softmax_along_the_wrong_axis(x: ArrayView2<f64>) -> Array2<f64> {
    let n = x.nrows();
    let mut att = Array2::zeros((n, n));
    for j in 0..n {
        let scores: Vec<f64> = (j..n).map(|i| x[[i, 0]] * x[[j, 0]]).collect();
        let mut weights = vec![0.0; scores.len()];
        softmax(&scores, &mut weights);
        for i in j..n {
            att[[i, j]] = weights[i - j];
        }
    }
    att
}
// ANCHOR_END: wrong_axis

/// Runs the experiment.
pub fn run() {
    on_paper();

    println!("\nONE HEAD: x = 1, 2, 0, and q = k = v = x");
    let x = array![[1.0], [2.0], [0.0]];
    let acts = one_head(x.view());
    show("attention weights", &acts.att);
    println!("y: {:.3} {:.3} {:.3}", acts.y[[0, 0]], acts.y[[1, 0]], acts.y[[2, 0]]);

    println!("\nA SHARPER QUERY: keys (1, 0), (0, 1), (0.6, 0.8); query s times (1, 0)");
    println!("{:>9}{:>24}{:>12}", "s", "attention weights", "mixture");
    for s in [0.0, 1.0, 5.0, 20.0, 100.0] {
        let (q, k) = (array![[s, 0.0]], array![[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]);
        let v = array![[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]];
        let (mut att, mut y) = (Array2::zeros((1, 3)), Array2::zeros((1, 2)));
        let (q, k, v) = (q.view(), k.view(), v.view());
        scaled_dot_product::forward((q, k, v), Mask::None, att.view_mut(), y.view_mut());
        let row = att.row(0);
        println!("{s:>9}{:>10.3}{:>7.3}{:>7.3}{:>12.3}", row[0], row[1], row[2], y[[0, 0]]);
    }

    println!("\nA BUG: softmax along the wrong axis");
    show("x = 1, 2, 0", &softmax_along_the_wrong_axis(x.view()));
    show(
        "x = 1, 2, 3: only the last token differs",
        &softmax_along_the_wrong_axis(array![[1.0], [2.0], [3.0]].view()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let (keys, values) = the_dog_barked();
        let (att, mixture) = look_up(1.0, keys, values);
        for (weight, expected) in att.iter().zip([0.2, 0.6, 0.2]) {
            assert!((weight - expected).abs() < 1e-12);
        }
        assert!((mixture - 7.0).abs() < 1e-12);
        assert!((look_up(0.0, keys, values).1 - 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_query_of_zero_gets_the_mean() {
        let acts = one_head(array![[1.0], [2.0], [0.0]].view());
        assert!((acts.att[[1, 0]] - 0.119_202_922).abs() < 1e-9);
        assert!((acts.y[[1, 0]] - 1.880_797_078).abs() < 1e-9);
        assert!((acts.y[[2, 0]] - 1.0).abs() < 1e-12);
    }

    #[test]
    fn along_the_wrong_axis_the_future_is_seen() {
        let first = |x: Array2<f64>| softmax_along_the_wrong_axis(x.view())[[0, 0]];
        assert_ne!(first(array![[1.0], [2.0], [0.0]]), first(array![[1.0], [2.0], [3.0]]));
        let att = |x: Array2<f64>| one_head(x.view()).att.row(0).to_owned();
        assert_eq!(att(array![[1.0], [2.0], [0.0]]), att(array![[1.0], [2.0], [3.0]]));
    }
}
