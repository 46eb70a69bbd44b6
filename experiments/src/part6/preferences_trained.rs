//! The small base model learns from pairs of answers, after it has learned to answer: epochs, betas,
//! which pairs it gets right, and four bugs.

use rayon::prelude::*;
use stage01_bigram::Result;
use stage01_bigram::text::{thousands, wrap};
use stage02_attention::backward::Backward;
use stage02_attention::parallel::single_threaded;
use stage02_attention::params::Params;
use stage03_gpt::adamw::{AdamW, Moments};
use stage03_gpt::config::GptConfig;
use stage03_gpt::dpo::{Pair, Sums};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::masked_loss;
use stage03_gpt::schedule::Schedule;
use stage03_gpt::trainer::{PreferenceBatch, Settings};
use stage04_training::backend::{Backend, open_packed};
use stage04_training::finetune::{
    Batches, Encoder, Example, PairBatches, PlainTemplate, Template, answer, course, pairs_of,
};

use super::base::{BLOCK, Base, Course, teach};
use super::preference_pairs::{Measured, by_reason, reason};
use crate::setup::{self, ADAMW};

/// Tokens of a row of pairs: an example has at most [`BLOCK`].
const ROW: usize = 1024;

/// Rows of a batch.
const BATCH: usize = 2;

/// Epochs of most runs, and of the long one.
const EPOCHS: u64 = 3;
const MANY: u64 = 8;

const RATE: f64 = 1e-4;
const BETA: f64 = 0.1;
const OTHER_BETAS: [f64; 3] = [0.01, 0.03, 1.0];

/// The rate and the epochs of the fine-tuning before.
const FIRST_RATE: f64 = 2e-3;
const FIRST_EPOCHS: u64 = 3;

/// Pairs that fit into a row.
struct Pairs {
    /// Two examples for each.
    examples: Vec<Example>,
    /// The reason for which each rejected answer was rejected.
    reasons: Vec<&'static str>,
    too_long: usize,
}

impl Pairs {
    fn read(base: &Base, lines: &str) -> Result<Pairs> {
        let template = Template::Plain(PlainTemplate::of(&base.tokenizer, &[])?);
        let encoder = Encoder::new(template, &base.tokenizer, &[], BLOCK)?;
        let mut pairs = Pairs { examples: vec![], reasons: vec![], too_long: 0 };
        for line in lines.lines() {
            match pairs_of("the course's pairs", line, &encoder, false) {
                Ok((pair, _)) => {
                    pairs.examples.extend(pair);
                    pairs.reasons.push(reason(line)?);
                }
                Err(_) => pairs.too_long += 1,
            }
        }
        Ok(pairs)
    }

    /// Their batches, before the reference is known.
    fn batches(&self, base: &Base, beta: f64) -> Result<PairBatches> {
        let examples = self.examples.clone();
        let batches = Batches::grouped(examples, 2, ROW, BATCH, 1337, base.end())?;
        Ok(PairBatches { batches, references: vec![], beta })
    }
}

/// A model with rows of [`ROW`] tokens and the same weights: positions are rotary, so no weight depends
/// on the length of a row.
fn with_longer_rows(gpt: &Gpt) -> Result<Gpt> {
    Gpt::new(GptConfig { block_size: ROW, ..*gpt.config() })
}

/// What is compared with what, in a run.
#[derive(Clone, Copy, PartialEq)]
enum Bug {
    None,
    Swapped,
    NoReference,
    MovingReference,
    Mean,
}

/// A run of three epochs.
struct Job {
    name: &'static str,
    beta: f64,
    bug: Bug,
}

/// What came of it.
struct Taught {
    name: String,
    /// The losses of the pairs that are learned, as the run computes them: in its first step, and in the
    /// end.
    first: f64,
    own: f64,
    /// Held-out pairs, in the right order and beside the right reference.
    held_out: Measured,
    policies: Vec<[f64; 2]>,
    old: f64,
    in_form: usize,
    weights: Params<f32>,
}

/// Everything that the runs have in common.
struct Bench<'a> {
    base: &'a Base,
    gpt: Gpt,
    /// The fine-tuned weights.
    weights: &'a Params<f32>,
    train: Pairs,
    held_out: Pairs,
    course: Course,
    /// What the fine-tuned model thinks of both: the reference.
    references: [Vec<[f64; 2]>; 2],
}

fn settings(steps: usize) -> Settings {
    let schedule = Schedule {
        learning_rate: RATE,
        min_lr: RATE / 10.0,
        warmup_iters: steps / 20,
        lr_decay_iters: steps,
    };
    Settings { adamw: AdamW { weight_decay: 0.0, ..ADAMW }, ..setup::settings(BATCH, schedule) }
}

