//! LoRA: a low-rank adapter beside a linear layer whose own weights stay as they are.
//!
//! Fine-tuning changes every weight a little, and needs a gradient and two moments for each. LoRA
//! (*low-rank adaptation*) freezes W and learns the change alone, as a product of two thin matrices:
//!
//! ```text
//! y = x W + b + s (x A) B,        s = alpha / rank
//!
//! x: (rows, n_in)    A: (n_in, rank)    B: (rank, n_out)
//! ```
//!
//! A B has as many entries as W, but all its rows are mixtures of the `rank` rows of B. With
//! n_in = n_out = 576 and rank 8, W has 331,776 weights, A and B together 9,216. A begins at random
//! and B at zero, so at first the model is exactly the one it was. If both began at zero, neither
//! would ever receive a gradient: that of A is a product with B, that of B a product with A.
//!
//! With u = x A, what a linear layer does backwards ([`linear`](crate::linear)) is done twice:
//!
//! ```text
//! dB += s u' dy        du = s dy B'        dA += x' du        dx += du A'
//! ```
//!
//! W needs no gradient, which saves a third of the arithmetic of a layer, and the memory of the
//! gradient and of both moments. u is computed again rather than kept.
//!
//! A layer may hold several matrices side by side, such as queries, keys and values. Each has an
//! adapter of its own, for its columns of y; so the files of `peft`, whose layers are not joined, hold
//! the same numbers.
//!
//! *Dropout* of an adapter drops entries of the x that A reads, and not of the x that W reads. What
//! is dropped depends on the number of the row, counted over the whole run, and on nothing else.
//!
//! Hu and others 2021, equation 3 and section 4.1.
//!
//! ```
//! use ndarray::array;
//! use stage02_attention::linear::Linear;
//! use stage02_attention::lora::{Adapter, Lora};
//! use stage02_attention::params::{Init, Layout, Params};
//!
//! // The adapter stands before the weights that it adapts: see `Params::trains`.
//! let mut layout = Layout::new();
//! let adapter = Adapter::declare(layout.scope("c_fc"), 2, 0..1, 1);
//! let mut linear = Linear::declare(layout.scope("c_fc"), 2, 1, false, Init::Zeros);
//! linear.lora = Some(Lora::new(&[adapter], 2.0)?);
//!
//! let params = Params { values: vec![1.0, 1.0, 0.5, 3.0, 4.0] }; // A = (1, 1)', B = 0.5, W = (3, 4)'
//! let (x, mut y) = (array![[1.0, 10.0]], array![[0.0]]);
//! linear.forward(&params, x.view(), y.view_mut());
//! assert_eq!(y, array![[43.0 + 2.0 * 11.0 * 0.5]]);
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: which layers have adapters (`stage03_gpt::lora`), and their files.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::{Error, Float, Result};

use crate::dropout::Dropout;
use crate::matmul::{Dtype, par_gemm};
use crate::parallel::each_row;
use crate::params::{Init, Matrix, Params, Scope};
use crate::profiler::Region;

/// The most adapters that one layer has: of queries, keys and values.
const MOST: usize = 3;

/// A and B, for some columns of a layer's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adapter {
    /// A. Shape: (n_in, rank).
    pub a: Matrix,
    /// B. Shape: (rank, columns).
    pub b: Matrix,
    /// The first of its columns of y.
    pub first: usize,
}

/// The adapters of one linear layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lora {
    adapters: [Option<Adapter>; MOST],
    scale: f64,
    dropout: Option<InputDropout>,
}

/// Dropout of what the adapters of one layer read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputDropout {
    /// The probability.
    pub dropout: Dropout,
    /// The number of the layer in its model, so that no two layers drop the same entries.
    pub layer: u16,
    /// The random seed of the run.
    pub seed: u64,
    /// How many rows the run had read before the first row of x.
    pub first_row: u64,
}

