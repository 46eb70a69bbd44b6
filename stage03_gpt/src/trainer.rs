//! One training step: a batch goes through the model, its gradient comes back, weights move.
//!
//! ```text
//!            shard 0: forward, backward -> its gradient
//!  batch  <                                              > sum -> clip -> AdamW -> weights
//!            shard 1: forward, backward -> its gradient
//! ```
//!
//! The sequences of a batch never meet inside the model, so the batch is cut into *shards*,
//! one for each thread. A thread works alone on its shard, with activations and a gradient of
//! their own, and need not wait for anybody. The gradients are then added in the order of the
//! shards.
//!
//! A wide model has a large gradient, and adding one for each thread would take long. There all
//! threads work on a single shard, and the layers share out their work among them (see
//! [`threads`](stage02_attention::parallel)). Either way the result never depends on which thread was
//! faster: two runs with the same seed and the same number of threads give the same bytes on
//! the same kind of processor.
//!
//! All room is taken when a [`Trainer`] is made; a step allocates nothing but what matrix
//! products rearrange their tables in.
//!
//! What this file leaves out: where batches come from and when to save
//! (`cli::train`), and the optimiser's equations ([`adamw`](crate::adamw)).

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::vector::{simd_dispatch, sum};
use stage01_bigram::{Error, Float, Result};
use stage02_attention::parallel::{single_threaded, spinning};
use stage02_attention::params::Params;
use stage02_attention::profiler::{Region, time};

use crate::adamw::{AdamW, CHUNK, Moments};
use crate::gpt::{self, Gpt};
use crate::memory;
use crate::schedule::Schedule;

/// More threads than any machine has cores.
pub const MOST_THREADS: usize = 1024;

/// How to train: everything but the model and the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many sequences one pass reads.
    pub batch_size: usize,
    /// How many passes make one step; their gradients are averaged.
    pub gradient_accumulation_steps: usize,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// The optimiser.
    pub adamw: AdamW,
    /// Names all random numbers of the run.
    pub seed: u64,
    /// Into how many shards a batch is cut, and on how many threads they run.
    pub threads: usize,
}

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
        check_threads(self.threads)?;
        self.schedule.validate()?;
        self.adamw.validate()
    }
}

/// What one step has to say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The number of the step, counted from 0.
    pub iter: usize,
    /// The mean loss over the batch before the step, in nats per token.
    pub loss: f64,
    /// The learning rate of the step.
    pub lr: f64,
    /// The gradient norm before clipping.
    pub grad_norm: f64,
}

/// One thread's part of the batch, with everything it needs.
struct Shard<T> {
    acts: gpt::Activations<T>,
    scratch: gpt::Scratch<T>,
    grads: Params<T>,
    /// A generator for each of its sequences.
    rngs: Vec<Generator>,
    /// The summed loss of its last pass.
    loss: f64,
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
    shards: Vec<Shard<T>>,
    /// All threads. There is one pool for everything, or else the threads of one would be in the
    /// way of another's.
    pool: ThreadPool,
    /// The summed squares of each chunk of the gradient.
    squares: Vec<f64>,
    /// The summed loss of the passes since the last step, and how many there were.
    loss: f64,
    passes: usize,
}

impl<T: Float> Trainer<T> {
    /// A trainer for these weights, before its first step.
    ///
    /// # Errors
    /// [`Error::Setting`] when the settings cannot be used.
    pub fn new(gpt: Gpt, weights: Params<T>, settings: Settings) -> Result<Self> {
        settings.validate()?;
        let length = gpt.config().block_size;
        let n_shards = n_shards(&gpt, &settings);
        let tokens = settings.batch_size as f64 * length as f64;
        let numbers = weights.values.len() as f64 * (2 + n_shards) as f64
            + tokens * gpt.config().activations_per_token();
        let remedy = "choose a smaller --batch-size (and more --gradient-accumulation-steps), \
                      --block-size, --n-layer or --n-embd";
        memory::require(numbers * size_of::<T>() as f64, "the room to train in", remedy)?;
        let pool = thread_pool(settings.threads)?;
        let shard = |n| Shard {
            acts: gpt.activations(n, length),
            scratch: gpt.scratch(n, length),
            grads: Params::zeros(gpt.layout()),
            rngs: vec![generator(settings.seed, Purpose::Dropout, 0); n],
            loss: 0.0,
        };
        // Among the threads that will work on it, because room is taken for each of them.
        let shards = pool.install(|| match n_shards {
            1 => vec![shard(settings.batch_size)],
            _ => (0..n_shards)
                .map(|i| single_threaded(|| shard(part(settings.batch_size, n_shards, i).len())))
                .collect(),
        });
        let moments = Moments::new(gpt.layout());
        let squares = Vec::with_capacity(weights.values.len().div_ceil(CHUNK));
        let (iter, loss, passes) = (0, 0.0, 0);
        Ok(Trainer { gpt, settings, weights, moments, iter, shards, pool, squares, loss, passes })
    }

