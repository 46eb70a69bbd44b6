//! The directory of a run: one writer at a time, created atomically, and no earlier model is lost.
//!
//! ```text
//! new run     reserve ──> Place ──fill──> OutDir       the lock is held from the first
//! old run     resume ───────────────────> OutDir       arrow to the end of the run
//! ```
//!
//! A new run fills a directory of another name, `.NAME.PROCESS-NUMBER.unfinished`, whose lock it
//! holds already. An earlier model is moved aside while its lock is held, and then the new
//! directory is renamed. So at no instant is there half a model under the name, or one that
//! another program could write to. The lock moves with the directory, because it belongs to a
//! file, not to a name ([`DirLock`]).
//!
//! ```
//! use stage03_gpt::files::run_directory;
//!
//! let parent = tempfile::tempdir().unwrap();
//! let place = run_directory::reserve(&parent.path().join("model"))?;
//! let directory = place.fill(|path| {
//!     // A process that is killed in here leaves no directory `model`.
//!     std::fs::write(path.join("config.json"), "{}").map_err(stage01_bigram::Error::file("write", path))
//! })?;
//! // Another run is refused as long as this one holds the directory.
//! assert!(run_directory::reserve(&directory.path).is_err());
//! # Ok::<(), stage01_bigram::Error>(())
//! ```
//!
//! What this file leaves out: the files in the directory ([`hugging_face`](super::hugging_face),
//! [`resume`](super::resume)).

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use stage01_bigram::files::{self, DirLock, LOCK_FILE};
use stage01_bigram::{Error, Result};

use super::{ADAPTER_FILES, CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, TRAINER_FILE};

/// The files of stage 4's prepared data: finished, or in preparation.
const PREPARED: [&str; 2] = ["manifest.json", "plan.json"];

/// The remedy when another program holds the lock.
const REMEDY: &str = "wait until it has finished, or name another --out-dir";

/// The end of the name of a directory that is being filled.
const UNFINISHED: &str = ".unfinished";

/// The directory of a run. No other program writes to it while this value lives.
#[derive(Debug)]
pub struct OutDir {
    /// Its path, with links followed.
    pub path: PathBuf,
    /// Where an earlier model was moved to, if there was one.
    pub moved: Option<PathBuf>,
    lock: DirLock,
}

impl OutDir {
    /// Checks that the directory still has its name and its lock. Call it before each save.
    ///
    /// # Errors
    /// As [`DirLock::require_at`].
    pub fn require(&self) -> Result<()> {
        self.lock.require_at(&self.path)
    }
}

/// The place of a new run: checked and locked, but nothing is written yet.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    /// The lock of the existing directory, if there is one.
    old: Option<DirLock>,
    /// The new directory. None where the existing one is used as it is.
    new: Option<Unfinished>,
}

/// Reserves the place of a new run. Call it before anything that takes long: most errors are found
/// here.
///
/// A directory without a model is used as it is. One with a model, or a part of one, will be moved
/// aside: a run overwrites no file that it has not written itself.
///
/// # Errors
/// [`Error::Busy`] when another program uses the directory; [`Error::Setting`] when it cannot be
/// the place of a model, or has stage 4's prepared data in it; [`Error::File`] when the operating
/// system refuses.
pub fn reserve(directory: &Path) -> Result<Place> {
    let path = resolve(directory)?;
    let old = lock_existing(&path)?;
    if let Some(name) = PREPARED.iter().find(|name| path.join(name).symlink_metadata().is_ok()) {
        let expected = format!(
            "stage 4 has prepared data in it ({name}), which have a tokenizer.json of their own; \
             name another --out-dir"
        );
        return Err(Error::setting("--out-dir", path.display(), expected));
    }
    let holds_model = old.is_some() && holds_model(&path);
    if holds_model && path.file_name().is_none() {
        return Err(cannot_be_moved(&path));
    }
    let new = match &old {
        Some(_) if !holds_model => {
            files::remove_temporaries(&path);
            None
        }
        _ => {
            clear_unfinished(&path);
            Some(Unfinished::create(&path)?)
        }
    };
    Ok(Place { path, old, new })
}

