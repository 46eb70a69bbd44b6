//! A table of what fine-tuning changes, for two models: one that is small and has read the King James
//! text alone, of which all weights are trained, and SmolLM2-135M-Instruct with adapters. The library
//! of `finetune` teaches both. The file of the second is `models/SmolLM2-135M-Instruct.Q4_1.gguf`.

use std::path::PathBuf;

use clap::Parser;
use rand::RngExt;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::loss::{bits_per_byte, perplexity};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::evaluate::multiple_choice::{LENGTHS, Question};
use stage03_gpt::evaluate::{TextTokens, evaluate_with, suite};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora;
use stage03_gpt::model::{Model, ModelWeights};
use stage03_gpt::schedule::Schedule;
use stage03_gpt::text_data::TextData;
use stage03_gpt::text_training::TextTraining;
use stage03_gpt::trainer::{Settings, cores};
use stage03_gpt::training::Training;
use stage04_training::backend::open_packed;
use stage04_training::finetune::{
    Answer, Batches, Encoder, Example, FinetuneSettings, FinetuneTraining, Gathered, PlainTemplate,
    Summary, Template, answer, course, end_token, follows_format, for_answers, gather,
};
use stage04_training::progress::Silent;

use super::choices::{Choices, choose};
use crate::arguments::{self, Outcome};
use crate::part5::smollm2;
use crate::setup::{self, small_gpt};

/// Held-out questions that are answered.
const ASKED: usize = 12;

/// Of the questions that are answered, those whose answers are printed to be compared blindly.
const BLIND: [usize; 4] = [1, 4, 7, 10];

/// How many characters of the King James text measure what is lost: the same for every tokenizer.
const OLD: usize = 16_384;

/// Columns of the output.
const WIDTH: usize = 90;

/// What fine-tuning changes, for two models.
#[derive(Debug, Parser)]
struct Flags {
    /// A model that you trained, in the place of the small one that is trained here: its directory,
    /// such as `out/gpt`. Its tokens must be byte pairs.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
}

/// Runs the experiment.
///
/// # Errors
/// When the arguments are wrong, and when the file of SmolLM2 is missing or damaged.
pub fn run(arguments: &[String]) -> Outcome {
    let flags: Flags = arguments::parse("before_and_after", arguments)?;
    let file = smollm2::path()?; // it is missed before anything is trained
    let own = match &flags.model {
        Some(path) => Model::load(path)?,
        None => small()?,
    };
    let mut rows = Rows::default();
    let samples = compare("THE SMALL MODEL", own, &small_settings(), &mut rows)?;
    blind(&samples);
    println!();
    let settings = FinetuneSettings { epochs: Some(1.0), ..FinetuneSettings::default() };
    let samples = compare("SMOLLM2", Model::load(&file)?, &settings, &mut rows)?;
    blind(&samples);
    rows.print();
    Ok(())
}

/// A small base model: three layers of 96, which have read some of the King James text.
fn small() -> Result<Model> {
    let corpus = Corpus::built_in();
    let (text, _) = split(&corpus.text, 0.9)?;
    let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(text, 1024)?);
    let (block_size, steps) = (384, 300);
    let config = GptConfig {
        arch: Architecture::LLAMA,
        n_layer: 3,
        n_embd: 96,
        ..small_gpt(tokenizer.vocab_size(), block_size)
    };
    let schedule =
        Schedule { learning_rate: 5e-3, min_lr: 5e-4, warmup_iters: 20, lr_decay_iters: steps };
    let settings = Settings { threads: cores(), ..setup::settings(8, schedule) };
    let data = TextData::new(&corpus, &tokenizer, block_size)?;
    let mut run = TextTraining::new(config, data, settings)?;
    for _ in 0..steps {
        run.step()?;
    }
    Ok(run.into_model(tokenizer))
}