    /// The model's plan.
    pub fn gpt(&self) -> &Gpt {
        &self.gpt
    }

    /// How the model is trained.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The generator which draws the batch of the next pass.
    // ANCHOR: batch_rng
    pub fn batch_rng(&self) -> Generator {
        generator(self.settings.seed, Purpose::Batch, self.pass_number())
    }

    /// How many passes came before the next one, since the run began.
    fn pass_number(&self) -> u64 {
        self.iter as u64 * self.settings.gradient_accumulation_steps as u64 + self.passes as u64
    }
    // ANCHOR_END: batch_rng

    /// One pass: adds the gradient of a batch.
    ///
    /// inputs, targets: (batch_size, block_size), sequence after sequence.
    ///
    /// # Panics
    /// When they have another length, or a token is not in the vocabulary.
    pub fn accumulate(&mut self, inputs: &[u32], targets: &[u32]) {
        let length = self.gpt.config().block_size;
        let Settings { batch_size, gradient_accumulation_steps, seed, .. } = self.settings;
        assert_eq!(inputs.len(), batch_size * length, "batch_size sequences of block_size tokens");
        // ANCHOR: scale
        let scale = T::of(1.0 / (inputs.len() as f64 * gradient_accumulation_steps as f64));
        // ANCHOR_END: scale
        let first_sequence = self.pass_number() * batch_size as u64;
        let dropout = self.gpt.config().dropout > 0.0;
        let (gpt, weights, n_shards) = (&self.gpt, &self.weights, self.shards.len());
        each(&self.pool, &mut self.shards, |i, shard| {
            let sequences = part(batch_size, n_shards, i);
            let tokens = sequences.start * length..sequences.end * length;
            let (x, y) = (&inputs[tokens.clone()], &targets[tokens]);
            let Shard { acts, scratch, grads, rngs, loss } = shard;
            // ANCHOR: learn
            if dropout {
                for (rng, b) in rngs.iter_mut().zip(sequences) {
                    *rng = generator(seed, Purpose::Dropout, first_sequence + b as u64);
                }
            }
            gpt.forward(weights, x, acts, dropout.then_some(rngs));
            *loss = gpt.backward(weights, x, y, scale, acts, scratch, grads);
            // ANCHOR_END: learn
        });
        self.loss += self.shards.iter().map(|shard| shard.loss).sum::<f64>();
        self.passes += 1;
    }

