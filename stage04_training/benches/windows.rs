//! The cost of reading a batch of windows: `cargo bench -p stage04_training`.
//!
//! Twelve windows of 1,024 tokens, inputs and targets, from random places of a hundred million
//! tokens. `by_position` is what training does; `from_memory` has all tokens in memory, which is
//! also the cost of a memory map once the operating system has cached the file.

use std::hint::black_box;

use divan::Bencher;
use stage01_bigram::tokenizer::TokenizerKind;
use stage04_training::prepare::{Settings, prepare};
use stage04_training::progress::Silent;
use stage04_training::shards::{Shards, Split};

const WINDOWS: u64 = 12;
const BLOCK: usize = 1024;

fn main() {
    divan::main();
}

/// The built-in text, repeated so that it exceeds the caches of the processor.
fn data() -> (tempfile::TempDir, Shards) {
    let directory = tempfile::tempdir().expect("space for temporary files");
    let text = stage01_bigram::corpus::Corpus::built_in().text;
    let input = directory.path().join("text.txt");
    std::fs::write(&input, text.repeat(24)).expect("space for the text");
    let settings = Settings {
        input: vec![input],
        out: directory.path().join("data"),
        tokenizer: TokenizerKind::Char,
        ..Settings::default()
    };
    prepare(&settings, &Silent).expect("a text");
    let shards = Shards::open(&settings.out).expect("it was just made");
    shards.verify(&Silent).expect("its checksums; this also caches the files");
    (directory, shards)
}

#[divan::bench]
fn by_position(bencher: Bencher) {
    let (_directory, shards) = data();
    let sampler = shards.part(Split::Train).sampler(BLOCK, 1337).expect("it is long enough");
    let (mut x, mut y) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut position = 0;
    bencher.bench_local(|| {
        for _ in 0..WINDOWS {
            sampler.window(position, &mut x, &mut y).expect("the file is not cut");
            black_box((&x, &y));
            position += 1;
        }
    });
}

#[divan::bench]
fn from_memory(bencher: Bencher) {
    let (directory, shards) = data();
    let sampler = shards.part(Split::Train).sampler(BLOCK, 1337).expect("it is long enough");
    let bytes = std::fs::read(directory.path().join("data/train-00000.bin")).expect("a shard");
    let (mut x, mut y) = (vec![0u32; BLOCK], vec![0u32; BLOCK]);
    let mut position = 0;
    bencher.bench_local(|| {
        for _ in 0..WINDOWS {
            let start = sampler.start(position) as usize;
            for (begin, tokens) in [(start, &mut x), (start + 1, &mut y)] {
                let pairs = bytes[2 * begin..].as_chunks::<2>().0;
                tokens.iter_mut().zip(pairs).for_each(|(t, p)| *t = u16::from_le_bytes(*p).into());
            }
            black_box((&x, &y));
            position += 1;
        }
    });
}
