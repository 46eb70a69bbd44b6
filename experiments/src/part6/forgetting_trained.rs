//! What the small base model forgets while it learns to answer: without replay, with replay, with
//! adapters, at a smaller rate; averaged weights, replay of its own texts, a second task after the
//! first, and four wrong measurements.
//!
//! `--plot FILE` draws the perplexity of the old text and the held-out loss of four runs.

use std::path::Path;

use rayon::prelude::*;
use stage01_bigram::bigram::{Bigram, CountedBigram};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::dataset::split;
use stage01_bigram::loss::{bits_per_byte, perplexity};
use stage01_bigram::plot::{LineChart, Series};
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
use stage01_bigram::{Error, Result};
use stage02_attention::parallel::single_threaded;
use stage02_attention::params::Params;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora::{LoraSettings, adapt, merge};
use stage04_training::finetune::{Batches, Example, answer, course};

use super::base::{BLOCK, Base, Course, loss_of, mean_loss, teach_steps};
use super::old_text::{own_texts, pieces, replay, save_stacked, spelling};

/// Learning rates of all weights, a smaller one, and that of adapters.
const RATE: f64 = 2e-3;
const SMALL: f64 = 4e-4;
const OF_ADAPTERS: f64 = 1e-2;
const SMALL_OF_ADAPTERS: f64 = 2e-3;

/// Epochs of most runs, of the one with the small rate, and of adapters with a small rate.
const EPOCHS: u64 = 3;
const MANY: u64 = 6;
const VERY_MANY: u64 = 12;

/// Steps between two points of a curve: a quarter of an epoch without replay.
const INTERVAL: u64 = 14;

/// Pieces of old text that are replayed again and again in one of the runs.
const FEW: usize = 4;

/// A model: its architecture and its weights.
type Model = (Gpt, Params<f32>);

/// A point of a curve.
#[derive(Clone, Copy)]
struct Point {
    step: u64,
    /// The loss on held-out answers, and on the old text.
    held_out: f64,
    old: f64,
}

/// A run: what it learns from, and how.
struct Job {
    name: &'static str,
    examples: Vec<Example>,
    rate: f64,
    /// The steps, or none for three epochs.
    steps: Option<u64>,
    /// The rank of adapters, or none for all weights.
    rank: Option<usize>,
    interval: u64,
}

/// What came of it.
struct Taught {
    name: &'static str,
    points: Vec<Point>,
    model: Model,
}

/// What everything is measured on.
struct Bench {
    base: Base,
    train: Course,
    held_out: Batches,
    /// The old text in pieces, for replay.
    pieces: Vec<Example>,
}

impl Bench {
    /// With the base model of a seed.
    fn new(seed: u64) -> Result<Bench> {
        let base = Base::train(seed, 1)?;
        let train = base.course(course::INSTRUCTIONS)?;
        let held_out = base.batches(&base.course(course::HELD_OUT)?.examples)?;
        let pieces = pieces(&base)?;
        Ok(Bench { base, train, held_out, pieces })
    }

    /// One run.
    fn run(&self, job: &Job) -> Result<Taught> {
        let base = &self.base;
        let batches = base.batches(&job.examples)?;
        let steps = job.steps.unwrap_or(EPOCHS * batches.per_epoch());
        let mut model = (base.gpt.clone(), base.weights.clone());
        if let Some(rank) = job.rank {
            let settings = LoraSettings { rank, alpha: 2.0 * rank as f64, ..Default::default() };
            let rng = &mut generator(1337, Purpose::Initialisation, 1);
            model = adapt(&model.0, model.1, &settings, rng)?;
        }
        let mut points = vec![];
        let trainer = teach_steps(model, &batches, steps, job.rate, |step, trainer| {
            if step % job.interval == 0 || step == steps {
                let held_out = mean_loss(trainer, &self.held_out);
                let old = base.old_loss(trainer.gpt(), &trainer.weights)?;
                points.push(Point { step, held_out, old });
            }
            Ok(())
        })?;
        let (gpt, weights) = trainer.into_parts();
        let model = if job.rank.is_some() { merge(&gpt, weights)? } else { (gpt, weights) };
        Ok(Taught { name: job.name, points, model })
    }

