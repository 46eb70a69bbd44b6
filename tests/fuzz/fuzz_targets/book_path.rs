//! The path of a URL that the book's server is asked for: the file that is found lies in the
//! directory that is served, wherever `..`, `%2e` and symbolic links lead.
//!
//! The server's file is compiled here by its path. The crate `book` with all of mdBook would take
//! minutes to compile, and none of it is asked here.
#![no_main]

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)] // `find` alone is called
#[path = "../../../book/src/serve/directory.rs"]
mod directory;

/// A directory with two files, beside others that nobody may see. What a file holds says where
/// it is.
static BOOK: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = tempfile::tempdir().expect("a place for files").keep();
    for directory in ["book/part", "book2"] {
        fs::create_dir_all(place.join(directory)).expect("a directory");
    }
    for file in ["secret", "book/a.txt", "book/part/index.html", "book2/secret"] {
        fs::write(place.join(file), file).expect("a file");
    }
    #[cfg(unix)]
    for (name, target) in [("up", ".."), ("out", "../secret"), ("in", "a.txt")] {
        std::os::unix::fs::symlink(target, place.join("book").join(name)).expect("a link");
    }
    place.join("book")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(url) = std::str::from_utf8(bytes) else { return };
    let Some(mut found) = directory::find(&BOOK, url) else { return };
    let mut content = String::new();
    found.file.read_to_string(&mut content).expect("a small file");
    assert!(content.starts_with("book/"), "{url:?} leads to {content}");
    assert_eq!(found.length, content.len() as u64);
    assert!(found.path.ends_with(&content), "{}", found.path.display());
});
