//! The folder of a new model: made in one step, and never at the cost of an earlier model.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use stage01_bigram::{Error, Result, files};

use crate::checkpoint::MODEL_FILE;
use crate::resume::TRAINER_FILE;

/// Whether a folder can be the place of a new model, as far as it can be seen beforehand.
pub fn check(folder: &Path) -> Result<()> {
    if folder.exists() && !folder.is_dir() {
        return Err(Error::setting(
            "--out-dir",
            folder.display(),
            "this is a file; name a folder, new or old",
        ));
    }
    if folder.file_name().is_none() && holds_model(folder) {
        return Err(Error::setting(
            "--out-dir",
            folder.display(),
            "a model is here already, and this folder cannot be moved aside; name another one",
        ));
    }
    Ok(())
}

/// Whether a model, or the state of its training, is in a folder.
fn holds_model(folder: &Path) -> bool {
    folder.join(MODEL_FILE).exists() || folder.join(TRAINER_FILE).exists()
}

/// Makes the folder of a new model. A model that is there already is moved aside, and where it
/// is now is returned.
///
/// The new folder is filled under another name and renamed, so that at no instant a folder of
/// this name holds half of one model and half of another.
pub fn prepare(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Option<PathBuf>> {
    let holds_model = holds_model(folder);
    // An empty folder can be replaced in one step as well; one with other things stays.
    let replaceable = folder.file_name().is_some() && !folder.is_symlink() && is_empty(folder);
    if folder.exists() && !holds_model && !replaceable {
        fill(folder)?;
        return Ok(None);
    }
    let beside = |prefix: &str, suffix: &str| {
        let mut name = OsString::from(prefix);
        name.push(folder.file_name().unwrap_or_default());
        name.push(suffix);
        folder.with_file_name(name)
    };
    // What a start that was killed has left here is written over.
    let new = beside(".", ".unfinished");
    files::create_folder(&new)?;
    fill(&new)?;
    let mut moved = None;
    if holds_model {
        let beside = |suffix: &str| beside("", suffix);
        let free = (1..).map(|n| beside(&format!(".{n}"))).find(|path| !path.exists());
        let old = free.expect("there are enough numbers");
        fs::rename(folder, &old).map_err(Error::file("move aside", folder))?;
        moved = Some(old);
    } else if folder.exists() {
        fs::remove_dir(folder).map_err(Error::file("replace", folder))?;
    }
    fs::rename(&new, folder).map_err(Error::file("create", folder))?;
    Ok(moved)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_model_is_moved_aside_whole() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("model");
        let make = |content: &'static str| {
            prepare(&folder, |folder| {
                files::write_bytes(&folder.join(MODEL_FILE), content.as_bytes())
            })
            .unwrap()
        };
        let read =
            |name: &str| fs::read_to_string(parent.path().join(name).join(MODEL_FILE)).unwrap();
        assert_eq!(make("first"), None);
        assert_eq!(make("second"), Some(parent.path().join("model.1")));
        assert_eq!(make("third"), Some(parent.path().join("model.2")));
        assert_eq!([read("model"), read("model.1"), read("model.2")], ["third", "first", "second"]);
    }

    #[test]
    fn a_folder_without_a_model_is_used_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(prepare(parent.path(), |_| Ok(())).unwrap(), None);
        assert!(parent.path().join("notes.txt").exists());
    }
}
