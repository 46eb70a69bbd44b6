//! Trains a byte-pair tokenizer, encodes and decodes with it, and saves it.
//!
//! ```text
//! cargo run -p stage01_bigram --example tokenize -- tokenizer.json
//! ```
//!
//! The file is one that Hugging Face's `tokenizers` reads as well. Without a path nothing is saved.

use std::path::Path;

use stage01_bigram::Result;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::tokenizer::{BpeTokenizer, Tokenizer};

fn main() -> Result<()> {
    let text = Corpus::built_in().text;
    let tokenizer = Tokenizer::Bpe(BpeTokenizer::train(&text, 1024)?);

    let sentence = "And God said, Let there be light: and there was light.";
    let tokens = tokenizer.encode(sentence)?;
    println!("{} bytes are {} tokens: {tokens:?}", sentence.len(), tokens.len());
    assert_eq!(tokenizer.decode(&tokens)?, sentence);

    if let Some(path) = std::env::args_os().nth(1) {
        let path = Path::new(&path);
        tokenizer.save(path)?;
        assert_eq!(Tokenizer::load(path)?.encode(sentence)?, tokens);
        println!("saved in {}", path.display());
    }
    Ok(())
}
