//! The small base model of the chapters on fine-tuning, and how it is taught: 2 layers of 64 numbers per
//! token, with the parts of Llama, which have read some of the King James text.

use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::{Dataset, split};
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::adamw::AdamW;
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::evaluate::evaluate;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::masked_loss;
use stage03_gpt::message::Message;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{PackedBatch, Settings, Trainer};
use stage04_training::finetune::{
    Batches, Encoder, Example, PlainTemplate, Template, answer, conversation, follows_format,
};

use crate::setup::{self, ADAMW, small_gpt};

/// How many tokens a row has, in training and in fine-tuning.
pub const BLOCK: usize = 192;

/// Steps of the base model, of 16 rows.
const STEPS: usize = 300;

/// Rows of a batch in fine-tuning.
const BATCH: usize = 8;

/// Tokens of the old text that are never learned, on which is measured what the model loses.
const OLD: usize = 12_000;

/// A base model.
pub struct Base {
    /// Its architecture.
    pub gpt: Gpt,
    /// Its weights.
    pub weights: Params<f32>,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Text such as it was trained on.
    old: Vec<u32>,
}

/// Conversations, and their examples for a base model.
pub struct Course {
    /// The messages of each.
    pub messages: Vec<Vec<Message>>,
    /// The examples, in the same order.
    pub examples: Vec<Example>,
    /// How many conversations are longer than a row.
    pub too_long: usize,
}

impl Base {
    /// Trains one. Another seed gives another one that is as good.
    ///
    /// # Errors
    /// None that can be caused.
    pub fn train(seed: u64, threads: usize) -> Result<Base> {
        let text = Corpus::built_in().text;
        let (train, validation) = split(&text, 0.9)?;
        let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(train, 1024)?.with_end_of_text());
        let data = Dataset::new(tokenizer.encode(train)?, BLOCK)?;
        let mut old = tokenizer.encode(validation)?;
        old.truncate(OLD);

        let small = small_gpt(tokenizer.vocab_size(), BLOCK);
        let config = GptConfig { arch: Architecture::LLAMA, ..small };
        let schedule =
            Schedule { learning_rate: 5e-3, min_lr: 5e-4, warmup_iters: 20, lr_decay_iters: STEPS };
        let settings = Settings { seed, threads, ..setup::settings(16, schedule) };
        let mut trainer = setup::trainer(config, settings)?;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..STEPS {
            data.sample_batch(16, BLOCK, &mut trainer.batch_rng(), &mut x, &mut y);
            trainer.accumulate(&x, &y);
            trainer.step()?;
        }
        let (gpt, weights) = trainer.into_parts();
        Ok(Base { gpt, weights, tokenizer, old })
    }

    /// The token that ends an answer.
    pub fn end(&self) -> u32 {
        self.tokenizer.end_of_text().expect("it was made with one")
    }

    /// The old text that is never learned.
    pub fn old(&self) -> &[u32] {
        &self.old
    }

    /// Conversations in JSON lines, by the plain template; those that are longer than a row are left
    /// out.
    ///
    /// # Errors
    /// None that can be caused by the course's data.
    pub fn course(&self, lines: &str) -> Result<Course> {
        let template = Template::Plain(PlainTemplate::of(&self.tokenizer, &[])?);
        let encoder = Encoder::new(template, &self.tokenizer, &[], BLOCK)?;
        let mut course = Course { messages: vec![], examples: vec![], too_long: 0 };
        for line in lines.lines() {
            let messages = conversation(line.as_bytes())
                .map_err(|(problem, remedy)| Error::text("the course's data", problem, remedy))?;
            match encoder.encode(&messages) {
                Ok(example) => {
                    course.messages.push(messages);
                    course.examples.push(example);
                }
                Err(_) => course.too_long += 1,
            }
        }
        Ok(course)
    }

    /// The batches of examples.
    ///
    /// # Errors
    /// As [`Batches::new`].
    pub fn batches(&self, examples: &[Example]) -> Result<Batches> {
        Batches::new(examples.to_vec(), BLOCK, BATCH, 1337, self.end())
    }

    /// The loss on old text, in nats per token.
    ///
    /// # Errors
    /// When the weights are NaN.
    pub fn old_loss(&self, gpt: &Gpt, weights: &Params<f32>) -> Result<f64> {
        Ok(evaluate(gpt, weights, &self.old, BLOCK)?.per_token())
    }

    /// How many of these examples' questions are answered with an answer that ends, and how many of the
    /// answers keep the course's form.
    ///
    /// # Errors
    /// When the weights are NaN.
    pub fn answered(
        &self,
        model: (&Gpt, &Params<f32>),
        examples: &[Example],
    ) -> Result<[usize; 2]> {
        let mut counts = [0; 2];
        for example in examples {
            let answer = answer(model, &self.tokenizer, &[self.end()], example)?;
            counts[0] += usize::from(answer.ended);
            counts[1] += usize::from(follows_format(&answer));
        }
        Ok(counts)
    }
}

