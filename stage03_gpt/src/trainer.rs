//! One training step: forward pass, backward pass, optimiser step, on all threads.
//!
//! ```text
//!            slice 0: forward, backward -> its gradient
//!  batch  <                                              > sum -> clip -> AdamW -> weights
//!            slice 1: forward, backward -> its gradient
//! ```
//!
//! The sequences of a batch never meet inside the model, so the batch is cut into *slices*, one
//! for each thread, which is the worker of its slice (*data parallelism*). A worker has
//! activations and a gradient of its own and waits for no other. The gradients are then added in
//! the order of the workers.
//!
//! A wide model has a large gradient, and adding one for each thread would take long. There a
//! single worker takes the whole batch, and each layer divides its work among all threads (see
//! [`parallel`](stage02_attention::parallel)). Either way the result never depends on which thread
//! was faster: two runs with the same seed and the same number of threads give the same bytes on
//! the same kind of processor.
//!
//! All buffers are allocated in [`Trainer::new`], by the threads that will use them; a step
//! allocates nothing but what matrix products pack their factors into.
//!
//! ```
//! use stage01_bigram::random::{Purpose, generator};
//! use stage03_gpt::{config::GptConfig, gpt::Gpt};
//! use stage03_gpt::trainer::{Settings, Trainer};
//!
//! let gpt = Gpt::new(GptConfig { vocab_size: 4, block_size: 3, ..GptConfig::default() })?;
//! let weights = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
//! let settings = Settings { batch_size: 2, ..Settings::default() };
//! let mut trainer = Trainer::<f32>::new(gpt, weights, settings)?;
//! for _ in 0..50 {
//!     trainer.accumulate(&[0, 1, 2, 1, 2, 3], &[1, 2, 3, 2, 3, 0]); // 0 1 2 3 0 1 2 3 …
//!     trainer.step()?;
//! }
//! let loss = trainer.evaluate(&[0, 1, 2, 1, 2, 3], &[1, 2, 3, 2, 3, 0]) / 6.0;
//! assert!(loss < 0.1, "{loss} nats per token");
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: where batches come from and when to save
//! ([`training`](crate::training)), the optimiser's equations ([`adamw`](crate::adamw)), and batches of
//! pairs of answers (`preferences`).

mod preferences;

use std::ops::Range;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::vector::{simd_dispatch, sum};
use stage01_bigram::{Error, Float, Result};
use stage02_attention::backward::Backward;
use stage02_attention::parallel::{single_threaded, spinning};
use stage02_attention::params::Params;
use stage02_attention::profiler::{Region, time};

use crate::adamw::{AdamW, CHUNK, Moments};
use crate::dpo::Sums;
use crate::gpt::{self, Gpt};
use crate::masked_loss;
use crate::memory;
use crate::schedule::Schedule;

pub use self::preferences::PreferenceBatch;

/// The largest number of threads: more than any machine has cores.
pub const MOST_THREADS: usize = 1024;

/// The settings of training: everything but the model and the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many sequences a micro-batch has.
    pub batch_size: usize,
    /// How many micro-batches make one step; their gradients are averaged.
    pub gradient_accumulation_steps: usize,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// The optimiser.
    pub adamw: AdamW,
    /// The random seed of the run.
    pub seed: u64,
    /// The number of threads, and of the slices that a batch is cut into (one where the model is
    /// wide).
    pub threads: usize,
}

impl Default for Settings {
    /// Those of the run of three minutes, on all cores.
    fn default() -> Self {
        Settings {
            batch_size: 12,
            gradient_accumulation_steps: 1,
            schedule: Schedule::default(),
            adamw: AdamW::default(),
            seed: 1337,
            threads: cores(),
        }
    }
}

/// The most micro-batches of a step: a run stops between steps, so a step must end.
pub const MAX_ACCUMULATION: usize = 65_536;

