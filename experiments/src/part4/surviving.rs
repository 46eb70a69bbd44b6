//! What a failure costs, a run that is killed again and again, two runs in one directory, and three
//! ways to resume that are wrong.
//!
//! The run that is killed is this program once more, in a process of its own. Everything is
//! written to a temporary directory that is removed at the end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::RngExt;
use serde_json::json;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::files::DirLock;
use stage01_bigram::random::{Generator, Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result};
use stage02_attention::params::Params;
use stage03_gpt::adamw::Moments;
use stage03_gpt::cli::screen::Screen;
use stage03_gpt::files::run_directory as directory;
use stage03_gpt::settings::RunSettings;
use stage03_gpt::trainer::Step;
use stage04_training::backend::cpu::Cpu;
use stage04_training::checkpoint::{CheckpointManager, Saved};
use stage04_training::prepare;
use stage04_training::shards::{Shards, Split};
use stage04_training::trainer::{Callback, LoopConfig, ShardTraining, Training, train};

use crate::arguments::{self, Outcome};

/// How many characters of the built-in text are used.
const TEXT: usize = 60_000;

/// How many steps the run that is killed has, and after how many it is saved.
const STEPS: usize = 800;
const INTERVAL: usize = 10;

/// How often it is killed.
const LIVES: usize = 8;

/// Runs the experiment, or with PLACE DIRECTORY the process that it starts and kills.
pub fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [] => {}
        [place, directory] => {
            let place = Path::new(place);
            return {
                let _: () = match directory.as_str() {
                    "data" => make_data(place)?,
                    directory => live(place, &place.join(directory))?,
                };
                Ok(())
            };
        }
        [unknown, ..] => return Err(arguments::takes_no(unknown)),
    }
    on_paper();
    simulated();
    let place = tempfile::tempdir().expect("space for temporary files");
    let place = place.path();
    assert!(child(place, "data").wait().expect("its end").success());
    killed(place)?;
    let shards = Shards::open(&place.join("shards"))?;
    refused(place, &shards)?;
    two_runs(place)?;
    two_files(&shards)?;
    forgotten(&shards)?;
    nearly_right();
    Ok(())
}

// ANCHOR: lost_share
/// The fraction of time that is lost: saving takes `save` every `gap`, and of each failure, every
/// `fail`, half a gap must be done again.
fn lost_share(save: f64, fail: f64, gap: f64) -> f64 {
    save / gap + gap / (2.0 * fail)
}
// ANCHOR_END: lost_share

// ANCHOR: best_gap
/// The time between two saves that loses least.
fn best_gap(save: f64, fail: f64) -> f64 {
    (2.0 * save * fail).sqrt()
}
// ANCHOR_END: best_gap

/// The example on paper, in seconds: a save, and the mean time between failures.
const SAVE: f64 = 20.0;
const FAIL: f64 = 36_000.0;

/// Times between two saves, in seconds.
const GAPS: [f64; 5] = [75.0, 300.0, 1200.0, 4800.0, 19_200.0];

fn on_paper() {
    println!("ON PAPER: a save takes 20 s, and every 10 hours something fails");
    println!("{:>12}{:>10}{:>13}{:>8}", "save every", "saving", "doing again", "both");
    for gap in GAPS {
        println!(
            "{gap:>10} s{:>8.2} %{:>11.2} %{:>6.2} %",
            100.0 * SAVE / gap,
            100.0 * gap / (2.0 * FAIL),
            100.0 * lost_share(SAVE, FAIL, gap)
        );
    }
    println!("least at {} s", best_gap(SAVE, FAIL));

    println!("\nA LARGE RUN: 54 days, 16,384 GPUs, 419 failures");
    let hours = 54.0 * 24.0 / 419.0;
    println!("one every {hours:.1} hours; of a single GPU, one every {:.1} years", {
        hours * 16_384.0 / (24.0 * 365.0)
    });
    println!("with saves of 20 s: least at {:.0} s", best_gap(SAVE, 3600.0 * hours));
}

