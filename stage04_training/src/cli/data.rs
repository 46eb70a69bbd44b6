//! The data of a run: a directory that was prepared before, or a text that is prepared now.
//!
//! A run holds a shared lock on the directory, so that no other program replaces the data
//! meanwhile.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::ArgMatches;
use rustc_hash::FxHasher;
use serde_json::{Value, json};
use stage01_bigram::files::{DirLock, LOCK_FILE};
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};
use stage03_gpt::cli::run::typed;
use stage03_gpt::cli::screen::{Screen, remark};
use stage03_gpt::cli::stop;

use crate::manifest::{MANIFEST_FILE, SplitBy};
use crate::prepare::{Settings, prepare};
use crate::recipe::Recipe;
use crate::shards::{Shards, Split};

/// The open data of a run.
pub struct Data {
    /// Its directory.
    pub directory: PathBuf,
    /// Whether it was prepared just now.
    pub new: bool,
    /// The tokens.
    pub shards: Shards,
    /// The tokenizer that made them.
    pub tokenizer: Tokenizer,
    /// Keeps other programs from altering the directory while it is read.
    _lock: DirLock,
}

impl Data {
    /// Opens the data directory of a recipe, or prepares its text unless that was done before.
    ///
    /// tokenizer: the file of the tokenizer to prepare a text with; `None` for the recipe's.
    ///
    /// # Errors
    /// When the data is missing, damaged or being written, or both a directory and a text are
    /// given.
    pub fn open(recipe: &Recipe, matches: &ArgMatches, tokenizer: Option<&Path>) -> Result<Data> {
        let verify = !matches.try_get_one("no_verify").is_ok_and(|flag| flag == Some(&true));
        let data = match &recipe.data {
            Some(directory) => {
                let both = [("--text", !recipe.run.text.is_empty())];
                let typed = [("--tokenizer", typed(matches, "tokenizer"))];
                if let Some((flag, _)) = both.into_iter().chain(typed).find(|(_, given)| *given) {
                    let expected = format!(
                        "this data was prepared from a text of its own; leave out {flag} or --data"
                    );
                    return Err(Error::setting("--data", directory.display(), expected));
                }
                Data::prepared(directory, &recipe.out_dir, verify)?
            }
            None => {
                let kind = match tokenizer {
                    Some(path) => TokenizerKind::File(path.to_path_buf()),
                    None => recipe.run.tokenizer.parse()?,
                };
                // As in stage 3: the texts are concatenated, and the last tenth is for validation.
                let settings = Settings {
                    input: recipe.run.text.clone(),
                    out: place(recipe, &kind)?,
                    tokenizer: kind,
                    split: Some(SplitBy::Tail),
                    validation: Some(0.1),
                    ..Settings::default()
                };
                Data::of_text(&settings, verify)?
            }
        };
        data.require_validation_set()?;
        Ok(data)
    }

    /// Opens a directory of `prepare` that the user named.
    fn prepared(directory: &Path, out_dir: &Path, verify: bool) -> Result<Data> {
        let refused = |expected: &str| Err(Error::setting("--data", directory.display(), expected));
        if !directory.is_dir() {
            return refused(
                "there is no such directory; `prepare --input TEXT --out DIR` makes one",
            );
        }
        let same = |one: &Path, other: &Path| match (fs::canonicalize(one), fs::canonicalize(other))
        {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        };
        if same(directory, out_dir) {
            return refused(
                "model and data would be in one directory, and each has its own tokenizer.json; \
                 name another --out-dir",
            );
        }
        // No lock file is created in a directory that is not one of tokens.
        if ![MANIFEST_FILE, LOCK_FILE].iter().any(|name| directory.join(name).exists()) {
            Shards::open(directory)?;
        }
        let lock = DirLock::try_shared(directory)?.ok_or_else(|| Error::Busy {
            path: directory.to_path_buf(),
            remedy: "another program prepares it: wait until it has finished".into(),
        })?;
        let shards = Shards::open(directory)?;
        Data::new(shards, lock, verify, false)
    }

