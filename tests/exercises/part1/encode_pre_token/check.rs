//! What `encode_pre_token` is asked.

use super::answer::encode;
use exercises::probe::Probe;
use stage01_bigram::tokenizer::bpe::plain;

pub fn probe(p: &mut Probe) {
    p.part("encode", |p| {
        // The letters of the example have small numbers here: ␣ 0, l 1, o 2, w 3, e 4, r 5, s 6.
        let merges = [(1, 2), (256, 3), (0, 257), (258, 4)];
        for (word, bytes) in [
            ("lower", vec![1, 2, 3, 4, 5]),
            ("␣slow", vec![0, 6, 1, 2, 3]),
            ("␣lower", vec![0, 1, 2, 3, 4, 5]),
            ("lolo", vec![1, 2, 1, 2]),
            ("s", vec![6]),
            ("", vec![]),
        ] {
            p.see(format!("{word:?} with the merges of low low low …"), encode(&bytes, &merges));
        }
        // b·c was learned before a·b.
        p.see("1·2·3, where 2·3 has rank 0 and 1·2 rank 1", encode(&[1, 2, 3], &[(2, 3), (1, 2)]));
        let three = [(2, 3), (1, 2), (1, 256)];
        p.see("1·2·3, where 2·3, 1·2 and 1·256 have the ranks 0, 1, 2", encode(&[1, 2, 3], &three));
        p.see("1·2·3, where there is no merge", encode(&[1, 2, 3], &[]));
        let text = "the cat sat on the mat, the rat sat on the cat; that is that, said the cat";
        let learned = plain::train(text, 300);
        let merges: Vec<(u32, u32)> = learned.iter().map(|m| (m.left, m.right)).collect();
        for word in [" that", " theatre", "sat", " cathedral", " attaches"] {
            let bytes = plain::to_bytes(word).concat();
            let (found, expected) = (encode(&bytes, &merges), plain::encode(word, &learned));
            p.rule(found == expected, || {
                format!(
                    "{word:?} became {found:?}, and stage01_bigram gives {expected:?}. Two \
                     encoders must give the same tokens, not only the same text: which pair did \
                     you merge first, and which has the lowest rank?"
                )
            });
            p.see(format!("{word:?}, with the merges of a text about a cat"), found);
        }
    });
}