impl<'a> Bench<'a> {
    fn new(base: &'a Base, weights: &'a Params<f32>) -> Result<Bench<'a>> {
        let train = Pairs::read(base, course::PREFERENCES)?;
        let held_out = Pairs::read(base, course::PREFERENCES_HELD_OUT)?;
        let gpt = with_longer_rows(&base.gpt)?;
        let mut backend = open_packed("cpu", "f32", gpt.clone(), weights.clone(), settings(1))?;
        let both = [&train, &held_out]
            .map(|pairs| pairs.batches(base, BETA)?.log_probabilities(&mut *backend));
        let [a, b] = both;
        let course = base.course(course::HELD_OUT)?;
        Ok(Bench { base, gpt, weights, train, held_out, course, references: [a?, b?] })
    }

    fn backend(&self, steps: usize) -> Result<Box<dyn Backend>> {
        open_packed("cpu", "f32", self.gpt.clone(), self.weights.clone(), settings(steps))
    }

    /// The pairs that are learned, as a run with this bug has them.
    fn batches(&self, beta: f64, bug: Bug) -> Result<PairBatches> {
        let mut pairs = self.train.batches(self.base, beta)?;
        pairs.references.clone_from(&self.references[0]);
        // ANCHOR: bugs
        match bug {
            Bug::Swapped => {
                let swapped = self.train.examples.chunks(2).flat_map(|pair| pair.iter().rev());
                let swapped = swapped.cloned().collect();
                pairs.batches = Batches::grouped(swapped, 2, ROW, BATCH, 1337, self.base.end())?;
                pairs.references.iter_mut().for_each(|pair| pair.reverse());
            }
            Bug::NoReference => pairs.references.fill([0.0; 2]),
            Bug::None | Bug::MovingReference | Bug::Mean => {}
        }
        // ANCHOR_END: bugs
        Ok(pairs)
    }

    /// The held-out pairs under a model.
    fn measure(&self, backend: &mut dyn Backend) -> Result<(Measured, Vec<[f64; 2]>)> {
        let pairs = self.held_out.batches(self.base, BETA)?;
        let policies = pairs.log_probabilities(backend)?;
        Ok((Measured::of(&policies, &self.references[1], BETA), policies))
    }

    fn run(&self, job: &Job) -> Result<Taught> {
        let pairs = self.batches(job.beta, job.bug)?;
        let steps = EPOCHS * pairs.batches.per_epoch();
        let mut backend = self.backend(steps as usize)?;
        let mut by_hand = ByHand::new(&self.gpt, self.weights.clone());
        let mut first = f64::NAN;
        for number in 0..steps {
            let batch = pairs.at(number);
            let batch = batch.for_step(batch.pairs);
            let sums = match job.bug {
                Bug::Mean => {
                    by_hand.step(&batch, settings(steps as usize).schedule.at(number as usize))
                }
                Bug::MovingReference => {
                    let now = backend.log_probabilities(&batch.packed)?;
                    let both = |sums: Vec<f64>| {
                        sums.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
                    };
                    let references: Vec<Vec<[f64; 2]>> = now.into_iter().map(both).collect();
                    let batch = PreferenceBatch { references: &references, ..batch };
                    backend.accumulate_preferences(&batch)?
                }
                _ => backend.accumulate_preferences(&batch)?,
            };
            if number == 0 {
                first = sums.means().0;
            }
            if job.bug != Bug::Mean {
                backend.step()?;
            }
        }
        let own = match job.bug {
            Bug::Mean => by_hand.last.means().0,
            Bug::MovingReference => 2f64.ln(), // of a model beside itself
            _ => pairs.measure(&mut *backend, u64::MAX)?.means().0,
        };
        if job.bug == Bug::Mean {
            backend = open_packed("cpu", "f32", self.gpt.clone(), by_hand.weights, settings(1))?;
        }
        let (mut held_out, policies) = self.measure(&mut *backend)?;
        if job.beta != BETA {
            held_out = Measured::of(&policies, &self.references[1], job.beta);
        }
        let weights = backend.state()?.0.clone();
        let old = self.base.old_loss(&self.base.gpt, &weights)?;
        let model = (&self.base.gpt, &weights);
        let [_, in_form] = self.base.answered(model, &self.course.examples)?;
        let name = match job.bug {
            Bug::None => format!("beta {}", job.beta),
            _ => job.name.to_string(),
        };
        Ok(Taught { name, first, own, held_out, policies, old, in_form, weights })
    }

    /// The long run, measured before each epoch and at the end.
    fn over_epochs(&self) -> Result<Vec<String>> {
        let pairs = self.batches(BETA, Bug::None)?;
        let steps = MANY * pairs.batches.per_epoch();
        let mut backend = self.backend(steps as usize)?;
        let mut lines = vec![
            format!("\nEPOCHS, learning rate {RATE:.0e}, beta {BETA}"),
            format!("{:>7}{:>9}{}{:>10}", "epoch", "train", Measured::heads(), "old text"),
        ];
        for epoch in 0..=MANY {
            if [0, 1, 2, 3, 4, 6, 8].contains(&epoch) {
                let train = pairs.measure(&mut *backend, u64::MAX)?.means().0;
                let (held_out, _) = self.measure(&mut *backend)?;
                let old = self.base.old_loss(&self.base.gpt, backend.state()?.0)?;
                lines.push(format!("{epoch:>7}{train:>9.3}{}{old:>10.3}", held_out.cells()));
            }
            let numbers = epoch * pairs.batches.per_epoch()
                ..steps.min((epoch + 1) * pairs.batches.per_epoch());
            for number in numbers {
                let batch = pairs.at(number);
                backend.accumulate_preferences(&batch.for_step(batch.pairs))?;
                backend.step()?;
            }
        }
        Ok(lines)
    }
}

