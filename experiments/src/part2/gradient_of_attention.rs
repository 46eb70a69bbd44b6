//! The gradient of attention: two attention weights on paper, by nudging and by formula, and a
//! forgotten mean.

use ndarray::{Array2, ArrayView2, array};
use stage01_bigram::gradcheck::{Agreement, Mismatch, check_gradient};
use stage01_bigram::loss::softmax;
use stage02_attention::attention::{Mask, scaled_dot_product};

/// The paper example in one list: a query, two keys, two values, each of one number.
fn numbers() -> [f64; 5] {
    [1.0, 0.0, 3f64.ln(), 4.0, 8.0]
}

fn column(values: &[f64]) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((values.len(), 1), values).expect("one column")
}

/// y, and the attention weights.
fn forward(x: &[f64]) -> (f64, Array2<f64>) {
    let (mut att, mut y) = (Array2::zeros((1, 2)), Array2::zeros((1, 1)));
    let (q, k, v) = (column(&x[..1]), column(&x[1..3]), column(&x[3..]));
    scaled_dot_product::forward((q, k, v), Mask::None, att.view_mut(), y.view_mut());
    (y[[0, 0]], att)
}

/// The derivatives of y with respect to all five numbers.
fn backward(x: &[f64]) -> Vec<f64> {
    let (_, att) = forward(x);
    let (q, k, v) = (column(&x[..1]), column(&x[1..3]), column(&x[3..]));
    let dy = array![[1.0]];
    let mut datt = Array2::zeros((1, 2));
    let (mut dq, mut dk, mut dv) =
        (Array2::zeros((1, 1)), Array2::zeros((2, 1)), Array2::zeros((2, 1)));
    scaled_dot_product::backward(
        (q, k, v),
        att.view(),
        dy.view(),
        datt.view_mut(),
        (dq.view_mut(), dk.view_mut(), dv.view_mut()),
    );
    dq.into_iter().chain(dk).chain(dv).collect()
}

// ANCHOR: jacobian
/// The Jacobian of the softmax: the derivative of attention weight i with respect to score j.
fn jacobian(p: &[f64]) -> Array2<f64> {
    Array2::from_shape_fn((p.len(), p.len()), |(i, j)| {
        if i == j { p[i] * (1.0 - p[i]) } else { -p[i] * p[j] }
    })
}
// ANCHOR_END: jacobian

// ANCHOR: bug
/// From the gradient of the attention weights to that of the scores. The bug leaves out
/// the mean.
fn through_softmax(p: &[f64], dp: &[f64], bug: bool) -> Vec<f64> {
    let mean: f64 = p.iter().zip(dp).map(|(p, dp)| p * dp).sum();
    let mean = if bug { 0.0 } else { mean };
    p.iter().zip(dp).map(|(p, dp)| p * (dp - mean)).collect()
}
// ANCHOR_END: bug

/// Do nudges of the scores agree? The loss is 4 p0 + 8 p1.
fn check(bug: bool) -> Result<Agreement, Mismatch> {
    let (mut scores, mut p) = ([0.0, 3f64.ln()], [0.0; 2]);
    softmax(&scores, &mut p);
    let gradient = through_softmax(&p, &[4.0, 8.0], bug);
    check_gradient(&mut scores, &gradient, 1e-8, |scores| {
        let mut p = [0.0; 2];
        softmax(scores, &mut p);
        4.0 * p[0] + 8.0 * p[1]
    })
}

