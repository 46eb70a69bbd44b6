//! Documents become shards, an epoch is shuffled without a list, and a command is killed.
//!
//! `prepare` reports to the person who runs it. Here it must be quiet, and be killed: so it runs in a
//! process of its own, which is this program once more. Everything is written to a temporary
//! directory that is removed at the end.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::TokenizerKind;
use stage03_gpt::cli::screen::Screen;
use stage04_training::prepare;
use stage04_training::shards::{Permutation, Shards, Split};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::arguments::{self, Outcome};

/// Runs the experiment, or with INPUT OUT VOCAB_SIZE the process that it starts and kills.
pub fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [] => {}
        [input, out, vocab_size] => {
            let vocab_size = vocab_size.parse()?;
            return Ok(prepare(Path::new(input), Path::new(out), vocab_size)?);
        }
        [unknown, ..] => return Err(arguments::takes_no(unknown)),
    }
    on_paper();
    orders();
    replacement();
    let place = tempfile::tempdir().expect("space for temporary files");
    small(place.path())?;
    marked(place.path())?;
    disk();
    let chapters = chapters();
    killed(place.path(), &chapters)?;
    twice(&chapters);
    Ok(())
}

// ANCHOR: paper
/// A Feistel network for numbers below 16: two halves of two bits, three rounds.
fn paper(number: u64) -> u64 {
    let (mut left, mut right) = (number / 4, number % 4);
    for key in [1, 3, 2] {
        (left, right) = (right, left ^ ((right * right + key) % 4));
    }
    4 * left + right
}
// ANCHOR_END: paper

fn on_paper() {
    println!("ON PAPER: ten windows, numbers below 16");
    for place in 0..10 {
        print!("place {place} -> {:>2}", paper(place));
        let mut number = paper(place);
        while number >= 10 {
            number = paper(number);
            print!(", outside -> {number:>2}");
        }
        println!();
    }
}

/// The order of the windows in one epoch.
fn order(size: u64, epoch: u64) -> Vec<u64> {
    let permutation = Permutation::new(size, &mut generator(1337, Purpose::Batch, epoch));
    (0..size).map(|place| permutation.at(place)).collect()
}

fn orders() {
    println!("\nTHE PROGRAM'S ORDER of ten windows");
    for epoch in 0..3 {
        println!("epoch {epoch}: {:?}", order(10, epoch));
    }
    let permutation = Permutation::new(10_000_000, &mut generator(1337, Purpose::Batch, 0));
    let first: Vec<_> = (0..5).map(|place| permutation.at(place)).collect();
    println!("of ten million, the first five: {first:?}");
    println!("one order takes {} bytes of memory", size_of::<Permutation>());
}

// ANCHOR: never_seen
/// The fraction of windows that were never drawn, after as many draws with replacement as there
/// are windows.
fn never_seen(windows: u64) -> f64 {
    (1.0 - 1.0 / windows as f64).powf(windows as f64)
}
// ANCHOR_END: never_seen

/// How many windows were drawn never, once, twice, and more often.
fn visits(windows: usize, draw: impl FnMut(usize) -> usize) -> [usize; 4] {
    let mut times = vec![0; windows];
    (0..windows).map(draw).for_each(|window| times[window] += 1);
    let mut visits = [0; 4];
    times.iter().for_each(|&times: &usize| visits[times.min(3)] += 1);
    visits
}

fn replacement() {
    println!("\nWITH REPLACEMENT: as many draws as windows, in per cent of them");
    println!(
        "{:>10}{:>12}{:>8}{:>8}{:>8}{:>8}",
        "windows", "(1-1/N)^N", "never", "once", "twice", "more"
    );
    for windows in [10, 1000, 1_000_000] {
        let mut rng = generator(1337, Purpose::Other, windows as u64);
        let visits = visits(windows, |_| rng.random_range(0..windows));
        print!("{windows:>10}{:>12.2}", 100.0 * never_seen(windows as u64));
        visits.iter().for_each(|&n| print!("{:>8.2}", 100.0 * n as f64 / windows as f64));
        println!();
    }
    let order = order(1_000_000, 0);
    let visits = visits(1_000_000, |place| order[place] as usize);
    print!("{:>22}", "the order of an epoch");
    visits.iter().for_each(|&n| print!("{:>8.2}", 100.0 * n as f64 / 1e6));
    println!();
}

/// Makes shards, as the command of the same name does.
fn prepare(input: &Path, out: &Path, vocab_size: usize) -> Result<()> {
    let settings = prepare::Settings {
        input: vec![input.to_path_buf()],
        out: out.to_path_buf(),
        tokenizer: TokenizerKind::Bpe { vocab_size },
        validation: Some(if vocab_size < 300 { 0.5 } else { 0.1 }),
        shard_tokens: if vocab_size < 300 { 20 } else { 500_000 },
        commit_bytes: 100_000,
        ..prepare::Settings::default()
    };
    prepare::prepare(&settings, &Screen::new()).map(drop)
}