impl Place {
    /// Creates the directory: `fill` writes a new model and its state into the path that it gets.
    ///
    /// # Errors
    /// Those of `fill`; [`Error::Busy`] when another run got the name first; [`Error::File`] when
    /// the operating system refuses. An earlier model is never lost.
    pub fn fill(mut self, fill: impl FnOnce(&Path) -> Result<()>) -> Result<OutDir> {
        let path = self.path;
        let Some(mut new) = self.new else {
            fill(&path)?;
            let lock = self.old.expect("a directory that is used as it is was locked");
            return Ok(OutDir { path, moved: None, lock });
        };
        fill(&new.path)?;
        let mut moved: Option<PathBuf> = None;
        // ANCHOR: publish
        loop {
            if self.old.is_some() {
                let aside = free_name(&path);
                rename_locked(&mut self.old, &path, &aside).map_err(|e| refused(&path, e))?;
                moved = Some(aside);
                self.old = None; // unlocked: it can be used under its new name
            }
            match rename_locked(&mut new.lock, &new.path, &path) {
                Ok(()) => break,
                // Another run got the name first. If it has finished, its model moves aside too.
                Err(e) if is_taken(&e) => self.old = lock_existing(&path)?,
                Err(e) => {
                    if let Some(aside) = moved {
                        let _ = files::rename(&aside, &path);
                    }
                    return Err(refused(&path, e));
                }
            }
        }
        // ANCHOR_END: publish
        let lock = new.lock.take().ok_or_else(|| busy(&path))?;
        Ok(OutDir { path, moved, lock })
    }
}

/// The directory of a run that was saved before.
///
/// # Errors
/// [`Error::Busy`] when another program uses it; [`Error::Format`] when no run was saved there.
pub fn resume(directory: &Path) -> Result<OutDir> {
    let path = resolve(directory)?;
    let there = |name: &str| path.join(name).symlink_metadata().is_ok();
    // With neither file there is no run, and locking would leave a lock file behind.
    let lock = if there(TRAINER_FILE) || there(LOCK_FILE) { lock_existing(&path)? } else { None };
    match lock {
        Some(lock) if there(TRAINER_FILE) => {
            files::remove_temporaries(&path);
            Ok(OutDir { path, moved: None, lock })
        }
        None if unfinished(&path)
            .any(|start| matches!(DirLock::try_exclusive(&start), Ok(None))) =>
        {
            Err(busy(&path))
        }
        None if there(TRAINER_FILE) => resume(&path), // it was renamed just now
        _ => {
            let problem = format!("there is no {TRAINER_FILE} to resume from");
            let remedy = "name the --out-dir of an earlier run, or leave out --resume; stage 4 \
                          begins a new run with the weights of a model by --init-from";
            Err(Error::format(path, problem, remedy))
        }
    }
}

/// A directory of a model inside that of a run, whose lock is held: also created atomically. It has
/// a lock of its own, to be held to the end of the run, because another run may be given this
/// directory as its own.
///
/// # Errors
/// [`Error::Format`] when it is a link; [`Error::Busy`] when another program uses it; those of
/// `fill`, and [`Error::File`].
pub fn fill_inside(path: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<OutDir> {
    refuse_link(path)?;
    if let Some(lock) = lock_existing(path)? {
        files::remove_temporaries(path);
        fill(path)?;
        return Ok(OutDir { path: path.to_path_buf(), moved: None, lock });
    }
    clear_unfinished(path);
    let mut new = Unfinished::create(path)?;
    fill(&new.path)?;
    rename_locked(&mut new.lock, &new.path, path).map_err(Error::file("write", path))?;
    let lock = new.lock.take().ok_or_else(|| busy(path))?;
    Ok(OutDir { path: path.to_path_buf(), moved: None, lock })
}

/// Refuses a link in the directory of a run where the run would write: it could lead anywhere.
///
/// # Errors
/// [`Error::Format`].
pub fn refuse_link(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(data) if data.is_symlink() => {
            let problem = "this is a link, and a run does not write through links";
            Err(Error::format(path, problem, "remove it, or put what it points to in its place"))
        }
        _ => Ok(()),
    }
}

/// The path without a slash at its end, and of a link the path that it points to.
fn resolve(directory: &Path) -> Result<PathBuf> {
    let refused = |expected: &str| Err(Error::setting("--out-dir", directory.display(), expected));
    let path: PathBuf = directory.components().collect();
    if path.as_os_str().is_empty() {
        return refused("name a directory, new or old");
    }
    let is_link = path.symlink_metadata().is_ok_and(|data| data.is_symlink());
    match path.metadata() {
        Ok(data) if !data.is_dir() => refused("this is a file; name a directory, new or old"),
        Ok(_) if is_link => path.canonicalize().map_err(Error::file("read", &path)),
        Err(_) if is_link => {
            refused("this is a link to something that is not there; create it, or remove the link")
        }
        _ => Ok(path),
    }
}

