//! Expands the inputs that a user names (files, directories, patterns) into a list of files.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use stage01_bigram::corpus::Corpus;
use stage01_bigram::{Error, Result};
use walkdir::WalkDir;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::fault::{Fault, Lost};
use super::kind::{Format, HEAD, Kind, is_hidden, kind, suffix};
use crate::manifest::InputsEntry;

/// One file to read.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its size on the disk, in bytes.
    pub bytes: u64,
    /// The time of its last change, in nanoseconds since 1970.
    pub modified: u64,
    /// Its source.
    pub source: Source,
}

/// The source of a text.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether the user named it, rather than a directory it lies in.
        named: bool,
    },
    /// The built-in text.
    BuiltIn(String),
}

/// What identifies an input, to detect a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The time of its last change, in nanoseconds since 1970.
    pub modified: u64,
}

impl Input {
    /// Opens the file at its path, if it is unchanged.
    ///
    /// # Errors
    /// The fault for the file.
    pub fn open(&self, path: &Path) -> std::result::Result<File, Fault> {
        let unreadable = |error| Fault::unreadable(&*self.name, &error, Lost::RestOfFile);
        // Opening a pipe would block.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(self.changed("is no longer a regular file"));
        }
        let file = File::open(path).map_err(unreadable)?;
        self.check(&file)?;
        Ok(file)
    }

    /// Checks that an open file is unchanged.
    ///
    /// # Errors
    /// The fault for a changed file.
    pub fn check(&self, file: &File) -> std::result::Result<(), Fault> {
        let about = file.metadata();
        let about =
            about.map_err(|error| Fault::unreadable(&*self.name, &error, Lost::RestOfFile))?;
        match (about.len(), modified(&about)) {
            (bytes, _) if bytes != self.bytes => Err(self.changed("was changed in the meantime")),
            (_, at) if at != self.modified => Err(self.changed("was written to in the meantime")),
            _ => Ok(()),
        }
    }

    fn changed(&self, how: &str) -> Fault {
        let remedy = "wait until no program writes to it, and start over with --restart";
        Fault::new(&*self.name, format!("the file {how}"), remedy, Lost::RestOfFile)
    }
}

/// The time of the last change of a file, in nanoseconds since 1970.
fn modified(about: &fs::Metadata) -> u64 {
    let time = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    time.map_or(0, |time| time.as_nanos() as u64)
}

/// All inputs.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The files, in order.
    pub files: Vec<Input>,
    /// The number of files that were left out in directories, by suffix.
    pub ignored: BTreeMap<String, u64>,
    /// The number of files that were named more than once; they are read once.
    pub repeated: u64,
}