/// The run with means: the trainer has only sums, so its steps are done here.
struct ByHand<'a> {
    gpt: &'a Gpt,
    weights: Params<f32>,
    moments: Moments<f32>,
    gradient: Params<f32>,
    steps: usize,
    /// What the pairs of the last step add up to.
    last: Sums,
}

impl<'a> ByHand<'a> {
    fn new(gpt: &'a Gpt, weights: Params<f32>) -> ByHand<'a> {
        let (moments, gradient) = (Moments::new(gpt.layout()), gpt.gradient());
        ByHand { gpt, weights, moments, gradient, steps: 0, last: Sums::default() }
    }

    /// A step in which an answer's log-probability is the mean over its tokens.
    fn step(&mut self, batch: &PreferenceBatch, rate: f64) -> Sums {
        let PreferenceBatch { packed, references, beta, pairs_of_step } = *batch;
        let ByHand { gpt, weights, gradient, .. } = self;
        let mut acts = gpt.activations(BATCH, ROW);
        acts.set_documents(packed.documents);
        let mut head = masked_loss::Scratch::new(gpt, BATCH * ROW);
        masked_loss::forward(gpt, weights, packed.inputs, &mut acts, None);
        let rows = masked_loss::log_probabilities(gpt, weights, packed.targets, &acts, &mut head);

        let (mut at, mut scales, mut sums) = (0, vec![0.0; rows.len()], Sums::default());
        for (lengths, references) in packed.documents.iter().zip(references) {
            let end = at + lengths.iter().sum::<usize>();
            for (lengths, reference) in lengths.chunks_exact(2).zip(references) {
                let [chosen, rejected] =
                    [at..at + lengths[0], at + lengths[0]..at + lengths[0] + lengths[1]];
                at = rejected.end;
                let both = [chosen, rejected];
                let counts =
                    both.clone().map(|part| masked_loss::count(&packed.targets[part]) as f64);
                let own = both.clone().map(|part| rows[part].iter().sum::<f64>());
                let mean = |of: [f64; 2]| [of[0] / counts[0], of[1] / counts[1]];
                let pair = Pair { policy: mean(own), reference: mean(*reference), beta };
                sums.add(&pair);
                for ((part, count), sign) in both.into_iter().zip(counts).zip([1.0, -1.0]) {
                    scales[part].fill(sign * pair.weight() / count);
                }
            }
            at = end;
        }
        self.last = sums;
        let scale = |row: usize| (scales[row] / pairs_of_step as f64) as f32;
        let mut scratch = gpt.scratch(BATCH, ROW);
        let pass = Backward { params: weights, grads: gradient, scratch: &mut scratch };
        let (x, y) = (packed.inputs, packed.targets);
        masked_loss::backward_scaled(gpt, (x, y), scale, &acts, pass, &mut head);

        self.steps += 1;
        let adamw = settings(1).adamw;
        let squares = self.gradient.values.iter().map(|&g| f64::from(g) * f64::from(g));
        let factor = adamw.clip_factor(squares.sum::<f64>().sqrt());
        let (layout, moments) = (gpt.layout(), &mut self.moments);
        adamw.step(
            self.steps,
            rate,
            factor,
            layout,
            &mut self.weights,
            &mut self.gradient,
            moments,
        );
        self.last
    }
}

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    let base = Base::train(1337, 2)?;
    let instructions = base.batches(&base.course(course::INSTRUCTIONS)?.examples)?;
    let model = (base.gpt.clone(), base.weights.clone());
    let trainer = teach(model, &instructions, FIRST_EPOCHS, FIRST_RATE, |_, _| Ok(()))?;
    let (_, weights) = trainer.into_parts();
    let bench = Bench::new(&base, &weights)?;
    the_data(&bench);