/// The lock of the directory, if there is such a directory.
fn lock_existing(path: &Path) -> Result<Option<DirLock>> {
    match DirLock::try_exclusive(path) {
        Ok(None) => Err(busy(path)),
        Ok(lock) => Ok(lock),
        Err(Error::File { source, .. })
            if source.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() =>
        {
            Ok(None)
        }
        Err(Error::File { source, .. }) => Err(Error::file("write", path)(source)),
        Err(other) => Err(other),
    }
}

fn busy(path: &Path) -> Error {
    Error::Busy { path: path.to_path_buf(), remedy: REMEDY.into() }
}

/// Whether a directory holds a model, the state of a run, or a part of them: the weights may be in
/// files of other names.
fn holds_model(path: &Path) -> bool {
    let model = [MODEL_FILE, TRAINER_FILE, CONFIG_FILE, TOKENIZER_FILE];
    let names = model.into_iter().chain(ADAPTER_FILES);
    names.into_iter().any(|name| path.join(name).symlink_metadata().is_ok())
}

/// The first free name of `NAME.1`, `NAME.2` …
fn free_name(path: &Path) -> PathBuf {
    let named = |n: u64| beside(path, "", &format!(".{n}"));
    let free = |path: &PathBuf| path.symlink_metadata().is_err();
    (1..).map(named).find(free).expect("there are enough numbers")
}

/// A path in the same directory: the name with a prefix and a suffix.
fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = OsString::from(before);
    name.push(path.file_name().unwrap_or_default());
    name.push(after);
    path.with_file_name(name)
}

/// The error of a directory that could not be renamed.
fn refused(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        ErrorKind::ResourceBusy | ErrorKind::CrossesDevices => cannot_be_moved(path),
        _ => Error::file("write", path)(source),
    }
}

fn cannot_be_moved(path: &Path) -> Error {
    let expected = "a model or its tokenizer.json is here already, and this directory cannot be moved aside; \
         name another one";
    Error::setting("--out-dir", path.display(), expected)
}

/// Whether a rename failed because there is a directory of that name, with files in it.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty)
}

/// Renames a directory whose lock is held. Windows cannot rename a directory with an open file in
/// it; there the lock is released for this instant.
fn rename_locked(lock: &mut Option<DirLock>, from: &Path, to: &Path) -> io::Result<()> {
    if cfg!(windows) {
        *lock = None;
    }
    let renamed = files::rename(from, to);
    if cfg!(windows) {
        let here = if renamed.is_ok() { to } else { from };
        *lock = DirLock::try_exclusive(here).ok().flatten();
    }
    renamed
}

/// A directory that is being filled. It is removed unless it is renamed.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    lock: Option<DirLock>,
    /// The parent directories that did not exist before, from the lowest on.
    above: Vec<PathBuf>,
}

impl Unfinished {
    /// A name that this process uses only once.
    fn name(path: &Path) -> PathBuf {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        beside(path, ".", &format!(".{}-{number}{UNFINISHED}", std::process::id()))
    }

    /// A new directory beside `path`, locked.
    fn create(path: &Path) -> Result<Unfinished> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let missing = parent.into_iter().flat_map(Path::ancestors).take_while(|p| !p.exists());
        let above: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        loop {
            parent.map_or(Ok(()), files::create_directory)?;
            let new = Unfinished::name(path);
            match fs::create_dir(&new) {
                // Neither the directory of a dead process with our process id is used, nor a link.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                // Another start removed the empty parent directory, which it had created.
                Err(e) if e.kind() == ErrorKind::NotFound && !above.is_empty() => continue,
                created => created.map_err(Error::file("create the directory", path))?,
            }
            // Until it is locked, another program may remove it as that of a dead process.
            match DirLock::try_exclusive(&new) {
                Ok(Some(lock)) => return Ok(Unfinished { path: new, lock: Some(lock), above }),
                Err(error) if new.exists() => return Err(error),
                _ => {}
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a rename there is nothing under this path.
        self.lock = None;
        let _ = fs::remove_dir_all(&self.path);
        for directory in &self.above {
            let _ = fs::remove_dir(directory); // only where it is empty
        }
    }
}

/// The unfinished directories of runs that were to be at `path`.
fn unfinished(path: &Path) -> impl Iterator<Item = PathBuf> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    let ours = move |entry: &fs::DirEntry| {
        let (name, prefix) = (entry.file_name(), prefix.as_encoded_bytes());
        let number = name.as_encoded_bytes().strip_prefix(prefix);
        let number = number.and_then(|rest| rest.strip_prefix(b"."));
        let number = number.and_then(|rest| rest.strip_suffix(UNFINISHED.as_bytes()));
        let digits = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        // Links do not count as directories here.
        number.is_some_and(|n| n.iter().all(digits)) && entry.file_type().is_ok_and(|t| t.is_dir())
    };
    fs::read_dir(parent).into_iter().flatten().flatten().filter(ours).map(|entry| entry.path())
}

