//! Gradient accumulation, with micro-batches that need not be equally long.
//!
//! The gradient of a batch is the mean over its examples. The batch is too large for the
//! memory, so it is read in micro-batches of `size` examples; the last one may be shorter. Each
//! counts by its length:
//!
//!   gradient = sum over a of  n_a / N · gradient_a
//!
//! n_a: examples of micro-batch a; N: examples of the whole batch; gradient_a: the mean
//! gradient of micro-batch a.
//!
//! Example: four examples with the derivatives 4, 2, 6 and 8, in micro-batches of 3. The means
//! are 4 and 8, and 3/4 · 4 + 1/4 · 8 = 5: the mean of all four.
//!
//! `batch.chunks(size)` are the slices of `size` members, the last one perhaps shorter.

/// The mean gradient of some examples: a number for each weight.
pub type Gradient<'a> = &'a mut dyn FnMut(&[f64]) -> Vec<f64>;

/// The gradient of the whole batch, from micro-batches of at most `size` examples.
///
/// batch: (N), at least one example; result: as many numbers as `gradient` returns.
pub fn accumulated(batch: &[f64], size: usize, gradient: Gradient) -> Vec<f64> {
    // SOLUTION
    let mut sum = Vec::new();
    for part in batch.chunks(size) {
        let share = part.len() as f64 / batch.len() as f64;
        let found = gradient(part);
        sum.resize(found.len(), 0.0);
        for i in 0..found.len() {
            sum[i] += share * found[i];
        }
    }
    sum
    // STUB
    // todo!()
    // END
}