impl Settings {
    /// Checks that the settings can be used.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the first that cannot.
    pub fn validate(&self) -> Result<()> {
        for (setting, value) in [
            ("--batch-size", self.batch_size),
            ("--gradient-accumulation-steps", self.gradient_accumulation_steps),
            ("--threads", self.threads),
        ] {
            if value == 0 {
                return Err(Error::setting(setting, value, "it must be at least 1"));
            }
        }
        if self.gradient_accumulation_steps > MAX_ACCUMULATION {
            let expected = format!("a step has at most {MAX_ACCUMULATION} micro-batches");
            let setting = "--gradient-accumulation-steps";
            return Err(Error::setting(setting, self.gradient_accumulation_steps, expected));
        }
        check_threads(self.threads)?;
        self.schedule.validate()?;
        self.adamw.validate()
    }

    /// How many tokens one step reads, in sequences of this length.
    pub fn tokens_per_step(&self, block_size: usize) -> usize {
        (self.batch_size * block_size).saturating_mul(self.gradient_accumulation_steps)
    }

    /// The number of the next micro-batch, counted from 0 over the whole run, after `iter` steps
    /// and `accumulated` micro-batches of the next one: it seeds its windows and its dropout.
    pub fn micro_batch_number(&self, iter: usize, accumulated: usize) -> u64 {
        iter as u64 * self.gradient_accumulation_steps as u64 + accumulated as u64
    }
}

/// The metrics of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The number of the step, counted from 0.
    pub iter: usize,
    /// The mean loss over the batch before the step, in nats per token.
    pub loss: f64,
    /// The learning rate of the step.
    pub lr: f64,
    /// The norm of the gradient before clipping.
    pub grad_norm: f64,
}

/// A micro-batch of which some targets count, with several documents in a row.
#[derive(Clone, Copy, Debug)]
pub struct PackedBatch<'a> {
    /// batch_size sequences of block_size tokens, one after another.
    pub inputs: &'a [u32],
    /// The token that follows each, or [`IGNORED`](stage01_bigram::loss::IGNORED).
    pub targets: &'a [u32],
    /// The lengths of the documents of each sequence: see
    /// [`Documents`](stage02_attention::attention::documents::Documents).
    pub documents: &'a [Vec<usize>],
    /// How many targets all micro-batches of the step have together: the loss of the step is the mean
    /// over them, so that a token counts as much in a short answer as in a long one.
    pub targets_of_step: usize,
}

/// A worker: the buffers for one slice of the batch.
struct Worker<T> {
    acts: gpt::Activations<T>,
    scratch: gpt::Scratch<T>,
    grads: Params<T>,
    /// A generator for each of its sequences.
    rngs: Vec<Generator>,
    /// Buffers for the logits of some rows, where not all have a target.
    head: Option<masked_loss::Scratch<T>>,
    /// The model as this worker drops inputs of its adapters; none where nothing is dropped.
    dropping: Option<Gpt>,
    /// The summed loss of its last micro-batch.
    loss: f64,
    /// Of its last micro-batch of pairs, what they add up to.
    sums: Sums,
    /// The log-probability of each document of its last micro-batch, sequence by sequence.
    documents: Vec<Vec<f64>>,
}

/// A model in training.
pub struct Trainer<T> {
    gpt: Gpt,
    settings: Settings,
    /// The weights.
    pub weights: Params<T>,
    /// The optimiser's averages.
    pub moments: Moments<T>,
    /// How many steps have been taken.
    pub iter: usize,
    workers: Vec<Worker<T>>,
    /// All threads. There is one pool for everything: two pools would compete for the cores.
    pool: ThreadPool,
    /// The summed squares of each chunk of the gradient.
    squares: Vec<f64>,
    /// The summed loss of the micro-batches since the last step, how many there were, and how many
    /// targets they had.
    loss: f64,
    micro_batches: usize,
    targets: usize,
}

impl<T: Float> Trainer<T> {
    /// A trainer for these weights, before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`] when the settings cannot be used.
    pub fn new(gpt: Gpt, weights: Params<T>, settings: Settings) -> Result<Self> {
        Self::build(gpt, weights, settings, false)
    }