    /// A model that learns a further task from where it is.
    fn go_on(&self, from: &Model, examples: &[Example]) -> Result<Model> {
        let batches = self.base.batches(examples)?;
        let steps = EPOCHS * batches.per_epoch();
        let trainer = teach_steps(from.clone(), &batches, steps, RATE, |_, _| Ok(()))?;
        Ok(trainer.into_parts())
    }

    /// The perplexity on the old text.
    fn old(&self, (gpt, weights): &Model) -> Result<f64> {
        Ok(perplexity(self.base.old_loss(gpt, weights)?))
    }
}

impl Taught {
    fn last(&self) -> Point {
        *self.points.last().expect("a run ends with a point")
    }

    /// The loss on the old text where the held-out loss first came down to this, on the straight line
    /// between two points; none if it never did.
    fn old_at(&self, held_out: f64) -> Option<f64> {
        let pair = self.points.windows(2).find(|pair| pair[1].held_out <= held_out)?;
        let [a, b] = [pair[0], pair[1]];
        let part = (a.held_out - held_out) / (a.held_out - b.held_out);
        Some(a.old + part * (b.old - a.old))
    }
}

/// Runs the experiment.
///
/// # Errors
/// None that can be caused but by the file of the plot.
pub fn run(plot: Option<&Path>) -> Result<()> {
    let seeds = [1337, 1338, 1339];
    let benches = seeds.par_iter().with_max_len(1);
    let benches = benches.map(|&seed| single_threaded(|| Bench::new(seed)));
    let benches = benches.collect::<Result<Vec<_>>>()?;
    let bench = &benches[0];
    let jobs = jobs(bench)?;
    let others = benches[1..].iter().map(four).collect::<Result<Vec<_>>>()?;
    let all = jobs.iter().map(|job| (bench, job));
    let of_others = benches[1..].iter().zip(&others);
    let of_others = of_others.flat_map(|(bench, jobs)| jobs.iter().map(move |job| (bench, job)));
    let all: Vec<_> = all.chain(of_others).collect();
    let taught = all.par_iter().with_max_len(1);
    let taught = taught.map(|(bench, job)| single_threaded(|| bench.run(job)));
    let mut taught = taught.collect::<Result<Vec<_>>>()?;
    let of_others = taught.split_off(jobs.len());
    let by_name = |name| taught.iter().find(|run| run.name == name).expect("it is one of the jobs");

    replayed(bench, &jobs[..3])?;
    during(&taught[..4]);
    other_seeds(&[&taught[..4], &of_others[..4], &of_others[4..]]);
    at_equal_loss(
        &["no replay", "small rate", "LoRA, rank 8", "LoRA, rank 32", "LoRA, small rate"]
            .map(by_name),
    );
    rates_and_epochs(bench, &taught[0], by_name("small rate"))?;
    averages(bench, &taught[0].model)?;
    sources(bench, &["no replay", "25 % replay", "25 % own texts"].map(by_name));
    let two = ["no replay", "25 % replay"].map(by_name);
    which_tokens(bench, &two)?;
    what_they_write(bench, &two)?;
    tasks(bench, &taught[0].model)?;
    bug_replayed(bench, (&jobs[2].examples, by_name("25 % replay")), by_name("few pieces"))?;
    bug_steps(&jobs[2], &["no replay", "25 % replay", "as many steps"].map(by_name));
    bug_tokenizers(bench)?;
    match plot {
        Some(file) => save_stacked(&charts(&taught[..4]), file),
        None => Ok(()),
    }
}

/// A run in all weights for three epochs.
fn job(name: &'static str, examples: Vec<Example>, interval: u64) -> Job {
    Job { name, examples, rate: RATE, steps: None, rank: None, interval }
}

/// The four runs of the figure.
fn four(bench: &Bench) -> Result<Vec<Job>> {
    let new = &bench.train.examples;
    let with = |r| [&new[..], &replay(r, &bench.pieces, new)].concat();
    let none = job("no replay", new.clone(), INTERVAL);
    let lora = job("LoRA, rank 8", new.clone(), INTERVAL);
    Ok(vec![
        none,
        job("5 % replay", with(0.05), INTERVAL),
        job("25 % replay", with(0.25), INTERVAL),
        Job { rate: OF_ADAPTERS, rank: Some(8), ..lora },
    ])
}

