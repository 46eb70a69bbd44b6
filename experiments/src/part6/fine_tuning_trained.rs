//! A small base model learns to answer: epochs, learning rates, what it loses, four bugs, and another
//! template.
//!
//! The base model has read some of the King James text and nothing else. It is taught the course's own
//! questions, which it cannot understand. So what it gains is form.

use rayon::prelude::*;
use stage01_bigram::Result;
use stage01_bigram::text::{thousands, wrap};
use stage02_attention::parallel::single_threaded;
use stage02_attention::params::Params;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::message::Message;
use stage04_training::finetune::{Example, Origin, TextEncoder, answer, course};

use super::base::{BLOCK, Base, Course, loss_of, mean_loss, teach};

/// Epochs of most runs, and of the long one.
const EPOCHS: u64 = 3;
const MANY: u64 = 16;

const RATE: f64 = 2e-3;

/// Runs the experiment.
///
/// # Errors
/// None that can be caused.
pub fn run() -> Result<()> {
    let base = Base::train(1337, 2)?;
    let (train, held_out) = (base.course(course::INSTRUCTIONS)?, base.course(course::HELD_OUT)?);
    the_data(&base, &train, &held_out)?;
    let jobs = jobs(&base, &train)?;
    // The long run and the short ones at the same time.
    let (long, short) = rayon::join(
        || single_threaded(|| over_epochs(&base, &train, &held_out)),
        || {
            let short = jobs.par_iter().with_max_len(1);
            short
                .map(|job| single_threaded(|| job.run(&base, &held_out)))
                .collect::<Result<Vec<_>>>()
        },
    );
    long?.iter().for_each(|line| println!("{line}"));
    let short = short?;
    let taught = &short[0];
    answers(&base, taught, &held_out)?;
    rates(&base, &short)?;
    bugs(&short);
    templates(&base, taught, &held_out)
}

fn the_data(base: &Base, train: &Course, held_out: &Course) -> Result<()> {
    println!("THE DATA");
    println!("  weights of the base model       {:>8}", thousands(base.gpt.layout().len()));
    println!("  conversations                   {:>8}", thousands(train.examples.len()));
    println!("  held out                        {:>8}", thousands(held_out.examples.len()));
    let too_long = train.too_long + held_out.too_long;
    println!("  longer than a row of {BLOCK} tokens   {too_long:>6}");
    let tokens: usize = train.examples.iter().map(|example| example.tokens.len()).sum();
    let learned: usize = train.examples.iter().map(Example::learned).sum();
    println!("  tokens                          {:>8}", thousands(tokens));
    println!("  of which are learned            {:>8}", thousands(learned));
    let batches = base.batches(&train.examples)?;
    println!("  rows, packed                    {:>8}", thousands(batches.rows()));
    println!("  steps in an epoch               {:>8}", thousands(batches.per_epoch() as usize));
    Ok(())
}

/// A run of three epochs.
struct Job {
    name: &'static str,
    rate: f64,
    examples: Vec<Example>,
}

/// What came of it.
struct Taught {
    name: &'static str,
    rate: f64,
    gpt: Gpt,
    weights: Params<f32>,
    /// The loss on what was learned, as the run sees it.
    train: f64,
    /// The losses on held-out answers: on all their tokens, on their first ones, on their end tokens.
    held_out: [f64; 3],
    /// How many answers ended, and how many keep the form.
    answered: [usize; 2],
    asked: usize,
}

impl Job {
    fn run(&self, base: &Base, held_out: &Course) -> Result<Taught> {
        let batches = base.batches(&self.examples)?;
        let model = (base.gpt.clone(), base.weights.clone());
        let mut trainer = teach(model, &batches, EPOCHS, self.rate, |_, _| Ok(()))?;
        let train = mean_loss(&mut trainer, &batches);
        let of = |part: fn(&std::ops::Range<usize>) -> std::ops::Range<usize>| {
            let cut = |example: &Example| Example {
                answers: example.answers.iter().map(part).collect(),
                ..example.clone()
            };
            base.batches(&held_out.examples.iter().map(cut).collect::<Vec<_>>())
        };
        let parts = [of(Clone::clone)?, of(|a| a.start..a.start + 1)?, of(|a| a.end - 1..a.end)?];
        let losses = parts.map(|batches| mean_loss(&mut trainer, &batches));
        let (gpt, weights) = trainer.into_parts();
        let answered = base.answered((&gpt, &weights), &held_out.examples)?;
        let (name, rate, asked) = (self.name, self.rate, held_out.examples.len());
        Ok(Taught { name, rate, gpt, weights, train, held_out: losses, answered, asked })
    }
}