    /// Takes a step along the gradient of the passes since the last one.
    ///
    /// # Errors
    /// [`Error::Diverged`] when the loss or the gradient is no longer a number. The weights
    /// are then as they were before.
    pub fn step(&mut self) -> Result<Step> {
        let iter = self.iter;
        let tokens = self.passes * self.settings.batch_size * self.gpt.config().block_size;
        let loss = self.loss / tokens as f64;
        (self.loss, self.passes) = (0.0, 0);

        let (first, others) = self.shards.split_first_mut().expect("there is a first shard");
        let Trainer { pool, squares, gpt, weights, moments, settings, .. } = self;
        let step = pool.install(|| {
            // ANCHOR: add_shards
            for other in others {
                let (sum, part) = (&mut first.grads.values, &mut other.grads.values);
                (sum.par_chunks_mut(CHUNK)).zip(part.par_chunks_mut(CHUNK)).for_each(
                    |(sum, part)| {
                        time(Region::Optimiser, || {
                            for (sum, part) in sum.iter_mut().zip(part) {
                                *sum += std::mem::take(part);
                            }
                        });
                    },
                );
            }
            // ANCHOR_END: add_shards
            let chunks = first.grads.values.par_chunks(CHUNK);
            let squares_of = |chunk: &_| time(Region::Optimiser, || sum_of_squares(chunk));
            chunks.map(squares_of).collect_into_vec(squares);
            let grad_norm = squares.iter().sum::<f64>().sqrt();
            let lr = settings.schedule.at(iter);
            if !loss.is_finite() || !grad_norm.is_finite() {
                let remedy = format!(
                    "the length of its gradient is {grad_norm}; the weights are as they were \
                     before this step; resume from the last checkpoint with a smaller \
                     --learning-rate or a --grad-clip"
                );
                return Err(Error::Diverged { iter, loss, remedy });
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

    /// The gradient that the passes since the last step have given so far, over all shards.
    pub fn gradient(&self) -> Params<T> {
        let mut sum = self.shards[0].grads.clone();
        for shard in &self.shards[1..] {
            for (sum, &part) in sum.values.iter_mut().zip(&shard.grads.values) {
                *sum += part;
            }
        }
        sum
    }

    /// The summed loss of a batch, in nats, with nothing dropped and nothing learned.
    ///
    /// inputs, targets: as in [`Trainer::accumulate`].
    ///
    /// # Panics
    /// As [`Trainer::accumulate`].
    pub fn evaluate(&mut self, inputs: &[u32], targets: &[u32]) -> f64 {
        let length = self.gpt.config().block_size;
        let (batch_size, n_shards) = (self.settings.batch_size, self.shards.len());
        assert_eq!(inputs.len(), batch_size * length, "batch_size sequences of block_size tokens");
        let (gpt, weights) = (&self.gpt, &self.weights);
        each(&self.pool, &mut self.shards, |i, shard| {
            let sequences = part(batch_size, n_shards, i);
            let tokens = sequences.start * length..sequences.end * length;
            // ANCHOR: measure
            gpt.forward(weights, &inputs[tokens.clone()], &mut shard.acts, None);
            shard.loss = gpt.loss(&targets[tokens], &shard.acts);
            // ANCHOR_END: measure
        });
        self.shards.iter().map(|shard| shard.loss).sum()
    }
}

/// Into how many shards a batch is cut.
///
/// A shard of its own for each thread needs no waiting for each other, but also a gradient of
/// its own, which must be added to the others. Where the model is wide its gradient is large,
/// and the work of a layer large enough to be cut inside: then all threads work on one shard.
fn n_shards(gpt: &Gpt, settings: &Settings) -> usize {
    // ANCHOR: n_shards
    const WIDE: usize = 256;
    if gpt.config().n_embd >= WIDE { 1 } else { settings.threads.min(settings.batch_size) }
    // ANCHOR_END: n_shards
}

/// Runs some work for every shard: for a single one by all threads together, for several by a
/// thread each.
fn each<T: Float>(
    pool: &ThreadPool,
    shards: &mut [Shard<T>],
    work: impl Fn(usize, &mut Shard<T>) + Sync,
) {
    pool.install(|| match shards {
        [shard] => spinning(|| work(0, shard)),
        shards => shards
            .par_iter_mut()
            .enumerate()
            .with_max_len(1)
            .for_each(|(i, shard)| single_threaded(|| work(i, shard))),
    });
}

/// Threads for the work of one command, and no more than were asked for.
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
fn check_threads(threads: usize) -> Result<()> {
    if (1..=MOST_THREADS).contains(&threads) {
        return Ok(());
    }
    let expected =
        format!("choose from 1 to {MOST_THREADS}; more than the machine has cores is slow");
    Err(Error::setting("--threads", threads, expected))
}

/// The `i`th of `parts` nearly equal parts of `0..n`.
fn part(n: usize, parts: usize, i: usize) -> std::ops::Range<usize> {
    n * i / parts..n * (i + 1) / parts
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
            schedule: Schedule {
                learning_rate: 3e-3,
                min_lr: 3e-3,
                warmup_iters: 0,
                lr_decay_iters: 1,
            },
            adamw: AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1, grad_clip: 1.0 },
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
    fn one_batch_is_learned_by_heart() {
        let mut trainer = trainer(0.0, settings(4, 1, 2));
        let (mut x, y) = batch(4);
        // Sequences that begin alike and go on differently could not be told apart.
        x.iter_mut().step_by(8).zip(0..).for_each(|(first, b)| *first = b);
        let mut last = f64::NAN;
        for _ in 0..300 {
            trainer.accumulate(&x, &y);
            last = trainer.step().unwrap().loss;
        }
        assert!(last < 0.02, "the loss is still {last}");
    }

    #[test]
    fn the_number_of_shards_changes_only_the_rounding() {
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

    /// The losses of ten steps, and the weights after them, of a model so wide that its layers
    /// are cut instead of its batch.
    fn wide(threads: usize, dtype: Dtype) -> (Vec<f64>, Vec<f32>) {
        let (n_layer, n_head, n_embd, dropout) = (1, 4, 256, 0.1);
        let (vocab_size, block_size, bias) = (13, 8, true);
        let config = GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, dropout, bias };
        let mut gpt = Gpt::new(config).unwrap();
        gpt.set_dtype(dtype);
        let weights = gpt.initialise(&mut generator(3, Purpose::Initialisation, 0));
        let mut trainer = Trainer::<f32>::new(gpt, weights, settings(8, 1, threads)).unwrap();
        assert_eq!(trainer.shards.len(), 1);
        let (x, y) = batch(8);
        let step = |_| {
            trainer.accumulate(&x, &y);
            trainer.step().unwrap().loss
        };
        let losses = (0..10).map(step).collect();
        (losses, trainer.weights.values)
    }

    #[test]
    fn many_hands_on_one_shard_give_the_same_bytes_every_time() {
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
    fn rounded_products_learn_nearly_the_same() {
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
    fn parts_cover_everything_once() {
        for (n, parts) in [(12, 5), (3, 3), (7, 2)] {
            let all: Vec<usize> = (0..parts).flat_map(|i| part(n, parts, i)).collect();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }
}
