//! Save the state of a run so that no power cut can hurt it. A larger task: the specification
//! is here, the files and their format are up to you.
//!
//! The disk is a `Disk`, the one of the exercise `atomic_write`:
//!
//!   disk.write(name, bytes)     writes a file, or writes over it
//!   disk.sync(name)             brings its bytes to the disk
//!   disk.rename(from, to)       gives a file another name, in one instant
//!   disk.remove(name)           removes a file
//!   disk.sync_directory()       brings the names to the disk
//!   disk.read(name)             its bytes, or None if there is no such file
//!
//! The power can be cut after any of them. Then what was synced is left. Of the rest, anything
//! may be left: nothing, a half, a later rename without the earlier one. The first five return
//! a `Result`.
//!
//! What must hold:
//!
//! 1. `load` gives back what `save` was given, every number to the last bit.
//! 2. When `save` has returned Ok, the new state survives a power cut.
//! 3. The power is cut at any moment during `save`: afterwards `load` gives the old state or
//!    the new one, whole. Never a mixture, an error, or nothing.
//! 4. After such a power cut, saving works again.
//! 5. If `best` is true, the weights are the best so far, and `load_best` gives them from then
//!    on: those of the last save with `best`. They survive like the state. And at any moment
//!    they are at least as new as the state: a state that `load` gives never speaks of best
//!    weights that are nowhere.
//! 6. A state with a number that is not finite, in the loss or in a list, is refused: `save`
//!    returns an error, and the disk is as it was.
//! 7. On an empty disk `load` and `load_best` return Ok(None). If one bit of a file has
//!    changed, or its end is missing, they return an error, or the right thing if they do not
//!    need the file. They never return wrong numbers, and never panic.
//!
//! The three lists have the same length. `x.to_bits()` are the 64 bits of an f64 as a u64,
//! `f64::from_bits` goes back; `u.to_le_bytes()` are the 8 bytes of a u64, `u64::from_le_bytes`
//! goes back.
//!
//! A checksum for 7, FNV-1a: begin with h = 0xcbf29ce484222325; for each byte b, h becomes
//! (h ^ b) · 0x100000001b3, of which the lowest 64 bits are kept: `wrapping_mul`. If one byte
//! changes, h is another.

use exercises::disk::Disk;

/// The state of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub step: u64,
    /// How many windows have been read.
    pub position: u64,
    /// The lowest validation loss so far.
    pub best_loss: f64,
    pub weights: Vec<f64>,
    /// AdamW's averages.
    pub m: Vec<f64>,
    pub v: Vec<f64>,
}

/// Saves the state; if `best`, also its weights as the best so far.
pub fn save(disk: &mut dyn Disk, state: &State, best: bool) -> Result<(), String> {
    // SOLUTION
    let numbers = [&state.weights, &state.m, &state.v].into_iter().flatten();
    if !numbers.chain([&state.best_loss]).all(|x| x.is_finite()) {
        return Err("a number of the state is not finite".into());
    }
    // The state refers to the best weights, so it is written after them.
    if best {
        write_atomically(disk, "best", &sealed(&bits(&state.weights)))?;
    }
    write_atomically(disk, "state", &sealed(&words(state)))
    // STUB
    // todo!()
    // END
}

/// The state that was saved last, or None if none was ever saved.
pub fn load(disk: &dyn Disk) -> Result<Option<State>, String> {
    // SOLUTION
    let Some(bytes) = disk.read("state") else { return Ok(None) };
    let words = opened(&bytes)?;
    let [step, position, best_loss, ref lists @ ..] = words[..] else {
        return Err("the state is too short".into());
    };
    let n = lists.len() / 3;
    let list = |i: usize| floats(&lists[i * n..(i + 1) * n]);
    let best_loss = f64::from_bits(best_loss);
    let (weights, m, v) = (list(0), list(1), list(2));
    Ok(Some(State { step, position, best_loss, weights, m, v }))
    // STUB
    // todo!()
    // END
}

/// The weights of the last save with `best`, or None if there was none.
pub fn load_best(disk: &dyn Disk) -> Result<Option<Vec<f64>>, String> {
    // SOLUTION
    disk.read("best").map(|bytes| Ok(floats(&opened(&bytes)?))).transpose()
    // STUB
    // todo!()
    // END
}
// SOLUTION

/// At every moment the file has all of its old bytes or all of the new ones.
fn write_atomically(disk: &mut dyn Disk, name: &str, bytes: &[u8]) -> Result<(), String> {
    let temporary = format!("{name}.tmp");
    disk.write(&temporary, bytes)?;
    disk.sync(&temporary)?;
    disk.rename(&temporary, name)?;
    disk.sync_directory()
}

/// The state as numbers of 64 bits.
fn words(state: &State) -> Vec<u64> {
    let first = [state.step, state.position, state.best_loss.to_bits()];
    let lists = [&state.weights, &state.m, &state.v].map(|list| bits(list));
    [first.to_vec(), lists.concat()].concat()
}

fn bits(list: &[f64]) -> Vec<u64> {
    list.iter().map(|x| x.to_bits()).collect()
}

fn floats(words: &[u64]) -> Vec<f64> {
    words.iter().map(|&word| f64::from_bits(word)).collect()
}

/// The bytes of a file: its numbers, and at the end their checksum.
fn sealed(words: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

/// The numbers of a file, if its checksum is right.
fn opened(bytes: &[u8]) -> Result<Vec<u64>, String> {
    let damaged = || "the file is damaged".to_owned();
    let (content, sum) = bytes.split_last_chunk().ok_or_else(damaged)?;
    if checksum(content) != u64::from_le_bytes(*sum) || content.len() % 8 != 0 {
        return Err(damaged());
    }
    let (chunks, _) = content.as_chunks();
    Ok(chunks.iter().map(|&chunk| u64::from_le_bytes(chunk)).collect())
}

fn checksum(bytes: &[u8]) -> u64 {
    let mix = |h: u64, &b: &u8| (h ^ u64::from(b)).wrapping_mul(0x100000001b3);
    bytes.iter().fold(0xcbf29ce484222325, mix)
}
// STUB
// END
