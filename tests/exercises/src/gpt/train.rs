//! The training loop around the parts.

use rand::RngExt;
use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage02_attention::params::fill_normal;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

use super::model::Model;
use super::parts::{AdamW, Arch, Parts};
use super::show;
use super::write::Sampling;

/// How many sequences a batch has.
pub const BATCH_SIZE: usize = 8;
/// How many batches an evaluation takes.
const EVAL_ITERS: usize = 8;
const SETTINGS: AdamW = AdamW { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.1 };

/// A trained GPT, its weights and its vocabulary.
pub struct Trained {
    parts: Parts,
    gpt: Gpt,
    weights: Vec<f64>,
    vocabulary: Vec<char>,
}

impl Trained {
    /// The architecture.
    pub fn gpt(&self) -> &Gpt {
        &self.gpt
    }

    /// The weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Writes `n` characters after a prompt, as they come.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write(&self, prompt: &str, n: usize, sampling: Sampling) -> Result<()> {
        let Trained { parts, gpt, weights, vocabulary } = self;
        let model = Model { parts: *parts, gpt };
        let tokens = (parts.encode)(prompt, vocabulary);
        let mut rng = generator(1337, Purpose::Sampling, 0);
        let mut result = show(prompt);
        model.generate(weights, &tokens, n, sampling, &mut rng, |token| {
            if result.is_ok() {
                result = show(&(parts.decode)(&[token], vocabulary));
            }
        });
        result
    }
}

/// A first vector of weights, each tensor as wide as [`Parts::std`] says.
pub fn initial_weights(parts: Parts, gpt: &Gpt, rng: &mut Generator) -> Vec<f64> {
    let mut weights = vec![0.0; gpt.layout().len()];
    for tensor in gpt.layout().tensors() {
        let values = &mut weights[tensor.range()];
        // SwiGLU's last matrix stands where GPT-2 has `c_proj`, at the end of a residual branch.
        let name = tensor.name.replace("down_proj", "c_proj");
        fill_normal(values, (parts.std)(&name, gpt.config().n_layer), rng);
        if tensor.name.contains("ln_") && tensor.name.ends_with(".weight") {
            values.fill(1.0);
        }
    }
    weights
}

/// Batches of random windows of a text.
pub struct Windows<'a> {
    parts: Parts,
    tokens: &'a [u32],
    length: usize,
}

impl Windows<'_> {
    /// The next batch: inputs and targets. Shape of each: (B T).
    fn batch(&self, rng: &mut Generator) -> (Vec<u32>, Vec<u32>) {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..BATCH_SIZE {
            let start = rng.random_range(0..(self.tokens.len() - self.length) as u64) as usize;
            let (x, y) = (self.parts.window)(self.tokens, start, self.length);
            inputs.extend(x);
            targets.extend(y);
        }
        (inputs, targets)
    }
}

/// The state of training.
struct Optimiser {
    m: Vec<f64>,
    v: Vec<f64>,
    grads: Vec<f64>,
}

/// What a run reports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Report {
    /// It begins.
    Begins {
        /// How many characters the vocabulary has.
        characters: usize,
        /// How many weights the model has.
        weights: usize,
        /// How many tokens a sequence has.
        length: usize,
    },
    /// The model was evaluated.
    Evaluation {
        /// How many steps were taken before.
        iter: usize,
        /// The validation loss, in nats per character.
        loss: f64,
    },
    /// A step was taken, and this was the loss before it.
    Step(f64),
}

/// Trains a small GPT on the characters of the built-in text.
///
/// # Errors
/// When the model cannot be built.
pub fn on_the_built_in_text(
    parts: Parts,
    arch: Arch,
    steps: usize,
    mut report: impl FnMut(Report),
) -> Result<Trained> {
    let corpus = Corpus::built_in();
    let (train, validation) = split(&corpus.text, 0.9)?;
    let vocabulary = (parts.vocabulary)(&corpus.text);
    let gpt = Gpt::new(arch.config(GptConfig {
        vocab_size: vocabulary.len(),
        block_size: 64,
        n_layer: 3,
        n_head: 4,
        n_embd: 96,
        ..GptConfig::default()
    }))?;
    let [train, validation] = [train, validation].map(|text| (parts.encode)(text, &vocabulary));
    let length = gpt.config().block_size;
    let [train, validation] = [&train, &validation].map(|tokens| Windows { parts, tokens, length });
    let (characters, weights) = (vocabulary.len(), gpt.layout().len());
    report(Report::Begins { characters, weights, length });
    let mut weights =
        initial_weights(parts, &gpt, &mut generator(1337, Purpose::Initialisation, 0));
    let mut state = Optimiser {
        m: vec![0.0; weights.len()],
        v: vec![0.0; weights.len()],
        grads: vec![0.0; weights.len()],
    };
    let model = Model { parts, gpt: &gpt };
    for iter in 0..=steps {
        if iter % (steps / 10).max(1) == 0 {
            report(Report::Evaluation { iter, loss: evaluate(&model, &weights, &validation) });
        }
        if iter < steps {
            let mut rng = generator(1337, Purpose::Batch, iter as u64);
            let batch = train.batch(&mut rng);
            let loss = training_step(&model, &mut weights, &mut state, batch, iter, steps);
            report(Report::Step(loss));
        }
    }
    Ok(Trained { parts, gpt, weights, vocabulary })
}

/// One step: gradients, clipping, AdamW. Returns the loss before it.
fn training_step(
    model: &Model,
    weights: &mut [f64],
    state: &mut Optimiser,
    (tokens, targets): (Vec<u32>, Vec<u32>),
    iter: usize,
    steps: usize,
) -> f64 {
    let (parts, length) = (model.parts, model.gpt.config().block_size);
    let lr = (parts.learning_rate)(iter, 3e-3, 3e-4, steps / 20, steps);
    let Optimiser { m, v, grads } = state;
    let weights = std::cell::RefCell::new(weights);
    (parts.training_step)(
        1,
        grads,
        &mut |_, scale, grads| {
            let weights = weights.borrow();
            let acts = model.forward(&weights, &tokens, length);
            model.backward(&weights, &tokens, &targets, &acts, scale, grads)
        },
        &mut |grads| {
            (parts.clip)(grads, 1.0);
            let mut weights = weights.borrow_mut();
            for tensor in model.gpt.layout().tensors() {
                let range = tensor.range();
                let weight_decay = if tensor.decay { SETTINGS.weight_decay } else { 0.0 };
                (parts.step)(
                    AdamW { weight_decay, ..SETTINGS },
                    lr,
                    iter as i32 + 1,
                    &mut weights[range.clone()],
                    &grads[range.clone()],
                    &mut m[range.clone()],
                    &mut v[range],
                );
            }
        },
    )
}

/// The mean loss over the same batches every time.
fn evaluate(model: &Model, weights: &[f64], data: &Windows) -> f64 {
    let mut rng = generator(1337, Purpose::Evaluation, 0);
    let losses = (0..EVAL_ITERS).map(|_| {
        let (tokens, targets) = data.batch(&mut rng);
        let logits = model.forward(weights, &tokens, data.length).logits;
        let rows = logits.rows().into_iter().zip(&targets);
        let sum: f64 = rows.map(|(row, &t)| (model.parts.cross_entropy)(&row.to_vec(), t)).sum();
        sum / targets.len() as f64
    });
    losses.sum::<f64>() / EVAL_ITERS as f64
}
