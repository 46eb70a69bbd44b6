//! The state of an interrupted run, from which the same command continues.
//!
//! Two files are in the directory until the run is finished. `plan.json` has the flags and the
//! inputs: if one of them has changed, continuing would mix two data sets. `journal.json` has the
//! progress. Wherever the run is killed, the directory is in one of these states:
//!
//! | in the directory | state | the same command |
//! |---|---|---|
//! | none of our files | new | starts |
//! | a plan | begun | starts over, whatever the plan |
//! | a plan and a journal | interrupted | continues |
//! | a manifest | finished | does nothing |
//!
//! Both files have a checksum of themselves ([`crate::checksummed`]), and the journal has one of
//! each file that the run has written. Their content is validated before any file is opened: a
//! directory may come from anywhere, and a number in it may have any value.
//!
//! What this file leaves out: the lock of the directory (`output_directory`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stage01_bigram::{Error, Result, files};

use super::encode::Tail;
use super::inputs::Stamp;
use super::pipeline::Position;
use crate::manifest::{
    Check, FAULTS_FILE, LeftOutEntry, MANIFEST_FILE, MOST, Manifest, PartEntry, Split, SplitBy,
    SplitEntry, TOKENIZER_FILE,
};
use crate::{checksummed, regular_file};

/// The version of both files; a run of another version cannot be continued.
const VERSION: u32 = 2;

const PLAN_FILE: &str = "plan.json";
const JOURNAL_FILE: &str = "journal.json";

/// The flags and the inputs of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreparePlan {
    version: u32,
    /// The flags that affect the result.
    pub flags: BTreeMap<String, Value>,
    /// The input files.
    pub inputs: Vec<Stamp>,
}

/// The progress of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    version: u32,
    /// The checksum of tokenizer.json.
    pub tokenizer_xxh3: String,
    /// How the text is split.
    pub split: SplitEntry,
    /// Whether there is more than one document.
    pub many: bool,
    /// The start of the validation set, if it is the end of the whole text.
    pub tail: Option<Tail>,
    /// Where to continue.
    pub position: Position,
    /// What was written of the training set.
    pub train: PartEntry,
    /// What was written of the validation set.
    pub validation: PartEntry,
    /// What was left out.
    pub left_out: LeftOutEntry,
    /// The list of faults.
    pub faults: FaultsEntry,
}

/// The list of faults as written so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultsEntry {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its checksum; empty if there is no list.
    pub xxh3: String,
}

/// The state of a directory.
#[derive(Debug)]
pub enum Found {
    /// None of our files.
    New,
    /// An interrupted run, with its journal if it has one.
    Begun(PreparePlan, Option<Box<Journal>>),
    /// A finished run.
    Finished(Box<Manifest>),
    /// A file with one of our names that another program made.
    Foreign(String),
}

impl PreparePlan {
    /// A plan.
    pub fn new(flags: BTreeMap<String, Value>, inputs: Vec<Stamp>) -> PreparePlan {
        PreparePlan { version: VERSION, flags, inputs }
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn save(&self, directory: &Path) -> Result<()> {
        checksummed::save(self, &directory.join(PLAN_FILE))
    }

    /// The difference to another plan; `None` if the run can continue.
    pub fn difference(&self, now: &PreparePlan) -> Option<String> {
        flag_difference(&self.flags, &now.flags).or_else(|| {
            let pairs = self.inputs.iter().zip(&now.inputs);
            let changed = pairs.into_iter().find(|(then, now)| then != now);
            match changed {
                Some((then, now)) if then.name != now.name => {
                    Some(format!("it was reading {}, and there is {} now", then.name, now.name))
                }
                Some((then, now)) if then.bytes != now.bytes => Some(format!(
                    "{} had {} bytes and has {} now",
                    then.name, then.bytes, now.bytes
                )),
                Some((then, _)) => Some(format!("{} was changed since", then.name)),
                None if self.inputs.len() != now.inputs.len() => Some(format!(
                    "it was reading {} files, and there are {} now",
                    self.inputs.len(),
                    now.inputs.len()
                )),
                None => None,
            }
        })
    }
}

/// The flag in which two runs differ; `None` if they give the same result.
///
/// A run that stopped at a fault may continue with `--on-error skip`, because it has skipped
/// nothing.
pub fn flag_difference(
    then: &BTreeMap<String, Value>,
    now: &BTreeMap<String, Value>,
) -> Option<String> {
    let names = then.keys().chain(now.keys().filter(|name| !then.contains_key(*name)));
    names
        .filter(|name| then.get(*name) != now.get(*name))
        .find(|name| !(*name == "on_error" && then.get(*name).is_some_and(|v| v == "stop")))
        .map(|name| {
            let shown = |flags: &BTreeMap<String, Value>| match flags.get(name) {
                None | Some(Value::Null) => "its default".to_string(),
                Some(value) => value.to_string(),
            };
            let flag = name.replace('_', "-");
            format!("--{flag} was {}, and is {} now", shown(then), shown(now))
        })
}

impl Journal {
    /// The journal of a run that has written only its tokenizer.
    ///
    /// tokenizer_xxh3: the checksum of tokenizer.json.
    pub fn new(
        tokenizer_xxh3: String,
        split: SplitEntry,
        many: bool,
        tail: Option<Tail>,
        left_out: LeftOutEntry,
    ) -> Self {
        Journal {
            version: VERSION,
            tokenizer_xxh3,
            split,
            many,
            tail,
            position: Position::default(),
            train: PartEntry::default(),
            validation: PartEntry::default(),
            left_out,
            faults: FaultsEntry::default(),
        }
    }