impl Inputs {
    /// The files that a user named, or the built-in text. Files in `out` are not read.
    ///
    /// skip_loops: whether a link to one of its parent directories is counted instead of refused.
    ///
    /// # Errors
    /// [`Error::File`] for what is missing or cannot be read, [`Error::Setting`] for a pattern
    /// without a match or for the directory `out` itself, [`Error::Text`] when there is nothing to
    /// read.
    pub fn find(named: &[PathBuf], out: &Path, format: Format, skip_loops: bool) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        if named.is_empty() {
            let Corpus { text, origin } = Corpus::built_in();
            inputs.files.push(Input {
                name: origin,
                bytes: text.len() as u64,
                modified: 0,
                source: Source::BuiltIn(text),
            });
            return Ok(inputs);
        }
        let out = fs::canonicalize(out).ok();
        let mut seen = HashSet::new();
        for path in named {
            if path.as_os_str() == "-" {
                let expected = "the standard input is not read, because a text may be read twice; \
                                write it into a file first";
                return Err(Error::setting("--input", "-", expected));
            }
            for path in expand(path)? {
                if path.is_dir() {
                    if out.is_some() && fs::canonicalize(&path).ok() == out {
                        let expected = "this is also the directory of --out, and files there are not \
                                        read; name another --out, inside of it or beside it";
                        return Err(Error::setting("--input", path.display(), expected));
                    }
                    inputs.directory(&path, out.as_deref(), format, skip_loops, &mut seen)?;
                } else {
                    inputs.file(path, true, &mut seen)?;
                }
            }
        }
        if inputs.files.is_empty() {
            let names: Vec<_> = named.iter().map(|path| path.display().to_string()).collect();
            let found: Vec<_> =
                inputs.ignored.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let found = if found.is_empty() { "nothing".into() } else { found.join(", ") };
            return Err(Error::text(
                names.join(", "),
                format!("no text in it (found: {found})"),
                "expected .txt, .jsonl or .json, these compressed with gzip, xz or zstd, tar \
                 archives of them, or Parquet; a file that is named directly may have any suffix",
            ));
        }
        Ok(inputs)
    }

    fn directory(
        &mut self,
        directory: &Path,
        out: Option<&Path>,
        format: Format,
        skip_loops: bool,
        seen: &mut HashSet<[u64; 2]>,
    ) -> Result<()> {
        let mut hidden = 0;
        let walk = WalkDir::new(directory).follow_links(true).sort_by_file_name().into_iter();
        let walk = walk.filter_entry(|entry| {
            let hide = entry.depth() > 0 && is_hidden(&entry.file_name().to_string_lossy());
            hidden += u64::from(hide);
            let is_out = entry.file_type().is_dir()
                && out.is_some_and(|out| fs::canonicalize(entry.path()).is_ok_and(|p| p == *out));
            !hide && !is_out
        });
        for entry in walk {
            if skip_loops && entry.as_ref().is_err_and(|error| error.loop_ancestor().is_some()) {
                *self.ignored.entry("(link to its own directory)".into()).or_default() += 1;
                continue;
            }
            let entry = entry.map_err(|error| {
                let path = error.path().unwrap_or(directory).to_path_buf();
                let source = error.into_io_error();
                let source = source.unwrap_or_else(|| {
                    std::io::Error::other("a link leads back to its own directory; remove it")
                });
                Error::File { action: "read", path, source }
            })?;
            if entry.file_type().is_dir() {
                continue;
            }
            // Reading a pipe would block, and a device has no end.
            if !entry.file_type().is_file() {
                *self.ignored.entry("(pipe or device)".into()).or_default() += 1;
                continue;
            }
            let path = entry.into_path();
            match unknown(&path, format)? {
                Some(suffix) => *self.ignored.entry(suffix).or_default() += 1,
                None => self.file(path, false, seen)?,
            }
        }
        if hidden > 0 {
            *self.ignored.entry("(hidden)".into()).or_default() += hidden;
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, named: bool, seen: &mut HashSet<[u64; 2]>) -> Result<()> {
        let about = fs::metadata(&path).map_err(Error::file("read", &path))?;
        if !about.is_file() {
            return Err(Error::text(
                path.display().to_string(),
                "it is neither a file nor a directory, but a pipe or a device",
                "write its data into a file first, because a text may be read twice",
            ));
        }
        // There may be millions of files: two hashes are shorter than a path.
        let whole = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let bytes = whole.as_os_str().as_encoded_bytes();
        if !seen.insert([1, 2].map(|seed| xxh3_64_with_seed(bytes, seed))) {
            self.repeated += 1;
            return Ok(());
        }
        self.files.push(Input {
            name: path.display().to_string(),
            bytes: about.len(),
            modified: modified(&about),
            source: Source::File { path, named },
        });
        Ok(())
    }

    /// The sum of their sizes in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|input| input.bytes).sum()
    }

    /// The stamp of each.
    pub fn stamps(&self) -> Vec<Stamp> {
        let stamp = |input: &Input| Stamp {
            name: input.name.clone(),
            bytes: input.bytes,
            modified: input.modified,
        };
        self.files.iter().map(stamp).collect()
    }

    /// Their entry in the manifest. The times of change are not part of it: a copy gives the same
    /// tokens.
    pub fn entry(&self) -> InputsEntry {
        let mut names = Xxh3::new();
        for input in &self.files {
            names.update(input.name.as_bytes());
            names.update(&[0]);
            names.update(&input.bytes.to_le_bytes());
        }
        InputsEntry {
            files: self.files.len() as u64,
            bytes: self.bytes(),
            fingerprint: format!("{:016x}", names.digest()),
        }
    }
}

/// The paths of a name: itself, or the matches of a pattern.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let shown = path.to_string_lossy();
    if path.exists() || !shown.contains(['*', '?', '[']) {
        return Ok(vec![path.to_path_buf()]);
    }
    let wrong = |expected: String| Error::setting("--input", &shown, expected);
    let found = glob::glob(&shown).map_err(|e| wrong(format!("not a pattern: {e}")))?;
    let found: std::result::Result<Vec<PathBuf>, _> = found.collect();
    let mut found = found.map_err(|e| {
        let path = e.path().to_path_buf();
        Error::File { action: "read", path, source: e.into() }
    })?;
    if found.is_empty() {
        return Err(wrong("no file matches the pattern; check the directory".into()));
    }
    found.sort();
    Ok(found)
}