/// Removes the unfinished directories of killed processes. A process that is still running holds a
/// lock in its own.
///
/// What cannot be removed stays; it hinders no run.
fn clear_unfinished(path: &Path) {
    for left in unfinished(path) {
        let Ok(Some(lock)) = DirLock::try_exclusive(&left) else { continue };
        // On a file system without locks, those still in use cannot be recognised.
        if !matches!(DirLock::try_exclusive(&left), Ok(None)) {
            continue;
        }
        // Renamed first: the process that created it may be about to lock it, and must not find it
        // half removed.
        let mine = Unfinished::name(path);
        let renamed = rename_locked(&mut Some(lock), &left, &mine);
        if renamed.is_ok() {
            let _ = fs::remove_dir_all(mine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(path: &Path, content: &str) -> Result<OutDir> {
        reserve(path)?.fill(|new| files::write_bytes(&new.join(MODEL_FILE), content.as_bytes()))
    }

    fn names(parent: &Path) -> Vec<String> {
        let entries = fs::read_dir(parent).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into()).collect();
        names.sort();
        names
    }

    fn is_busy<T: std::fmt::Debug>(result: Result<T>) -> bool {
        matches!(result.unwrap_err(), Error::Busy { .. })
    }

    #[test]
    fn an_earlier_model_is_moved_aside_whole() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        let moved = |content| make(&path, content).unwrap().moved;
        let read =
            |name: &str| fs::read_to_string(parent.path().join(name).join(MODEL_FILE)).unwrap();
        assert_eq!(moved("first"), None);
        assert_eq!(moved("second"), Some(parent.path().join("model.1")));
        assert_eq!(moved("third"), Some(parent.path().join("model.2")));
        assert_eq!([read("model"), read("model.1"), read("model.2")], ["third", "first", "second"]);
        assert_eq!(names(parent.path()), ["model", "model.1", "model.2"]);
    }

    #[test]
    fn a_directory_without_a_model_is_used_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(make(parent.path(), "new").unwrap().moved, None);
        assert_eq!(names(parent.path()), [".lock", MODEL_FILE, "notes.txt"]);
    }

    #[test]
    fn a_second_run_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        let first = make(&path, "first").unwrap();
        fs::write(path.join(TRAINER_FILE), "state").unwrap();
        assert!(is_busy(reserve(&path)));
        assert!(is_busy(resume(&path)));
        drop(first);
        let second = resume(&path).unwrap();
        assert!(is_busy(make(&path, "third")));
        drop(second);
        // A new run that has not begun yet locks the old model too.
        let place = reserve(&path).unwrap();
        assert!(is_busy(resume(&path)));
        drop(place);
        assert_eq!(names(parent.path()), ["model"]);
    }

    #[test]
    fn a_run_that_takes_the_name_meanwhile_keeps_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        let [first, second] = [(), ()].map(|()| reserve(&path).unwrap());
        // Not renamed yet, but a run is starting: it is busy, not missing.
        assert!(is_busy(resume(&path)));
        let fill = |place: Place, text: &'static str| {
            place.fill(|new| files::write_bytes(&new.join(MODEL_FILE), text.as_bytes()))
        };
        let first = fill(first, "first").unwrap();
        assert!(is_busy(fill(second, "second")));
        assert_eq!(fs::read_to_string(path.join(MODEL_FILE)).unwrap(), "first");
        assert_eq!(names(parent.path()), ["model"]);
        // One that has finished by then is moved aside.
        let third = {
            drop(first);
            fs::rename(&path, parent.path().join("away")).unwrap();
            let third = reserve(&path).unwrap();
            fs::rename(parent.path().join("away"), &path).unwrap();
            fill(third, "third").unwrap()
        };
        assert_eq!(third.moved, Some(parent.path().join("model.1")));
        assert_eq!(names(parent.path()), ["model", "model.1"]);
    }

    #[test]
    fn directories_of_killed_processes_are_removed_and_those_in_use_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        let mine = [".model.1-.txt", ".model.unfinished", ".other.1-2.unfinished"];
        for name in mine.into_iter().chain([".model.1-2.unfinished"]) {
            fs::create_dir(parent.path().join(name)).unwrap();
            fs::write(parent.path().join(name).join("half"), "half").unwrap();
        }
        let alive = Unfinished::create(&path).unwrap();
        drop(make(&path, "new").unwrap());
        assert!(alive.path.exists());
        drop(alive);
        let mut expected: Vec<&str> = mine.into_iter().chain(["model"]).collect();
        expected.sort_unstable();
        assert_eq!(names(parent.path()), expected);
    }

    /// Weights may have other names, and a tokenizer may be there alone.
    #[test]
    fn a_part_of_a_model_is_moved_aside_and_prepared_data_are_refused() {
        for name in [CONFIG_FILE, TOKENIZER_FILE, TRAINER_FILE] {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path().join("model");
            fs::create_dir(&path).unwrap();
            fs::write(path.join(name), "mine").unwrap();
            let aside = make(&path, "new").unwrap().moved.unwrap();
            assert_eq!(fs::read_to_string(aside.join(name)).unwrap(), "mine");
        }
        for name in PREPARED {
            let parent = tempfile::tempdir().unwrap();
            fs::write(parent.path().join(name), "{}").unwrap();
            let error = make(parent.path(), "new").unwrap_err().to_string();
            assert!(error.contains("prepared data") && error.contains(name), "{error}");
            assert!(!parent.path().join(MODEL_FILE).exists());
        }
    }

    /// Only the operating system's lock says which run owns a name, and a user may remove it.
    #[cfg(unix)]
    #[test]
    fn a_run_whose_directory_was_moved_or_whose_lock_was_removed_notices() {
        let parent = tempfile::tempdir().unwrap();
        let [path, away] = ["model", "away"].map(|name| parent.path().join(name));
        let first = make(&path, "first").unwrap();
        first.require().unwrap();
        fs::rename(&path, &away).unwrap();
        assert!(first.require().is_err());
        let second = make(&path, "second").unwrap();
        assert!(first.require().is_err());
        second.require().unwrap();
        fs::remove_file(path.join(LOCK_FILE)).unwrap();
        let third = make(&path, "third").unwrap();
        assert!(second.require().is_err());
        third.require().unwrap();
    }

    #[test]
    fn a_directory_inside_that_of_a_run_has_a_lock_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let best = parent.path().join("best");
        let fill = |text: &'static str| {
            fill_inside(&best, |new| files::write_bytes(&new.join(MODEL_FILE), text.as_bytes()))
        };
        let held = fill("first").unwrap();
        assert!(is_busy(reserve(&best)));
        drop(held);
        let place = reserve(&best).unwrap();
        assert!(is_busy(fill("second")));
        drop(place);
        drop(fill("third").unwrap());
        assert_eq!(fs::read_to_string(best.join(MODEL_FILE)).unwrap(), "third");
    }

    #[test]
    fn a_start_that_fails_leaves_everything_as_it_was() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("model");
        drop(make(&path, "old").unwrap());
        let place = reserve(&path).unwrap();
        place.fill(|_| Err(Error::setting("a", "b", "c"))).unwrap_err();
        drop(reserve(&parent.path().join("a/b/model")).unwrap());
        assert_eq!(names(parent.path()), ["model"]);
        assert_eq!(fs::read_to_string(path.join(MODEL_FILE)).unwrap(), "old");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_directory_stays_one_and_other_links_are_refused() {
        use std::os::unix::fs::symlink;
        let parent = tempfile::tempdir().unwrap();
        let [real, link, dangling] = ["real", "link", "dangling"].map(|n| parent.path().join(n));
        fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        symlink(parent.path().join("nowhere"), &dangling).unwrap();
        drop(make(&link, "first").unwrap());
        let second = make(&link.join(""), "second").unwrap();
        assert_eq!(second.moved, Some(real.canonicalize().unwrap().with_file_name("real.1")));
        assert_eq!(names(parent.path()), ["dangling", "link", "real", "real.1"]);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert!(reserve(&dangling).unwrap_err().to_string().contains("not there"));
        assert!(fill_inside(&link, |_| Ok(())).unwrap_err().to_string().contains("a link"));
        assert!(reserve(Path::new("")).unwrap_err().to_string().contains("name a directory"));
    }
}
