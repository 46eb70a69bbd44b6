//! Where the hub is and how it is used: the environment variables that all its clients share.
//!
//! | variable | |
//! |---|---|
//! | `HF_ENDPOINT` | the address of the hub or of a mirror of it; `https://huggingface.co` |
//! | `HF_HUB_CACHE` | the cache; otherwise `hub` in `HF_HOME`, `XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` |
//! | `HF_TOKEN` | the token, for models that are private or gated; otherwise the file `HF_TOKEN_PATH`, or `token` in `HF_HOME` |
//! | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | `1`: no token is sent |
//! | `HF_HUB_OFFLINE` | `1`: no request is sent, and the cache must have all |
//! | `HF_HUB_DOWNLOAD_TIMEOUT` | the seconds of silence after which a server is given up; 10 |
//!
//! `HTTPS_PROXY` and `NO_PROXY` are followed too. The names and their meanings are those of
//! Python's `huggingface_hub` ("Environment variables" in its documentation).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use stage01_bigram::{Error, Result};

/// A hub, and how it is used.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Its address, without a slash at the end.
    pub endpoint: String,
    /// The directory of the cache.
    pub cache: PathBuf,
    /// The token of the user.
    pub token: Option<Token>,
    /// Whether only the cache is used.
    pub offline: bool,
    /// How long a server may be silent.
    pub patience: Duration,
}

/// A secret that stands for a user of the hub. It is never printed.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token, without the white space around it. `None` when nothing else is there.
    ///
    /// # Errors
    /// [`Error::Setting`] of `HF_TOKEN` when it has characters that no token has.
    pub fn new(text: &str) -> Result<Option<Token>> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let expected = "a token has no spaces and only ASCII characters; copy it again";
            return Err(Error::setting("HF_TOKEN", "(not shown)", expected));
        }
        Ok((!text.is_empty()).then(|| Token(text.to_string())))
    }

    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(not shown)")
    }
}

impl Default for Hub {
    /// The hub itself, without a token, with the cache in the current directory.
    fn default() -> Self {
        Hub {
            endpoint: "https://huggingface.co".into(),
            cache: PathBuf::from("hub"),
            token: None,
            offline: false,
            patience: Duration::from_secs(10),
        }
    }
}

impl Hub {
    /// The hub of the environment.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the variable.
    pub fn from_environment() -> Result<Hub> {
        Hub::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Hub> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let is_true = |name: &str| {
            let value = variable(name).unwrap_or_default().to_uppercase();
            ["1", "ON", "YES", "TRUE"].contains(&&*value)
        };
        let home = || match variable("HOME") {
            Some(home) => PathBuf::from(home),
            None => std::env::home_dir().unwrap_or_default(),
        };
        let directory = |name: &str| {
            let path = variable(name)?;
            Some(match path.strip_prefix("~/") {
                Some(below) => home().join(below),
                None => PathBuf::from(path),
            })
        };
        let own = || {
            let shared = directory("XDG_CACHE_HOME").unwrap_or_else(|| home().join(".cache"));
            directory("HF_HOME").unwrap_or_else(|| shared.join("huggingface"))
        };
        let mut hub = Hub::default();
        if let Some(endpoint) = variable("HF_ENDPOINT") {
            if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
                let expected = "expected an address such as https://huggingface.co";
                return Err(Error::setting("HF_ENDPOINT", endpoint, expected));
            }
            hub.endpoint = endpoint.trim().trim_end_matches('/').to_string();
        }
        let cache = directory("HF_HUB_CACHE").or_else(|| directory("HUGGINGFACE_HUB_CACHE"));
        hub.cache = cache.unwrap_or_else(|| own().join("hub"));
        if !is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            let file = directory("HF_TOKEN_PATH").unwrap_or_else(|| own().join("token"));
            let token = variable("HF_TOKEN").or_else(|| std::fs::read_to_string(file).ok());
            hub.token = Token::new(&token.unwrap_or_default())?;
        }
        hub.offline = is_true("HF_HUB_OFFLINE") || is_true("TRANSFORMERS_OFFLINE");
        if let Some(seconds) = variable("HF_HUB_DOWNLOAD_TIMEOUT") {
            let number = seconds.trim().parse().ok().filter(|number| (1..=86_400).contains(number));
            let Some(number) = number else {
                let expected = "expected a number of seconds, from 1 to 86400";
                return Err(Error::setting("HF_HUB_DOWNLOAD_TIMEOUT", seconds, expected));
            };
            hub.patience = Duration::from_secs(number);
        }
        Ok(hub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Result<Hub> {
        Hub::from_variables(|name| {
            let all = [("HOME", "/nobody")].iter().chain(variables);
            all.rev().find(|(given, _)| *given == name).map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn the_cache_is_where_other_programs_have_it() {
        for (variables, expected) in [
            (&[][..], "/nobody/.cache/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x")], "/x/huggingface/hub"),
            (&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "/h")], "/h/hub"),
            (&[("HF_HOME", "~/h")], "/nobody/h/hub"),
            (&[("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/c"),
        ] {
            assert_eq!(hub(variables).unwrap().cache, PathBuf::from(expected));
        }
    }

    #[test]
    fn variables_are_followed_or_refused_by_name() {
        let plain = hub(&[]).unwrap();
        assert_eq!((&*plain.endpoint, plain.offline), ("https://huggingface.co", false));
        let set = [("HF_ENDPOINT", "http://mirror/"), ("HF_HUB_OFFLINE", "true")];
        let given = hub(&set).unwrap();
        assert_eq!((&*given.endpoint, given.offline), ("http://mirror", true));
        for (name, value) in [
            ("HF_ENDPOINT", "huggingface.co"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "soon"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "0"),
            ("HF_TOKEN", "hf_two words"),
        ] {
            let error = hub(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_token_is_found_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().to_str().unwrap();
        std::fs::write(directory.path().join("token"), "hf_file\n").unwrap();
        let secret = |variables: &[(&str, &str)]| {
            let hub = hub(variables).unwrap();
            assert!(!format!("{hub:?}").contains("hf_"), "{hub:?}");
            hub.token.map(|token| token.0)
        };
        assert_eq!(secret(&[]), None);
        assert_eq!(secret(&[("HF_HOME", home)]).as_deref(), Some("hf_file"));
        assert_eq!(
            secret(&[("HF_HOME", home), ("HF_TOKEN", " hf_given\n")]).as_deref(),
            Some("hf_given")
        );
        let off = ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
        assert_eq!(secret(&[("HF_HOME", home), ("HF_TOKEN", "hf_given"), off]), None);
        let error = hub(&[("HF_TOKEN", "hf_secret é")]).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
