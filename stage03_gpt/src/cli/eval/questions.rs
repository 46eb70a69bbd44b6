//! `eval --hellaswag`, `eval --suite`: how often a model finds the right one of several endings.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use rayon::ThreadPool;
use serde_json::{Map, Value, json};
use stage01_bigram::text::{printable, thousands};
use stage01_bigram::{Error, Result};

use super::Flags;
use crate::cli::screen::{Screen, remark};
use crate::cli::stop;
use crate::evaluate::hellaswag::{Line, Lines, question};
use crate::evaluate::multiple_choice::{LENGTHS, Tally, answer_all};
use crate::evaluate::suite;
use crate::model::Model;

/// Where the questions are.
pub(super) enum Source<'a> {
    /// In a file, as HellaSwag has them.
    File(&'a Path),
    /// In the program.
    Suite,
}

impl Source<'_> {
    /// The name that is shown.
    fn name(&self) -> &Path {
        match self {
            Source::File(path) => path,
            Source::Suite => Path::new(suite::NAME),
        }
    }

    /// The first `limit` lines.
    fn lines(&self, limit: usize) -> Result<Box<dyn Iterator<Item = Result<Line>> + Send>> {
        Ok(match self {
            Source::File(path) => Box::new(Lines::open(path)?.take(limit)),
            Source::Suite => Box::new(suite::lines().map(Ok).take(limit)),
        })
    }
}

/// Runs the command.
pub(super) fn eval(
    model: &Model,
    source: &Source,
    flags: &Flags,
    pool: &ThreadPool,
) -> Result<ExitCode> {
    let (Model { gpt, tokenizer, .. }, weights) = (model, model.weights());
    let mut screen = Screen::new();
    stop::listen();
    let lines = || source.lines(flags.limit.unwrap_or(usize::MAX));
    let path = source.name();

    // A damaged line near the end is found now, and not after an hour.
    let (mut number, mut longest) = (0, 1);
    let block_size = gpt.config().block_size;
    for line in lines()? {
        let line = line?;
        let question = question(&line, tokenizer, path)?;
        for (i, ending) in question.endings.iter().enumerate() {
            let tokens = ending.tokens.len();
            if tokens > block_size {
                let problem = format!("line {}: ending {i} has {tokens} tokens", line.number);
                let remedy = format!("the model reads at most {block_size} at once");
                return Err(Error::format(path, problem, remedy));
            }
            longest = longest.max((question.context.len() + tokens - 1).min(block_size));
        }
        number += 1;
        if stop::asked() {
            return stop::status(&screen);
        }
    }
    if number == 0 {
        let expected = "expected at least one; --limit is above 0, and the file has a line";
        return Err(Error::format(path, "there are no questions", expected));
    }

    screen.start_bar(0, number);
    let (bar, start) = (screen.bar(), Instant::now());
    let tally = Mutex::new(Tally::default());
    let (lines, read) = (lines()?, |line| question(&line, tokenizer, path));
    let answered = pool.install(|| {
        answer_all(gpt, weights, longest, lines, read, &|question, scores, cut| {
            let mut tally = tally.lock().expect("no panic under this lock");
            tally.add(question, (scores, cut));
            bar.advance(1, || format!("acc {:.4}", tally.accuracy(0).0));
            !stop::asked()
        })
    });
    screen.end_bar();
    let (all, tally) = (answered?, tally.into_inner().expect("no panic under this lock"));
    if !all {
        let so_far = match tally.questions {
            0 => String::new(),
            n => format!(" (acc of these: {:.4} of {})", tally.accuracy(0).0, thousands(n)),
        };
        let (done, of) = (thousands(tally.questions), thousands(number));
        remark(format!("stopped after {done} of {of} questions: no result{so_far}"));
        return stop::status(&screen);
    }
    let rate = number as f64 / start.elapsed().as_secs_f64();
    if tally.cut > 0 {
        let cut = thousands(tally.cut);
        remark(format!(
            "note: {cut} questions are longer than the {block_size} tokens that the model reads; \
             of these, the beginning was left out"
        ));
    }
    match flags.json {
        true => screen.line(as_json(&tally, path, rate).to_string()),
        false => print(&tally, path, rate, &screen),
    }
    screen.end()
}

fn as_json(tally: &Tally, path: &Path, rate: f64) -> Value {
    let n = tally.questions as f64;
    let mut object = Map::new();
    object.insert("questions".into(), json!(path.display().to_string()));
    object.insert("number".into(), json!(tally.questions));
    object.insert("by_chance".into(), json!(tally.by_chance / n));
    for (i, (name, _)) in LENGTHS.iter().enumerate() {
        let (accuracy, error) = tally.accuracy(i);
        object.insert(name.to_string(), json!(accuracy));
        object.insert(format!("{name}_stderr"), json!(error));
    }
    object.insert("nats_per_token".into(), json!(tally.nats / tally.tokens as f64));
    object.insert("tokens".into(), json!(tally.tokens));
    object.insert("cut".into(), json!(tally.cut));
    object.insert("questions_per_second".into(), json!(rate));
    Value::Object(object)
}

fn print(tally: &Tally, path: &Path, rate: f64, screen: &Screen) {
    let n = tally.questions as f64;
    let path = path.display().to_string();
    screen.line(format!("questions         {}", printable(&path)));
    screen.line(format!("number            {}", thousands(tally.questions)));
    screen.line(format!("right by chance   {:.4}", tally.by_chance / n));
    let chosen = ["the likeliest", "per character", "per byte", "per token"];
    for (i, ((name, _), chosen)) in LENGTHS.iter().zip(chosen).enumerate() {
        let (accuracy, error) = tally.accuracy(i);
        let error = error.map_or("  one question".into(), |error| format!("± {error:.4}"));
        screen.line(format!("{name:<17} {accuracy:.4} {error}   {chosen}"));
    }
    let nats = tally.nats / tally.tokens as f64;
    screen.line(format!("nats per token    {nats:.4} (of the right endings)"));
    screen.line(format!("questions per second {rate:.1}"));
}
