//! Finds the whole King James text in cargo's sources.
//!
//! The crate `bible-lib` carries the text as a file, but what its functions return ends each verse
//! at its first colon ("And God said, Let there be light:"). Cargo has unpacked the file before it
//! runs this script, so the script takes it from there. Where cargo keeps its sources in some other
//! place, the shorter text is used; a warning says so. The result is one file with one verse per
//! line: `Genesis 1:1 In the beginning …`.

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use bible_lib::{Bible, BibleLookup, Translation};

/// The version in the workspace's `Cargo.toml`.
const CRATE: &str = "bible-lib-1.2.2";
const FILE: &str = "src/bible_translations/kjv.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out =
        PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the directory")).join("kjv.txt");
    let whole =
        directories().iter().find_map(|directory| fs::read_to_string(directory.join(FILE)).ok());
    let text = whole.unwrap_or_else(|| {
        println!(
            "cargo::warning=the source of {CRATE} was not found; the built-in text will be the \
             shorter one, and numbers will differ from the book's"
        );
        shorter_text()
    });
    fs::write(out, text).expect("cargo's own directory can be written");
}

/// All verses in order, each up to its first colon: what the library's functions return.
fn shorter_text() -> String {
    /// Sorted by number: the order of a hash map is random.
    fn sorted<V: Clone>(map: &HashMap<u32, V>) -> BTreeMap<u32, V> {
        map.clone().into_iter().collect()
    }
    let bible = Bible::new(Translation::KingJames).expect("the text is part of the library");
    let mut text = String::new();
    for book in bible.get_sorted_books() {
        let name = BibleLookup::capitalize_book(&book).replace(" Of ", " of ");
        for (chapter, of_chapter) in sorted(&bible.verses[&book]) {
            for (number, verse) in sorted(&of_chapter) {
                // Where a verse was cut, give it its colon back.
                let cut = verse.ends_with(|c: char| c.is_alphanumeric() || c == '\'');
                let colon = if cut { ":" } else { "" };
                writeln!(text, "{name} {chapter}:{number} {verse}{colon}").expect("a string grows");
            }
        }
    }
    text
}

/// The directories where the crate's source may be: in cargo's home, under one directory for each
/// registry, or in a directory `vendor` above this one.
fn directories() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let user = env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"))?;
        Some(PathBuf::from(user).join(".cargo"))
    });
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut directories: Vec<PathBuf> = registries
        .into_iter()
        .flatten()
        .filter_map(|registry| Some(registry.ok()?.path().join(CRATE)))
        .collect();
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the directory"));
    directories.extend(here.ancestors().map(|directory| directory.join("vendor/bible-lib")));
    directories
}
