//! Does it fit into memory? Asked before it is taken.
//!
//! A program that asks the operating system for more memory than there is gets killed, often
//! without a word. A typing error in `--n-embd` must not end so. So whatever is large asks
//! here first, and a user reads which sizes to make smaller.
//!
//! What this file leaves out: other programs. Memory that is free now may be taken by one of
//! them a second later.

use stage01_bigram::{Error, Result};

/// Refuses what this machine cannot hold.
///
/// bytes: how many are needed. what: the name of it, such as "the model". remedy: what to
/// make smaller.
///
/// # Errors
/// [`Error::Setting`], saying how much would be needed.
pub fn require(bytes: f64, what: &str, remedy: &str) -> Result<()> {
    // No machine can address more than half of all numbers; `as` takes the nearest.
    let fits = bytes < isize::MAX as f64 && {
        let mut room: Vec<u8> = Vec::new();
        let fits = room.try_reserve_exact(bytes as usize).is_ok();
        // Room that nobody looks at would never be asked for.
        std::hint::black_box(&room);
        fits
    };
    if fits {
        return Ok(());
    }
    let given = format!("{:.0} GB", bytes / 1e9);
    let expected = format!("this machine does not give so much memory; {remedy}");
    Err(Error::setting(what, given, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_little_fits_and_everything_does_not() {
        assert!(require(1e6, "a table", "").is_ok());
        for bytes in [1e17, 1e19, 1e300, f64::INFINITY, f64::NAN] {
            assert!(require(bytes, "a table", "take less").is_err(), "{bytes}");
        }
        let error = require(1e17, "a table", "take less").unwrap_err().to_string();
        assert!(error.starts_with("a table = 100000000 GB: "), "{error}");
    }
}
