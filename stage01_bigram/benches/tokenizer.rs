//! Speed of the tokenizers: `cargo bench -p stage01_bigram --bench tokenizer`.
//!
//! The text is the built-in one; the environment variable `TOKENIZER_TEXT` names another file. GPT-2's vocabulary is measured with
//! `--features gpt2`; without it, one of 32,768 tokens trained on the same text.
//! `benches/compare/tokenizer_speed.py` measures other tokenizers on the same text.

use std::path::Path;
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::BytesCount;
use stage01_bigram::corpus::Corpus;
use stage01_bigram::files;
use stage01_bigram::tokenizer::bpe::pre_tokens;
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer};

fn main() {
    divan::main();
}

static TEXT: LazyLock<String> = LazyLock::new(|| match std::env::var("TOKENIZER_TEXT") {
    Ok(path) => files::read_text(Path::new(&path)).expect("TOKENIZER_TEXT names a text file"),
    Err(_) => Corpus::built_in().text,
});

static TOKENIZER: LazyLock<BpeTokenizer> = LazyLock::new(|| {
    #[cfg(feature = "gpt2")]
    let tokenizer = BpeTokenizer::gpt2();
    #[cfg(not(feature = "gpt2"))]
    let tokenizer = BpeTokenizer::train(&TEXT, 32_768);
    tokenizer.expect("a vocabulary")
});

/// Runs a benchmark on this number of threads.
fn on<T: Send>(bencher: Bencher, threads: usize, text: &str, task: impl Fn(&str) -> T + Sync) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    LazyLock::force(&TOKENIZER);
    bencher.counter(BytesCount::of_str(text)).bench(|| pool.install(|| task(text)));
}

/// Numbers of threads; 0 is all of them.
const THREADS: [usize; 2] = [1, 0];

#[divan::bench(args = THREADS, sample_count = 20)]
fn train_4096(bencher: Bencher, threads: usize) {
    on(bencher, threads, &TEXT, |text| BpeTokenizer::train(text, 4096));
}

#[divan::bench(args = THREADS, sample_count = 20)]
fn encode(bencher: Bencher, threads: usize) {
    on(bencher, threads, &TEXT, |text| TOKENIZER.encode(text));
}

/// The clone starts with an empty cache, as a new process does.
#[divan::bench(sample_count = 20)]
fn encode_cold(bencher: Bencher) {
    bencher
        .counter(BytesCount::of_str(&*TEXT))
        .with_inputs(|| TOKENIZER.clone())
        .bench_refs(|tokenizer| tokenizer.encode(&TEXT));
}

#[divan::bench(sample_count = 20)]
fn split(bencher: Bencher) {
    on(bencher, 1, &TEXT, |text| pre_tokens(text).count());
}

#[divan::bench(sample_count = 20)]
fn decode(bencher: Bencher) {
    let ids = TOKENIZER.encode(&TEXT).expect("any text can be encoded");
    on(bencher, 1, &TEXT, |_| TOKENIZER.decode_bytes(&ids));
}

/// A megabyte in one pre-token.
#[divan::bench(sample_count = 10)]
fn encode_one_letter(bencher: Bencher) {
    on(bencher, 1, &"a".repeat(1 << 20), |text| TOKENIZER.encode(text));
}

#[divan::bench(sample_count = 20)]
fn encode_characters(bencher: Bencher) {
    let tokenizer = CharTokenizer::train(&TEXT).expect("the text is not empty");
    on(bencher, 1, &TEXT, |text| tokenizer.encode(text));
}