/// Runs the experiment.
pub fn run() {
    let x = numbers();
    let (y, att) = forward(&x);
    println!("FORWARD: query 1; keys 0 and ln 3; values 4 and 8");
    println!("attention weights {:.2} and {:.2}, y = {y:.2}", att[[0, 0]], att[[0, 1]]);

    println!("\nNUDGES of 0.001, and the backward pass");
    println!("{:>14}{:>12}{:>12}", "", "nudged", "backward");
    let names = ["query", "key 0", "key 1", "value 0", "value 1"];
    for (i, derivative) in backward(&x).into_iter().enumerate() {
        let mut nudged = x;
        nudged[i] += 0.001;
        println!("{:>14}{:>12.4}{derivative:>12.4}", names[i], (forward(&nudged).0 - y) / 0.001);
    }

    println!("\nTHE JACOBIAN OF THE SOFTMAX: attention weights 1/4 and 3/4");
    println!("{}", jacobian(&[0.25, 0.75]));
    println!("by the matrix:  {}", array![4.0, 8.0].dot(&jacobian(&[0.25, 0.75])));
    println!("by the formula: {:?}", through_softmax(&[0.25, 0.75], &[4.0, 8.0], false));

    println!("\nA BUG: the mean is forgotten");
    println!("{:?}", through_softmax(&[0.25, 0.75], &[4.0, 8.0], true));
    for bug in [false, true] {
        match check(bug) {
            Ok(agreement) => println!("check: all {} derivatives agree", agreement.checked),
            Err(mismatch) => println!("check: {mismatch}"),
        }
    }

    println!("\nLEARNING TO TAKE 5 instead of 7, learning rate 0.1");
    println!("{:>8}{:>22}{:>32}", "", "right", "without the mean");
    println!("{:>8}{:>9}{:>7}{:>7}{:>18}{:>7}{:>7}", "steps", "y", "s0", "s1", "y", "s0", "s1");
    for steps in [0, 1, 5, 20, 100] {
        let [(y, s), (bug_y, bug_s)] = [false, true].map(|bug| learn_to_take_5(steps, bug));
        print!("{steps:>8}{y:>9.3}{:>7.2}{:>7.2}", s[0], s[1]);
        println!("{bug_y:>18.3}{:>7.2}{:>7.2}", bug_s[0], bug_s[1]);
    }
}

/// Moves the two scores of the paper example until the mixture is 5; returns it, and the scores.
fn learn_to_take_5(steps: usize, bug: bool) -> (f64, [f64; 2]) {
    let (mut scores, mut p) = ([0.0, 3f64.ln()], [0.0; 2]);
    let mixture = |p: &[f64; 2]| 4.0 * p[0] + 8.0 * p[1];
    for _ in 0..steps {
        softmax(&scores, &mut p);
        // The loss is half the square of the error.
        let error = mixture(&p) - 5.0;
        let gradient = through_softmax(&p, &[error * 4.0, error * 8.0], bug);
        scores.iter_mut().zip(gradient).for_each(|(score, d)| *score -= 0.1 * d);
    }
    softmax(&scores, &mut p);
    (mixture(&p), scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_for_paper() {
        let (y, att) = forward(&numbers());
        assert!((att[[0, 0]] - 0.25).abs() < 1e-12 && (y - 7.0).abs() < 1e-12);
        let by_hand = [0.75 * 3f64.ln(), -0.75, 0.75, 0.25, 0.75];
        for (derivative, expected) in backward(&numbers()).iter().zip(by_hand) {
            assert!((derivative - expected).abs() < 1e-12);
        }
        let by_matrix = array![4.0, 8.0].dot(&jacobian(&[0.25, 0.75]));
        assert_eq!(by_matrix, array![-0.75, 0.75]);
        assert_eq!(through_softmax(&[0.25, 0.75], &[4.0, 8.0], false), [-0.75, 0.75]);
    }

    #[test]
    fn the_check_finds_the_bug_and_nothing_else() {
        assert!(check(false).is_ok() && check(true).is_err());
        // What a score wins, the other loses; with the bug both fall.
        let (y, s) = learn_to_take_5(100, false);
        assert!((y - 5.0).abs() < 0.01 && (s[0] + s[1] - 3f64.ln()).abs() < 1e-9);
        assert!(learn_to_take_5(100, true).1.iter().sum::<f64>() < -1.0);
    }
}