    /// Writes it. The files that it lists must be written before.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn save(&self, directory: &Path) -> Result<()> {
        checksummed::save(self, &directory.join(JOURNAL_FILE))
    }

    /// Refuses a journal that no run of these settings writes.
    ///
    /// inputs: the number of files. shard_tokens: the most tokens of a shard.
    ///
    /// # Errors
    /// [`Error::Format`], with the problem.
    pub fn check(&self, directory: &Path, inputs: usize, shard_tokens: u64) -> Result<()> {
        self.validate(inputs, shard_tokens).map_err(|problem| {
            Error::format(directory.join(JOURNAL_FILE), problem, "start over with --restart")
        })
    }

    fn validate(&self, inputs: usize, shard_tokens: u64) -> Check {
        /// The tokenizer determines the bytes per token; here the larger value suffices.
        const TOKEN_BYTES: usize = 4;
        if !checksummed::is_hex(&self.tokenizer_xxh3) {
            return Err("tokenizer_xxh3 is not a checksum".into());
        }
        self.split.check()?;
        self.left_out.check()?;
        for (which, part) in Split::ALL.into_iter().zip([&self.train, &self.validation]) {
            part.check(which, TOKEN_BYTES, shard_tokens)?;
        }
        let FaultsEntry { bytes, xxh3 } = &self.faults;
        let listed = *bytes > 0;
        if *bytes > MOST
            || listed != (self.left_out.faults > 0)
            || if listed { !checksummed::is_hex(xxh3) } else { !xxh3.is_empty() }
        {
            return Err("its list of faults contradicts their number".into());
        }
        let Position { job, file, items } = self.position;
        if job > MOST || items > MOST || file > inputs || (file == inputs && items > 0) {
            return Err(format!("it continues in file {file} of {inputs}, at item {items}"));
        }
        let written = self.train.tokens + self.validation.tokens + self.left_out.faults;
        if job == 0 && (file, items, written) != (0, 0, 0) {
            return Err("it has written something before its first job".into());
        }
        if self.tail.is_some() != (self.split.by == SplitBy::Tail) {
            return Err("its tail contradicts how the text is split".into());
        }
        if let Some(Tail { job: tail, characters }) = self.tail {
            if tail > MOST || characters > MOST {
                return Err("its tail lies beyond any text".into());
            }
            if job <= tail && self.validation.tokens > 0 {
                return Err("it has written tokens of the tail before reaching it".into());
            }
        }
        Ok(())
    }
}

/// The state of a directory.
///
/// # Errors
/// [`Error::Format`] for a plan, a journal or a manifest that is damaged or of another version.
pub fn inspect(directory: &Path) -> Result<Found> {
    if directory.join(MANIFEST_FILE).exists() {
        return Ok(Found::Finished(Box::new(Manifest::load(directory)?)));
    }
    let Some(plan) = load(&directory.join(PLAN_FILE), "plan")? else {
        let foreign = ours(directory)?.into_iter().next();
        return Ok(foreign.map_or(Found::New, Found::Foreign));
    };
    let journal = load(&directory.join(JOURNAL_FILE), "journal")?;
    Ok(Found::Begun(plan, journal.map(Box::new)))
}

/// Parses a plan and a journal as `prepare` does to continue, and validates them as far as possible
/// without the inputs. Reads no files; a fuzz target calls it.
///
/// # Errors
/// [`Error::Format`] for what `prepare` would refuse.
pub fn check_texts(plan: &str, journal: &str) -> Result<()> {
    let plan: PreparePlan = parse(Path::new(PLAN_FILE), plan, "plan")?;
    let journal: Journal = parse(Path::new(JOURNAL_FILE), journal, "journal")?;
    let shard_tokens = plan.flags.get("shard_tokens").and_then(Value::as_u64).unwrap_or(0);
    journal.check(Path::new(""), plan.inputs.len(), shard_tokens)
}