/// The suffix of a file of unknown type; `None` for a file that can be read.
fn unknown(path: &Path, format: Format) -> Result<Option<String>> {
    let name = path.to_string_lossy();
    // Most names tell the type, and these files need not be opened.
    if !matches!(kind(&name, &[], false, format), Kind::Unknown(_)) {
        return Ok(None);
    }
    let mut head = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(HEAD as u64).read_to_end(&mut head).map_err(Error::file("read", path))?;
    Ok(match kind(&name, &head, false, format) {
        Kind::Unknown(_) => Some(suffix(&name)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(named: &[PathBuf], out: &Path) -> Result<Inputs> {
        Inputs::find(named, out, Format::Auto, false)
    }

    /// A directory with these files, each with one byte in it.
    fn directory(names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        directory
    }

    fn names(directory: &Path, named: &[&str]) -> Vec<String> {
        let named: Vec<PathBuf> = named.iter().map(|name| directory.join(name)).collect();
        let inputs = Inputs::find(&named, &directory.join("out"), Format::Auto, false).unwrap();
        let short = |input: &Input| {
            let path = Path::new(&input.name).strip_prefix(directory).unwrap();
            path.to_string_lossy().replace('\\', "/")
        };
        inputs.files.iter().map(short).collect()
    }

    #[test]
    fn directories_are_walked_in_order_and_what_is_not_text_is_counted() {
        let directory = directory(&[
            "b/2.txt",
            "b/1.jsonl.gz",
            "a.txt",
            "a.png",
            "b/c.png",
            ".git/x.txt",
            "out/skipped.jsonl",
        ]);
        assert_eq!(names(directory.path(), &[""]), ["a.txt", "b/1.jsonl.gz", "b/2.txt"]);
        let inputs = find(&[directory.path().into()], &directory.path().join("out")).unwrap();
        let ignored: Vec<_> = inputs.ignored.iter().map(|(k, n)| (k.as_str(), *n)).collect();
        assert_eq!(ignored, [("(hidden)", 1), (".png", 2)]);
        assert_eq!(inputs.entry().files, 3);
    }

    #[test]
    fn the_order_of_the_arguments_stays_and_nothing_is_read_twice() {
        let directory = directory(&["b.txt", "a.txt", "c.md", "d.md"]);
        assert_eq!(
            names(directory.path(), &["b.txt", "", "*.md"]),
            ["b.txt", "a.txt", "c.md", "d.md"]
        );
        let twice = [directory.path().join("b.txt"), directory.path().join("./b.txt")];
        let inputs = find(&twice, Path::new("out")).unwrap();
        assert_eq!((inputs.files.len(), inputs.repeated), (1, 1));
    }

    #[test]
    fn a_file_without_a_suffix_is_known_by_its_bytes() {
        let directory = directory(&["a.txt", "b"]);
        fs::write(directory.path().join("data"), super::super::archives::gzip(b"x")).unwrap();
        assert_eq!(names(directory.path(), &[""]), ["a.txt", "data"]);
    }

    #[test]
    fn a_missing_input_is_named() {
        let directory = directory(&["a.png"]);
        let error = |name: &str| {
            find(&[directory.path().join(name)], Path::new("out")).unwrap_err().to_string()
        };
        assert!(error("none.txt").starts_with("cannot read "));
        assert!(error("*.txt").contains("no file matches the pattern"));
        assert!(error("").contains("no text in it (found: 1 .png)"), "{}", error(""));
    }

    #[test]
    fn a_file_that_changes_is_a_fault() {
        let directory = directory(&["a.txt"]);
        let path = directory.path().join("a.txt");
        let input = find(std::slice::from_ref(&path), Path::new("out")).unwrap().files.remove(0);
        let file = input.open(&path).unwrap();
        assert_eq!(input.check(&file), Ok(()));
        let same = UNIX_EPOCH + std::time::Duration::from_nanos(input.modified);
        let other = same + std::time::Duration::from_secs(9);
        for (text, time) in [("xx", same), ("y", other)] {
            fs::write(&path, text).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
            let fault = input.check(&file).unwrap_err();
            assert!(fault.problem.contains("in the meantime"), "{fault:?}");
            assert!(input.open(&path).is_err());
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(input.open(&path).unwrap_err().problem.contains("is no longer a regular file"));
    }

    #[test]
    fn the_standard_input_is_refused_with_a_reason() {
        let error = find(&["-".into()], Path::new("out")).unwrap_err().to_string();
        assert!(error.contains("--input = -") && error.contains("twice"), "{error}");
    }

    #[test]
    fn the_output_directory_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.txt"), "text").unwrap();
        let error = find(&[directory.path().join(".")], directory.path()).unwrap_err().to_string();
        assert!(error.contains("also the directory of --out"), "{error}");
        let inside = directory.path().join("out");
        fs::create_dir(&inside).unwrap();
        assert_eq!(find(&[directory.path().into()], &inside).unwrap().files.len(), 1);
    }

    #[test]
    fn without_a_name_it_is_the_built_in_text() {
        let inputs = find(&[], Path::new("out")).unwrap();
        assert_eq!((inputs.files.len(), inputs.bytes()), (1, 4_158_678));
    }
}
