//! Compares the plain rotary positions and grouped queries with Hugging Face's Llama.

use ndarray::{Array2, ArrayView2, s};
use parity::{Golden, assert_each_close, type_name};
use stage01_bigram::Float;
use stage02_attention::matmul;
use stage03_gpt::plain::llama::grouped::{grouped_attention, grouped_attention_backward};
use stage03_gpt::plain::llama::rotary::{rotate, rotate_backward};

const THETA: f64 = 100.0;

/// Query heads, key/value heads and columns of a head of `llama_attention`.
const HEADS: [usize; 3] = [6, 2, 4];

fn check<T: Float>(golden: &Golden, name: &str, ours: &Array2<T>, tolerance: f64) {
    let ours: Vec<T> = ours.iter().copied().collect();
    let what = format!("{}, {name}", type_name::<T>());
    assert_each_close(&what, &ours, &golden.tensor(name).values, tolerance);
}

#[test]
fn rotary_positions_are_those_of_transformers() {
    fn compare<T: Float>(golden: &Golden, tolerance: f64) {
        let matrix = |name: &str| golden.tensor(name).matrix::<T>();
        check(golden, "rotary.y", &rotate(&matrix("rotary.x"), 7, THETA), tolerance);
        let dx = rotate_backward(&matrix("rotary.dy"), 7, THETA);
        check(golden, "rotary.dx", &dx, tolerance);
    }
    let golden = Golden::open("rotary.safetensors");
    compare::<f64>(&golden, 1e-9);
    compare::<f32>(&golden, 1e-5);
    golden.assert_all_used("rotary.");
}

/// Applies `turn` to every head.
fn each_head<T: Float>(x: &Array2<T>, turn: impl Fn(&Array2<T>) -> Array2<T>) -> Array2<T> {
    let (size, mut y) = (HEADS[2], x.clone());
    for h in 0..x.ncols() / size {
        let columns = s![.., h * size..(h + 1) * size];
        y.slice_mut(columns).assign(&turn(&x.slice(columns).to_owned()));
    }
    y
}

#[test]
fn the_attention_of_llama_is_that_of_transformers() {
    fn compare<T: Float>(golden: &Golden, tolerance: f64) {
        let [n_head, n_kv_head, _] = HEADS;
        let name = |tensor: &str| format!("llama_attention.{tensor}");
        let matrix = |tensor: &str| golden.tensor(&name(tensor)).matrix::<T>();
        let texts = |tensor: &str| golden.tensor(&name(tensor)).matrices::<T>();
        // PyTorch's linear layers have (out, in) matrices: y = x W'.
        let [wq, wk, wv, wo] = ["q", "k", "v", "o"].map(|l| matrix(&format!("{l}_proj.weight")));
        let product = |a: ArrayView2<T>, b: ArrayView2<T>| a.dot(&b);

        let (mut ys, mut dxs) = (Vec::new(), Vec::new());
        let mut dws = [&wq, &wk, &wv, &wo].map(|w| Array2::zeros(w.dim()));
        for (x, dy) in texts("x").iter().zip(&texts("dy")) {
            let [q, k, v] = [&wq, &wk, &wv].map(|w| product(x.view(), w.t()));
            let [q, k] = [q, k].map(|x| each_head(&x, |x| rotate(x, 0, THETA)));
            let parts = [q.view(), k.view(), v.view()];
            let (att, found) = grouped_attention(matmul::plain, parts, n_head, n_kv_head);
            ys.push(product(found.view(), wo.t()));

            let dfound = product(dy.view(), wo.view());
            let [dq, dk, dv] =
                grouped_attention_backward(matmul::plain, parts, &att, dfound.view(), n_kv_head);
            let [dq, dk] = [dq, dk].map(|d| each_head(&d, |d| rotate_backward(d, 0, THETA)));
            let mut dx = Array2::zeros(x.dim());
            for (d, w) in [(&dq, &wq), (&dk, &wk), (&dv, &wv)] {
                dx += &product(d.view(), w.view());
            }
            dxs.push(dx);
            let pairs = [(&dq, x), (&dk, x), (&dv, x), (dy, &found)];
            for (dw, (d, x)) in dws.iter_mut().zip(pairs) {
                *dw += &product(d.t(), x.view());
            }
        }
        let below = |texts: &[Array2<T>]| {
            let views: Vec<_> = texts.iter().map(|text| text.view()).collect();
            ndarray::concatenate(ndarray::Axis(0), &views).expect("as many columns")
        };
        check(golden, &name("y"), &below(&ys), tolerance);
        check(golden, &name("dx"), &below(&dxs), tolerance);
        for (letter, dw) in ["q", "k", "v", "o"].into_iter().zip(&dws) {
            check(golden, &name(&format!("d{letter}_proj.weight")), dw, tolerance);
        }
    }
    let golden = Golden::open("rotary.safetensors");
    compare::<f64>(&golden, 1e-9);
    compare::<f32>(&golden, 1e-5);
    golden.assert_all_used("llama_attention.");
}