/// All runs of the first base model. The first four are those of the figure.
fn jobs(bench: &Bench) -> Result<Vec<Job>> {
    let new = &bench.train.examples;
    let with = |more: &[Example]| [&new[..], more].concat();
    let quarter = replay(0.25, &bench.pieces, new);
    let few = bench.pieces[..FEW].iter().cycle().take(quarter.len());
    let few: Vec<Example> = few.cloned().collect();
    let own = own_texts(&bench.base, quarter.len())?;
    let epoch = bench.base.batches(new)?.per_epoch();
    let of_new = |name| job(name, new.clone(), 2 * INTERVAL);
    let adapters = |name, rank, rate| Job { rate, rank: Some(rank), ..of_new(name) };
    let slow = adapters("LoRA, small rate", 8, SMALL_OF_ADAPTERS);
    let mut jobs = four(bench)?;
    jobs.extend([
        Job { rate: SMALL, steps: Some(MANY * epoch), ..of_new("small rate") },
        adapters("LoRA, rank 32", 32, OF_ADAPTERS),
        Job { steps: Some(VERY_MANY * epoch), ..slow },
        job("25 % own texts", with(&own), u64::MAX),
        job("few pieces", with(&few), u64::MAX),
        Job { steps: Some(EPOCHS * epoch), ..job("as many steps", with(&quarter), u64::MAX) },
    ]);
    Ok(jobs)
}

fn replayed(bench: &Bench, jobs: &[Job]) -> Result<()> {
    println!("WHAT IS REPLAYED");
    println!(
        "                    new tokens   old tokens   steps in an epoch   old part of the loss"
    );
    let new = bench.train.examples.len();
    for Job { name, examples, .. } in jobs {
        let tokens = |part: &[Example]| part.iter().map(|one| one.tokens.len()).sum::<usize>();
        let learned = |part: &[Example]| part.iter().map(Example::learned).sum::<usize>() as f64;
        let (of_new, of_old) = (&examples[..new], &examples[new..]);
        println!(
            "  {name:<16}{:>12}{:>13}{:>20}{:>21.0} %",
            thousands(tokens(of_new)),
            thousands(tokens(of_old)),
            bench.base.batches(examples)?.per_epoch(),
            100.0 * learned(of_old) / learned(examples),
        );
    }
    Ok(())
}

fn during(runs: &[Taught]) {
    println!("\nDURING FINE-TUNING: perplexity of the old text / held-out loss of the new");
    println!("  step{}", heads(runs));
    let longest = runs.iter().map(|run| run.points.len()).max().unwrap_or(0);
    let mut steps: Vec<u64> = (0..longest as u64).map(|i| i * INTERVAL).step_by(2).collect();
    steps.extend(runs.iter().map(|run| run.last().step));
    steps.sort_unstable();
    steps.dedup();
    for step in steps {
        let points: Vec<Option<&Point>> =
            runs.iter().map(|run| run.points.iter().find(|point| point.step == step)).collect();
        if points.iter().all(Option::is_none) {
            continue;
        }
        print!("{step:>6}");
        for point in points {
            print!("{:>16}", point.map_or(String::new(), cell));
        }
        println!();
    }
}

fn other_seeds(bases: &[&[Taught]; 3]) {
    println!("\nTHREE BASE MODELS, each after three epochs: old text / new");
    println!("  seed    before{}", heads(bases[0]));
    for (seed, runs) in [1337, 1338, 1339].iter().zip(bases) {
        let before = perplexity(runs[0].points[0].old);
        let cells: String = runs.iter().map(|run| format!("{:>16}", cell(&run.last()))).collect();
        println!("  {seed}{before:>10.1}{cells}");
    }
}

/// The names of runs above their columns.
fn heads(runs: &[Taught]) -> String {
    runs.iter().map(|run| format!("{:>16}", run.name)).collect()
}

/// The perplexity of the old text, and the held-out loss of the new.
fn cell(Point { held_out, old, .. }: &Point) -> String {
    format!("{:.1} / {held_out:.3}", perplexity(*old))
}

fn at_equal_loss(runs: &[&Taught; 5]) {
    let loss = runs[2].last().held_out;
    println!("\nAT EQUAL HELD-OUT LOSS: where each run first comes down to {loss:.3}");
    println!("                      old text, nats per token   perplexity   at the end of the run");
    for run in runs {
        let end = cell(&run.last());
        match run.old_at(loss) {
            Some(old) => {
                println!("  {:<18}{old:>26.3}{:>13.1}{end:>24}", run.name, perplexity(old))
            }
            None => println!("  {:<18}{:>26}{:>13}{end:>24}", run.name, "never", ""),
        }
    }
}

