//! Random numbers for names: the id of an answer, the nonce of a page, the seed of a request that
//! gives none. They come from the system and cannot be guessed; a seed of the course is not used.

use std::hash::{BuildHasher, RandomState};

/// A random number. The standard library takes the keys of its hash tables from the system.
pub fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// A name of 32 hexadecimal digits.
pub fn name() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// Whether two texts are equal. Takes the same time wherever they differ, so that a key cannot be
/// found out digit by digit.
pub fn equal(a: &str, b: &str) -> bool {
    let differences = a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_texts_are_compared() {
        assert_eq!(name().len(), 32);
        assert_ne!(name(), name());
        assert!(equal("key", "key") && equal("", ""));
        assert!(!equal("key", "kez") && !equal("key", "keyy") && !equal("key", ""));
    }
}
