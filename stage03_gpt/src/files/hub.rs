//! A model by its name on the Hugging Face hub, `owner/name`, where a directory or a file is
//! expected.
//!
//! [`locate`] turns such a name into a path: it fetches the files that a model needs into the cache
//! that all programs of this kind share, and gives its directory there. A file that the cache has
//! is not fetched again. The parts:
//!
//! | module | holds |
//! |---|---|
//! | `name` | [`HubName`]: whether a text is a name, and not a local path |
//! | `settings` | the hub, the cache and the token, from the environment |
//! | `http` | requests: redirects, the token, time-outs |
//! | `cache` | the layout of the cache, and its locks |
//! | `download` | one file: resumed where it broke, and checked |
//!
//! All but the name is behind the feature `hub`, because of TLS: that takes some twenty crates, and
//! a compiler for C.
//!
//! ```sh
//! cargo run -p stage03_gpt --features hub -- sample --model HuggingFaceTB/SmolLM2-135M-Instruct
//! ```
//!
//! The rules of the hub were taken from the documentation and the sources of its clients, and this
//! module is tested against a server on this computer that answers by them. **The hub itself was not
//! tried.**
//!
//! What this module leaves out: uploading, data sets, other formats than safetensors and GGUF, and
//! Xet, the hub's newer protocol for transfers: every file is also there without it.

#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "hub")]
mod fetch;
#[cfg(feature = "hub")]
mod http;
mod name;
#[cfg(feature = "hub")]
mod settings;

use std::path::{Path, PathBuf};

use stage01_bigram::Result;

#[cfg(feature = "hub")]
use self::fetch::refusal;
pub use self::name::HubName;
#[cfg(feature = "hub")]
pub use self::settings::{Hub, Token};

/// What happens while a model is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'e> {
    /// Some of a file has arrived.
    Progress {
        /// Its name in the model.
        file: &'e str,
        /// The bytes that are here.
        done: u64,
        /// Its length in bytes.
        size: u64,
    },
    /// A file is whole, and checked.
    Fetched {
        /// Its name in the model.
        file: &'e str,
        /// Its length in bytes.
        size: u64,
    },
    /// Another program is fetching this file, which is waited for.
    Waiting {
        /// Its name in the model.
        file: &'e str,
    },
    /// The transfer broke, and is attempted again.
    Retry {
        /// The name of the file in the model.
        file: &'e str,
        /// What happened.
        problem: &'e str,
    },
    /// The hub cannot be reached, and the cache has what was fetched earlier.
    FromCache {
        /// What happened.
        problem: &'e str,
    },
}

/// The path of a model: itself where it is a local path, and where it is a name on the hub the
/// model's directory in the cache, or its one file.
///
/// report: gets what happens while files are fetched.
///
/// # Errors
/// Without the feature `hub`, [`Format`](stage01_bigram::Error::Format) for a name that is no local
/// path. With it, those of [`HubName::find`], `Hub::from_environment` and `Hub::fetch`.
pub fn locate(model: &Path, report: impl FnMut(Event)) -> Result<PathBuf> {
    match HubName::find(model)? {
        None => Ok(model.to_path_buf()),
        Some(name) => fetch(&name, report),
    }
}

#[cfg(feature = "hub")]
fn fetch(name: &HubName, report: impl FnMut(Event)) -> Result<PathBuf> {
    Hub::from_environment()?.fetch(name, report)
}

#[cfg(not(feature = "hub"))]
fn fetch(name: &HubName, _: impl FnMut(Event)) -> Result<PathBuf> {
    Err(stage01_bigram::Error::format(
        name.to_string(),
        "there is no such file or directory, and it may be a model on the Hugging Face hub",
        "run with `--features hub` to fetch it from there, or name a model that is here",
    ))
}