/// A batch as the trainer takes it, for steps of one micro-batch.
fn accumulate(trainer: &mut Trainer<f32>, batches: &Batches, number: u64) {
    let batch = batches.at(number);
    let (inputs, targets, documents) = (&batch.inputs, &batch.targets, &batch.documents);
    let targets_of_step = masked_loss::count(targets);
    trainer.accumulate_packed(&PackedBatch { inputs, targets, documents, targets_of_step });
}

/// The mean loss over all batches of an epoch, in nats per token that is learned.
pub fn mean_loss(trainer: &mut Trainer<f32>, batches: &Batches) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for number in 0..batches.per_epoch() {
        let batch = batches.at(number);
        let (inputs, targets, documents) = (&batch.inputs, &batch.targets, &batch.documents);
        count += masked_loss::count(targets);
        let batch = PackedBatch { inputs, targets, documents, targets_of_step: 1 };
        sum += trainer.evaluate_packed(&batch);
    }
    sum / count as f64
}

/// The mean loss of a model that is not trained any further.
///
/// # Errors
/// None that can be caused.
pub fn loss_of(gpt: &Gpt, weights: &Params<f32>, batches: &Batches) -> Result<f64> {
    let settings = setup::settings(BATCH, setup::constant_rate(1e-3, 0));
    let mut trainer = Trainer::for_packed(gpt.clone(), weights.clone(), settings)?;
    Ok(mean_loss(&mut trainer, batches))
}

/// Trains a model on some epochs of examples, on one thread. `each` is called before each epoch, with
/// its number, and at the end.
///
/// # Errors
/// When the loss becomes NaN, and those of `each`.
pub fn teach(
    model: (Gpt, Params<f32>),
    batches: &Batches,
    epochs: u64,
    learning_rate: f64,
    mut each: impl FnMut(u64, &mut Trainer<f32>) -> Result<()>,
) -> Result<Trainer<f32>> {
    let (steps, interval) = (epochs * batches.per_epoch(), batches.per_epoch());
    teach_steps(model, batches, steps, learning_rate, |step, trainer| match step % interval {
        0 => each(step / interval, trainer),
        _ => Ok(()),
    })
}

/// Trains a model for some steps, on one thread. `each` is called before each step, with its number,
/// and at the end.
///
/// # Errors
/// When the loss becomes NaN, and those of `each`.
pub fn teach_steps(
    (gpt, weights): (Gpt, Params<f32>),
    batches: &Batches,
    steps: u64,
    learning_rate: f64,
    mut each: impl FnMut(u64, &mut Trainer<f32>) -> Result<()>,
) -> Result<Trainer<f32>> {
    let schedule = Schedule {
        learning_rate,
        min_lr: learning_rate / 10.0,
        warmup_iters: steps as usize / 20,
        lr_decay_iters: steps as usize,
    };
    let adamw = AdamW { weight_decay: 0.0, ..ADAMW };
    let settings = Settings { adamw, ..setup::settings(BATCH, schedule) };
    let mut trainer = Trainer::for_packed(gpt, weights, settings)?;
    for step in 0..steps {
        each(step, &mut trainer)?;
        accumulate(&mut trainer, batches, step);
        trainer.step()?;
    }
    each(steps, &mut trainer)?;
    Ok(trainer)
}
