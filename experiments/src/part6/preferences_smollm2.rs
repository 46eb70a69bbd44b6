//! SmolLM2-135M-Instruct learns from the course's pairs of answers, with low-rank adapters and the
//! settings of `finetune --preferences`, for two epochs of its three: held-out pairs after each epoch, answers before and after, and
//! what a step costs beside one of plain fine-tuning on the same rows.
//!
//! The file is `models/SmolLM2-135M-Instruct.Q4_1.gguf`.

use std::time::Instant;

use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::{thousands, wrap};
use stage03_gpt::lora;
use stage03_gpt::masked_loss;
use stage03_gpt::model::{Model, ModelWeights};
use stage03_gpt::trainer::PackedBatch;
use stage04_training::backend::{Backend, open_packed};
use stage04_training::finetune::{
    Example, FinetuneSettings, Gathered, PairBatches, answer, course, for_answers, gather,
};
use stage04_training::progress::Silent;

use super::preference_pairs::{Measured, by_reason, reason};
use crate::part5::smollm2;

/// Held-out pairs whose questions are answered.
const ASKED: [usize; 2] = [7, 18];

/// Epochs: the command has one more.
const EPOCHS: f64 = 2.0;

/// Steps whose time is measured.
const TIMED: u64 = 3;

/// Runs the experiment.
///
/// # Errors
/// When the file is missing or damaged.
pub fn run() -> Result<()> {
    let settings =
        FinetuneSettings { preferences: true, epochs: Some(EPOCHS), ..FinetuneSettings::default() };
    let model = Model::load(&smollm2::path()?)?;
    let Gathered { batches, ends, .. } = gather(&settings, &model, &Silent)?;
    let Some([mut train, mut held_out]) = batches.pairs else {
        unreachable!("pairs were asked for")
    };
    let Model { gpt, weights, tokenizer, .. } = model;
    let ModelWeights::Full(weights) = weights else { unreachable!("read in full") };
    let Some(adapters) = settings.lora() else { unreachable!("not all weights are trained") };
    let rng = &mut generator(settings.seed, Purpose::Initialisation, 1);
    let (gpt, weights) = lora::adapt(&gpt, weights, &adapters, rng)?;
    let mut short = gpt.clone();
    short.shorten_context(train.batches.block_size())?;
    let steps = settings.steps(train.batches.per_epoch())?;
    let backend = &mut *open_packed("cpu", "f32", short, weights, settings.training(steps))?;

    let start = Instant::now();
    train.refer_to(backend)?;
    held_out.refer_to(backend)?;
    the_data(&train, &held_out, steps, &settings);
    let pairs = train.len() + held_out.len();
    println!("  the reference: one forward pass of {pairs} pairs");
    println!("    time                          {:>10.1} s", start.elapsed().as_secs_f64());
    println!("    numbers to keep               {:>10} bytes", thousands(16 * pairs));
    let second = 4 * (gpt.layout().len() - gpt.trained());
    println!("    a second model would be       {:>10} bytes", thousands(second));

    let asked: Vec<Example> =
        ASKED.iter().map(|&pair| held_out.batches.examples()[2 * pair].clone()).collect();
    let answering = for_answers(&gpt, train.batches.block_size())?;
    let answers = |backend: &mut dyn Backend| {
        let text = |example: &Example| {
            let model = (&answering, backend.state()?.0);
            Ok(answer(model, &tokenizer, &ends, example)?.text)
        };
        asked.iter().map(text).collect::<Result<Vec<_>>>()
    };
    let before = answers(backend)?;
    let policies = teach(backend, &train, &held_out, steps)?;

    println!("\nBY REASON: held-out pairs, after the last epoch");
    let reasons = course::PREFERENCES_HELD_OUT.lines().map(reason).collect::<Result<Vec<_>>>()?;
    by_reason(&policies, &held_out.references, &reasons);

    let after = answers(backend)?;
    println!("\nANSWERS to held-out questions");
    for ((example, before), after) in asked.iter().zip(before).zip(after) {
        for (name, text) in
            [("question", &example.question), ("before", &before), ("after", &after)]
        {
            println!("{}", wrap(&format!("{name}: {}", text.replace('\n', " / ")), 88, "  "));
        }
    }
    cost(backend, &train)
}