// ANCHOR: bugs
/// The example without the mask, and with three wrong ones.
fn with_bug(bug: &str, example: &Example, padding: u32) -> Example {
    let mut example = example.clone();
    let n = example.tokens.len();
    match bug {
        "questions learned" => example.answers = std::iter::once(1..n).collect(),
        "mask not shifted" => {
            for answer in &mut example.answers {
                *answer = answer.start + 1..(answer.end + 1).min(n);
            }
        }
        "end not learned" => example.answers.iter_mut().for_each(|answer| answer.end -= 1),
        "padding learned" => {
            example.tokens.resize(BLOCK, padding);
            example.answers.extend((n < BLOCK).then_some(n..BLOCK));
        }
        _ => {}
    }
    example
}
// ANCHOR_END: bugs

/// The short runs: the right one, two other rates, one with replay, and the bugs.
fn jobs(base: &Base, train: &Course) -> Result<Vec<Job>> {
    let job = |name, rate, examples: Vec<Example>| Job { name, rate, examples };
    let mut jobs = vec![job("the answers", RATE, train.examples.clone())];
    for rate in [RATE / 10.0, RATE * 5.0] {
        jobs.push(job("the answers", rate, train.examples.clone()));
    }
    let mut replayed = train.examples.clone();
    replayed.extend(old_pieces(base, train)?);
    jobs.push(job("with replay", RATE, replayed));
    for bug in ["questions learned", "mask not shifted", "end not learned", "padding learned"] {
        let examples = train.examples.iter().map(|one| with_bug(bug, one, base.end())).collect();
        jobs.push(job(bug, RATE, examples));
    }
    Ok(jobs)
}

/// Pieces of old text, a fifth of all tokens.
fn old_pieces(base: &Base, train: &Course) -> Result<Vec<Example>> {
    let text = stage01_bigram::corpus::Corpus::built_in().text;
    let text: String = text.chars().take(200_000).collect();
    let pieces = TextEncoder::new(&base.tokenizer, BLOCK).encode(&text)?;
    let tokens: usize = train.examples.iter().map(|example| example.tokens.len()).sum();
    Ok(pieces.into_iter().take(tokens / 4 / BLOCK).collect())
}

/// The losses before each epoch of a long run, and what is answered.
fn over_epochs(base: &Base, train: &Course, held_out: &Course) -> Result<Vec<String>> {
    let [train, validation] = [base.batches(&train.examples)?, base.batches(&held_out.examples)?];
    let mut lines = vec![
        format!(
            "\nEPOCHS, learning rate {RATE:.0e}; of {} held-out questions",
            held_out.examples.len()
        ),
        format!(
            "{:>7}{:>10}{:>10}{:>14}{:>14}",
            "epoch", "train", "held out", "answers end", "in form"
        ),
    ];
    let model = (base.gpt.clone(), base.weights.clone());
    teach(model, &train, MANY, RATE, |epoch, trainer| {
        if ![0, 1, 2, 3, 4, 6, 8, 12, 16].contains(&epoch) {
            return Ok(());
        }
        let losses = [mean_loss(trainer, &train), mean_loss(trainer, &validation)];
        let weights = trainer.weights.clone();
        let [ended, form] = base.answered((trainer.gpt(), &weights), &held_out.examples)?;
        let [a, b] = losses;
        lines.push(format!("{epoch:>7}{a:>10.3}{b:>10.3}{ended:>14}{form:>14}"));
        Ok(())
    })?;
    Ok(lines)
}

/// Two held-out questions, answered before and after.
fn answers(base: &Base, taught: &Taught, held_out: &Course) -> Result<()> {
    println!("\nAN ANSWER, before and after three epochs");
    for place in [3, held_out.examples.len() / 2] {
        let question = &held_out.messages[place][0].content;
        println!("{}", wrap(&format!("question: {question}"), 76, "  "));
        for (name, model) in
            [("before", (&base.gpt, &base.weights)), ("after", (&taught.gpt, &taught.weights))]
        {
            let found = answer(model, &base.tokenizer, &[base.end()], &held_out.examples[place])?;
            let ended = if found.ended { " (ended)" } else { " …" };
            let text = found.text.replace('\n', " / ");
            println!("{}", wrap(&format!("{name}: {text}{ended}"), 76, "  "));
        }
    }
    Ok(())
}

