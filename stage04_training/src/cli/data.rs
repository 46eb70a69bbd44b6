//! Which data a run learns: a directory that was prepared, or a text that is prepared now.
//!
//! While a run lives it holds the directory's lock for reading, so that no other program
//! begins the data again under it.

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

/// The data of a run, open.
pub struct Data {
    /// Its directory.
    pub directory: PathBuf,
    /// Whether it was prepared just now.
    pub new: bool,
    /// The tokens.
    pub shards: Shards,
    /// What they were made with.
    pub tokenizer: Tokenizer,
    /// Keeps other programs from altering the directory while it is read.
    _lock: DirLock,
}

impl Data {
    /// Opens the directory of a recipe, or prepares its text, unless that was done before.
    ///
    /// tokenizer: what a text must be prepared with; otherwise the recipe says.
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
                // As stage 3 does: the texts in a row, the last tenth for validation.
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
        data.can_be_measured()?;
        Ok(data)
    }

    /// What `prepare` has made in a directory that the user named.
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
                "the model would be saved among the data, each with a tokenizer.json of its own; \
                 name another --out-dir",
            );
        }
        // A directory of something else gets no lock file from us.
        if ![MANIFEST_FILE, LOCK_FILE].iter().any(|name| directory.join(name).exists()) {
            Shards::open(directory)?;
        }
        let lock = DirLock::try_shared(directory)?.ok_or_else(|| Error::Busy {
            path: directory.to_path_buf(),
            remedy: "it is being prepared: wait until that has ended".into(),
        })?;
        let shards = Shards::open(directory)?;
        Data::new(shards, lock, verify, false)
    }

    /// A text that is prepared now, unless that was done before. Where another program is at it,
    /// it is waited for: runs that differ in a seed begin together, and share one directory.
    fn of_text(settings: &Settings, verify: bool) -> Result<Data> {
        let directory = &settings.out;
        let (mut new, mut told) = (false, false);
        let mut shards = None;
        let attempt = || {
            loop {
                if directory.join(MANIFEST_FILE).exists() {
                    let lock = DirLock::try_shared(directory)?;
                    // Another program may have begun it again before the lock was taken.
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
                let remedy = "the waiting was ended; give the command again".to_string();
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
            // This directory belongs to the program alone.
            Error::Format { path, problem, .. } if path.starts_with(directory) => {
                let remedy = format!(
                    "remove the directory {}: it is made again from the text",
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
    fn can_be_measured(&self) -> Result<()> {
        if self.shards.part(Split::Validation).len() > 0 {
            return Ok(());
        }
        let reason = match self.shards.manifest().split.validation {
            0.0 => {
                "it was prepared with --validation 0, and a training measures itself on a \
                    validation set; prepare it again with --restart and a fraction, such as \
                    --validation 0.1"
            }
            _ => {
                "no document fell into its validation set; prepare it again with --restart and \
                  a larger --validation, or with --split tail"
            }
        };
        Err(Error::setting("--data", self.directory.display(), reason))
    }

    /// Refuses data whose tokens mean something else than those of a model.
    ///
    /// model: the model's directory.
    ///
    /// # Errors
    /// [`Error::Setting`], saying how to prepare the data for the model.
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

    /// What tells this data from any other: a number made of the checksums of its files.
    pub fn identity(&self) -> Value {
        let manifest = self.shards.manifest();
        let files = json!([manifest.vocab_size, manifest.train.shards, manifest.validation.shards]);
        let mut hasher = FxHasher::default();
        files.to_string().hash(&mut hasher);
        json!(format!("{:016x}", hasher.finish()))
    }

    /// How many bytes of text there are.
    pub fn bytes(&self) -> u64 {
        let manifest = self.shards.manifest();
        manifest.train.bytes + manifest.validation.bytes
    }

    /// How many bytes of text a token of the validation set stands for.
    pub fn bytes_per_token(&self) -> f64 {
        let part = self.shards.manifest().part(Split::Validation);
        part.bytes as f64 / part.tokens as f64
    }
}

/// Where a text is prepared: beside the model, under a name that tells it from other texts.
fn place(recipe: &Recipe, kind: &TokenizerKind) -> Result<PathBuf> {
    let mut hasher = FxHasher::default();
    let mut name = match recipe.run.text.first() {
        Some(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        None => "king-james".into(),
    };
    // A file is known by its name, its length and its last change.
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
