//! A recipe: what is accepted can be saved with a run, and a run that is resumed from it has the
//! same settings.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stage04_training::recipe::Recipe;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let recipe = match Recipe::parse(Path::new("recipe.toml"), text) {
        Ok(recipe) => recipe,
        Err(error) => return fuzz::refused(&error),
    };
    let saved = serde_json::from_str(&recipe.saved().to_string()).expect("plain JSON");
    // A command line without flags.
    let given = Recipe::default();
    let again = Recipe::resumed(&saved, &given, |_| false).expect("what was saved is read");
    // The directory is that of the command line.
    assert_eq!(again, Recipe { out_dir: given.out_dir, ..recipe });
});
