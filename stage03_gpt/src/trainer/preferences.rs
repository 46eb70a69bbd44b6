//! Micro-batches of pairs of answers: a [`Trainer`] learns preferences.
//!
//! An ordinary micro-batch knows the weight of every token before its forward pass. A pair does not: how
//! much its tokens weigh follows from the log-probabilities of both answers. So a worker computes these
//! first, then the weights ([`dpo`](crate::dpo)), and the gradient last, from the same activations.

use stage01_bigram::Float;
use stage02_attention::backward::Backward;
use stage02_attention::params::Params;

use super::{PackedBatch, Trainer, Worker, each_slice};
use crate::dpo::{Pair, Sums};
use crate::gpt::Gpt;
use crate::masked_loss;

/// A micro-batch of pairs of answers: see [`dpo`](crate::dpo).
#[derive(Clone, Copy, Debug)]
pub struct PreferenceBatch<'a> {
    /// Documents 0 and 1 of a sequence are a question with its chosen and its rejected answer, 2 and 3
    /// the next, and so on; one more document may fill up the sequence. Targets are the answers'.
    pub packed: PackedBatch<'a>,
    /// For each sequence, the log-probabilities of both answers of each pair under the reference.
    pub references: &'a [Vec<[f64; 2]>],
    /// How strongly the reference holds the model.
    pub beta: f64,
    /// How many pairs all micro-batches of the step have together.
    pub pairs_of_step: usize,
}

impl<T: Float> Trainer<T> {
    /// Forward and backward pass of one micro-batch of pairs: adds the gradient of their mean loss.
    /// Returns what the pairs add up to.
    ///
    /// Inputs of adapters are dropped, and nothing else: dropout in the model would change the
    /// log-probabilities that are compared with the reference's.
    ///
    /// # Panics
    /// As [`Trainer::accumulate_packed`].
    pub fn accumulate_preferences(&mut self, batch: &PreferenceBatch) -> Sums {
        let number = self.settings.micro_batch_number(self.iter, self.micro_batches);
        let (length, seed) = (self.gpt.config().block_size, self.settings.seed);
        let first_row = number * (self.settings.batch_size * length) as u64;
        let scale = 1.0 / batch.pairs_of_step.max(1) as f64;
        self.pairs(batch, |gpt, weights, worker, (x, y), first, pairs| {
            let dropping = worker.dropping.as_mut().map(|gpt| {
                gpt.set_adapter_dropout(Some((seed, first_row + first as u64)));
                &*gpt
            });
            let (gpt, acts) = (dropping.unwrap_or(gpt), &mut worker.acts);
            let head = worker.head.as_mut().expect("a trainer for packed batches");
            masked_loss::forward(gpt, weights, x, acts, None);
            let rows = masked_loss::log_probabilities(gpt, weights, y, acts, head);
            let (sums, scales) = pairs(&rows);
            let (grads, scratch) = (&mut worker.grads, &mut worker.scratch);
            let pass = Backward { params: weights, grads, scratch };
            let scale = |row: usize| T::of(scale * scales[row]);
            masked_loss::backward_scaled(gpt, (x, y), scale, acts, pass, head);
            sums
        });
        let sums = self.sums();
        self.loss += sums.loss;
        self.targets += sums.pairs;
        self.micro_batches += 1;
        sums
    }

    /// What the pairs of a batch add up to: the forward pass alone, with dropout off.
    ///
    /// # Panics
    /// As [`Trainer::accumulate_packed`].
    pub fn evaluate_preferences(&mut self, batch: &PreferenceBatch) -> Sums {
        self.pairs(batch, |gpt, weights, worker, (x, y), _, pairs| {
            let head = worker.head.as_mut().expect("a trainer for packed batches");
            masked_loss::forward(gpt, weights, x, &mut worker.acts, None);
            let rows = masked_loss::log_probabilities(gpt, weights, y, &worker.acts, head);
            pairs(&rows).0
        });
        self.sums()
    }

