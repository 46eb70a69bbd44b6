//! A cache of the tokens of recent pre-tokens.
//!
//! A text repeats its words, so most pre-tokens were encoded recently. A [`Cache`] holds the tokens
//! of short pre-tokens. Each has one slot, found by a hash of its bytes (a direct-mapped cache); a
//! newer pre-token replaces an older one, so there is no search and the cache never grows.
//! [`Caches`] is a pool of them, one for each thread that encodes.
//!
//! What this file leaves out: how a pre-token is encoded (`encode`).

use std::sync::Mutex;

/// A pre-token of at most 15 bytes as one number: its bytes, and its length in the highest byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u128);

impl Key {
    /// The key of `text[start..end]`; `None` where that is too long.
    #[inline]
    pub(super) fn of(text: &[u8], start: usize, end: usize) -> Option<Key> {
        let length = end - start;
        if length > 15 {
            return None;
        }
        let bytes = match text[start..].first_chunk::<16>() {
            Some(&bytes) => bytes,
            None => {
                let mut bytes = [0; 16];
                bytes[..length].copy_from_slice(&text[start..end]);
                bytes
            }
        };
        let own = u128::from_le_bytes(bytes) & ((1 << (8 * length)) - 1);
        Some(Key(own | (length as u128) << 120))
    }

    /// A hash below 2^`bits`.
    #[inline]
    fn hash(self, bits: u32) -> usize {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let mixed =
            (low ^ high.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (mixed >> (64 - bits)) as usize
    }
}

/// The tokens of recent pre-tokens.
pub(super) struct Cache {
    slots: Vec<Slot>,
}

/// One entry: 64 bytes, a cache line of the processor.
#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    length: u32,
    ids: [u32; 11],
}

impl Cache {
    const BITS: u32 = 14;

    fn new() -> Cache {
        // No pre-token has length 0, so no key is 0.
        Cache { slots: vec![Slot { key: Key(0), length: 0, ids: [0; 11] }; 1 << Self::BITS] }
    }

    /// Appends the tokens of a pre-token: those of the cache, or those that `compute` appends.
    #[inline]
    pub(super) fn encode(
        &mut self,
        key: Key,
        ids: &mut Vec<u32>,
        compute: impl FnOnce(&mut Vec<u32>),
    ) {
        let slot = &mut self.slots[key.hash(Self::BITS)];
        if slot.key == key {
            if slot.length == 1 {
                ids.push(slot.ids[0]);
            } else {
                ids.extend_from_slice(&slot.ids[..slot.length as usize]);
            }
            return;
        }
        let start = ids.len();
        compute(ids);
        let new = &ids[start..];
        if new.len() <= slot.ids.len() {
            slot.key = key;
            slot.length = new.len() as u32;
            slot.ids[..new.len()].copy_from_slice(new);
        }
    }
}

/// A pool of caches. A thread takes one and gives it back, so there are at most as many as threads
/// that ever encoded at the same time, and each stays warm.
#[derive(Default)]
pub(super) struct Caches(Mutex<Vec<Cache>>);

impl Caches {
    pub(super) fn take(&self) -> Cache {
        let waiting = self.0.lock().map_or(None, |mut caches| caches.pop());
        waiting.unwrap_or_else(Cache::new)
    }

    pub(super) fn give_back(&self, cache: Cache) {
        if let Ok(mut caches) = self.0.lock() {
            caches.push(cache);
        }
    }
}

impl Clone for Caches {
    /// A clone starts empty: the content can be computed again.
    fn clone(&self) -> Caches {
        Caches::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

    /// Equal keys are equal pre-tokens, at any position in a text.
    #[test]
    fn different_pre_tokens_have_different_keys(
        a in "[\0a]{1,3}|[\0a]{14,16}", b in "[\0a]{1,3}|[\0a]{14,16}", around in "[ab]{0,20}",
    ) {
        let text = format!("{around}{b}{around}");
        let key_of_a = Key::of(a.as_bytes(), 0, a.len());
        let key_of_b = Key::of(text.as_bytes(), around.len(), around.len() + b.len());
        prop_assert!(key_of_b == Key::of(b.as_bytes(), 0, b.len()));
        prop_assert_eq!(key_of_a.is_none(), a.len() > 15);
        if let (Some(key_of_a), Some(key_of_b)) = (key_of_a, key_of_b) {
            prop_assert_eq!(key_of_a == key_of_b, a == b);
        }
    }
    }
}
