//! `manifest.json`, as it is and with its checksum made right: what is accepted has shards whose
//! names stay in the directory and whose tokens are those of their part, and is read back as it
//! was written.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stage04_training::checksummed;
use stage04_training::manifest::{Manifest, Split};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    check(text);
    // Behind the checksum.
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        check(&checksummed::to_text(&value));
    }
});

fn check(text: &str) {
    let path = Path::new("manifest.json");
    let manifest = match Manifest::parse(path, text) {
        Ok(manifest) => manifest,
        Err(error) => return fuzz::refused(&error),
    };
    for which in Split::ALL {
        let part = manifest.part(which);
        for (number, shard) in part.shards.iter().enumerate() {
            assert_eq!(shard.file, which.shard_file(number));
        }
        let tokens: u128 = part.shards.iter().map(|shard| u128::from(shard.tokens)).sum();
        assert_eq!(tokens, u128::from(part.tokens));
    }
    let again =
        Manifest::parse(path, &checksummed::to_text(&manifest)).expect("what was saved is read");
    assert_eq!(again, manifest);
}