    /// What the pairs of the last batch add up to.
    fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        self.workers.iter().for_each(|worker| sums.merge(worker.sums));
        sums
    }

    /// The log-probability of the targets of each document of a batch, sequence by sequence: the
    /// reference, before the first step.
    ///
    /// # Panics
    /// As [`Trainer::accumulate_packed`].
    pub fn log_probabilities(&mut self, batch: &PackedBatch) -> Vec<Vec<f64>> {
        let (references, beta) = (vec![vec![]; batch.documents.len()], 0.0);
        let batch =
            PreferenceBatch { packed: *batch, references: &references, beta, pairs_of_step: 1 };
        self.evaluate_preferences(&batch);
        self.workers.iter_mut().flat_map(|worker| std::mem::take(&mut worker.documents)).collect()
    }

    /// Gives every worker its part of a batch of pairs, and a function that makes sums and weights
    /// of the rows' log-probabilities.
    fn pairs(
        &mut self,
        batch: &PreferenceBatch,
        work: impl Fn(
            &Gpt,
            &Params<T>,
            &mut Worker<T>,
            (&[u32], &[u32]),
            usize,
            &mut dyn FnMut(&[f64]) -> (Sums, Vec<f64>),
        ) -> Sums
        + Sync,
    ) {
        let PreferenceBatch { packed, references, beta, .. } = *batch;
        let PackedBatch { inputs, targets, documents, .. } = packed;
        let sizes = (self.settings.batch_size, self.gpt.config().block_size);
        let (gpt, weights) = (&self.gpt, &self.weights);
        let all = (&self.pool, &mut self.workers[..]);
        each_slice(all, sizes, inputs.len(), |sequences, tokens, worker| {
            let (documents, references) =
                (&documents[sequences.clone()], &references[sequences.clone()]);
            worker.acts.set_documents(documents);
            let mut of_documents = vec![];
            let mut weigh = |rows: &[f64]| {
                of_documents = sums_of_documents(rows, documents);
                weigh_pairs(&of_documents, documents, references, beta)
            };
            let (x, y) = (&inputs[tokens.clone()], &targets[tokens.clone()]);
            worker.sums = work(gpt, weights, worker, (x, y), tokens.start, &mut weigh);
            worker.documents = of_documents;
        });
    }
}

/// The sum over the rows of each document, sequence by sequence.
fn sums_of_documents(rows: &[f64], documents: &[Vec<usize>]) -> Vec<Vec<f64>> {
    let mut rest = rows;
    let mut sum = |&length: &usize| {
        let (own, others) = rest.split_at(length);
        rest = others;
        own.iter().sum()
    };
    documents.iter().map(|lengths| lengths.iter().map(&mut sum).collect()).collect()
}

// ANCHOR: weigh
/// What the pairs add up to, and the scale of the loss of each row.
fn weigh_pairs(
    of_documents: &[Vec<f64>],
    documents: &[Vec<usize>],
    references: &[Vec<[f64; 2]>],
    beta: f64,
) -> (Sums, Vec<f64>) {
    let (mut sums, mut scales) = (Sums::default(), vec![]);
    for ((policies, lengths), references) in of_documents.iter().zip(documents).zip(references) {
        let end = scales.len() + lengths.iter().sum::<usize>();
        let pairs = policies.chunks_exact(2).zip(lengths.chunks_exact(2)).zip(references);
        for ((policy, lengths), &reference) in pairs {
            let pair = Pair { policy: [policy[0], policy[1]], reference, beta };
            sums.add(&pair);
            // A row's loss is minus its log-probability, whose gradient is minus the weight.
            scales.extend(std::iter::repeat_n(pair.weight(), lengths[0]));
            scales.extend(std::iter::repeat_n(-pair.weight(), lengths[1]));
        }
        scales.resize(end, 0.0);
    }
    (sums, scales)
}
// ANCHOR_END: weigh
