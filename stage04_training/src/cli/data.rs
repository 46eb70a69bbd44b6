//! Which data a run learns: a folder that was prepared, or a text that is prepared now.

use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::ArgMatches;
use rustc_hash::FxHasher;
use serde_json::{Value, json};
use stage01_bigram::tokenizer::{Tokenizer, TokenizerKind};
use stage01_bigram::{Error, Result};
use stage03_gpt::cli::run::typed;
use stage03_gpt::cli::screen::Screen;

use crate::manifest::SplitBy;
use crate::prepare::{Settings, prepare};
use crate::recipe::Recipe;
use crate::shards::{Shards, Split};

/// The data of a run, open.
pub struct Data {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it was prepared just now.
    pub new: bool,
    /// The tokens.
    pub shards: Shards,
    /// What they were made with.
    pub tokenizer: Tokenizer,
}

impl Data {
    /// Opens the folder of a recipe, or prepares its text, unless that was done before.
    ///
    /// tokenizer: what a text must be prepared with; otherwise the recipe says.
    ///
    /// # Errors
    /// When the data is missing or damaged, or both a folder and a text are given.
    pub fn open(recipe: &Recipe, matches: &ArgMatches, tokenizer: Option<&Path>) -> Result<Data> {
        let (folder, new) = match &recipe.data {
            Some(folder) => {
                let both = [("--text", !recipe.run.text.is_empty())];
                let typed = [("--tokenizer", typed(matches, "tokenizer"))];
                if let Some((flag, _)) = both.into_iter().chain(typed).find(|(_, given)| *given) {
                    let expected = format!(
                        "this data was prepared from a text of its own; leave out {flag} or --data"
                    );
                    return Err(Error::setting("--data", folder.display(), expected));
                }
                if !folder.is_dir() {
                    let expected = "there is no such folder; `prepare --input TEXT --out DIR` \
                                    makes one";
                    return Err(Error::setting("--data", folder.display(), expected));
                }
                (folder.clone(), false)
            }
            None => {
                let kind = match tokenizer {
                    Some(path) => TokenizerKind::File(path.to_path_buf()),
                    None => recipe.run.tokenizer.parse()?,
                };
                let folder = place(recipe, &kind)?;
                let new = Shards::open(&folder).is_err();
                if new {
                    // As stage 3 does: the texts in a row, the last tenth to measure.
                    let settings = Settings {
                        input: recipe.run.text.clone(),
                        tokenizer: kind,
                        out: folder.clone(),
                        split: Some(SplitBy::Tail),
                        validation: Some(0.1),
                        ..Settings::default()
                    };
                    let screen = Screen::new();
                    prepare(&settings, &screen)?;
                    screen.line("");
                }
                (folder, new)
            }
        };
        let shards = Shards::open(&folder)?;
        let tokenizer = shards.tokenizer()?;
        let (given, known) = (shards.manifest().vocab_size, tokenizer.vocab_size());
        if given > known {
            let problem = format!("its tokens go up to {given}, its tokenizer has only {known}");
            return Err(Error::format(folder, problem, "prepare the data again"));
        }
        Ok(Data { folder, new, shards, tokenizer })
    }

    /// Refuses data whose tokens mean something else than those of a model.
    ///
    /// model: the model's folder.
    ///
    /// # Errors
    /// [`Error::Setting`], saying how to prepare the data for the model.
    pub fn require(&self, tokenizer: &Tokenizer, model: &Path) -> Result<()> {
        if self.tokenizer == *tokenizer {
            return Ok(());
        }
        let path = model.join(stage03_gpt::checkpoint::TOKENIZER_FILE);
        let expected = format!(
            "this data was made with another tokenizer than the model, so its tokens mean \
             something else; prepare it with --tokenizer {}",
            path.display()
        );
        Err(Error::setting("--data", self.folder.display(), expected))
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

    /// How many bytes of text a token of the validation part stands for.
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