/// Removes the files of an earlier run except its plan, in an order that never leaves another valid
/// state. The directory's lock must be held.
///
/// # Errors
/// [`Error::File`] when a file cannot be removed.
pub fn clear(directory: &Path) -> Result<()> {
    for name in [JOURNAL_FILE, MANIFEST_FILE] {
        regular_file::remove(&directory.join(name))?;
    }
    for name in ours(directory)? {
        if name != PLAN_FILE {
            regular_file::remove(&directory.join(name))?;
        }
    }
    files::remove_temporaries(directory);
    Ok(())
}

/// Removes the files that only an unfinished run needs. The directory's lock must be held.
///
/// # Errors
/// [`Error::File`] when a file cannot be removed.
pub fn tidy(directory: &Path) -> Result<()> {
    for name in [JOURNAL_FILE, PLAN_FILE] {
        regular_file::remove(&directory.join(name))?;
    }
    files::remove_temporaries(directory);
    Ok(())
}

/// Whether `prepare` writes a file of this name.
pub fn is_ours(name: &str) -> bool {
    [PLAN_FILE, JOURNAL_FILE, MANIFEST_FILE, TOKENIZER_FILE, FAULTS_FILE].contains(&name)
        || Split::ALL.iter().any(|which| which.shard_number(name).is_some())
}

/// The files in a directory with one of our names.
fn ours(directory: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::file("read", directory))? {
        let name = entry.map_err(Error::file("read", directory))?.file_name();
        found.extend(name.into_string().ok().filter(|name| is_ours(name)));
    }
    found.sort();
    Ok(found)
}