    let job = |name, beta, bug| Job { name, beta, bug };
    let mut jobs = vec![job("none", BETA, Bug::None)];
    jobs.extend(OTHER_BETAS.map(|beta| job("beta", beta, Bug::None)));
    jobs.extend([
        job("answers swapped", BETA, Bug::Swapped),
        job("no reference", BETA, Bug::NoReference),
        job("moving reference", BETA, Bug::MovingReference),
        job("mean, not sum", BETA, Bug::Mean),
    ]);
    let (long, short) = rayon::join(
        || single_threaded(|| bench.over_epochs()),
        || {
            let short = jobs.par_iter().with_max_len(1);
            short.map(|job| single_threaded(|| bench.run(job))).collect::<Result<Vec<_>>>()
        },
    );
    long?.iter().for_each(|line| println!("{line}"));
    let short = short?;
    println!("\nBY REASON, after {EPOCHS} epochs");
    by_reason(&short[0].policies, &bench.references[1], &bench.held_out.reasons);
    answers(&bench, &short[0])?;
    betas(&bench, &short)?;
    bugs(&bench, &short)
}

fn the_data(bench: &Bench) {
    let Bench { train, held_out, base, references, .. } = bench;
    println!("THE DATA");
    println!("  pairs                           {:>8}", thousands(train.reasons.len()));
    println!("  held out                        {:>8}", thousands(held_out.reasons.len()));
    let too_long = train.too_long + held_out.too_long;
    println!("  longer than {BLOCK} tokens          {too_long:>8}");
    for (name, side) in [("chosen", 0), ("rejected", 1)] {
        let own = held_out.examples.iter().skip(side).step_by(2);
        let tokens: usize = own.map(Example::learned).sum();
        let n = held_out.reasons.len() as f64;
        let sum: f64 = references[1].iter().map(|pair| pair[side]).sum();
        println!(
            "  held out, {name:<9} {:>6.1} tokens, log-probability {:>8.1}",
            tokens as f64 / n,
            sum / n
        );
    }
    let likelier = references[1].iter().filter(|pair| pair[0] > pair[1]).count();
    println!("  held out, chosen is likelier    {likelier:>8}");
    if let Ok(batches) = train.batches(base, BETA) {
        println!("  steps in an epoch               {:>8}", batches.batches.per_epoch());
    }
}

fn answers(bench: &Bench, taught: &Taught) -> Result<()> {
    let Bench { base, course, .. } = bench;
    println!("\nAN ANSWER, before and after");
    let place = course.examples.len() / 2;
    println!("{}", wrap(&format!("question: {}", course.messages[place][0].content), 76, "  "));
    for (name, weights) in [("before", bench.weights), ("after", &taught.weights)] {
        let model = (&base.gpt, weights);
        let found = answer(model, &base.tokenizer, &[base.end()], &course.examples[place])?;
        let ended = if found.ended { " (ended)" } else { " …" };
        println!(
            "{}",
            wrap(&format!("{name}: {}{ended}", found.text.replace('\n', " / ")), 76, "  ")
        );
    }
    Ok(())
}

fn rows<'t>(bench: &Bench, taught: impl Iterator<Item = &'t Taught>) -> Result<()> {
    println!(
        "  {:<17}{:>6}{:>7}{}{:>9}{:>8}",
        "",
        "first",
        "train",
        Measured::heads(),
        "old text",
        "in form"
    );
    let (base, form) = (bench.base, &bench.course.examples);
    let old = base.old_loss(&base.gpt, bench.weights)?;
    let [_, in_form] = base.answered((&base.gpt, bench.weights), form)?;
    println!("  {:<17}{:>53}{old:>9.3}{in_form:>8}", "before", "");
    for Taught { name, first, own, held_out, old, in_form, .. } in taught {
        let cells = held_out.cells();
        println!("  {name:<17}{first:>6.3}{own:>7.3}{cells}{old:>9.3}{in_form:>8}");
    }
    Ok(())
}

fn betas(bench: &Bench, short: &[Taught]) -> Result<()> {
    println!("\nBETAS: {EPOCHS} epochs");
    let mut rows_of: Vec<&Taught> = short[1..3].iter().chain([&short[0], &short[3]]).collect();
    rows_of.sort_by(|a, b| a.name.cmp(&b.name));
    rows(bench, rows_of.into_iter())
}

fn bugs(bench: &Bench, short: &[Taught]) -> Result<()> {
    println!("\nBUGS: {EPOCHS} epochs, beta {BETA}; held-out pairs beside the right reference");
    rows(bench, short[..1].iter().chain(&short[4..]))
}
