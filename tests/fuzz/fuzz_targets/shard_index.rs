//! `model.safetensors.index.json`: every shard that is accepted is a file beside the list, and
//! no tensor is listed twice.
#![no_main]

use std::collections::HashSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stage03_gpt::files::hugging_face;

fuzz_target!(|bytes: &[u8]| {
    let listed = match hugging_face::shards_from_bytes(bytes) {
        Ok(listed) => listed,
        Err(error) => return fuzz::refused(&error),
    };
    let directory = Path::new("model");
    for (_, file) in &listed {
        let path = directory.join(file);
        assert_eq!(path.parent(), Some(directory), "{file:?}");
        assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(file.as_str()));
    }
    let tensors: HashSet<&str> = listed.iter().map(|(tensor, _)| tensor.as_str()).collect();
    assert_eq!(tensors.len(), listed.len());
    assert!(listed.len() <= bytes.len());
});