/// The same in a process of its own, which can be killed.
fn child(input: &Path, out: &Path, vocab_size: usize) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.arg("data_at_scale").arg(input).arg(out).arg(vocab_size.to_string());
    command.stdout(Stdio::null()).spawn().expect("another process")
}

/// Writes documents as lines of JSON.
fn write(path: &Path, documents: &[impl AsRef<str>]) {
    let lines = documents.iter().map(|text| format!("{}\n", json!({ "text": text.as_ref() })));
    fs::write(path, lines.collect::<String>()).expect("space on the disk");
}

fn small(place: &Path) -> Result<()> {
    println!("\nSIX DOCUMENTS: of which the first and the fourth are the same");
    let (input, out) = (place.join("small.jsonl"), place.join("small"));
    write(&input, &["day", "night", "sea", "day", "earth", "light"]);
    assert!(child(&input, &out, 257).wait().expect("its end").success());
    let shards = Shards::open(&out)?;
    for which in Split::ALL {
        let entry = shards.manifest().part(which);
        println!(
            "{which}: {} documents, {} bytes of text, {} tokens",
            entry.documents, entry.bytes, entry.tokens
        );
        for shard in &entry.shards {
            let bytes = fs::read(out.join(&shard.file)).expect("a shard");
            println!("  {} has {} bytes", shard.file, bytes.len());
        }
    }
    let part = shards.part(Split::Train);
    let mut tokens = vec![0; part.len().min(8) as usize];
    part.read(0, &mut tokens)?;
    println!("end of text: {}", shards.manifest().end_of_text.expect("it has one"));
    println!("first tokens of train: {tokens:?}");
    let bytes = fs::read(out.join(Split::Train.shard_file(0))).expect("a shard");
    println!("in the file: {:02x?}", &bytes[..16.min(bytes.len())]);
    Ok(())
}

fn marked(place: &Path) -> Result<()> {
    let text = "day<|endoftext|>night<|endoftext|>sea";
    println!("\nONE FILE OF TEXT: {text}");
    let (input, out) = (place.join("marked.txt"), place.join("marked"));
    fs::write(&input, text).expect("space on the disk");
    assert!(child(&input, &out, 257).wait().expect("its end").success());
    let shards = Shards::open(&out)?;
    let (mut documents, mut tokens, mut spelled) = (0, 0, 0);
    for part in Split::ALL.map(|which| shards.manifest().part(which)) {
        documents += part.documents;
        tokens += part.tokens;
        spelled += part.special_tokens;
    }
    println!("{spelled} special tokens are spelled in it");
    println!("{documents} documents, {tokens} tokens");
    Ok(())
}

// ANCHOR: disk
/// The size of the shards of a text.
fn shard_bytes(text_bytes: f64, bytes_per_token: f64, token_bytes: f64) -> f64 {
    text_bytes / bytes_per_token * token_bytes
}
// ANCHOR_END: disk

fn disk() {
    println!("\nON DISK: 45 GB of text, two bytes per token");
    for bytes_per_token in [1.0, 2.2, 4.4] {
        let tokens = 45e9 / bytes_per_token;
        let disk = shard_bytes(45e9, bytes_per_token, 2.0);
        println!(
            "{bytes_per_token} bytes of text per token: {:>5.1} billion tokens, {:>5.1} GB",
            tokens / 1e9,
            disk / 1e9
        );
    }
}

/// The chapters of the built-in text.
fn chapters() -> Vec<String> {
    let text = Corpus::built_in().text;
    let parts: Vec<&str> = text.split("\n\n").collect();
    parts.chunks(2).map(|pair| pair.join("\n\n")).collect()
}

/// Every file of a directory.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files =
        fs::read_dir(directory).expect("a directory").map(|file| file.expect("a file").path());
    let read =
        |path: PathBuf| (path.file_name().expect("a name").into(), fs::read(&path).expect("it"));
    files.map(read).collect()
}

/// How many jobs the journal of an interrupted run says are safe.
fn jobs(directory: &Path) -> Option<u64> {
    let journal = fs::read(directory.join("journal.json")).ok()?;
    serde_json::from_slice::<Value>(&journal).ok()?["position"]["job"].as_u64()
}

fn killed(place: &Path, chapters: &[String]) -> Result<()> {
    println!("\nTHE KING JAMES BIBLE, a chapter a document");
    let (input, whole, killed) =
        (place.join("kjv.jsonl"), place.join("whole"), place.join("killed"));
    write(&input, chapters);
    assert!(child(&input, &whole, 512).wait().expect("its end").success());
    let shards = Shards::open(&whole)?;
    for which in Split::ALL {
        let entry = shards.manifest().part(which);
        println!(
            "{:<12}{:>5} documents {:>9} bytes {:>9} tokens {:>2} shards {:>6.3} bytes per token",
            which.name(),
            entry.documents,
            entry.bytes,
            entry.tokens,
            entry.shards.len(),
            entry.bytes as f64 / entry.tokens as f64
        );
    }

    println!("\nTHE SAME, KILLED");
    let mut kills = 0;
    // ANCHOR: kill
    loop {
        let (mut child, before) = (child(&input, &killed, 512), jobs(&killed));
        // Until it has come further than the process before it.
        while jobs(&killed) <= before && child.try_wait().expect("its state").is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        if child.try_wait().expect("its state").is_some_and(|status| status.success()) {
            break;
        }
        child.kill().expect("it lives");
        child.wait().expect("its end");
        kills += 1;
    }
    // ANCHOR_END: kill
    println!("killed {kills} times, and started again with the same words");
    let (whole, killed) = (contents(&whole), contents(&killed));
    println!("the same files: {}", whole.keys().eq(killed.keys()));
    println!("the same bytes: {}", whole == killed);
    Ok(())
}

