//! What `characters` is asked.

use super::answer::{decode, encode, vocabulary};
use exercises::probe::Probe;

const LETTERS: [char; 5] = ['a', 'b', 'c', 'd', 'r'];

/// Sorted as `char`s are compared: capitals before small letters, é after both.
const MIXED: [char; 9] = ['\n', ' ', '.', 'C', 'a', 'c', 'f', 'é', '😀'];

pub fn probe(p: &mut Probe) {
    p.part("vocabulary", |p| {
        for text in ["abracadabra", "banana", "Café\nCafé 😀.", ""] {
            let found = vocabulary(text);
            p.see(format!("vocabulary of {text:?}"), String::from_iter(&found));
            for (i, c) in found.iter().enumerate() {
                p.rule(!found[..i].contains(c), || {
                    format!(
                        "the vocabulary of {text:?} has {c:?} twice, and must have it once: which \
                         of the two would be its token?"
                    )
                });
            }
        }
        let text = String::from_iter((0..300).map(|i| char::from(b' ' + (i * i % 91) as u8)));
        p.see("vocabulary of a text of 300 characters", String::from_iter(vocabulary(&text)));
    });
    p.part("encode", |p| {
        p.see("encode abracadabra, with the vocabulary a b c d r", encode("abracadabra", &LETTERS));
        let found = encode("Café 😀.\n", &MIXED);
        p.rule(found.len() == 8, || {
            format!(
                "\"Café 😀.\\n\" became {} tokens. It has 8 characters, and must have 8 tokens: do \
                 you walk over its characters or over its bytes?",
                found.len()
            )
        });
        p.see("encode \"Café 😀.\\n\"", found);
        p.see("encode an empty text", encode("", &LETTERS));
        let stops = std::panic::catch_unwind(|| encode("abraxas", &LETTERS));
        p.rule(stops.is_err(), || {
            format!(
                "\"abraxas\" has the characters x and s, which the vocabulary a b c d r does not \
                 have. It was encoded as {:?}, and must panic: what should a reader do with a text \
                 that has lost some of its letters?",
                stops.unwrap_or_default()
            )
        });
    });
    p.part("decode", |p| {
        let tokens = [0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0];
        p.see(format!("decode {tokens:?}, with a b c d r"), decode(&tokens, &LETTERS));
        p.see("decode [3, 4, 6, 7, 1, 8]", decode(&[3, 4, 6, 7, 1, 8], &MIXED));
        p.see("decode no tokens", decode(&[], &LETTERS));
    });
}