impl Adapter {
    /// Declares `lora_A` and `lora_B` for these columns of the output of a layer of `n_in` inputs.
    ///
    /// A begins at N(0, 1 / (3 n_in)), the variance that `peft` gives it, and B at zero.
    pub fn declare(mut scope: Scope, n_in: usize, columns: Range<usize>, rank: usize) -> Self {
        let init = Init::Normal((1.0 / (3.0 * n_in as f64)).sqrt());
        let a = scope.matrix("lora_A", n_in, rank, init);
        let b = scope.matrix("lora_B", rank, columns.len(), Init::Zeros);
        Adapter { a, b, first: columns.start }
    }

    /// Its columns of y.
    pub fn columns(&self) -> Range<usize> {
        self.first..self.first + self.b.cols()
    }
}

impl Lora {
    /// These adapters, for columns that do not overlap; `scale` is alpha / rank.
    ///
    /// # Errors
    /// [`Error::Setting`] when the scale is not a positive number.
    ///
    /// # Panics
    /// When there are more than three.
    pub fn new(adapters: &[Adapter], scale: f64) -> Result<Self> {
        if !(scale.is_finite() && scale > 0.0) {
            let expected = "choose a number above 0, such as twice --lora-rank";
            return Err(Error::setting("--lora-alpha / --lora-rank", scale, expected));
        }
        assert!(adapters.len() <= MOST, "queries, keys and values");
        let mut all = [None; MOST];
        all.iter_mut().zip(adapters).for_each(|(slot, &adapter)| *slot = Some(adapter));
        Ok(Lora { adapters: all, scale, dropout: None })
    }

    /// The adapters.
    pub fn adapters(&self) -> impl Iterator<Item = Adapter> + use<> {
        self.adapters.into_iter().flatten()
    }

    /// alpha / rank.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// What the next passes drop: in training; or nothing, in evaluation.
    pub fn set_dropout(&mut self, dropout: Option<InputDropout>) {
        self.dropout = dropout.filter(|dropout| dropout.dropout.is_active());
    }

    // ANCHOR: forward
    /// y += s (x A) B.
    ///
    /// x: (rows, n_in); y: (rows, n_out) of the layer.
    pub fn forward<T: Float>(
        &self,
        dtype: Dtype,
        params: &Params<T>,
        x: ArrayView2<T>,
        mut y: ArrayViewMut2<T>,
    ) {
        let dropped = self.dropout.map(|dropout| dropout.drop(x));
        let x = dropped.as_ref().map_or(x, |(x, _)| x.view());
        for adapter in self.adapters() {
            let (scale, b) = (T::of(self.scale), params.matrix(adapter.b));
            let u = adapter.u(dtype, params, x);
            par_gemm(
                dtype,
                scale,
                u.view(),
                b,
                T::one(),
                &mut y.slice_mut(s![.., adapter.columns()]),
            );
        }
    }
    // ANCHOR_END: forward

    // ANCHOR: backward
    /// dx += the gradient of x through the adapters; those of A and B are added to `grads`.
    ///
    /// x: as in the forward pass; dy: (rows, n_out); dx: (rows, n_in).
    pub fn backward<T: Float>(
        &self,
        dtype: Dtype,
        params: &Params<T>,
        x: ArrayView2<T>,
        dy: ArrayView2<T>,
        mut dx: ArrayViewMut2<T>,
        grads: &mut Params<T>,
    ) {
        let dropped = self.dropout.map(|dropout| dropout.drop(x));
        let x = dropped.as_ref().map_or(x, |(x, _)| x.view());
        let mut dx_dropped = dropped.as_ref().map(|_| Array2::zeros(x.dim()));
        for adapter in self.adapters() {
            let (scale, dy) = (T::of(self.scale), dy.slice(s![.., adapter.columns()]));
            let u = adapter.u(dtype, params, x);
            par_gemm(dtype, scale, u.t(), dy, T::one(), &mut grads.matrix_mut(adapter.b));

            let (mut du, b) = (u, params.matrix(adapter.b));
            par_gemm(dtype, scale, dy, b.t(), T::zero(), &mut du.view_mut());
            par_gemm(dtype, T::one(), x.t(), du.view(), T::one(), &mut grads.matrix_mut(adapter.a));

            let dx = &mut dx_dropped.as_mut().map_or(dx.view_mut(), |dx| dx.view_mut());
            par_gemm(dtype, T::one(), du.view(), params.matrix(adapter.a).t(), T::one(), dx);
        }
        // Through the dropout: dx of the adapters times the mask.
        if let (Some(dx_dropped), Some((_, mask))) = (dx_dropped, dropped) {
            each_row(Region::Dropout, (dx, dx_dropped.view(), mask.view()), |(dx, own, mask)| {
                for ((dx, &own), &mask) in dx.iter_mut().zip(own).zip(mask) {
                    *dx += own * mask;
                }
            });
        }
    }
    // ANCHOR_END: backward

