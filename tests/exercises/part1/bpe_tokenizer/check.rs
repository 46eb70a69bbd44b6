//! What `bpe_tokenizer` is asked.

use super::answer::{byte_tokens, decode, encode, train};
use exercises::probe::Probe;
use ndarray::Array2;
use stage01_bigram::tokenizer::bpe::{Merge, plain, pre_tokens};

type Pair = (u32, u32);

/// From Genesis 1 and Luke 15, of the King James Bible.
const TEXT: &str = "\
And God said, Let there be light: and there was light. And God saw the light, that it was good: \
and God divided the light from the darkness. And God called the light Day, and the darkness he \
called Night. And the evening and the morning were the first day. And God said, Let there be a \
firmament in the midst of the waters, and let it divide the waters from the waters. And God made \
the firmament, and divided the waters which were under the firmament from the waters which were \
above the firmament: and it was so. And God called the firmament Heaven. And the evening and the \
morning were the second day.\n\nAnd he said, A certain man had two sons: And the younger of them \
said to his father, Father, give me the portion of goods that falleth to me. And he divided unto \
them his living. And not many days after the younger son gathered all together, and took his \
journey into a far country, and there wasted his substance with riotous living.\n";

fn table(merges: &[Pair]) -> Array2<f64> {
    Array2::from_shape_fn((merges.len(), 2), |(i, j)| [merges[i].0, merges[i].1][j] as f64)
}

fn pairs(merges: &[Merge]) -> Vec<Pair> {
    merges.iter().map(|m| (m.left, m.right)).collect()
}

pub fn probe(p: &mut Probe) {
    let low = ["low", " low", " low", " lower", " lowest"];
    let paper = pairs(&plain::train("low low low lower lowest", 1000));
    let words: Vec<&str> = pre_tokens(TEXT).collect();
    let learned = plain::train(TEXT, 400);

    p.part("byte_tokens", |p| {
        let found = byte_tokens();
        p.rule(found.len() == 256, || {
            format!(
                "there are {} tokens of bytes, and must be 256: every byte has one",
                found.len()
            )
        });
        let missing = (0..256).find(|token| !found.contains(token));
        p.rule(missing.is_none(), || {
            format!("no byte has the token {}, and each must be used once", missing.unwrap_or(0))
        });
        p.see("the token of each byte, from byte 0 to byte 255", found);
    });
    p.part("decode", |p| {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        p.see("decode [32, 33, 34], bytes alone", text(decode(&[32, 33, 34], &[])));
        let ids = [257, 68, 81, 220, 82, 257];
        p.see(format!("decode {ids:?}, merges of low low …"), text(decode(&ids, &paper)));
        p.see("decode [259, 258, 257, 256]", text(decode(&[259, 258, 257, 256], &paper)));
        let ids = plain::encode("é 😀\n", &[]);
        p.see(format!("decode {ids:?}, bytes alone"), text(decode(&ids, &[])));
        let ids = plain::encode(TEXT, &learned);
        let found = text(decode(&ids, &pairs(&learned)));
        p.rule(found == TEXT, || {
            let at = found.chars().zip(TEXT.chars()).take_while(|(a, b)| a == b).count();
            format!(
                "decoding {} tokens of a verse gives another text from character {at} on: do you \
                 look up each token's bytes, and those of a merge by its two parts?",
                ids.len()
            )
        });
    });
    p.part("train", |p| {
        p.see("the merges of low ␣low ␣low ␣lower ␣lowest", table(&train(&low, 1000)));
        p.see("the first two of them: vocab_size 258", table(&train(&low, 258)));
        p.see("no merge: vocab_size 256", table(&train(&low, 256)));
        p.see("the merges of aaab ␣aaab", table(&train(&["aaab", " aaab"], 1000)));
        let runs = ["aaa", " aaa", "bb", " bb", " bb"];
        p.see("the merges of aaa ␣aaa bb ␣bb ␣bb", table(&train(&runs, 1000)));
        p.see("the merges of ab a b", table(&train(&["ab", "a", "b", "a", "b"], 1000)));
        p.see("the merges of no pre-token", table(&train(&[], 300)));
        // Bytes whose order is not that of their tokens: space 220, é 127 and 102.
        p.see("the merges of ␣é ␣é a␣ a␣", table(&train(&[" é", " é", "a ", "a "], 1000)));
        let (found, expected) = (train(&words, 400), pairs(&learned));
        let at = found.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        p.rule(found == expected, || {
            let show = |merges: &[Pair]| merges.get(at).map_or("none".into(), |m| format!("{m:?}"));
            format!(
                "on two passages of the Bible your merge of rank {at} is {}, and that of \
                 stage01_bigram is {}; the {at} before it agree. They must be equal: what is the \
                 count of each in that round, and which has the smaller token numbers?",
                show(&found),
                show(&expected)
            )
        });
        p.see("the merges of two passages of the Bible", table(&found));
    });
    p.part("encode", |p| {
        let merges = pairs(&learned);
        p.see("lower ␣slow, merges of low low …", encode(&["lower", " slow"], &paper));
        p.see("low low, two pre-tokens without a space", encode(&["low", "low", ""], &paper));
        p.see("␣low er, two pre-tokens that belong together", encode(&[" low", "er"], &paper));
        p.see("é ␣😀 without merges", encode(&["é", " 😀"], &[]));
        for text in [TEXT, "The father divided the inheritance; the younger gathered it, déjà vu!"]
        {
            let cut: Vec<&str> = pre_tokens(text).collect();
            let (found, expected) = (encode(&cut, &merges), plain::encode(text, &learned));
            let at = found.iter().zip(&expected).take_while(|(a, b)| a == b).count();
            p.rule(found == expected, || {
                format!(
                    "a text of {} pre-tokens became {} tokens, and those of stage01_bigram are \
                     {}. Token {at} is the first that differs: in which order did you apply the \
                     merges?",
                    cut.len(),
                    found.len(),
                    expected.len()
                )
            });
            p.see("the tokens of that text", found);
        }
    });
}