// ANCHOR: simulate
/// The fraction of time that a run with five thousand failures loses. They come at random.
fn simulate(save: f64, fail: f64, gap: f64, rng: &mut Generator) -> f64 {
    let mut wait = || -fail * (1.0 - rng.random::<f64>()).ln();
    let (mut clock, mut done, mut failure) = (0.0, 0.0, wait());
    while done < 5000.0 * fail {
        if failure < clock + gap + save {
            clock = failure; // what was done since the last save is gone
            failure += wait();
        } else {
            clock += gap + save;
            done += gap;
        }
    }
    (clock - done) / done
}
// ANCHOR_END: simulate

fn simulated() {
    println!("\nBY CHANCE: five thousand failures, each at a moment of its own");
    for (i, gap) in (0..).zip(GAPS) {
        let lost = simulate(SAVE, FAIL, gap, &mut generator(1, Purpose::Other, i));
        println!("{gap:>10} s{:>8.2} %", 100.0 * lost);
    }
}

/// The beginning of the built-in text, as tokens.
fn make_data(place: &Path) -> Result<()> {
    let input = place.join("text.txt");
    fs::write(&input, &Corpus::built_in().text[..TEXT]).expect("space on the disk");
    let settings = prepare::Settings {
        input: vec![input],
        out: place.join("shards"),
        tokenizer: TokenizerKind::Char,
        ..prepare::Settings::default()
    };
    prepare::prepare(&settings, &Screen::new()).map(drop)
}

/// A run before its first step.
fn trainer(shards: &Shards, n_embd: usize) -> Result<ShardTraining<'_>> {
    let run = RunSettings {
        n_layer: 1,
        n_head: 2,
        n_embd,
        block_size: 16,
        batch_size: 8,
        dropout: 0.1,
        max_iters: STEPS,
        threads: Some(1),
        ..RunSettings::default()
    };
    let gpt = run.gpt(shards.manifest().vocab_size)?;
    let weights = gpt.initialise(&mut generator(1337, Purpose::Initialisation, 0));
    ShardTraining::new(Box::new(Cpu::new(gpt, weights, run.settings())?), shards)
}

/// What saves a run.
fn checkpoints(shards: &Shards, directory: &Path) -> Result<CheckpointManager> {
    Ok(CheckpointManager::new(directory, shards.tokenizer()?, json!({}), json!("the text")))
}

/// Prints the number of each step.
struct Counter;

impl Callback<ShardTraining<'_>> for Counter {
    fn stepped(&mut self, run: &ShardTraining, _: &Step, _: Duration) -> Result<()> {
        println!("{}", run.backend.iter());
        Ok(())
    }
}

/// A life of the run that is killed: from its last checkpoint to the end.
fn live(place: &Path, directory: &Path) -> Result<()> {
    let shards = Shards::open(&place.join("shards"))?;
    let (mut run, checkpoints) = (trainer(&shards, 16)?, checkpoints(&shards, directory)?);
    // ANCHOR: live
    // The directory's lock, to the end of the run.
    let _out = if directory.exists() {
        let out = directory::resume(directory)?;
        Saved::load(directory)?.restore(&mut run, &checkpoints.data)?;
        out
    } else {
        checkpoints.create(&mut run, directory::reserve(directory)?)?
    };
    let config = LoopConfig {
        max_iters: STEPS,
        eval_interval: 100,
        eval_iters: 2,
        save_interval: Some(INTERVAL),
        save_after: Duration::from_secs(600),
    };
    train(&mut run, &config, &checkpoints, &mut Counter)?;
    // ANCHOR_END: live
    Ok(())
}

/// This program once more, in a process that can be killed.
fn child(place: &Path, directory: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .arg("surviving")
        .arg(place)
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("another process")
}

