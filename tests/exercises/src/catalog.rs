//! The catalogue: what is known of every exercise.
//!
//! The build script writes it from the directories; `build.rs` says how.

use stage01_bigram::{Error, Result};

use crate::exercise::{Exercise, Kind, Mistake};

include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// The exercise of this name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    ALL.iter().copied().find(|exercise| exercise.name == name)
}

/// The title of a chapter: `Surprise: cross-entropy`.
pub fn chapter_title(path: &str) -> &'static str {
    CHAPTERS.iter().find(|(chapter, _)| *chapter == path).map_or("", |(_, title)| title)
}

/// The exercise of this name, or a message that says which names are like it.
///
/// # Errors
/// When there is no such exercise.
pub fn find_or_suggest(name: &str) -> Result<&'static Exercise> {
    // Its file is a good name for an exercise as well.
    let plain = name.rsplit(['/', '\\']).next().unwrap_or(name).trim_end_matches(".rs");
    let plain = plain.to_lowercase();
    let name = &*plain;
    find(name).ok_or_else(|| {
        let like = |exercise: &&&Exercise| strsim::jaro_winkler(exercise.name, name) > 0.8;
        let names: Vec<&str> = ALL.iter().filter(like).map(|exercise| exercise.name).collect();
        let remedy = match names[..] {
            [] => "`cargo run -p exercises -- list` names them all".to_owned(),
            _ => format!("did you mean {}?", names.join(" or ")),
        };
        Error::Text { origin: name.into(), problem: "there is no such exercise".into(), remedy }
    })
}
