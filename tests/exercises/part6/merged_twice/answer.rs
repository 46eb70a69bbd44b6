//! A layer whose adapter is merged. There is a bug in this file.
//!
//!   forward: x W + s (x A) B, where there is an adapter, and x W where there is none
//!   merge:   W becomes W + s A B
//!
//! The symptom: a model answers well with its adapters. The program calls `merge`, because a merged
//! model is faster, and asks again: the answers are nonsense. And each time that the model is saved,
//! the file is a little further from the last one, though nothing was trained in between.
//!
//! Find the bug and mend it.

use ndarray::Array2;

/// An adapter.
#[derive(Clone)]
pub struct Adapter {
    /// Shape: (n_in, rank).
    pub a: Array2<f64>,
    /// Shape: (rank, n_out).
    pub b: Array2<f64>,
    /// alpha / rank.
    pub s: f64,
}

/// A linear layer without a bias.
#[derive(Clone)]
pub struct Layer {
    /// Shape: (n_in, n_out).
    pub w: Array2<f64>,
    /// Its adapter, if it has one.
    pub adapter: Option<Adapter>,
}

impl Layer {
    /// y, of the shape (rows, n_out).
    pub fn forward(&self, x: &Array2<f64>) -> Array2<f64> {
        let y = x.dot(&self.w);
        match &self.adapter {
            Some(Adapter { a, b, s }) => y + *s * x.dot(a).dot(b),
            None => y,
        }
    }

    /// Puts the adapter into W.
    pub fn merge(&mut self) {
        if let Some(Adapter { a, b, s }) = self.adapter.take() {
            self.w += &(s * a.dot(&b));
        }
    }

    /// What is written into the file of the model: the merged matrix.
    pub fn saved(&mut self) -> Array2<f64> {
        self.merge();
        self.w.clone()
    }
}