/// All weights are trained, for three epochs. The vocabulary is small, so a conversation has many
/// tokens, and those that are longer than a row are left out.
fn small_settings() -> FinetuneSettings {
    FinetuneSettings {
        skip_bad: true,
        full: true,
        epochs: Some(3.0),
        block_size: Some(384),
        learning_rate: Some(2e-3),
        ..FinetuneSettings::default()
    }
}

/// What is measured before and after.
struct Measured {
    held_out: f64,
    answers: Vec<Answer>,
    choices: Choices,
    /// The loss on the King James text, in nats, and its tokens and bytes.
    old: (f64, usize, usize),
}

/// A question, and the answers before and after.
struct Sample {
    question: String,
    answers: [Answer; 2],
}

/// The rows of the table at the end.
#[derive(Default)]
struct Rows {
    columns: Vec<String>,
    cells: Vec<(&'static str, Vec<[String; 2]>)>,
}

impl Rows {
    fn add(&mut self, name: &'static str, cells: [String; 2]) {
        match self.cells.iter_mut().find(|(known, _)| *known == name) {
            Some((_, row)) => row.push(cells),
            None => self.cells.push((name, vec![cells])),
        }
    }

    fn print(&self) {
        println!("\nBEFORE AND AFTER");
        let row = |name: &str, cells: &[[String; 2]]| {
            let pair = |[before, after]: &[String; 2]| format!("{before:>15}{after:>15}");
            let cells: String = cells.iter().map(pair).collect();
            println!("  {name:<30}{cells}");
        };
        let titles: String = self.columns.iter().map(|title| format!("{title:>30}")).collect();
        println!("  {:<30}{titles}", "");
        row("", &vec![["before".into(), "after".into()]; self.columns.len()]);
        self.cells.iter().for_each(|(name, cells)| row(name, cells));
    }
}

/// Teaches a model, and measures it before and after. Prints the settings.
fn compare(
    title: &str,
    model: Model,
    settings: &FinetuneSettings,
    rows: &mut Rows,
) -> Result<Vec<Sample>> {
    let model = if end_token::is_missing(&model) { end_token::add(model)? } else { model };
    let Gathered { batches, ends, .. } = gather(settings, &model, &Silent)?;
    let steps = settings.steps(batches.per_epoch())?;
    let Summary { conversations, tokens, block_size, .. } = Summary::of(&batches.train);
    let held_out: Vec<Example> = batches.held_out.examples().to_vec();
    let others = other_templates(&model, block_size)?;
    let questions = suite::questions(&model.tokenizer)?;
    let Model { gpt, weights, tokenizer, .. } = model;
    let ModelWeights::Full(weights) = weights else { unreachable!("read in full") };
    let (gpt, weights) = match settings.lora() {
        None => (gpt, weights),
        Some(lora) => {
            let rng = &mut generator(settings.seed, Purpose::Initialisation, 1);
            lora::adapt(&gpt, weights, &lora, rng)?
        }
    };
    println!("{title}");
    let fact = |name: &str, fact: String| println!("  {name:<16}{fact}");
    let how = if settings.full { "all of them" } else { "LoRA, rank 8" };
    let [all, trained] = [gpt.layout().len(), gpt.trained()].map(thousands);
    fact("weights", format!("{all}, of which {trained} are trained: {how}"));
    fact("learned", format!("{conversations} conversations, {} tokens", thousands(tokens)));
    fact("held out", format!("{} conversations", held_out.len()));
    let (rate, seed) = (settings.learning_rate(), settings.seed);
    let epochs = match settings.epochs(batches.per_epoch()) {
        1.0 => "1 epoch".to_string(),
        epochs => format!("{epochs} epochs"),
    };
    fact("training", format!("{epochs}, {steps} steps, learning rate {rate:.0e}, seed {seed}"));

    let mut run_gpt = gpt.clone();
    run_gpt.shorten_context(block_size)?;
    let training = settings.training(steps);
    let batch_size = training.batch_size;
    let backend = open_packed("cpu", "f32", run_gpt, weights, training)?;
    let mut run = FinetuneTraining::new(backend, batches);
    let asked: Vec<&Example> = held_out.iter().step_by(held_out.len().div_ceil(ASKED)).collect();
    let answering = for_answers(&gpt, block_size)?;
    let what = What { gpt: &answering, tokenizer: &tokenizer, ends: &ends, asked: &asked };
    let before = measure(&mut run, &what, &questions)?;
    while run.iter() < steps {
        run.step()?;
    }
    let after = measure(&mut run, &what, &questions)?;

    rows.columns.push(title.to_lowercase());
    fill(rows, [&before, &after]);
    println!("  the same model in another template than it learned, after:");
    println!("    {:<40}{:>10}{:>18}", "", "held out", "in the right form");
    let form = |answers: &[Answer]| {
        format!("{} of {}", answers.iter().filter(|a| follows_format(a)).count(), answers.len())
    };
    println!("    {:<40}{:>10.3}{:>18}", "its own", after.held_out, form(&after.answers));
    for (name, examples) in others {
        let padding = ends.first().copied().unwrap_or(0);
        let batch = Batches::new(examples.clone(), block_size, batch_size, 1, padding)?;
        run.batches.held_out = batch;
        let loss = run.evaluate(0)?.validation;
        let asked: Vec<&Example> =
            examples.iter().step_by(examples.len().div_ceil(ASKED)).collect();
        let answers = What { asked: &asked, ..what }.answers(run.backend.state()?.0)?;
        println!("    {name:<40}{loss:>10.3}{:>18}", form(&answers));
    }

    let answers = before.answers.into_iter().zip(after.answers);
    let sample = |(example, (before, after)): (&&Example, (Answer, Answer))| Sample {
        question: example.question.clone(),
        answers: [before, after],
    };
    let samples: Vec<Sample> = asked.iter().zip(answers).map(sample).collect();
    Ok(samples)
}

/// What answers, and to what.
#[derive(Clone, Copy)]
struct What<'a> {
    gpt: &'a Gpt,
    tokenizer: &'a Tokenizer,
    ends: &'a [u32],
    asked: &'a [&'a Example],
}