    // ANCHOR: merge
    /// W += s A B: the layer without adapters that computes the same.
    ///
    /// params: the adapters; weight: W, (n_in, n_out).
    pub fn merge<T: Float>(&self, params: &Params<T>, mut weight: ArrayViewMut2<T>) {
        for adapter in self.adapters() {
            let (a, b) = (params.matrix(adapter.a), params.matrix(adapter.b));
            let columns = &mut weight.slice_mut(s![.., adapter.columns()]);
            par_gemm(Dtype::Float32, T::of(self.scale), a, b, T::one(), columns);
        }
    }
    // ANCHOR_END: merge
}

impl Adapter {
    /// u = x A. Shape: (rows, rank).
    fn u<T: Float>(&self, dtype: Dtype, params: &Params<T>, x: ArrayView2<T>) -> Array2<T> {
        let mut u = Array2::zeros((x.nrows(), self.a.cols()));
        par_gemm(dtype, T::one(), x, params.matrix(self.a), T::zero(), &mut u.view_mut());
        u
    }
}

impl InputDropout {
    /// x with entries dropped, and the mask, each entry 0 or 1 / (1 - p). Shape of each: (rows, n_in).
    fn drop<T: Float>(&self, x: ArrayView2<T>) -> (Array2<T>, Array2<T>) {
        let (mut dropped, mut mask) = (x.to_owned(), Array2::zeros(x.dim()));
        let rows = (0..x.nrows(), dropped.view_mut(), mask.view_mut());
        each_row(Region::Dropout, rows, |(row, x, mask)| {
            let index = (self.first_row + row as u64) << 16 | u64::from(self.layer);
            let rng = &mut generator(self.seed, Purpose::AdapterDropout, index);
            self.dropout.draw(mask, rng);
            x.iter_mut().zip(mask).for_each(|(x, mask)| *x *= *mask);
        });
        (dropped, mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer_check::{Problem, array, array_mut};
    use crate::linear::Linear;
    use crate::params::{Layout, fill_normal};
    use proptest::prelude::*;

    /// A layer of `n_out` columns, the first `first` of which have one adapter and the last ones
    /// another; between them some columns may have none.
    fn declare(
        layout: &mut Layout,
        (n_in, n_out): (usize, usize),
        first: usize,
        p: f64,
    ) -> (Linear, Lora) {
        let last = (n_out - n_out.min(first + 1)).max(1);
        let mut adapters = vec![Adapter::declare(layout.scope("q_proj"), n_in, 0..first, 2)];
        if first + last <= n_out {
            let columns = n_out - last..n_out;
            adapters.push(Adapter::declare(layout.scope("v_proj"), n_in, columns, 3));
        }
        let mut linear = Linear::declare(layout.scope("w"), n_in, n_out, true, Init::Normal(0.5));
        let mut lora = Lora::new(&adapters, 1.5).unwrap();
        let dropout = Dropout::new(p).unwrap();
        lora.set_dropout(Some(InputDropout { dropout, layer: 3, seed: 5, first_row: 7 }));
        linear.lora = Some(lora);
        (linear, lora)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn gradient(
            rows in 1usize..5, n_in in 1usize..6, n_out in 1usize..6, first in 1usize..6,
            p in prop::sample::select(vec![0.0, 0.4]), seed: u64,
        ) {
            let first = first.min(n_out);
            Problem::new(seed, &[rows * n_in], |layout| {
                declare(layout, (n_in, n_out), first, p).0
            })
            .check(
                rows * n_out,
                |linear, params, x, y| {
                    linear.forward(params, array(&x[0], rows, n_in), array_mut(y, rows, n_out));
                },
                |linear, params, x, dy, dx, grads| {
                    let (x, dy) = (array(&x[0], rows, n_in), array(dy, rows, n_out));
                    linear.backward(params, x, dy, array_mut(&mut dx[0], rows, n_in), grads);
                },
            );
        }

        /// A gradient that ends before W: A, B and dx are as with a longer one, W is not touched.
        #[test]
        fn frozen_weights_need_no_gradient(
            rows in 1usize..5, n_in in 1usize..6, n_out in 1usize..6, seed: u64,
        ) {
            let mut layout = Layout::new();
            let (linear, _) = declare(&mut layout, (n_in, n_out), n_out, 0.0);
            let rng = &mut generator(seed, Purpose::Other, 0);
            let mut random = |n| {
                let mut values = vec![0.0; n];
                fill_normal(&mut values, 1.0, rng);
                values
            };
            let params = Params { values: random(layout.len()) };
            let (x, dy) = (random(rows * n_in), random(rows * n_out));
            let run = |len| {
                let (mut grads, mut dx) = (Params { values: vec![0.0; len] }, vec![0.0; x.len()]);
                let (x, dy) = (array(&x, rows, n_in), array(&dy, rows, n_out));
                linear.backward(&params, x, dy, array_mut(&mut dx, rows, n_in), &mut grads);
                (grads.values, dx)
            };
            let adapters = linear.weight.offset();
            let ((all, dx), (some, same)) = (run(layout.len()), run(adapters));
            prop_assert_eq!(&all[..adapters], &some[..]);
            prop_assert_eq!(dx, same);
        }

        #[test]
        fn a_merged_layer_computes_the_same(
            rows in 1usize..5, n_in in 1usize..6, n_out in 1usize..6, first in 1usize..6, seed: u64,
        ) {
            let mut layout = Layout::new();
            let (linear, lora) = declare(&mut layout, (n_in, n_out), first.min(n_out), 0.0);
            let rng = &mut generator(seed, Purpose::Other, 0);
            let mut params = Params::<f64>::zeros(&layout);
            fill_normal(&mut params.values, 1.0, rng);
            let mut x = vec![0.0; rows * n_in];
            fill_normal(&mut x, 1.0, rng);
            let run = |linear: &Linear, params: &Params<f64>| {
                let mut y = Array2::zeros((rows, n_out));
                linear.forward(params, array(&x, rows, n_in), y.view_mut());
                y
            };
            let adapted = run(&linear, &params);
            let adapters = params.clone();
            lora.merge(&adapters, params.matrix_mut(linear.weight));
            let merged = run(&Linear { lora: None, ..linear }, &params);
            prop_assert!(adapted.iter().zip(&merged).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + a.abs())));
        }
    }

