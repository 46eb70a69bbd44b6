//! Parquet, which is read from a file on the disk alone: little comes out of little, and the same
//! each time. Slow, because each input is written to a file first.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stage04_training::prepare::fuzz::file;

/// The file that every input is written to.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let name = format!("fuzz-{}.parquet", std::process::id());
    std::env::temp_dir().join(name)
});

/// As in the target `documents`.
const MOST: usize = 1 << 20;
const MORE: usize = 16 << 20;

fuzz_target!(|bytes: &[u8]| {
    fs::write(&*FILE, bytes).expect("a place for a file");
    let found = file(&FILE, MOST);
    let held: usize = found.documents.iter().map(String::len).sum();
    assert!(held <= MOST + MORE, "{held} bytes");
    found.faults.iter().for_each(|fault| fuzz::line(fault));
    assert_eq!(found, file(&FILE, MOST));
});