impl What<'_> {
    fn answers(&self, weights: &Params<f32>) -> Result<Vec<Answer>> {
        let one =
            |example: &&Example| answer((self.gpt, weights), self.tokenizer, self.ends, example);
        self.asked.iter().map(one).collect()
    }
}

/// Measures a model as it is now.
fn measure(run: &mut FinetuneTraining, what: &What, questions: &[Question]) -> Result<Measured> {
    let held_out = run.evaluate(0)?.validation;
    let (weights, _) = run.backend.state()?;
    let answers = what.answers(weights)?;
    let choices = choose(what.gpt, weights, questions)?;
    let corpus = Corpus::built_in();
    let (_, unseen) = split(&corpus.text, 0.9)?;
    let text: String = unseen.chars().take(OLD).collect();
    let TextTokens { tokens, given, given_bytes } = TextTokens::new(what.tokenizer, &text)?;
    let bytes = what.tokenizer.decode_bytes(&tokens)?.len() - given_bytes;
    let mut gpt = what.gpt.clone();
    gpt.shorten_context(256.min(gpt.config().block_size))?;
    let stride = gpt.config().block_size;
    let loss = evaluate_with(&gpt, weights, (&tokens, given), stride, &|_| true)?;
    let loss = loss.expect("nobody stopped it");
    Ok(Measured { held_out, answers, choices, old: (loss.nats, loss.tokens, bytes) })
}

