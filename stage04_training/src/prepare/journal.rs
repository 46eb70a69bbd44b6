//! What an interrupted run leaves behind, so that the same command goes on.
//!
//! Two files stand in the folder until it is done. `plan.json` says what shall be made from what:
//! if a flag or a file has changed since, going on would mix two data sets. `journal.json` says
//! how far it came. In the order of writing, whatever the moment of a kill:
//!
//! | in the folder | what it is | what the same command does |
//! |---|---|---|
//! | nothing of ours | new | begins |
//! | a plan | begun | begins again, whatever the plan was |
//! | a plan and a journal | interrupted | goes on |
//! | a manifest, whatever else | finished | nothing |

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
use super::writer::FAULTS_FILE;
use crate::manifest::{
    LeftOutEntry, MANIFEST_FILE, Manifest, PartEntry, Split, SplitEntry, TOKENIZER_FILE,
};

/// The form of both files; a run of another form cannot be gone on with.
const VERSION: u32 = 1;

const PLAN_FILE: &str = "plan.json";
const JOURNAL_FILE: &str = "journal.json";

/// What shall be made, from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    version: u32,
    /// The flags that make a difference.
    pub flags: BTreeMap<String, Value>,
    /// The files.
    pub inputs: Vec<Stamp>,
}

/// How far it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    version: u32,
    /// How the text is divided.
    pub split: SplitEntry,
    /// Whether there is more than one document.
    pub many: bool,
    /// Where the validation part begins, if it is the end of the whole text.
    pub tail: Option<Tail>,
    /// Where to go on.
    pub position: Position,
    /// What was written of the training part.
    pub train: PartEntry,
    /// What was written of the validation part.
    pub validation: PartEntry,
    /// What was left out.
    pub left_out: LeftOutEntry,
    /// The length of the list of faults.
    pub fault_bytes: u64,
}

/// What is in a folder.
#[derive(Debug)]
pub enum Found {
    /// Nothing of ours.
    New,
    /// A run that was interrupted, and how far it came if it came far enough.
    Begun(Plan, Option<Box<Journal>>),
    /// Everything.
    Finished(Box<Manifest>),
    /// Files of our names that somebody else made; the name of one.
    Foreign(String),
}

impl Plan {
    /// A plan.
    pub fn new(flags: BTreeMap<String, Value>, inputs: Vec<Stamp>) -> Plan {
        Plan { version: VERSION, flags, inputs }
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        save(self, &folder.join(PLAN_FILE))
    }