    /// A trainer for [`PackedBatch`]es, whose logits are computed [`masked_loss::ROWS`] at a time.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn for_packed(gpt: Gpt, weights: Params<T>, settings: Settings) -> Result<Self> {
        Self::build(gpt, weights, settings, true)
    }

    fn build(gpt: Gpt, weights: Params<T>, settings: Settings, packed: bool) -> Result<Self> {
        settings.validate()?;
        let length = gpt.config().block_size;
        let n_workers = n_workers(&gpt, &settings);
        let tokens = settings.batch_size as f64 * length as f64;
        let logits = if packed { gpt.config().vocab_size } else { 0 } as f64;
        let numbers = gpt.trained() as f64 * (2 + n_workers) as f64
            + tokens * (gpt.config().activations_per_token() - logits)
            + tokens.min((masked_loss::ROWS * n_workers) as f64) * logits;
        let remedy = "choose a smaller --batch-size (and more --gradient-accumulation-steps), \
                      --block-size, --n-layer or --n-embd";
        memory::require(numbers * size_of::<T>() as f64, "the memory to train in", remedy)?;
        let pool = thread_pool(settings.threads)?;
        let worker = |n| Worker {
            acts: match packed {
                true => gpt.activations_without_logits(n, length),
                false => gpt.activations(n, length),
            },
            scratch: gpt.scratch(n, length),
            grads: gpt.gradient(),
            head: packed.then(|| masked_loss::Scratch::new(&gpt, n * length)),
            dropping: gpt.lora().filter(|lora| lora.dropout > 0.0).map(|_| gpt.clone()),
            rngs: vec![generator(settings.seed, Purpose::Dropout, 0); n],
            loss: 0.0,
            sums: Sums::default(),
            documents: vec![],
        };
        // In the pool that will use them: some buffers are sized by its number of threads.
        let workers = pool.install(|| match n_workers {
            1 => vec![worker(settings.batch_size)],
            _ => (0..n_workers)
                .map(|i| single_threaded(|| worker(slice(settings.batch_size, n_workers, i).len())))
                .collect(),
        });
        let moments = Moments::of_first(gpt.trained());
        let squares = Vec::with_capacity(gpt.trained().div_ceil(CHUNK));
        Ok(Trainer {
            gpt,
            settings,
            weights,
            moments,
            iter: 0,
            workers,
            pool,
            squares,
            loss: 0.0,
            micro_batches: 0,
            targets: 0,
        })
    }

    /// The model's architecture.
    pub fn gpt(&self) -> &Gpt {
        &self.gpt
    }

    /// How the model is trained.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The generator that draws the next micro-batch.
    // ANCHOR: batch_rng
    pub fn batch_rng(&self) -> Generator {
        let number = self.settings.micro_batch_number(self.iter, self.micro_batches);
        generator(self.settings.seed, Purpose::Batch, number)
    }
    // ANCHOR_END: batch_rng

    /// Forward and backward pass of one micro-batch: adds its gradient.
    ///
    /// inputs, targets: (batch_size, block_size), sequence after sequence.
    ///
    /// # Panics
    /// When they have another length, or a token is not in the vocabulary.
    pub fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) {
        let Settings { gradient_accumulation_steps, .. } = self.settings;
        // ANCHOR: scale
        let scale = T::of(1.0 / (inputs.len() as f64 * gradient_accumulation_steps as f64));
        // ANCHOR_END: scale
        self.targets += inputs.len();
        self.pass_through(inputs, targets, None, scale);
    }

    /// [`Trainer::accumulate`] of a batch of which some targets count.
    ///
    /// # Panics
    /// As [`Trainer::accumulate`], and when this is no trainer [for such
    /// batches](Trainer::for_packed).
    pub fn accumulate_packed(&mut self, batch: &PackedBatch) {
        let &PackedBatch { inputs, targets, documents, targets_of_step } = batch;
        // A step without any target has a loss of 0, not of 0 / 0.
        let scale = T::of(1.0 / targets_of_step.max(1) as f64);
        self.targets += masked_loss::count(targets);
        self.pass_through(inputs, targets, Some(documents), scale);
    }

    /// Forward and backward pass of one micro-batch, whose loss is multiplied by `scale`.
    fn pass_through(
        &mut self,
        inputs: &[u32],
        targets: &[u32],
        documents: Option<&[Vec<usize>]>,
        scale: T,
    ) {
        let length = self.gpt.config().block_size;
        let Settings { batch_size, seed, .. } = self.settings;
        let number = self.settings.micro_batch_number(self.iter, self.micro_batches);
        let first_sequence = number * batch_size as u64;
        let dropout = self.gpt.config().dropout > 0.0;
        let (gpt, weights, sizes) = (&self.gpt, &self.weights, (batch_size, length));
        let all = (&self.pool, &mut self.workers[..]);
        each_slice(all, sizes, inputs.len(), |sequences, tokens, worker| {
            let (x, y) = (&inputs[tokens.clone()], &targets[tokens]);
            let Worker { acts, scratch, grads, rngs, head, dropping, loss, .. } = worker;
            let gpt = match dropping {
                Some(gpt) => {
                    let first_row = (first_sequence + sequences.start as u64) * length as u64;
                    gpt.set_adapter_dropout(Some((seed, first_row)));
                    &*gpt
                }
                None => gpt,
            };
            if let Some(documents) = documents {
                acts.set_documents(&documents[sequences.clone()]);
            }
            // ANCHOR: learn
            if dropout {
                for (rng, b) in rngs.iter_mut().zip(sequences) {
                    *rng = generator(seed, Purpose::Dropout, first_sequence + b as u64);
                }
            }
            if let Some(head) = head {
                masked_loss::forward(gpt, weights, x, acts, dropout.then_some(rngs));
                let pass = Backward { params: weights, grads, scratch };
                *loss = masked_loss::backward(gpt, (x, y), scale, acts, pass, head);
                return;
            }
            gpt.forward(weights, x, acts, dropout.then_some(rngs));
            let pass = Backward { params: weights, grads, scratch };
            *loss = gpt.backward(x, y, scale, acts, pass);
            // ANCHOR_END: learn
        });
        self.loss += self.workers.iter().map(|worker| worker.loss).sum::<f64>();
        self.micro_batches += 1;
    }

    /// Takes a step along the mean gradient of the micro-batches since the last one.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss or the gradient is NaN or infinite. The weights are then
    /// as they were before.
    pub fn step(&mut self) -> Result<Step> {
        let iter = self.iter;
        let loss = self.loss / self.targets.max(1) as f64;
        (self.loss, self.micro_batches, self.targets) = (0.0, 0, 0);

        let (first, others) = self.workers.split_first_mut().expect("there is a first worker");
        let Trainer { pool, squares, gpt, weights, moments, settings, .. } = self;
        let step = pool.install(|| {
            // ANCHOR: add_gradients
            for other in others {
                let (sum, own) = (&mut first.grads.values, &mut other.grads.values);
                (sum.par_chunks_mut(CHUNK)).zip(own.par_chunks_mut(CHUNK)).for_each(
                    |(sum, own)| {
                        time(Region::Optimiser, || {
                            for (sum, own) in sum.iter_mut().zip(own) {
                                *sum += std::mem::take(own);
                            }
                        });
                    },
                );
            }
            // ANCHOR_END: add_gradients
            let chunks = first.grads.values.par_chunks(CHUNK);
            let squares_of = |chunk: &_| time(Region::Optimiser, || sum_of_squares(chunk));
            chunks.map(squares_of).collect_into_vec(squares);
            let grad_norm = squares.iter().sum::<f64>().sqrt();
            let lr = settings.schedule.at(iter);
            if !loss.is_finite() || !grad_norm.is_finite() {
                return Err(Error::diverged_gradient(iter, loss, grad_norm));
            }
            // ANCHOR: clip_and_step
            let factor = settings.adamw.clip_factor(grad_norm);
            let (layout, t) = (gpt.layout(), iter + 1);
            settings.adamw.step(t, lr, factor, layout, weights, &mut first.grads, moments);
            // ANCHOR_END: clip_and_step
            Ok(Step { iter, loss, lr, grad_norm })
        });
        if step.is_err() {
            first.grads.values.fill(T::zero());
        }
        let step = step?;
        self.iter += 1;
        Ok(step)
    }

    /// Runs `work` in the thread pool of the trainer. Some buffers are sized by the number of
    /// threads of the pool in which they are made.
    pub fn install<R: Send>(&self, work: impl FnOnce(&Gpt, &Params<T>) -> R + Send) -> R {
        let (gpt, weights) = (&self.gpt, &self.weights);
        self.pool.install(|| work(gpt, weights))
    }

    /// The model and its weights, when training is over.
    pub fn into_parts(self) -> (Gpt, Params<T>) {
        (self.gpt, self.weights)
    }

    /// The gradient, of all that is trained, of the micro-batches since the last step, summed over the
    /// workers.
    pub fn gradient(&self) -> Params<T> {
        let mut sum = self.workers[0].grads.clone();
        for worker in &self.workers[1..] {
            for (sum, &own) in sum.values.iter_mut().zip(&worker.grads.values) {
                *sum += own;
            }
        }
        sum
    }

    /// The summed loss of a batch, in nats: the forward pass alone, with dropout off.
    ///
    /// inputs, targets: as in [`Trainer::accumulate`].
    ///
    /// # Panics
    /// As [`Trainer::accumulate`].
    pub fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> f64 {
        self.measure(inputs, targets, None)
    }

    /// [`Trainer::evaluate`] of a batch of which some targets count: the sum over these.
    ///
    /// # Panics
    /// As [`Trainer::accumulate_packed`].
    pub fn evaluate_packed(&mut self, batch: &PackedBatch) -> f64 {
        self.measure(batch.inputs, batch.targets, Some(batch.documents))
    }

    fn measure(
        &mut self,
        inputs: &[u32],
        targets: &[u32],
        documents: Option<&[Vec<usize>]>,
    ) -> f64 {
        let sizes = (self.settings.batch_size, self.gpt.config().block_size);
        let (gpt, weights) = (&self.gpt, &self.weights);
        let all = (&self.pool, &mut self.workers[..]);
        each_slice(all, sizes, inputs.len(), |sequences, tokens, worker| {
            if let Some(documents) = documents {
                worker.acts.set_documents(&documents[sequences]);
            }
            if let Some(head) = &mut worker.head {
                let (x, y) = (&inputs[tokens.clone()], &targets[tokens]);
                masked_loss::forward(gpt, weights, x, &mut worker.acts, None);
                worker.loss = masked_loss::loss(gpt, weights, y, &worker.acts, head);
                return;
            }
            // ANCHOR: measure
            gpt.forward(weights, &inputs[tokens.clone()], &mut worker.acts, None);
            worker.loss = gpt.loss(&targets[tokens], &worker.acts);
            // ANCHOR_END: measure
        });
        self.workers.iter().map(|worker| worker.loss).sum()
    }
}

