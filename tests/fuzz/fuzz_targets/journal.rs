//! `plan.json` and `journal.json`, with a zero byte between them, as they are and with their
//! checksums made right: what is accepted goes on at a file that the plan has, and has shards
//! whose names stay in the directory and whose tokens are those of their part.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stage04_training::{checksummed, prepare};

fuzz_target!(|bytes: &[u8]| {
    let (plan, journal) = fuzz::two_files(bytes);
    let (Ok(plan), Ok(journal)) = (std::str::from_utf8(plan), std::str::from_utf8(journal)) else {
        return;
    };
    let as_they_are = prepare::check_texts(plan, journal);
    if let Err(error) = &as_they_are {
        fuzz::refused(error);
    }
    let value = |text| serde_json::from_str::<Value>(text);
    let (Ok(plan), Ok(journal)) = (value(plan), value(journal)) else {
        return assert!(as_they_are.is_err(), "it is no JSON");
    };
    // Behind the checksums.
    match prepare::check_texts(&checksummed::to_text(&plan), &checksummed::to_text(&journal)) {
        Ok(()) => hold(&plan, &journal),
        Err(error) => {
            assert!(as_they_are.is_err(), "with a right checksum: {error}");
            fuzz::refused(&error);
        }
    }
});

/// What must be true of a plan and a journal that a run goes on from.
fn hold(plan: &Value, journal: &Value) {
    let inputs = plan["inputs"].as_array().expect("a list").len();
    let file = journal["position"]["file"].as_u64().expect("the number of a file");
    assert!(file <= inputs as u64, "file {file} of {inputs}");
    for part in ["train", "validation"] {
        let (entry, mut sum) = (&journal[part], 0);
        for (number, shard) in entry["shards"].as_array().expect("a list").iter().enumerate() {
            assert_eq!(shard["file"], format!("{part}-{number:05}.bin"));
            sum += u128::from(shard["tokens"].as_u64().expect("a number"));
        }
        assert_eq!(sum, u128::from(entry["tokens"].as_u64().expect("a number")));
    }
}
