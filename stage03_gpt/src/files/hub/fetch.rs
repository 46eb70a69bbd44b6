//! Which files a model needs, and what to say when one is missing.

use std::path::{Path, PathBuf};

use stage01_bigram::{Error, Result};

use super::cache::Cache;
use super::download::Download;
use super::http::{Failure, Http};
use super::name::is_path;
use super::{Event, Hub, HubName};
use crate::files::hugging_face::{
    GENERATION_CONFIG_FILE, INDEX_FILE, TOKENIZER_CONFIG_FILE, read_config, shards_from_bytes,
};
use crate::files::{CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE};

/// The longest file that is no weights, in bytes.
const LONGEST: u64 = 256 << 20;

/// Files that a model may have, and that are read where they are there.
const OPTIONAL: [&str; 4] = [
    GENERATION_CONFIG_FILE,
    TOKENIZER_CONFIG_FILE,
    "special_tokens_map.json",
    "chat_template.jinja",
];

impl Hub {
    /// Fetches what is not in the cache, and returns the model's directory there, or its one file.
    ///
    /// A directory gets `config.json` first. When it describes a model that this crate does not
    /// compute, nothing large is fetched.
    ///
    /// # Errors
    /// [`Error::Format`] when the hub cannot be reached and the cache does not have the model, when
    /// the hub refuses, when it has no such model or file, when a content has the wrong checksum,
    /// and for a model that this crate does not compute; [`Error::File`] when the cache cannot be
    /// written.
    pub fn fetch(&self, name: &HubName, mut report: impl FnMut(Event)) -> Result<PathBuf> {
        let cache = Cache::new(&self.cache, &name.repository);
        let mut fetch = Fetch {
            hub: self,
            http: Http::new(self),
            offline: self.offline,
            commit: None,
            cache: &cache,
            name,
            report: &mut report,
        };
        if self.offline || cache.commit(&name.revision).as_ref() == Some(&name.revision) {
            // A commit never changes, so nothing has to be asked.
            fetch.commit = cache.commit(&name.revision);
        }
        if let Some(file) = &name.file {
            return fetch.required(file);
        }
        fetch.required(CONFIG_FILE)?;
        let directory = cache.snapshot(fetch.commit.as_deref().expect("a file has its commit"));
        read_config(&directory)?;
        fetch.required(TOKENIZER_FILE)?;
        for file in OPTIONAL {
            fetch.optional(file)?;
        }
        if fetch.optional(MODEL_FILE)?.is_none() {
            if fetch.optional(INDEX_FILE)?.is_none() {
                return Err(fetch.missing(MODEL_FILE));
            }
            for shard in shards(&directory.join(INDEX_FILE))? {
                fetch.required(&shard)?;
            }
        }
        Ok(directory)
    }
}

/// The files that the list of shards names, each once.
fn shards(index: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::read(index).map_err(Error::file("read", index))?;
    let mut files: Vec<String> =
        shards_from_bytes(&bytes)?.into_iter().map(|(_, file)| file).collect();
    files.sort();
    files.dedup();
    match files.iter().find(|file| !is_path(file) || !file.ends_with(".safetensors")) {
        Some(file) => {
            let problem = format!("it names the file {file}, and shards end in .safetensors");
            Err(Error::format(index, problem, "name another model"))
        }
        None => Ok(files),
    }
}

struct Fetch<'f> {
    hub: &'f Hub,
    http: Http<'f>,
    /// Whether the cache must have all.
    offline: bool,
    /// The commit of the first file, from which all others are taken.
    commit: Option<String>,
    cache: &'f Cache,
    name: &'f HubName,
    report: &'f mut dyn FnMut(Event),
}