/// The number of workers, and so of slices of a batch.
///
/// A worker for each thread avoids waiting, but each has a gradient of its own, which must be
/// added to the others. Where the model is wide the gradient is large, and so is the work of a
/// layer: then one worker uses all threads inside each layer.
fn n_workers(gpt: &Gpt, settings: &Settings) -> usize {
    // ANCHOR: n_workers
    const WIDE: usize = 256;
    if gpt.config().n_embd >= WIDE { 1 } else { settings.threads.min(settings.batch_size) }
    // ANCHOR_END: n_workers
}

/// Runs `work` for every worker: a single one uses all threads, several use one thread each.
fn each<T: Float>(
    pool: &ThreadPool,
    workers: &mut [Worker<T>],
    work: impl Fn(usize, &mut Worker<T>) + Sync,
) {
    pool.install(|| match workers {
        [worker] => spinning(|| work(0, worker)),
        workers => workers
            .par_iter_mut()
            .enumerate()
            .with_max_len(1)
            .for_each(|(i, worker)| single_threaded(|| work(i, worker))),
    });
}

/// Runs `work` for every worker with its slice of a batch of `(batch_size, length)`: its sequences, and
/// their tokens.
///
/// # Panics
/// When the batch has another number of tokens.
fn each_slice<T: Float>(
    (pool, workers): (&ThreadPool, &mut [Worker<T>]),
    (batch_size, length): (usize, usize),
    tokens: usize,
    work: impl Fn(Range<usize>, Range<usize>, &mut Worker<T>) + Sync,
) {
    assert_eq!(tokens, batch_size * length, "batch_size sequences of block_size tokens");
    let n_workers = workers.len();
    each(pool, workers, |i, worker| {
        let sequences = slice(batch_size, n_workers, i);
        let tokens = sequences.start * length..sequences.end * length;
        work(sequences, tokens, worker);
    });
}

