//! Forward and backward pass of a micro-batch: what enters, and what is added to the gradient.
//!
//! libtorch records the model up to the output layer; `head` has the gradient of the rest. The loss and
//! the gradient stay on the device until a step reads them back.

use rand::Rng;
use stage01_bigram::Result;
use stage01_bigram::loss::IGNORED;
use stage01_bigram::random::{Purpose, generator};
use stage03_gpt::masked_loss::count;
use stage03_gpt::trainer::PackedBatch;
use tch::{Kind, Tensor};

use super::batch::Batch;
use super::model::Dropout;
use super::{GENERATOR, Torch, TorchBackend, head, real};

impl TorchBackend {
    /// Checks a batch: after an index out of bounds a GPU cannot be used until the process ends.
    pub(super) fn check(&self, inputs: &[u32], targets: &[u32]) -> Result<()> {
        let length = self.gpt.config().block_size;
        let tokens = self.settings.batch_size * length;
        assert_eq!([inputs.len(), targets.len()], [tokens; 2], "batch_size x block_size tokens");
        self.gpt.check_vocabulary(inputs)?;
        self.gpt.check_vocabulary(targets)
    }

    /// The same for a packed batch. Returns how many targets it has.
    pub(super) fn check_packed(&self, batch: &PackedBatch) -> Result<usize> {
        let asked = |&target: &u32| if target == IGNORED { 0 } else { target };
        let targets: Vec<u32> = batch.targets.iter().map(asked).collect();
        self.check(batch.inputs, &targets)?;
        Ok(count(batch.targets))
    }

    /// [`Batch::upload`] of a batch of full length.
    pub(super) fn upload(
        &self,
        inputs: &[u32],
        targets: &[u32],
        documents: Option<&[Vec<usize>]>,
    ) -> Torch<Batch> {
        Batch::upload(self.place, self.gpt.config().block_size, inputs, targets, documents)
    }

    /// What the output layer reads: the hidden states of the rows that have a target.
    fn hidden(&self, batch: &Batch, dropout: Dropout) -> Torch<Tensor> {
        let h = self.model.forward(&self.weights.leaves, batch, dropout)?;
        batch.with_targets(h)?.f_to_kind(self.lm_head.f_kind()?)
    }

    // ANCHOR: micro_batch
    /// Adds the loss of a batch that has some target, and its gradient, multiplied by `scale`.
    pub(super) fn micro_batch(&mut self, batch: &Batch, scale: f64) -> Torch<()> {
        let dropout = self.model.dropout;
        let h = {
            let _lock = dropout.is_active().then(|| {
                let lock = GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let seed = self.settings.seed;
                let number = self.settings.micro_batch_number(self.iter, self.micro_batches);
                tch::manual_seed(generator(seed, Purpose::Dropout, number).next_u64() as i64);
                lock
            });
            self.hidden(batch, dropout)?
        };

        // None where the output layer is frozen.
        let dw = self.weights.gradients.get_mut(self.model.lm_head);
        let (detached, gradient) = (h.f_detach()?, Some((scale, dw)));
        let kind = real(self.place);
        let (loss, dh) = head::loss(&detached, &self.lm_head, &batch.targets, kind, gradient)?;
        let dh = dh.expect("a gradient was requested");

        // A scalar whose gradient with respect to h is dh: libtorch's backward pass starts at one.
        let root = h.f_mul(&dh)?.f_sum(Kind::Float)?;
        let trained = &self.weights.leaves[..self.weights.gradients.len()];
        let gradients = Tensor::f_run_backward(&[root], trained, false, false)?;
        let _guard = tch::no_grad_guard();
        let both = self.weights.gradients.iter_mut().zip(gradients);
        // An output layer of its own is no part of the record: it has its gradient already.
        for (sum, gradient) in both.filter(|(_, gradient)| gradient.defined()) {
            let _ = sum.f_add_(&gradient)?;
        }
        let _ = self.loss.f_add_(&loss)?;
        Ok(())
    }
    // ANCHOR_END: micro_batch

    pub(super) fn summed_loss(&self, batch: &Batch) -> Torch<f64> {
        let _guard = tch::no_grad_guard();
        let h = self.hidden(batch, Dropout::NONE)?;
        let (loss, _) = head::loss(&h, &self.lm_head, &batch.targets, real(self.place), None)?;
        loss.f_double_value(&[])
    }
}
