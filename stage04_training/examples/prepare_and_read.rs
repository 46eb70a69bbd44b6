//! Turns text into a directory of token shards, and reads shuffled training windows from it.
//!
//! ```text
//! cargo run -p stage04_training --example prepare_and_read -- tokens books/*.txt
//! ```
//!
//! The first argument is the directory to create, by default `out/tokens`; the others are the input
//! files, by default the built-in text.

use std::path::PathBuf;

use stage01_bigram::Result;
use stage01_bigram::tokenizer::TokenizerKind;
use stage04_training::prepare;
use stage04_training::progress::Silent;
use stage04_training::shards::{Shards, Split};

fn main() -> Result<()> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let out = paths.next().unwrap_or_else(|| "out/tokens".into());
    let settings = prepare::Settings {
        input: paths.collect(),
        out: out.clone(),
        tokenizer: TokenizerKind::Bpe { vocab_size: 1024 },
        ..prepare::Settings::default()
    };
    prepare::prepare(&settings, &Silent)?;

    let (shards, block_size) = (Shards::open(&out)?, 16);
    shards.verify(&Silent)?; // every byte against its checksum
    let train = shards.part(Split::Train);
    println!("{} tokens to train on", train.len());

    // One epoch visits every window once, in an order given by the seed 1337. Position 0 is the
    // first window.
    let (mut inputs, mut targets) = (vec![0; block_size], vec![0; block_size]);
    let epoch = train.sampler(block_size, 1337)?;
    epoch.window(0, &mut inputs, &mut targets)?;
    println!("one of {} windows: {:?}", epoch.windows(), shards.tokenizer()?.decode(&inputs)?);
    assert_eq!(inputs[1..], targets[..block_size - 1]);
    Ok(())
}