/// A thread pool of this many threads.
///
/// # Errors
/// [`Error::Setting`] for more than any machine has, or when the operating system gives none.
pub fn thread_pool(threads: usize) -> Result<ThreadPool> {
    check_threads(threads)?;
    let refused = |e: rayon::ThreadPoolBuildError| {
        Error::setting("--threads", threads, format!("the operating system refused: {e}"))
    };
    ThreadPoolBuilder::new().num_threads(threads).build().map_err(refused)
}

/// How many threads this machine runs at once.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Refuses a number of threads that no machine has.
///
/// # Errors
/// [`Error::Setting`] for none, and for more than [`MOST_THREADS`].
pub fn check_threads(threads: usize) -> Result<()> {
    if (1..=MOST_THREADS).contains(&threads) {
        return Ok(());
    }
    let expected =
        format!("choose from 1 to {MOST_THREADS}; more than the machine has cores is slow");
    Err(Error::setting("--threads", threads, expected))
}

/// The `i`th of `slices` nearly equal slices of `0..n`.
fn slice(n: usize, slices: usize, i: usize) -> Range<usize> {
    n * i / slices..n * (i + 1) / slices
}

/// The sum of the squares, in `f64`.
fn sum_of_squares<T: Float>(values: &[T]) -> f64 {
    simd_dispatch(
        #[inline(always)]
        || sum(values.iter().map(|v| v.f64() * v.f64())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GptConfig;
    use rand::RngExt;
    use stage02_attention::matmul::Dtype;

    fn settings(batch_size: usize, accumulation: usize, threads: usize) -> Settings {
        Settings {
            batch_size,
            gradient_accumulation_steps: accumulation,
            schedule: Schedule::constant(3e-3),
            adamw: AdamW::default(),
            seed: 7,
            threads,
        }
    }

    fn trainer(dropout: f64, settings: Settings) -> Trainer<f64> {
        let config = GptConfig {
            vocab_size: 13,
            block_size: 8,
            n_layer: 2,
            n_head: 2,
            n_embd: 16,
            dropout,
            bias: true,
            ..GptConfig::default()
        };
        let gpt = Gpt::new(config).unwrap();
        let weights = gpt.initialise(&mut generator(3, Purpose::Initialisation, 0));
        Trainer::new(gpt, weights, settings).unwrap()
    }

    fn batch(n: usize) -> (Vec<u32>, Vec<u32>) {
        let mut rng = generator(1, Purpose::Other, 0);
        let mut draw = || (0..n * 8).map(|_| rng.random_range(0..13u32)).collect();
        (draw(), draw())
    }

    #[test]
    fn one_batch_is_memorised() {
        let mut trainer = trainer(0.0, settings(4, 1, 2));
        let (mut x, y) = batch(4);
        // A different first token for each: equal beginnings could not predict different targets.
        x.iter_mut().step_by(8).zip(0..).for_each(|(first, b)| *first = b);
        let mut last = f64::NAN;
        for _ in 0..300 {
            trainer.accumulate(&x, &y);
            last = trainer.step().unwrap().loss;
        }
        assert!(last < 0.02, "the loss is still {last}");
    }

    #[test]
    fn the_number_of_workers_changes_only_the_rounding() {
        let (x, y) = batch(5);
        let run = |threads| {
            let mut trainer = trainer(0.2, settings(5, 1, threads));
            for _ in 0..5 {
                trainer.accumulate(&x, &y);
                trainer.step().unwrap();
            }
            trainer.weights.values
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            for (a, b) in one.iter().zip(run(threads)) {
                assert!((a - b).abs() < 1e-9, "{threads} threads: {a} {b}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let (x, y) = batch(5);
        let run = || {
            let mut trainer = trainer(0.2, settings(5, 1, 3));
            for _ in 0..10 {
                trainer.accumulate(&x, &y);
                trainer.step().unwrap();
            }
            trainer.weights.values
        };
        assert_eq!(run(), run());
    }

    /// The losses of ten steps, and the weights after them, of a model so wide that the threads
    /// divide its layers instead of its batch.
    fn wide(threads: usize, dtype: Dtype) -> (Vec<f64>, Vec<f32>) {
        let (n_layer, n_head, n_embd, dropout) = (1, 4, 256, 0.1);
        let (vocab_size, block_size, bias) = (13, 8, true);
        let config = GptConfig {
            vocab_size,
            block_size,
            n_layer,
            n_head,
            n_embd,
            dropout,
            bias,
            ..GptConfig::default()
        };
        let mut gpt = Gpt::new(config).unwrap();
        gpt.set_dtype(dtype);
        let weights = gpt.initialise(&mut generator(3, Purpose::Initialisation, 0));
        let mut trainer = Trainer::<f32>::new(gpt, weights, settings(8, 1, threads)).unwrap();
        assert_eq!(trainer.workers.len(), 1);
        let (x, y) = batch(8);
        let step = |_| {
            trainer.accumulate(&x, &y);
            trainer.step().unwrap().loss
        };
        let losses = (0..10).map(step).collect();
        (losses, trainer.weights.values)
    }

    #[test]
    fn many_threads_inside_the_layers_give_the_same_bytes_every_time() {
        let (losses, weights) = wide(3, Dtype::Float32);
        for _ in 0..3 {
            let (again, same) = wide(3, Dtype::Float32);
            assert!(losses == again && weights == same);
        }
        for (a, b) in losses.iter().zip(wide(1, Dtype::Float32).0) {
            assert!((a - b).abs() < 1e-4 * b, "{a} {b}");
        }
        assert!(losses[9] < 0.8 * losses[0], "{losses:?}");
    }

    #[test]
    fn bfloat16_products_give_nearly_the_same_losses() {
        let (full, rounded) = (wide(2, Dtype::Float32), wide(2, Dtype::Bfloat16));
        assert_ne!(full.1, rounded.1);
        for (a, b) in full.0.iter().zip(rounded.0) {
            assert!((a - b).abs() < 0.02 * a, "{a} {b}");
        }
    }

    #[test]
    fn two_half_batches_make_one_step_like_the_whole() {
        let (x, y) = batch(4);
        let mut whole = trainer(0.0, settings(4, 1, 1));
        whole.accumulate(&x, &y);
        let mut halves = trainer(0.0, settings(2, 2, 1));
        halves.accumulate(&x[..16], &y[..16]);
        halves.accumulate(&x[16..], &y[16..]);
        let (a, b) = (whole.step().unwrap(), halves.step().unwrap());
        assert!((a.loss - b.loss).abs() < 1e-12 && (a.grad_norm - b.grad_norm).abs() < 1e-12);
        for (a, b) in whole.weights.values.iter().zip(&halves.weights.values) {
            assert!((a - b).abs() < 1e-9);
        }
    }

    #[test]
    fn a_loss_that_is_nan_stops_before_the_weights_are_touched() {
        let mut trainer = trainer(0.0, settings(4, 1, 2));
        trainer.weights.values[0] = f64::NAN;
        let before = trainer.weights.values.clone();
        trainer.accumulate(&[0; 32], &batch(4).1);
        let error = trainer.step().unwrap_err();
        assert!(error.to_string().starts_with("the loss became NaN at iteration 0"), "{error}");
        assert_eq!(before[1..], trainer.weights.values[1..]);
    }

    #[test]
    fn slices_cover_everything_once() {
        for (n, slices) in [(12, 5), (3, 3), (7, 2)] {
            let all: Vec<usize> = (0..slices).flat_map(|i| slice(n, slices, i)).collect();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }
}