/// The held-out conversations in two other forms: the plain template where the model has one of its
/// own, or questions and answers in another spelling; and the question alone.
fn other_templates(model: &Model, block_size: usize) -> Result<Vec<(&'static str, Vec<Example>)>> {
    let tokenizer = &model.tokenizer;
    let mut all = vec![];
    if model.text_settings.chat_template.is_some() {
        let template = Template::Plain(PlainTemplate::of(tokenizer, &model.special.eos)?);
        let encoder = Encoder::new(template, tokenizer, &model.special.eos, block_size)?;
        let (examples, _) = course::examples("held out", course::HELD_OUT, &encoder, true)?;
        all.push(("User: … Assistant:", examples));
    }
    let end = model.special.eos.first().copied();
    for (name, before, behind) in [("Q: … A:", "Q: ", "\nA: "), ("the question alone", "", "\n")]
    {
        let mut examples = vec![];
        for line in course::HELD_OUT.lines() {
            let messages = stage04_training::finetune::conversation(line.as_bytes())
                .map_err(|(problem, remedy)| Error::text("held out", problem, remedy))?;
            let (question, answer) = (&messages[0].content, &messages[1].content);
            let mut tokens = tokenizer.encode(&format!("{before}{question}{behind}"))?;
            let start = tokens.len();
            tokens.extend(tokenizer.encode(answer)?);
            tokens.extend(end);
            if tokens.len() <= block_size {
                let answers = std::iter::once(start..tokens.len()).collect();
                let origin = stage04_training::finetune::Origin::Conversation { messages: 2 };
                let (prompt, question) = (0, question.clone());
                examples.push(Example { tokens, answers, prompt, question, origin });
            }
        }
        all.push((name, examples));
    }
    Ok(all)
}

fn fill(rows: &mut Rows, measured: [&Measured; 2]) {
    rows.add("held out, nats per token", measured.map(|m| format!("{:.3}", m.held_out)));
    let count = |f: fn(&Answer) -> bool| {
        measured.map(|m| {
            let number = m.answers.iter().filter(|&answer| f(answer)).count();
            format!("{number} of {}", m.answers.len())
        })
    };
    rows.add("answers that end", count(|answer| answer.ended));
    rows.add("answers in the right form", count(follows_format));
    for (name, by) in [("suite, acc", 0), ("suite, acc_norm", 1), ("suite, acc_tokens", 3)] {
        debug_assert!(name.ends_with(LENGTHS[by].0));
        rows.add(
            name,
            measured.map(|m| {
                let (accuracy, error) = m.choices.tally.accuracy(by);
                format!("{accuracy:.2} ± {:.2}", error.unwrap_or(f64::NAN))
            }),
        );
    }
    rows.add("suite, nats of right endings", measured.map(|m| format!("{:.3}", m.choices.nats())));
    rows.add(
        "King James, perplexity",
        measured.map(|m| {
            let (nats, tokens, _) = m.old;
            format!("{:.1}", perplexity(nats / tokens as f64))
        }),
    );
    rows.add(
        "King James, bits per byte",
        measured.map(|m| {
            let (nats, _, bytes) = m.old;
            format!("{:.3}", bits_per_byte(nats, bytes))
        }),
    );
}

/// Some questions with both answers, in an order by chance; the key at the end.
fn blind(samples: &[Sample]) {
    println!("  answers in an order by chance: which is from after the training?");
    let mut rng = generator(1337, Purpose::Other, 0);
    let mut key = vec![];
    for (number, sample) in (1..).zip(BLIND.iter().filter_map(|&i| samples.get(i))) {
        println!("{}", wrap(&format!("{number}. {}", sample.question), WIDTH, "  "));
        let first = usize::from(rng.random_bool(0.5));
        key.push(format!("{number} {}", if first == 1 { "A" } else { "B" }));
        for (letter, which) in [("A", first), ("B", 1 - first)] {
            let Answer { text, ended } = &sample.answers[which];
            let text = text.replace('\n', " / ");
            let cut = if *ended { "" } else { " …" };
            println!("{}", wrap(&format!("{letter}: {text}{cut}"), WIDTH, "     "));
        }
    }
    println!("  from after the training: {}", key.join(", "));
}