impl Fetch<'_> {
    fn required(&mut self, file: &str) -> Result<PathBuf> {
        self.optional(file)?.ok_or_else(|| self.missing(file))
    }

    /// The path of a file, or `None` when the model has none of this name.
    fn optional(&mut self, file: &str) -> Result<Option<PathBuf>> {
        if let Some(commit) = &self.commit {
            let found = self.cache.find(commit, file);
            if found.is_some() || self.offline || self.cache.is_absent(commit, file) {
                return Ok(found);
            }
        }
        if self.offline {
            return Ok(None);
        }
        let name = self.name;
        let revision = self.commit.as_ref().unwrap_or(&name.revision);
        let about = match self.http.about(&name.repository, revision, file) {
            Ok(about) => about,
            Err(Failure::Refused { status: 404, code }) if is_only_the_file(&code) => {
                if let Some(commit) = &self.commit {
                    self.cache.note_absent(commit, file)?;
                }
                return Ok(None);
            }
            Err(Failure::Network(problem)) if self.commit.is_none() => {
                self.commit = self.cache.commit(&name.revision);
                if self.commit.is_none() {
                    return Err(refusal(name, file, Failure::Network(problem)));
                }
                (self.report)(Event::FromCache { problem: &problem });
                self.offline = true;
                return self.optional(file);
            }
            Err(failure) => return Err(refusal(name, file, failure)),
        };
        if self.commit.as_ref().is_some_and(|commit| *commit != about.commit) {
            let problem = "another commit than was asked for".to_string();
            return Err(refusal(name, file, Failure::Wrong(problem)));
        }
        let weights =
            [".safetensors", ".gguf"].iter().any(|end| file.to_lowercase().ends_with(end));
        if about.size > LONGEST && !weights {
            let problem = format!("it has {} bytes, and no such file is that long", about.size);
            return Err(refusal(name, file, Failure::Wrong(problem)));
        }
        let (cache, patience) = (self.cache, self.hub.patience);
        if let Some(found) = cache.find(&about.commit, file) {
            self.commit = Some(about.commit);
            return Ok(Some(found));
        }
        Download { http: &self.http, cache, name, file, about: &about, patience }
            .run(&mut *self.report)?;
        let path = cache.link(&about.commit, file, &about.etag)?;
        cache.note_commit(&name.revision, &about.commit)?;
        self.commit = Some(about.commit);
        Ok(Some(path))
    }

    /// The error for a model without this file.
    fn missing(&self, file: &str) -> Error {
        let name = self.name.to_string();
        if self.offline {
            let problem = format!("{file} is not in the cache ({})", self.hub.cache.display());
            let remedy = match self.hub.offline {
                true => "unset HF_HUB_OFFLINE to fetch it, or name a model that is here",
                false => "run the command again when this computer has a network",
            };
            return Error::format(name, problem, remedy);
        }
        let remedy = match file {
            CONFIG_FILE => {
                "name one file of it, as in owner/name:FILE.gguf, if that is what it has; \
                 otherwise it is in a format that is not read here"
            }
            TOKENIZER_FILE => {
                "name another model: the older files of a tokenizer are not read here"
            }
            MODEL_FILE => "name another model: weights in the format of PyTorch are not read here",
            _ => "look at the list of its files on the hub",
        };
        Error::format(name, format!("the model has no {file}"), remedy)
    }
}

/// Whether a 404 is about the file alone. Mirrors give no code.
fn is_only_the_file(code: &str) -> bool {
    code.is_empty() || code == "EntryNotFound"
}

/// The error for a request that has no result.
pub(super) fn refusal(name: &HubName, file: &str, failure: Failure) -> Error {
    let token = "set HF_TOKEN to a token of yours that may read it";
    let (problem, remedy) = match failure {
        Failure::Network(problem) => (
            format!(
                "there is no such file or directory here, and the hub was not reached: {problem}"
            ),
            "see whether this computer has a network, or name a model that is here".to_string(),
        ),
        Failure::Wrong(problem) => (
            format!("{file}: {problem}"),
            "this is not how the hub answers: see HF_ENDPOINT, or try again later".to_string(),
        ),
        Failure::Refused { status, code } => match (status, &*code) {
            (_, "GatedRepo") | (403, _) => (
                "the model is gated: its owner asks you to accept conditions".to_string(),
                format!("accept them on the model's page on the hub, and {token}"),
            ),
            (404, "RevisionNotFound") => (
                format!("the model has no revision {}", name.revision),
                "name a branch, a tag or a commit that it has, or none".to_string(),
            ),
            (401, _) | (404, _) => (
                "there is no such model on the hub, or it is private".to_string(),
                format!("check the spelling, or {token}"),
            ),
            (status, code) => (
                format!("{file}: the hub answers with status {status} {code}"),
                "try again later".to_string(),
            ),
        },
    };
    Error::format(name.to_string(), problem, remedy)
}
