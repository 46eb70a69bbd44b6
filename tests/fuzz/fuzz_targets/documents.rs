//! Text as `prepare` reads it: plain, JSON, packed and in archives. The first byte chooses the
//! name of the file, the others are the file. However it is unpacked, by one thread or by
//! several, the same documents come out; and little comes out of little.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stage04_training::prepare::fuzz::documents;

const NAMES: [&str; 8] = ["a", "a.txt", "a.jsonl", "a.json", "a.tar", "a.gz", "a.xz", "a.zst"];

/// The most text that is asked for, in bytes, and the most that may come on top: what one archive
/// or one line holds when the end is reached.
const MOST: usize = 1 << 20;
const MORE: usize = 16 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(first) % NAMES.len()];
    let found = documents(name, bytes, MOST, false);
    let held: usize = found.documents.iter().map(String::len).sum();
    assert!(held <= MOST + MORE, "{held} bytes");
    found.faults.iter().for_each(|fault| fuzz::line(fault));
    if !found.more {
        let other = documents(name, bytes, MOST, true);
        assert_eq!(found.documents, other.documents);
        assert_eq!(found.faults.len(), other.faults.len());
        assert_eq!(found.passed_over, other.passed_over);
    }
});