fn rates_and_epochs(bench: &Bench, fast: &Taught, slow: &Taught) -> Result<()> {
    let epoch = bench.base.batches(&bench.train.examples)?.per_epoch();
    println!(
        "\nRATES AND EPOCHS, no replay: perplexity of the old text / held-out loss of the new"
    );
    println!("  epoch{:>20}{:>20}", format!("rate {RATE:.0e}"), format!("rate {SMALL:.0e}"));
    for number in 0..=MANY {
        let cell = |run: &Taught| {
            let point = run.points.iter().find(|point| point.step == number * epoch);
            point.map_or(String::new(), cell)
        };
        println!("{number:>7}{:>20}{:>20}", cell(fast), cell(slow));
    }
    Ok(())
}

// ANCHOR: average
/// Each weight on the straight line from the old one to the new one.
fn average(a: f32, old: &Params<f32>, new: &Params<f32>) -> Params<f32> {
    let pairs = old.values.iter().zip(&new.values);
    Params { values: pairs.map(|(old, new)| (1.0 - a) * old + a * new).collect() }
}
// ANCHOR_END: average

fn averages(bench: &Bench, (gpt, new): &Model) -> Result<()> {
    println!("\nAVERAGED WEIGHTS of the base model and of the one that learned without replay");
    println!("       a   old text, perplexity   held-out loss");
    for a in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let model = (gpt.clone(), average(a, &bench.base.weights, new));
        let held_out = loss_of(&model.0, &model.1, &bench.held_out)?;
        println!("{a:>8.2}{:>23.1}{held_out:>16.3}", bench.old(&model)?);
    }
    Ok(())
}

fn sources(bench: &Bench, runs: &[&Taught; 3]) {
    let own = bench.pieces.len();
    println!("\nREPLAY OF ITS OWN TEXTS; the old text has {} pieces", thousands(own));
    println!("                      old text, perplexity   held-out loss");
    for run in runs {
        let Point { held_out, old, .. } = run.last();
        println!("  {:<18}{:>22.1}{held_out:>16.3}", run.name, perplexity(old));
    }
}