/// The last step that a life printed. kill: after how many steps it is killed.
fn watch(mut child: Child, kill: Option<usize>) -> usize {
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().map(|line| line.expect("text").parse().expect("a step"));
    let mut last = 0;
    for _ in 0..kill.unwrap_or(usize::MAX) {
        let Some(step) = next() else { break };
        last = step;
    }
    // ANCHOR: kill
    child.kill().expect("a process"); // SIGKILL: it dies between two instructions
    child.wait().expect("its end");
    // ANCHOR_END: kill
    while let Some(step) = next() {
        last = step;
    }
    last
}

fn killed(place: &Path) -> Result<()> {
    println!("\nKILLED: {STEPS} steps, saved every {INTERVAL}");
    let mut rng = generator(2, Purpose::Other, 0);
    let mut lost = 0;
    for life in 1..=LIVES {
        let died = watch(child(place, "killed"), Some(rng.random_range(20..60)));
        let saved = Saved::load(&place.join("killed"))?.state.iter;
        println!("life {life} ended after step {died}, and step {saved} is saved");
        lost += died.saturating_sub(saved);
    }
    println!("steps lost in all: {lost}");
    watch(child(place, "killed"), None);
    watch(child(place, "whole"), None);
    for file in ["trainer.safetensors", "model.safetensors", "best/model.safetensors"] {
        let read = |directory: &str| fs::read(place.join(directory).join(file)).expect("a file");
        println!(
            "{file}: the same bytes as of a run that was never killed: {}",
            read("killed") == read("whole")
        );
    }
    Ok(())
}

/// A message in which the temporary directory has a short name.
fn said(place: &Path, error: &Error) -> String {
    error.to_string().replace(&place.display().to_string(), "DIR")
}

fn refused(place: &Path, shards: &Shards) -> Result<()> {
    println!("\nREFUSED");
    let directory = place.join("whole");
    let (mut run, checkpoints) = (trainer(shards, 16)?, checkpoints(shards, &directory)?);
    Saved::load(&directory)?.restore(&mut run, &checkpoints.data)?;
    let before = fs::read(directory.join("trainer.safetensors")).expect("a file");
    // ANCHOR: nan
    let (mut weights, moments) = state(&mut run)?;
    weights.values[1000] = f32::NAN;
    run.backend.restore(STEPS, weights, moments)?;
    let error = checkpoints.save(&mut run).expect_err("a weight that is NaN");
    // ANCHOR_END: nan
    println!("{}", said(place, &error));
    let after = fs::read(directory.join("trainer.safetensors")).expect("a file");
    println!("the state on the disk is untouched: {}", before == after);
    Ok(())
}

fn two_runs(place: &Path) -> Result<()> {
    println!("\nA BUG: two runs in one directory");
    let directory = place.join("both");
    fs::create_dir(&directory).expect("space on the disk");
    let (state, temporary) = (directory.join("state"), directory.join("state.tmp"));
    let [first, second] = [vec![1; 1_000_000], vec![2; 1_000_000]];
    let result = |result: std::io::Result<()>| match result {
        Ok(()) => "no error".to_string(),
        Err(e) => e.to_string(),
    };
    // ANCHOR: half
    // Both write `state.tmp` and rename it. The first has written all of its file,
    fs::write(&temporary, &first).expect("space on the disk");
    // the second begins its own,
    let mut file = fs::File::create(&temporary).expect("space on the disk");
    file.write_all(&second[..300_000]).expect("space on the disk");
    // and the first renames that.
    let renamed_first = fs::rename(&temporary, &state);
    let on_disk = fs::read(&state).expect("a file");
    file.write_all(&second[300_000..]).expect("space on the disk");
    let renamed_second = fs::rename(&temporary, &state);
    // ANCHOR_END: half
    println!("the first run renames:  {}", result(renamed_first));
    println!("now on the disk:        {} of {} bytes", on_disk.len(), first.len());
    println!("the second run renames: {}", result(renamed_second));

    println!("\nTHE LOCK");
    let there = place.join("whole");
    let aside = place.join("whole.1");
    let first = directory::resume(&there)?;
    let second = directory::resume(&there).expect_err("the lock is taken");
    println!("{}", said(place, &second));
    // ANCHOR: inode
    fs::rename(&there, &aside).expect("space on the disk"); // somebody moves the directory away
    fs::create_dir(&there).expect("space on the disk"); // and makes another of the same name
    let new = DirLock::try_exclusive(&there)?.is_some();
    let old = DirLock::try_exclusive(&aside)?.is_some();
    // ANCHOR_END: inode
    println!("moved aside: the name can be locked: {new}; the directory that was moved: {old}");
    drop(first);
    let old = DirLock::try_exclusive(&aside)?.is_some();
    println!("the run has ended: the directory that was moved: {old}");
    Ok(())
}