fn the_data(
    train: &PairBatches,
    held_out: &PairBatches,
    steps: usize,
    settings: &FinetuneSettings,
) {
    println!("THE PAIRS");
    println!(
        "  learned, held out               {:>10}",
        format!("{}, {}", train.len(), held_out.len())
    );
    println!(
        "  rows of {} tokens              {:>10}",
        train.batches.block_size(),
        train.batches.rows()
    );
    println!("  steps in {EPOCHS} epochs               {steps:>10}");
    println!("  learning rate                   {:>10.0e}", settings.learning_rate());
    println!("  beta                            {:>10}", settings.beta);
    for (name, side) in [("chosen", 0), ("rejected", 1)] {
        let own = held_out.batches.examples().iter().skip(side).step_by(2);
        let tokens = own.map(Example::learned).sum::<usize>() as f64 / held_out.len() as f64;
        let sum: f64 = held_out.references.iter().map(|pair| pair[side]).sum();
        println!(
            "  held out, {name:<9} {tokens:>6.1} tokens, log-probability {:>8.1}",
            sum / held_out.len() as f64
        );
    }
    let likelier = held_out.references.iter().filter(|pair| pair[0] > pair[1]).count();
    println!("  held out, chosen is likelier    {likelier:>10}");
}

/// The epochs of the run, and the log-probabilities of the held-out pairs at its end.
fn teach(
    backend: &mut dyn Backend,
    train: &PairBatches,
    held_out: &PairBatches,
    steps: usize,
) -> Result<Vec<[f64; 2]>> {
    println!("\nEPOCHS: train is the mean loss of an epoch's steps");
    println!("{:>7}{:>9}{}", "epoch", "train", Measured::heads());
    let mut policies = held_out.references.clone();
    let measured = Measured::of(&policies, &held_out.references, held_out.beta);
    println!("{:>7}{:>9}{}", 0, "", measured.cells());
    let (mut loss, mut pairs) = (0.0, 0);
    for number in 0..steps as u64 {
        let batch = train.at(number);
        let sums = backend.accumulate_preferences(&batch.for_step(batch.pairs))?;
        (loss, pairs) = (loss + sums.loss, pairs + sums.pairs);
        backend.step()?;
        if (number + 1).is_multiple_of(train.batches.per_epoch()) {
            policies = held_out.log_probabilities(backend)?;
            let measured = Measured::of(&policies, &held_out.references, held_out.beta);
            let epoch = (number + 1) / train.batches.per_epoch();
            println!("{epoch:>7}{:>9.3}{}", loss / pairs as f64, measured.cells());
            (loss, pairs) = (0.0, 0);
        }
    }
    Ok(policies)
}

/// Steps on the same rows, in turn: of pairs, and of plain fine-tuning on both answers of each.
fn cost(backend: &mut dyn Backend, train: &PairBatches) -> Result<()> {
    let mut seconds = [f64::INFINITY; 2];
    for number in 0..TIMED {
        let batch = train.at(number);
        let pairs = batch.for_step(batch.pairs);
        let start = Instant::now();
        backend.accumulate_preferences(&pairs)?;
        backend.step()?;
        seconds[0] = seconds[0].min(start.elapsed().as_secs_f64());
        let targets_of_step = masked_loss::count(pairs.packed.targets);
        let start = Instant::now();
        backend.accumulate_packed(&PackedBatch { targets_of_step, ..pairs.packed })?;
        backend.step()?;
        seconds[1] = seconds[1].min(start.elapsed().as_secs_f64());
    }
    println!("\nWHAT A STEP COSTS: the fastest of {TIMED}, on the same rows");
    println!("  pairs                           {:>10.1} s", seconds[0]);
    println!("  plain fine-tuning               {:>10.1} s", seconds[1]);
    println!("  ratio                           {:>10.2}", seconds[0] / seconds[1]);
    if let Some(bytes) = backend.memory() {
        println!("  memory in use                   {:>10.0} MB", bytes as f64 / 1e6);
    }
    Ok(())
}