fn rates(base: &Base, short: &[Taught]) -> Result<()> {
    println!("\nLEARNING RATES: three epochs, losses in nats per token");
    println!("  {:<20}{:>8}{:>10}{:>10}{:>12}", "", "rate", "train", "held out", "old text");
    let old = base.old_loss(&base.gpt, &base.weights)?;
    println!("  {:<20}{:>8}{:>10}{:>10}{old:>12.3}", "before", "", "", "");
    let mut rows: Vec<&Taught> = short[..4].iter().collect();
    rows.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    for Taught { name, rate, gpt, weights, train, held_out: [held_out, ..], .. } in rows {
        let old = base.old_loss(gpt, weights)?;
        println!("  {name:<20}{rate:>8.0e}{train:>10.3}{held_out:>10.3}{old:>12.3}");
    }
    Ok(())
}

fn bugs(short: &[Taught]) {
    println!("\nBUGS: three epochs; held-out losses are those of the right mask");
    println!(
        "  {:<20}{:>8}{:>10}{:>8}{:>8}{:>14}{:>9}",
        "", "train", "held out", "first", "end", "answers end", "in form"
    );
    for (at, taught) in short.iter().enumerate().filter(|(at, _)| ![1, 2, 3].contains(at)) {
        let Taught {
            name, train, held_out: [all, first, end], answered: [ended, form], asked, ..
        } = taught;
        let name = if at == 0 { "none" } else { *name };
        let ended = format!("{ended} of {asked}");
        println!("  {name:<20}{train:>8.3}{all:>10.3}{first:>8.3}{end:>8.3}{ended:>14}{form:>9}");
    }
}

// ANCHOR: templates
/// The form in which it learned, and two others.
const TEMPLATES: [(&str, &str, &str); 3] = [
    ("User: … Assistant:", "User:\n", "\n\nAssistant:\n"),
    ("Q: … A:", "Q: ", "\nA: "),
    ("the question alone", "", "\n"),
];
// ANCHOR_END: templates

fn templates(base: &Base, taught: &Taught, held_out: &Course) -> Result<()> {
    println!("\nTEMPLATES: the same model, asked in three forms");
    println!("  {:<24}{:>10}{:>14}{:>10}", "", "held out", "answers end", "in form");
    for (name, before, behind) in TEMPLATES {
        let examples = held_out.messages.iter().map(|messages| {
            let [Message { content: question, .. }, Message { content: answer, .. }, ..] =
                &messages[..]
            else {
                unreachable!("a question and its answer")
            };
            let mut tokens = base.tokenizer.encode(&format!("{before}{question}{behind}"))?;
            let start = tokens.len();
            tokens.extend(base.tokenizer.encode(answer)?);
            tokens.push(base.end());
            tokens.truncate(BLOCK);
            let answers = std::iter::once(start..tokens.len()).collect();
            let origin = Origin::Conversation { messages: 2 };
            Ok(Example { tokens, answers, prompt: 0, question: question.clone(), origin })
        });
        let examples = examples.collect::<Result<Vec<_>>>()?;
        let loss = loss_of(&taught.gpt, &taught.weights, &base.batches(&examples)?)?;
        let [ended, form] = base.answered((&taught.gpt, &taught.weights), &examples)?;
        println!("  {name:<24}{loss:>10.3}{ended:>14}{form:>10}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bug_learns_other_tokens() {
        let example = Example {
            tokens: (0..8).collect(),
            answers: std::iter::once(4..8).collect(),
            prompt: 0,
            question: String::new(),
            origin: Origin::Conversation { messages: 2 },
        };
        let learned = |bug| {
            let Example { tokens, answers, .. } = with_bug(bug, &example, 9);
            answers.into_iter().flatten().map(|at| tokens[at]).collect::<Vec<u32>>()
        };
        assert_eq!(learned("none"), [4, 5, 6, 7]);
        assert_eq!(learned("questions learned"), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(learned("mask not shifted"), [5, 6, 7]);
        assert_eq!(learned("end not learned"), [4, 5, 6]);
        let padded = learned("padding learned");
        assert_eq!((padded.len(), &padded[..5]), (4 + BLOCK - 8, &[4, 5, 6, 7, 9][..]));
    }
}
