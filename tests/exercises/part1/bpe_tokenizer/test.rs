//! Checks the reader's answer to `bpe_tokenizer`.
exercises::check!("bpe_tokenizer");
