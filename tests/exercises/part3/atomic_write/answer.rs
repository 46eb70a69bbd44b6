//! Write a file so that a crash at any moment leaves the old one or the new one, whole.
//!
//! A `Disk` can do five things, and each may be the last before the power is cut:
//!
//!   disk.write(name, bytes)     writes a file, or writes over it
//!   disk.sync(name)             brings its bytes to the disk
//!   disk.rename(from, to)       gives a file another name, in one instant
//!   disk.remove(name)           removes a file
//!   disk.sync_directory()       brings the names to the disk
//!
//! What was not synced may be lost, whole or half. Each operation returns a `Result`: `?`
//! behind it ends the function at the first error.
//!
//! Example: the disk holds `model` with the bytes of the last save. After
//! `write_atomically(disk, "model", new)` it holds the new bytes, and no other file is there.
//! If the power is cut on the way, `model` has all of the old bytes or all of the new ones. (A
//! temporary file may then be left. Nobody reads it.)
//!
//! The disk may also be full, with the power on: an operation returns an error, but the next
//! ones work. Then return the error, and leave no temporary file behind.

use exercises::disk::Disk;

/// Writes the file `name`, which may be there already: afterwards it has these bytes.
///
/// The temporary file has the name with `.tmp` behind it: `format!("{name}.tmp")`.
pub fn write_atomically(disk: &mut dyn Disk, name: &str, bytes: &[u8]) -> Result<(), String> {
    // SOLUTION
    let temporary = format!("{name}.tmp");
    let result = replace(disk, &temporary, name, bytes);
    if result.is_err() {
        // Of two errors the first is of interest.
        let _ = disk.remove(&temporary);
    }
    result
    // STUB
    // todo!()
    // END
}
// SOLUTION

/// Temporary name, sync, rename, sync.
fn replace(
    disk: &mut dyn Disk,
    temporary: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(), String> {
    disk.write(temporary, bytes)?;
    disk.sync(temporary)?;
    disk.rename(temporary, name)?;
    disk.sync_directory()
}
// STUB
// END
