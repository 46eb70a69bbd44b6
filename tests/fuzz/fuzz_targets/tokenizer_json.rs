//! `tokenizer.json`: what is accepted can be saved, and is the same tokenizer when it is read
//! again. Its tokens are below the size of its vocabulary. The parts that a GGUF file would have make
//! a tokenizer as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stage01_bigram::tokenizer::Tokenizer;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let tokenizer = match Tokenizer::from_json(text) {
        Ok(tokenizer) => tokenizer,
        Err(problem) => return fuzz::line(&problem.to_string()),
    };
    let again = Tokenizer::from_json(&tokenizer.to_json()).expect("what was saved is read");
    if let Tokenizer::Bpe(bpe) = &tokenizer
        && let Ok(parts) = bpe.parts()
    {
        parts.tokenizer("model.gguf".as_ref()).expect("parts that were made fit");
    }
    for text in [
        "",
        "In the beginning\n",
        "caf\u{e9} \u{1f600}<|endoftext|>",
        "  a'B  12 ;\n",
        "e\u{301}\u{2581}<s>",
    ] {
        let ids = tokenizer.encode(text).ok();
        assert_eq!(ids, again.encode(text).ok());
        let Some(ids) = ids else { continue };
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.vocab_size()));
        assert_eq!(tokenizer.decode(&ids).ok(), again.decode(&ids).ok());
    }
});
