//! What `shards` is asked.

use super::answer::{bytes, other_tokenizer, tokens, windows};
use exercises::probe::Probe;

pub fn probe(p: &mut Probe) {
    let file = "genesis<|endoftext|>exodus<|endoftext|>ruth<|endoftext|>job<|endoftext|>acts";
    let mut shard: Vec<u16> = Vec::new();
    for document in file.split("<|endoftext|>") {
        shard.extend(document.bytes().map(u16::from));
        shard.push(256);
    }
    p.part("tokens", |p| p.predict("the number of tokens", tokens(), shard.len()));
    p.part("bytes", |p| p.predict("the bytes of the shards", bytes(), size_of_val(&shard[..])));
    p.part("windows", |p| {
        // Inputs and targets together are eight tokens, and the next window begins seven later.
        let found = (0..).step_by(7).take_while(|start| start + 8 <= shard.len()).count();
        p.predict("the number of windows", windows(), found);
    });
    p.part("other_tokenizer", |p| {
        let truth = 39.8 / 5.0 * size_of::<u32>() as f64;
        p.predict("billions of bytes", other_tokenizer(), (truth * 10.0).round() / 10.0);
    });
}