/// A copy of what a backend holds.
fn state(run: &mut ShardTraining) -> Result<(Params<f32>, Moments<f32>)> {
    run.backend.state().map(|(weights, moments)| (weights.clone(), moments.clone()))
}

/// Takes steps up to this one.
fn walk(run: &mut ShardTraining, to: usize) -> Result<()> {
    while run.backend.iter() < to {
        run.step()?;
    }
    Ok(())
}

fn two_files(shards: &Shards) -> Result<()> {
    println!("\nA BUG: two files, renamed one after the other");
    let mut whole = trainer(shards, 16)?;
    walk(&mut whole, 90)?;
    // ANCHOR: two_files
    // On the disk stands step 90: the weights in one file, everything else in another.
    let (_, moments) = state(&mut whole)?;
    let (iter, position) = (whole.backend.iter(), whole.position);
    walk(&mut whole, 100)?;
    // Step 100 is saved: the weights are renamed, and here the power goes off.
    let (weights, _) = state(&mut whole)?;
    // A resumed run finds both files, whole and loadable.
    let mut mixed = trainer(shards, 16)?;
    mixed.backend.restore(iter, weights, moments)?;
    mixed.position = position;
    // ANCHOR_END: two_files
    let begins = mixed.backend.iter();
    let windows = whole.position - mixed.position;
    println!("it goes on after step {begins}, with the weights of step {}", whole.backend.iter());
    println!("windows that it learns a second time: {windows}");
    walk(&mut whole, 110)?;
    walk(&mut mixed, 110)?;
    let same = state(&mut whole)?.0 == state(&mut mixed)?.0;
    println!("after step 110 the weights are those of a run that was never stopped: {same}");
    let (right, wrong) = (whole.evaluate(20)?, mixed.evaluate(20)?);
    println!(
        "validation loss: {:.3}, and without the stop {:.3}",
        wrong.validation, right.validation
    );
    Ok(())
}

/// A run that is resumed after every `every` steps. forget: whether it loses its position then.
fn lives(shards: &Shards, every: usize, forget: bool) -> Result<(usize, f64, f64, f64)> {
    let mut run = trainer(shards, 64)?;
    let sampler = shards.part(Split::Train).sampler(16, run.backend.settings().seed)?;
    let (mut seen, mut last) = (vec![false; sampler.windows() as usize], 0.0);
    for step in 0..STEPS {
        if forget && step % every == 0 {
            // ANCHOR: forget
            run.position = 0; // what is not in the file begins again
            // ANCHOR_END: forget
        }
        for position in run.position..run.position + 8 {
            seen[(sampler.start(position) / 16) as usize % sampler.windows() as usize] = true;
        }
        let loss = run.step()?.loss;
        if step >= STEPS - 50 {
            last += loss / 50.0;
        }
    }
    let measured = run.evaluate(50)?;
    Ok((seen.iter().filter(|seen| **seen).count(), last, measured.train, measured.validation))
}