    #[test]
    fn at_first_the_layer_is_the_one_that_it_was() {
        let mut layout = Layout::new();
        let (linear, _) = declare(&mut layout, (4, 3), 3, 0.3);
        let params = Params::<f32>::initialise(&layout, &mut generator(1, Purpose::Other, 0));
        let (x, mut with, mut without) =
            (Array2::ones((2, 4)), Array2::zeros((2, 3)), Array2::zeros((2, 3)));
        linear.forward(&params, x.view(), with.view_mut());
        Linear { lora: None, ..linear }.forward(&params, x.view(), without.view_mut());
        assert_eq!(with, without);
    }

    #[test]
    fn dropout_depends_on_the_number_of_the_row_alone() {
        let dropout = Dropout::new(0.5).unwrap();
        let at = |layer, first_row| InputDropout { dropout, layer, seed: 1, first_row };
        let x = Array2::<f32>::ones((4, 40));
        let (all, mask) = at(0, 10).drop(x.view());
        assert!(mask.iter().all(|&m| m == 0.0 || m == 2.0) && all == mask);
        // A batch cut in two, as threads or micro-batches cut it.
        let (second_half, _) = at(0, 12).drop(x.slice(s![2.., ..]));
        assert_eq!(all.slice(s![2.., ..]), second_half);
        assert_ne!(all.row(0), all.row(1));
        assert_ne!(all, at(1, 10).drop(x.view()).0);
    }
}