/// A kind of tokens: its name, and whether a token's text is one.
type Kind = (&'static str, fn(&str) -> bool);

const KINDS: [Kind; 3] = [
    ("punctuation", |text| text.trim().chars().all(|c| c.is_ascii_punctuation() || c == ' ')),
    ("begin with a capital", |text| text.trim().starts_with(|c: char| c.is_uppercase())),
    ("all others", |_| true),
];

/// The loss on the old text by the kind of the token that is predicted.
fn which_tokens(bench: &Bench, runs: &[&Taught; 2]) -> Result<()> {
    let base = &bench.base;
    let texts = base.old().iter().map(|&token| base.tokenizer.decode(&[token]));
    let texts = texts.collect::<Result<Vec<String>>>()?;
    let kind = |text: &String| KINDS.iter().position(|(_, is)| is(text)).expect("the last is all");
    let kinds: Vec<usize> = texts.iter().map(kind).collect();
    println!("\nWHICH TOKENS of the old text, losses in nats per token");
    println!("  the next token is       of all      base   no replay   25 % replay");
    let models = [&base.weights, &runs[0].model.1, &runs[1].model.1];
    for (number, (name, _)) in KINDS.iter().enumerate() {
        let pieces = base.old().chunks(BLOCK).zip(kinds.chunks(BLOCK)).map(|(tokens, kinds)| {
            let places = (1..tokens.len()).filter(|&at| kinds[at] == number);
            let answers = places.map(|at| at..at + 1).collect();
            Example { tokens: tokens.to_vec(), answers, ..bench.pieces[0].clone() }
        });
        let batches = base.batches(&pieces.collect::<Vec<_>>())?;
        let learned: usize = batches.examples().iter().map(Example::learned).sum();
        let percent = 100.0 * learned as f64 / base.old().len() as f64;
        let [a, b, c] = models.map(|weights| loss_of(&base.gpt, weights, &batches));
        println!("  {name:<22}{percent:>6.0} %{:>10.2}{:>12.2}{:>14.2}", a?, b?, c?);
    }
    Ok(())
}

/// The beginnings that are gone on with.
const BEGINNINGS: [&str; 2] = ["And the king of Israel", "The servant of the"];

fn what_they_write(bench: &Bench, runs: &[&Taught; 2]) -> Result<()> {
    println!("\nWHAT THEY WRITE, the likeliest token each time");
    let base = &bench.base;
    for beginning in BEGINNINGS {
        println!("  {beginning} …");
        let tokens = base.tokenizer.encode(beginning)?;
        let example = Example { answers: vec![], tokens, ..bench.pieces[0].clone() };
        let models = [("base", (&base.gpt, &base.weights))].into_iter();
        let models = models.chain(runs.iter().map(|run| (run.name, (&run.model.0, &run.model.1))));
        for (name, model) in models {
            let found = answer(model, &base.tokenizer, &[base.end()], &example)?;
            let words: Vec<&str> = found.text.split_whitespace().take(16).collect();
            println!("{}", wrap(&format!("{name}: {}", words.join(" ")), 76, "    "));
        }
    }
    Ok(())
}

/// A second task after the first, before it, mixed with a part of it, and with all of it.
fn tasks(bench: &Bench, course_only: &Model) -> Result<()> {
    let base = &bench.base;
    let [lines, held_out] = spelling()?;
    let words = base.course(&lines)?.examples;
    let spelled = base.batches(&base.course(&held_out)?.examples)?;
    let questions = &bench.train.examples;
    let begin = (base.gpt.clone(), base.weights.clone());
    let kept = [&words[..], &replay(0.25, questions, &words)].concat();
    let both = [&questions[..], &words].concat();
    // Half as many tokens as the new ones of each: a quarter of all.
    let [of_course, of_old] =
        [questions, &bench.pieces].map(|from| replay(1.0 / 3.0, from, &words));
    let all_kept = [&words[..], &of_course, &of_old].concat();
    let starts = [
        (course_only, &words),
        (course_only, &kept),
        (course_only, &all_kept),
        (&begin, &words),
        (&begin, &both),
    ];
    let models = starts.par_iter().with_max_len(1);
    let models = models.map(|(from, examples)| single_threaded(|| bench.go_on(from, examples)));
    let mut models = models.collect::<Result<Vec<_>>>()?;
    models.push(bench.go_on(&models[3], questions)?);

    println!("\nA SECOND TASK: spelling {} words of the old text", words.len());
    println!("                                        old text    course   spelling");
    println!("                                      perplexity      loss       loss");
    let names = [
        ("the base model", &begin),
        ("the course", course_only),
        ("the course, then spelling", &models[0]),
        ("  the same, a quarter from the course", &models[1]),
        ("  a quarter of each, course and old", &models[2]),
        ("spelling", &models[3]),
        ("spelling, then the course", &models[5]),
        ("both at once", &models[4]),
    ];
    for (name, model) in names {
        let [course, spelling] =
            [&bench.held_out, &spelled].map(|batches| loss_of(&model.0, &model.1, batches));
        println!("  {name:<36}{:>10.1}{:>10.3}{:>11.3}", bench.old(model)?, course?, spelling?);
    }
    Ok(())
}

fn bug_replayed(
    bench: &Bench,
    (examples, quarter): (&[Example], &Taught),
    few: &Taught,
) -> Result<()> {
    let base = &bench.base;
    let replayed = base.batches(&examples[bench.train.examples.len()..])?;
    let repeated = base.batches(&bench.pieces[..FEW])?;
    let n = replayed.examples().len();
    // Of the same books, but not replayed.
    let others = base.batches(&bench.pieces[n..2 * n])?;
    println!("\nBUGS: THE OLD TEXT THAT IS MEASURED, perplexity before -> after");
    println!(
        "                            pieces   replayed pieces   others like them   unseen text"
    );
    let before = base.old_loss(&base.gpt, &base.weights)?;
    for (name, run, batches, pieces) in [
        ("many, three times each", quarter, &replayed, n),
        ("few, again and again", few, &repeated, FEW),
    ] {
        let both = |batches| {
            let before = loss_of(&base.gpt, &base.weights, batches)?;
            Ok::<_, Error>(pair(before, loss_of(&run.model.0, &run.model.1, batches)?))
        };
        let unseen = pair(before, run.last().old);
        let (replayed, others) = (both(batches)?, both(&others)?);
        println!("  {name:<24}{pieces:>8}{replayed:>18}{others:>19}{unseen:>15}");
    }
    Ok(())
}

/// Two losses as perplexities.
fn pair(before: f64, after: f64) -> String {
    format!("{:.1} -> {:.1}", perplexity(before), perplexity(after))
}

fn bug_steps(quarter: &Job, runs: &[&Taught; 3]) {
    let [none, full, cut] = runs;
    let of_new = 100.0 * cut.last().step as f64 / full.last().step as f64;
    println!("\nBUGS: EQUAL STEPS, {} examples with a quarter of replay", quarter.examples.len());
    println!("                         steps   epochs   held-out loss   old text, perplexity");
    for (name, run, epochs) in [
        ("no replay", none, 3.0),
        ("25 %, three epochs", full, 3.0),
        ("25 %, as many steps", cut, 3.0 * of_new / 100.0),
    ] {
        let Point { step, held_out, old } = run.last();
        println!("  {name:<21}{step:>7}{epochs:>9.2}{held_out:>16.3}{:>23.1}", perplexity(old));
    }
}

/// The base model beside a table of characters, on the same text.
fn bug_tokenizers(bench: &Bench) -> Result<()> {
    let base = &bench.base;
    let text = Corpus::built_in().text;
    let (train, _) = split(&text, 0.9)?;
    let old = base.tokenizer.decode(base.old())?;
    let characters = Tokenizer::Char(CharTokenizer::train(&text)?);
    let table = CountedBigram::count(&characters.encode(train)?, characters.vocab_size(), 1.0)?;
    let of_characters = characters.encode(&old)?;
    let rows = [
        ("the base model", base.old().len(), base.old_loss(&base.gpt, &base.weights)?),
        ("a bigram table of characters", of_characters.len(), table.mean_loss(&of_characters)?),
    ];
    println!("\nBUGS: TWO TOKENIZERS, one text of {} bytes", thousands(old.len()));
    println!("                                  tokens   perplexity per token   bits per byte");
    for (name, tokens, loss) in rows {
        let bits = bits_per_byte(loss * (tokens - 1) as f64, old.len());
        println!("  {name:<30}{:>8}{:>23.1}{bits:>16.3}", thousands(tokens), perplexity(loss));
    }
    Ok(())
}

fn charts(runs: &[Taught]) -> [LineChart; 2] {
    let chart = |title: &str, y_label: &str, value: fn(&Point) -> f64| LineChart {
        title: title.into(),
        x_label: "step".into(),
        y_label: y_label.into(),
        series: runs
            .iter()
            .map(|run| Series {
                name: run.name.into(),
                points: run.points.iter().map(|point| (point.step as f64, value(point))).collect(),
            })
            .collect(),
        references: Vec::new(),
    };
    [
        chart("What is forgotten", "perplexity, old text", |point| perplexity(point.old)),
        chart("What is learned", "held-out loss (nats per token)", |point| point.held_out),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught(points: &[(f64, f64)]) -> Taught {
        let points =
            points.iter().zip(0..).map(|(&(held_out, old), step)| Point { step, held_out, old });
        let gpt = Gpt::new(crate::setup::small_gpt(8, 8)).unwrap();
        let model = (gpt, Params { values: vec![] });
        Taught { name: "a run", points: points.collect(), model }
    }

    #[test]
    fn the_old_loss_at_a_held_out_loss() {
        let run = taught(&[(5.0, 1.0), (4.0, 2.0), (3.0, 4.0), (3.5, 5.0)]);
        assert_eq!(run.old_at(4.0), Some(2.0));
        assert_eq!(run.old_at(3.25), Some(3.5));
        assert_eq!(run.old_at(2.0), None);
    }

    #[test]
    fn averages_lie_between() {
        let [old, new] = [[0.0, 2.0], [4.0, 4.0]].map(|values| Params { values: values.to_vec() });
        assert_eq!(average(0.0, &old, &new).values, [0.0, 2.0]);
        assert_eq!(average(0.25, &old, &new).values, [1.0, 2.5]);
        assert_eq!(average(1.0, &old, &new).values, [4.0, 4.0]);
    }
}