/// A document and whether it is for validation.
type Dealt<'a> = (&'a str, bool);

// ANCHOR: by_place
/// A bug: a tenth of the documents is drawn, one after the other.
fn by_place<'a>(documents: &[&'a str]) -> Vec<Dealt<'a>> {
    let mut rng = generator(1, Purpose::Other, 0);
    documents.iter().map(|document| (*document, rng.random_bool(0.1))).collect()
}
// ANCHOR_END: by_place

/// The document itself decides.
fn by_hash<'a>(documents: &[&'a str]) -> Vec<Dealt<'a>> {
    let fraction = |text: &str| xxh3_64_with_seed(text.as_bytes(), 2) as f64 / 2f64.powi(64);
    documents.iter().map(|document| (*document, fraction(document) < 0.1)).collect()
}

/// A collection in which every fifth document occurs twice, in a shuffled order.
fn collection(documents: &[String]) -> Vec<&str> {
    let mut all: Vec<&str> = documents.iter().map(String::as_str).collect();
    all.extend(documents.iter().step_by(5).map(String::as_str));
    all.shuffle(&mut generator(2, Purpose::Other, 0));
    all
}

/// How many documents are for validation, and how many of these are in the training set, too.
fn leaked(dealt: &[Dealt]) -> (usize, usize) {
    let train: HashSet<&str> = dealt.iter().filter(|(_, v)| !v).map(|(text, _)| *text).collect();
    let validation = || dealt.iter().filter(|(_, validation)| *validation);
    (validation().count(), validation().filter(|(text, _)| train.contains(text)).count())
}

/// How many documents move from validation to training when one more stands in front.
fn changed(documents: &[&str], deal: for<'a> fn(&[&'a str]) -> Vec<Dealt<'a>>) -> usize {
    let more: Vec<&str> = [&["one more"], documents].concat();
    let (before, after) = (deal(documents), deal(&more));
    before.iter().zip(&after[1..]).filter(|(before, after)| before.1 && !after.1).count()
}

fn twice(chapters: &[String]) {
    println!("\nA BUG: the place decides");
    let documents = collection(chapters);
    for (name, deal) in
        [("by place", by_place as for<'a> fn(&[&'a str]) -> Vec<Dealt<'a>>), ("by hash", by_hash)]
    {
        let (validation, leaked) = leaked(&deal(&documents));
        println!("{name}: {validation} of {} for validation", documents.len());
        println!("  in training as well: {leaked}");
        println!(
            "  in training as soon as one more document stands in front: {}",
            changed(&documents, deal)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_on_paper_takes_each_number_once() {
        let mut numbers: Vec<u64> = (0..16).map(paper).collect();
        assert_eq!([numbers[0], numbers[4]], [3, 15]);
        numbers.sort_unstable();
        assert_eq!(numbers, (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn an_epoch_visits_everything_and_draws_do_not() {
        let order = order(1000, 5);
        assert_eq!(visits(1000, |place| order[place] as usize), [0, 1000, 0, 0]);
        assert!((never_seen(1_000_000) - (-1f64).exp()).abs() < 1e-6);
    }

    #[test]
    fn the_disk_on_paper() {
        assert!((shard_bytes(45e9, 4.5, 2.0) - 20e9).abs() < 1.0);
    }

    #[test]
    fn a_hash_keeps_what_is_the_same_together() {
        let chapters = chapters();
        assert_eq!(chapters.len(), 1189);
        let documents = collection(&chapters);
        assert_eq!(leaked(&by_hash(&documents)).1, 0);
        assert_eq!(changed(&documents, by_hash), 0);
        assert!(leaked(&by_place(&documents)).1 > 10);
    }

    #[test]
    fn documents_are_told_apart() {
        let place = tempfile::tempdir().unwrap();
        let (input, out) = (place.path().join("a.jsonl"), place.path().join("out"));
        write(&input, &["day", "night", "sea", "day", "earth", "light"]);
        prepare(&input, &out, 257).unwrap();
        let manifest = Shards::open(&out).unwrap().manifest().clone();
        let (documents, tokens) = Split::ALL
            .map(|which| manifest.part(which))
            .iter()
            .fold((0, 0), |(d, t), part| (d + part.documents, t + part.tokens));
        assert_eq!((documents, tokens), (6, 24 + 6));
    }
}
