//! Finds the whole King James text on its way through cargo.
//!
//! The crate `bible-lib` carries the text as a file, but what its functions return ends each
//! verse at its first colon ("And God said, Let there be light:"). Cargo has unpacked the file
//! before it runs this script, so the script takes it from there. Where cargo keeps its
//! sources in some other place, the shorter text serves; a warning says so.

use std::env;
use std::fs;
use std::path::PathBuf;

/// The version in the workspace's `Cargo.toml`.
const CRATE: &str = "bible-lib-1.2.2";
const FILE: &str = "src/bible_translations/kjv.txt";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(whole_text)");
    let out =
        PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the folder")).join("kjv.txt");
    match folders().iter().find_map(|folder| fs::read(folder.join(FILE)).ok()) {
        Some(text) => {
            fs::write(out, text).expect("cargo's own folder can be written");
            println!("cargo::rustc-cfg=whole_text");
        }
        None => println!(
            "cargo::warning=the source of {CRATE} was not found; the built-in text will be the \
             shorter one, and numbers will differ from the book's"
        ),
    }
}

/// Where the crate may lie: in cargo's home, under one folder for each registry, or in a
/// folder `vendor` above this one.
fn folders() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
        let user = env::var_os("HOME").or_else(|| env::var_os("USERPROFILE"))?;
        Some(PathBuf::from(user).join(".cargo"))
    });
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut folders: Vec<PathBuf> = registries
        .into_iter()
        .flatten()
        .filter_map(|registry| Some(registry.ok()?.path().join(CRATE)))
        .collect();
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the folder"));
    folders.extend(here.ancestors().map(|folder| folder.join("vendor/bible-lib")));
    folders
}