    /// Says what another plan has differently; `None` where a run can go on.
    pub fn difference(&self, now: &Plan) -> Option<String> {
        flag_difference(&self.flags, &now.flags).or_else(|| {
            let pairs = self.inputs.iter().zip(&now.inputs);
            let changed = pairs.into_iter().find(|(then, now)| then != now);
            match changed {
                Some((then, now)) if then.name != now.name => {
                    Some(format!("it was reading {}, where there is {} now", then.name, now.name))
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

/// Says which flag two runs have differently; `None` where they would make the same.
///
/// A run that stopped at a fault may go on with `--on-error skip`: until then nothing was
/// skipped.
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
    /// The journal of a run that has written nothing yet.
    pub fn new(split: SplitEntry, many: bool, tail: Option<Tail>, left_out: LeftOutEntry) -> Self {
        Journal {
            version: VERSION,
            split,
            many,
            tail,
            position: Position::default(),
            train: PartEntry::default(),
            validation: PartEntry::default(),
            left_out,
            fault_bytes: 0,
        }
    }

    /// Writes it, after what it speaks of.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        save(self, &folder.join(JOURNAL_FILE))
    }
}

/// Looks at what is in a folder.
///
/// # Errors
/// [`Error::Format`] for a plan or a journal that is damaged or of another version.
pub fn look(folder: &Path) -> Result<Found> {
    if folder.join(MANIFEST_FILE).exists() {
        return Ok(Found::Finished(Box::new(Manifest::load(folder)?)));
    }
    let plan: Option<Plan> = load(&folder.join(PLAN_FILE))?;
    let Some(plan) = plan else {
        let foreign = ours(folder)?.into_iter().find(|name| !name.ends_with(".tmp"));
        return Ok(foreign.map_or(Found::New, Found::Foreign));
    };
    let journal: Option<Journal> = load(&folder.join(JOURNAL_FILE))?;
    for version in [Some(plan.version), journal.as_ref().map(|journal| journal.version)] {
        if version.is_some_and(|version| version != VERSION) {
            return Err(Error::format(
                folder.join(PLAN_FILE),
                "another version of this program began it",
                "begin anew with --restart",
            ));
        }
    }
    Ok(Found::Begun(plan, journal.map(Box::new)))
}

/// Takes away what an earlier run left, but for its plan, in an order that never looks like
/// something else.
///
/// # Errors
/// [`Error::File`] when a file cannot be removed.
pub fn clear(folder: &Path) -> Result<()> {
    for name in [JOURNAL_FILE, MANIFEST_FILE] {
        remove(&folder.join(name))?;
    }
    for name in ours(folder)? {
        if name != PLAN_FILE {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// Takes away what is of use only until everything is done.
///
/// # Errors
/// [`Error::File`] when a file cannot be removed.
pub fn tidy(folder: &Path) -> Result<()> {
    for name in [JOURNAL_FILE, PLAN_FILE] {
        remove(&folder.join(name))?;
        remove(&folder.join(format!("{name}.tmp")))?;
    }
    for name in [MANIFEST_FILE, TOKENIZER_FILE] {
        remove(&folder.join(format!("{name}.tmp")))?;
    }
    Ok(())
}

/// The files in a folder that have names of ours.
fn ours(folder: &Path) -> Result<Vec<String>> {
    let named = [PLAN_FILE, JOURNAL_FILE, MANIFEST_FILE, TOKENIZER_FILE, FAULTS_FILE];
    let is_shard = |name: &str| {
        let number = Split::ALL.iter().find_map(|which| {
            name.strip_prefix(which.name())?.strip_prefix('-')?.strip_suffix(".bin")
        });
        number.is_some_and(|n| n.len() >= 5 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read", folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::file("read", folder))?.file_name();
        let name = name.to_string_lossy().into_owned();
        let plain = name.strip_suffix(".tmp").unwrap_or(&name);
        if named.contains(&plain) || is_shard(plain) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn save(value: &impl Serialize, path: &Path) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).expect("plain JSON");
    text.push('\n');
    files::write_bytes(path, text.as_bytes())
}

fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_str(&files::read_text(path)?).map(Some).map_err(|error| {
        Error::format(
            path,
            format!("it cannot be understood: {error}"),
            "begin anew with --restart",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(flags: &[(&str, Value)], inputs: &[(&str, u64, u64)]) -> Plan {
        let flags = flags.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        let stamp = |&(name, bytes, modified): &(&str, u64, u64)| Stamp {
            name: name.into(),
            bytes,
            modified,
        };
        Plan::new(flags, inputs.iter().map(stamp).collect())
    }

    #[test]
    fn what_changed_is_said() {
        let flags = [("field", Value::from("text")), ("on_error", "stop".into())];
        let then = plan(&flags, &[("a", 1, 1), ("b", 2, 2)]);
        assert_eq!(then.difference(&then), None);
        let said = |now: &Plan| then.difference(now).unwrap();
        let other = [("field", Value::from("body")), ("on_error", "stop".into())];
        let now = plan(&other, &[("a", 1, 1), ("b", 2, 2)]);
        assert_eq!(said(&now), r#"--field was "text", and is "body" now"#);
        type Files = &'static [(&'static str, u64, u64)];
        let cases: [(Files, &str); 5] = [
            (&[("a", 1, 1), ("c", 2, 2)], "it was reading b, where there is c now"),
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
    fn a_run_that_stopped_at_a_fault_may_go_on_skipping_faults_and_not_the_other_way() {
        let flags = |word: &str| BTreeMap::from([("on_error".to_string(), Value::from(word))]);
        assert_eq!(flag_difference(&flags("stop"), &flags("skip")), None);
        assert!(flag_difference(&flags("skip"), &flags("stop")).is_some());
    }

    #[test]
    fn folders_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert!(matches!(look(&at.join("none")).unwrap(), Found::New));
        fs::write(at.join("notes.txt"), "mine").unwrap();
        fs::write(at.join("plan.json.tmp"), "half").unwrap();
        assert!(matches!(look(at).unwrap(), Found::New));
        fs::write(at.join("tokenizer.json"), "a model's").unwrap();
        assert!(matches!(look(at).unwrap(), Found::Foreign(name) if name == "tokenizer.json"));

        let plan = plan(&[], &[]);
        plan.save(at).unwrap();
        assert!(matches!(look(at).unwrap(), Found::Begun(found, None) if found == plan));
        fs::write(at.join("journal.json"), "{").unwrap();
        assert!(look(at).unwrap_err().to_string().contains("begin anew with --restart"));
        fs::write(at.join("train-00000.bin"), "").unwrap();
        clear(at).unwrap();
        let left: Vec<_> = ours(at).unwrap();
        assert_eq!(left, ["plan.json"]);
        assert!(at.join("notes.txt").exists(), "what is not ours stays");
        tidy(at).unwrap();
        assert!(matches!(look(at).unwrap(), Found::New));
    }
}