fn forgotten(shards: &Shards) -> Result<()> {
    println!("\nA BUG: resumed every 40 steps, and the position is forgotten");
    println!(
        "{:<12}{:>16}{:>15}{:>12}{:>12}",
        "", "windows seen", "last 50 steps", "train", "validation"
    );
    for (name, forget) in [("kept", false), ("forgotten", true)] {
        let (seen, last, train, validation) = lives(shards, 40, forget)?;
        println!("{name:<12}{seen:>16}{last:>15.3}{train:>12.3}{validation:>12.3}");
    }
    Ok(())
}

// ANCHOR: nearly
/// Reads a number like `0.125` as by hand: its digits, over a power of ten.
fn read_by_hand(text: &str) -> f64 {
    let digits = &text["0.".len()..];
    let whole: u64 = digits.parse().expect("digits");
    whole as f64 / 10_f64.powi(digits.len() as i32)
}
// ANCHOR_END: nearly

/// A loss that a resumed run once read nearly right.
const LOSS: f64 = 0.942_362_965_706_400_9;

/// How many of some random losses below 1 are no longer the same after they were written and read.
fn misread(losses: u32, read: fn(&str) -> f64) -> usize {
    let mut rng = generator(3, Purpose::Other, 0);
    let mut wrong = || {
        let loss = rng.random_range(0.1..1.0);
        read(&loss.to_string()) != loss
    };
    (0..losses).filter(|_| wrong()).count()
}

fn nearly_right() {
    println!("\nA BUG: the last digit");
    println!("saved:        {LOSS}");
    println!("read by hand: {}", read_by_hand(&LOSS.to_string()));
    let exactly = |text: &str| text.parse().expect("a number");
    println!("of 10,000 losses read by hand, wrong: {}", misread(10_000, read_by_hand));
    println!("of 10,000 losses read exactly, wrong: {}", misread(10_000, exactly));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_over_a_power_of_ten_are_nearly_the_number() {
        assert_eq!(read_by_hand("0.125"), 0.125);
        let read = read_by_hand(&LOSS.to_string());
        assert_eq!(read.to_bits() + 1, LOSS.to_bits());
    }

    #[test]
    fn the_example_for_paper() {
        assert_eq!(best_gap(20.0, 36_000.0), 1200.0);
        assert!((lost_share(20.0, 36_000.0, 1200.0) - 1.0 / 30.0).abs() < 1e-12);
    }

    #[test]
    fn no_other_interval_loses_less() {
        let best = best_gap(SAVE, FAIL);
        for gap in [0.5, 0.9, 1.1, 2.0].map(|factor| factor * best) {
            assert!(lost_share(SAVE, FAIL, gap) > lost_share(SAVE, FAIL, best));
        }
    }

    #[test]
    fn chance_agrees_with_the_formula_where_failures_are_rare() {
        let mut rng = generator(1, Purpose::Other, 9);
        let lost = simulate(SAVE, FAIL, 1200.0, &mut rng);
        assert!((lost / lost_share(SAVE, FAIL, 1200.0) - 1.0).abs() < 0.05, "{lost}");
    }

    #[test]
    fn a_run_goes_on_from_its_file_and_from_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        make_data(place.path()).unwrap();
        let shards = Shards::open(&place.path().join("shards")).unwrap();
        let checkpoints = checkpoints(&shards, &place.path().join("run")).unwrap();
        let mut whole = trainer(&shards, 16).unwrap();
        walk(&mut whole, 3).unwrap();
        let place = directory::reserve(&checkpoints.directory).unwrap();
        let _out = checkpoints.create(&mut whole, place).unwrap();
        walk(&mut whole, 6).unwrap();
        let mut resumed = trainer(&shards, 16).unwrap();
        Saved::load(&checkpoints.directory)
            .unwrap()
            .restore(&mut resumed, &checkpoints.data)
            .unwrap();
        walk(&mut resumed, 6).unwrap();
        assert_eq!(whole.position, resumed.position);
        assert!(state(&mut whole).unwrap().0 == state(&mut resumed).unwrap().0);
    }
}
