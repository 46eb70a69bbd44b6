//! Find the bug. This file holds a small model with one attention, for a batch of B sequences
//! of T tokens that stand one below the other: row b T + t is token t of sequence b. Queries,
//! keys and values are all the normed stream itself, and the embedding is tied.
//!
//! The symptoms: with a single sequence the model is right, and all of its tests have a single
//! sequence. A batch of several sequences is another matter. The same sequence gets other
//! scores there, depending on what stands around it. Its own future stays hidden, and the first
//! sequence of a batch is always right.
//!
//! Mend the file. Only one place is wrong.

use ndarray::{Array2, s};

/// `x[i] = wte[token i] + wpe[i mod T]`. Shapes: wte (V, C); wpe (T, C); the result (B T, C).
fn embed(wte: &Array2<f64>, wpe: &Array2<f64>, tokens: &[u32], length: usize) -> Array2<f64> {
    Array2::from_shape_fn((tokens.len(), wte.ncols()), |(i, j)| {
        wte[[tokens[i] as usize, j]] + wpe[[i % length, j]]
    })
}

/// Each row divided by its root mean square. Shape of both: (B T, C).
fn norm(x: &Array2<f64>) -> Array2<f64> {
    let mut y = x.clone();
    for mut row in y.rows_mut() {
        let square = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
        row.iter_mut().for_each(|x| *x /= (square + 1e-5).sqrt());
    }
    y
}

/// For each token, the average of the rows that it may see, weighted by the softmax of its
/// scores. Shape of x and the result: (B T, C).
fn attention(x: &Array2<f64>, length: usize) -> Array2<f64> {
    let mut y = Array2::zeros(x.dim());
    for i in 0..x.nrows() {
        let first = i / length * length;
        let seen = x.slice(s![first..i + 1, ..]);
        let mut p = seen.dot(&x.row(i)) / (x.ncols() as f64).sqrt();
        let max = p.fold(f64::NEG_INFINITY, |max, &score| max.max(score));
        p.mapv_inplace(|score| (score - max).exp());
        p /= p.sum();
        y.row_mut(i).assign(&p.dot(&seen));
    }
    y
}

/// The scores behind every token. Shapes: wte (V, C); wpe (T, C); the result (B T, V).
pub fn logits(wte: &Array2<f64>, wpe: &Array2<f64>, tokens: &[u32], len: usize) -> Array2<f64> {
    let x = embed(wte, wpe, tokens, len);
    let x = &x + &attention(&norm(&x), len);
    norm(&x).dot(&wte.t())
}
