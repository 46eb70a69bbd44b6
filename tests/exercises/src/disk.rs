//! A disk whose power can be cut after any operation, for exercises about saving.
//!
//! What a program writes is at first in memory alone. The disk has it for sure after a sync: the
//! bytes of a file after [`Disk::sync`], its name after [`Disk::sync_directory`]. Before that,
//! anything may have got there: nothing, all, or a part.

use std::collections::BTreeMap;

/// What a program can do with the files of one directory.
///
/// Each of these is an operation, and may be the last one: then it returns an error, and so do all
/// that follow.
pub trait Disk {
    /// Writes a file: a new one, or over one that is there.
    ///
    /// # Errors
    /// If the power is off, or the disk is full.
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), String>;
    /// Brings the bytes of a file to the disk.
    ///
    /// # Errors
    /// If the power is off, or there is no such file.
    fn sync(&mut self, name: &str) -> Result<(), String>;
    /// Gives a file another name, in one instant. A file that had this name before is gone.
    ///
    /// # Errors
    /// If the power is off, or there is no such file.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), String>;
    /// Removes a file.
    ///
    /// # Errors
    /// If the power is off, or there is no such file.
    fn remove(&mut self, name: &str) -> Result<(), String>;
    /// Brings the names of all files to the disk: what was made, renamed and removed.
    ///
    /// # Errors
    /// If the power is off.
    fn sync_directory(&mut self) -> Result<(), String>;
    /// The bytes of a file, or `None` if there is no file of this name.
    fn read(&self, name: &str) -> Option<Vec<u8>>;
}

/// The bytes of a file: as programs see them, and those that are on the disk for sure.
#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    safe: Vec<u8>,
}

/// A change of the directory: this name leads to that file, and another name to nothing.
#[derive(Clone, Debug)]
struct Change {
    gone: Option<String>,
    leads: Option<(String, usize)>,
}

/// The disk of a check.
#[derive(Clone, Debug, Default)]
pub struct TestDisk {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    safe_names: BTreeMap<String, usize>,
    /// What has been done to the names since they were synced.
    changes: Vec<Change>,
    /// How many operations are left before the power goes; `None`: it stays on.
    left: Option<usize>,
    /// Whether only half of what is written fits.
    pub full: bool,
    /// The operations so far.
    pub log: Vec<String>,
}

/// How much of what was not synced is on the disk when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    /// Nothing.
    Nothing,
    /// All names, and of the bytes the first half.
    AllNames,
    /// The last change of a name, none before it, and of the bytes the first half.
    LastName,
}

impl Luck {
    /// All of them.
    pub const ALL: [Luck; 3] = [Luck::Nothing, Luck::AllNames, Luck::LastName];

    /// In words, after "the power is cut, and ".
    pub fn says(self) -> &'static str {
        match self {
            Luck::Nothing => "nothing is left that was not synced",
            Luck::AllNames => "all names are on the disk, but only half of the bytes not synced",
            Luck::LastName => "of the names not synced the last one alone is on the disk",
        }
    }
}

impl TestDisk {
    /// The same disk, with power for this many more operations.
    pub fn with_power_for(&self, operations: usize) -> TestDisk {
        TestDisk { left: Some(operations), log: Vec::new(), ..self.clone() }
    }

    /// The names of the files.
    pub fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    /// What stands on the disk when the power is on again.
    pub fn restarted(&self, luck: Luck) -> TestDisk {
        let first = match luck {
            Luck::Nothing => self.changes.len(),
            Luck::AllNames => 0,
            Luck::LastName => self.changes.len().saturating_sub(1),
        };
        let mut names = self.safe_names.clone();
        for change in &self.changes[first..] {
            change.apply(&mut names);
        }
        let mut files = self.files.clone();
        for file in &mut files {
            if luck != Luck::Nothing && file.bytes != file.safe {
                file.safe = file.bytes[..file.bytes.len() / 2].to_vec();
            }
            file.bytes = file.safe.clone();
        }
        TestDisk { files, safe_names: names.clone(), names, ..TestDisk::default() }
    }

    /// Counts an operation. An error if there is no power for it.
    fn operation(&mut self, what: String) -> Result<(), String> {
        if self.left == Some(0) {
            return Err("the power is off".into());
        }
        self.left = self.left.map(|left| left - 1);
        self.log.push(what);
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, String> {
        self.names.get(name).copied().ok_or_else(|| format!("there is no file {name}"))
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((name, file)) = &self.leads {
            names.insert(name.clone(), *file);
        }
    }
}

impl Disk for TestDisk {
    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.operation(format!("write {name}"))?;
        let file = self.find(name).unwrap_or(self.files.len());
        if file == self.files.len() {
            self.files.push(File::default());
            self.change(Change { gone: None, leads: Some((name.into(), file)) });
        }
        let fits = if self.full { bytes.len() / 2 } else { bytes.len() };
        self.files[file].bytes = bytes[..fits].to_vec();
        if self.full { Err("the disk is full".into()) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> Result<(), String> {
        self.operation(format!("sync {name}"))?;
        let file = self.find(name)?;
        self.files[file].safe = self.files[file].bytes.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), String> {
        self.operation(format!("rename {from} {to}"))?;
        let file = self.find(from)?;
        self.change(Change { gone: Some(from.into()), leads: Some((to.into(), file)) });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), String> {
        self.operation(format!("remove {name}"))?;
        self.find(name)?;
        self.change(Change { gone: Some(name.into()), leads: None });
        Ok(())
    }

    fn sync_directory(&mut self) -> Result<(), String> {
        self.operation("sync the directory".into())?;
        self.safe_names = self.names.clone();
        self.changes.clear();
        Ok(())
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.names.get(name).map(|&file| self.files[file].bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_is_left_and_of_the_rest_what_luck_leaves() -> Result<(), String> {
        let mut disk = TestDisk::default();
        disk.write("a", b"old!")?;
        disk.sync("a")?;
        assert_eq!(disk.restarted(Luck::Nothing).read("a"), None);
        disk.sync_directory()?;
        assert_eq!(disk.restarted(Luck::Nothing).read("a").as_deref(), Some(&b"old!"[..]));
        disk.write("b", b"new!")?;
        disk.rename("b", "a")?;
        assert_eq!(disk.restarted(Luck::Nothing).read("a").as_deref(), Some(&b"old!"[..]));
        assert_eq!(disk.restarted(Luck::AllNames).read("a").as_deref(), Some(&b"ne"[..]));
        assert_eq!(disk.restarted(Luck::LastName).names(), ["a"]);
        disk.sync("a")?;
        assert_eq!(disk.restarted(Luck::AllNames).read("a").as_deref(), Some(&b"new!"[..]));
        Ok(())
    }

    #[test]
    fn the_power_goes_after_so_many_operations() {
        let mut disk = TestDisk::default().with_power_for(1);
        assert!(disk.write("a", b"1").is_ok());
        assert!(disk.sync("a").is_err() && disk.sync_directory().is_err());
        assert_eq!(disk.log, ["write a"]);
    }
}