    /// Prepares a text, unless that was done before. Waits while another program prepares it: runs
    /// that differ only in their seed may start together and share one directory.
    fn of_text(settings: &Settings, verify: bool) -> Result<Data> {
        let directory = &settings.out;
        let (mut new, mut told) = (false, false);
        let mut shards = None;
        let attempt = || {
            loop {
                if directory.join(MANIFEST_FILE).exists() {
                    let lock = DirLock::try_shared(directory)?;
                    // Another program may have started over before the lock was taken.
                    if lock.is_none() || directory.join(MANIFEST_FILE).exists() {
                        shards = lock.as_ref().map(|_| Shards::open(directory)).transpose()?;
                        return Ok(lock);
                    }
                }
                let screen = Screen::new();
                match prepare(settings, &screen) {
                    Ok(_) => screen.line(""),
                    Err(Error::Busy { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                }
                new = true;
            }
        };
        let waiting = || {
            if stop::asked() {
                let remedy = "interrupted while waiting; run the command again".to_string();
                return Err(Error::Busy { path: directory.to_path_buf(), remedy });
            }
            if !std::mem::replace(&mut told, true) {
                remark(format!(
                    "waiting for another program that prepares {}",
                    directory.display()
                ));
            }
            Ok(())
        };
        let again = |error| match error {
            // The user did not name this directory, so it can be removed.
            Error::Format { path, problem, .. } if path.starts_with(directory) => {
                let remedy = format!(
                    "remove the directory {}: the next run makes it again from the text",
                    directory.display()
                );
                Error::Format { path, problem, remedy }
            }
            other => other,
        };
        let lock = DirLock::wait(attempt, waiting).map_err(again)?;
        let shards = shards.expect("they are opened with the lock");
        Data::new(shards, lock, verify && !new, new).map_err(again)
    }

    fn new(shards: Shards, lock: DirLock, verify: bool, new: bool) -> Result<Data> {
        let tokenizer = shards.tokenizer()?;
        if verify {
            shards.verify(&Screen::new())?;
        }
        Ok(Data {
            directory: shards.directory().to_path_buf(),
            new,
            shards,
            tokenizer,
            _lock: lock,
        })
    }

    /// Refuses data without a validation set, with the reason.
    fn require_validation_set(&self) -> Result<()> {
        if self.shards.part(Split::Validation).len() > 0 {
            return Ok(());
        }
        let reason = match self.shards.manifest().split.validation {
            0.0 => {
                "it was prepared with --validation 0, and training needs a \
                    validation set; prepare it again with --restart and a fraction, such as \
                    --validation 0.1"
            }
            _ => {
                "no document was assigned to its validation set; prepare it again with --restart and \
                  a larger --validation, or with --split tail"
            }
        };
        Err(Error::setting("--data", self.directory.display(), reason))
    }

    /// Refuses data that was made with another tokenizer than the model's.
    ///
    /// model: the model's directory.
    ///
    /// # Errors
    /// [`Error::Setting`], with the flag that prepares the data for the model.
    pub fn require(&self, tokenizer: &Tokenizer, model: &Path) -> Result<()> {
        if self.tokenizer == *tokenizer {
            return Ok(());
        }
        let path = model.join(stage03_gpt::files::TOKENIZER_FILE);
        let expected = format!(
            "this data was made with another tokenizer than the model, so its tokens mean \
             something else; prepare it with --tokenizer {}",
            path.display()
        );
        Err(Error::setting("--data", self.directory.display(), expected))
    }

    /// The identity of the data: a hash of the checksums of its files.
    pub fn identity(&self) -> Value {
        let manifest = self.shards.manifest();
        let files = json!([manifest.vocab_size, manifest.train.shards, manifest.validation.shards]);
        let mut hasher = FxHasher::default();
        files.to_string().hash(&mut hasher);
        json!(format!("{:016x}", hasher.finish()))
    }

    /// The number of bytes of text.
    pub fn bytes(&self) -> u64 {
        let manifest = self.shards.manifest();
        manifest.train.bytes + manifest.validation.bytes
    }

    /// Mean bytes of text per token of the validation set.
    pub fn bytes_per_token(&self) -> f64 {
        let part = self.shards.manifest().part(Split::Validation);
        part.bytes as f64 / part.tokens as f64
    }
}

/// The directory a text is prepared in: beside the model's, with a name that identifies the text.
fn place(recipe: &Recipe, kind: &TokenizerKind) -> Result<PathBuf> {
    let mut hasher = FxHasher::default();
    let mut name = match recipe.run.text.first() {
        Some(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        None => "king-james".into(),
    };
    // A file is identified by its path, its length and the time of its last change.
    for path in &recipe.run.text {
        let refused = || Error::file("read", path);
        let path = fs::canonicalize(path).map_err(refused())?;
        let file = fs::metadata(&path).map_err(refused())?;
        let changed = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (path.as_os_str().as_encoded_bytes(), file.len(), changed).hash(&mut hasher);
    }
    let own = matches!(kind, TokenizerKind::File(_));
    match kind {
        TokenizerKind::File(path) => {
            fs::read(path).map_err(Error::file("read", path))?.hash(&mut hasher);
            name += "-own";
        }
        kind => name += &format!("-{}", kind.to_string().replace(':', "-")),
    }
    if own || !recipe.run.text.is_empty() {
        name += &format!("-{:08x}", hasher.finish() as u32);
    }
    let parent = recipe.out_dir.parent().unwrap_or(Path::new(""));
    Ok(parent.join("data").join(name))
}