fn load<T: DeserializeOwned>(path: &Path, what: &str) -> Result<Option<T>> {
    checksummed::read(path)?.map(|text| parse(path, &text, what)).transpose()
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str, what: &str) -> Result<T> {
    checksummed::parse(text, what, VERSION)
        .map_err(|problem| Error::format(path, problem, "start over with --restart"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ShardEntry;

    fn plan(flags: &[(&str, Value)], inputs: &[(&str, u64, u64)]) -> PreparePlan {
        let flags = flags.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let stamp = |&(name, bytes, modified): &(&str, u64, u64)| Stamp {
            name: name.into(),
            bytes,
            modified,
        };
        PreparePlan::new(flags, inputs.iter().map(stamp).collect())
    }

    #[test]
    fn a_difference_is_named() {
        let flags = [("field", Value::from("text")), ("on_error", "stop".into())];
        let then = plan(&flags, &[("a", 1, 1), ("b", 2, 2)]);
        assert_eq!(then.difference(&then), None);
        let said = |now: &PreparePlan| then.difference(now).unwrap();
        let other = [("field", Value::from("body")), ("on_error", "stop".into())];
        let now = plan(&other, &[("a", 1, 1), ("b", 2, 2)]);
        assert_eq!(said(&now), r#"--field was "text", and is "body" now"#);
        type Files = &'static [(&'static str, u64, u64)];
        let cases: [(Files, &str); 5] = [
            (&[("a", 1, 1), ("c", 2, 2)], "it was reading b, and there is c now"),
            (&[("a", 1, 1), ("b", 3, 2)], "b had 2 bytes and has 3 now"),
            (&[("a", 1, 7), ("b", 2, 2)], "a was changed since"),
            (&[("a", 1, 1)], "it was reading 2 files, and there are 1 now"),
            (
                &[("a", 1, 1), ("b", 2, 2), ("c", 0, 0)],
                "it was reading 2 files, and there are 3 now",
            ),
        ];
        for (inputs, expected) in cases {
            assert_eq!(said(&plan(&flags, inputs)), expected);
        }
    }

    #[test]
    fn a_run_that_stopped_at_a_fault_may_continue_with_skip_but_not_the_reverse() {
        let flags = |word: &str| BTreeMap::from([("on_error".to_string(), Value::from(word))]);
        assert_eq!(flag_difference(&flags("stop"), &flags("skip")), None);
        assert!(flag_difference(&flags("skip"), &flags("stop")).is_some());
    }

    #[test]
    fn the_state_of_a_directory_is_recognised() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        fs::write(at.join("notes.txt"), "mine").unwrap();
        fs::write(at.join(".plan.json.1-2.tmp"), "half").unwrap();
        assert!(matches!(inspect(at).unwrap(), Found::New));
        fs::write(at.join("tokenizer.json"), "a model's").unwrap();
        assert!(matches!(inspect(at).unwrap(), Found::Foreign(name) if name == "tokenizer.json"));

        let plan = plan(&[], &[]);
        plan.save(at).unwrap();
        assert!(matches!(inspect(at).unwrap(), Found::Begun(found, None) if found == plan));
        fs::write(at.join("journal.json"), "{").unwrap();
        assert!(inspect(at).unwrap_err().to_string().contains("start over with --restart"));
        fs::write(at.join("train-00000.bin"), "").unwrap();
        clear(at).unwrap();
        let left: Vec<_> = ours(at).unwrap();
        assert_eq!(left, ["plan.json"]);
        assert!(at.join("notes.txt").exists(), "what is not ours stays");
        tidy(at).unwrap();
        assert!(matches!(inspect(at).unwrap(), Found::New));
        assert!(!at.join(".plan.json.1-2.tmp").exists());
    }

    /// The journal of a run in progress.
    fn journal() -> Journal {
        let shard = |which: Split, number, tokens| ShardEntry {
            file: which.shard_file(number),
            tokens,
            xxh3: "0".repeat(16),
        };
        let split = SplitEntry { by: SplitBy::Tail, validation: 0.1 };
        let tail = Some(Tail { job: 3, characters: 5 });
        let mut journal = Journal::new("0".repeat(16), split, true, tail, LeftOutEntry::default());
        journal.position = Position { job: 3, file: 1, items: 2 };
        journal.train.tokens = 14;
        journal.train.shards = vec![shard(Split::Train, 0, 10), shard(Split::Train, 1, 4)];
        journal
    }

    #[test]
    fn a_journal_that_no_run_has_written_is_refused() {
        let check = |journal: &Journal| journal.check(Path::new("d"), 2, 10);
        check(&journal()).unwrap();
        type Change = fn(&mut Journal);
        let cases: [(Change, &str); 19] = [
            (|j| j.tokenizer_xxh3 = "../x".into(), "tokenizer_xxh3"),
            (|j| j.split.validation = 1.0, "fraction for validation"),
            (|j| j.split.validation = f64::NAN, "fraction for validation"),
            (|j| j.split.by = SplitBy::Document, "tail contradicts"),
            (|j| j.tail = None, "tail contradicts"),
            (|j| j.tail.as_mut().unwrap().job = u64::MAX, "beyond any text"),
            (|j| j.tail.as_mut().unwrap().characters = u64::MAX, "beyond any text"),
            (|j| j.position.file = 3, "file 3 of 2"),
            (|j| j.position.file = 2, "file 2 of 2, at item 2"),
            (|j| j.position.job = u64::MAX, "file 1 of 2"),
            (|j| j.position.items = u64::MAX, "at item 18446744073709551615"),
            (|j| j.position.job = 0, "before its first job"),
            (|j| j.train.shards[1].file = "../victim".into(), "\"../victim\" is not the name"),
            (|j| j.train.shards[0].tokens = 1 << 63, "train-00000.bin has 9223372036854775808"),
            (|j| j.train.shards[1].tokens = 0, "train-00001.bin has 0 tokens"),
            (|j| j.train.shards.reverse(), "expected train-00000.bin"),
            (|j| j.faults.bytes = 5, "list of faults"),
            (|j| j.faults.xxh3 = "0".repeat(16), "list of faults"),
            (
                |j| {
                    j.validation = j.train.clone();
                    j.validation.shards.truncate(1);
                    j.validation.tokens = 10;
                    j.validation.shards[0].file = Split::Validation.shard_file(0);
                },
                "of the tail before",
            ),
        ];
        for (change, expected) in cases {
            let mut journal = journal();
            change(&mut journal);
            let error = check(&journal).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("--restart"), "{error}");
        }
    }

    #[test]
    fn an_altered_plan_or_journal_is_refused() {
        let (plan, journal) =
            (plan(&[("shard_tokens", 10.into())], &[("a", 1, 1), ("b", 2, 2)]), journal());
        let (plan, journal) = (checksummed::to_text(&plan), checksummed::to_text(&journal));
        check_texts(&plan, &journal).unwrap();
        let changed = |text: &str, from, to| text.replacen(from, to, 1);
        for (plan, journal) in [
            (plan.clone(), changed(&journal, "\"items\": 2", "\"items\": 1")),
            (changed(&plan, "\"bytes\": 1", "\"bytes\": 2"), journal.clone()),
        ] {
            let error = check_texts(&plan, &journal).unwrap_err().to_string();
            assert!(error.contains("altered after it was written"), "{error}");
        }
    }
}
