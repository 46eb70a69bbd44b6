//! How fast the tokenizers are on a text of yours.
//!
//! ```text
//! cargo run --release -p experiments -- tokenizer_speed \
//!     train|encode|decode TOKENIZER TEXT_FILE [OUT_FILE]
//! ```
//!
//! `TOKENIZER` is what `--tokenizer` takes elsewhere: `char`, `bpe:4096`, `gpt2` (with
//! `--features gpt2`), or the path of a `tokenizer.json`. Does the task five times and
//! prints one line of JSON: the seconds of each time, bytes and tokens. `OUT_FILE` gets the
//! result: the `tokenizer.json` of `train`, the tokens of `encode` (32-bit numbers, little
//! end first), the text of `decode`. `RAYON_NUM_THREADS=1` measures one thread.
//!
//! `stage01_bigram/benches/compare/tokenizer_speed.py` runs it beside other tokenizers.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::{Error, Result, files};

use crate::arguments::Outcome;

const TIMES: usize = 5;

/// Runs the experiment.
pub fn run(arguments: &[String]) -> Outcome {
    let (task, kind, file, out) = match arguments {
        [task, kind, file] => (task, kind, file, None),
        [task, kind, file, out] => (task, kind, file, Some(out)),
        _ => {
            return Err(
                "tokenizer_speed takes train|encode|decode TOKENIZER TEXT_FILE [OUT_FILE]".into()
            );
        }
    };
    let text = files::read_text(Path::new(file))?;
    let kind: TokenizerKind = kind.parse()?;
    let tokenizer = kind.train(&text)?;
    let ids = tokenizer.encode(&text)?;
    let (seconds, result) = match task.as_str() {
        "train" => {
            let (seconds, tokenizer) = repeat(|| kind.train(&text))?;
            (seconds, tokenizer.to_json().into_bytes())
        }
        "encode" => {
            let (seconds, ids) = repeat(|| tokenizer.encode(&text))?;
            (seconds, ids.iter().flat_map(|id| id.to_le_bytes()).collect())
        }
        "decode" => repeat(|| tokenizer.decode_bytes(&ids))?,
        _ => return Err(Error::setting("task", task, "expected train, encode or decode").into()),
    };
    if let Some(out) = out {
        files::write_bytes(Path::new(out), &result)?;
    }
    println!(
        "{}",
        serde_json::json!({
            "task": task,
            "seconds": seconds,
            "bytes": text.len(),
            "tokens": ids.len(),
            "vocab_size": tokenizer.vocab_size(),
        })
    );
    Ok(())
}

/// The seconds of each time, and the last result.
fn repeat<T>(mut task: impl FnMut() -> Result<T>) -> Result<(Vec<f64>, T)> {
    let mut seconds = Vec::new();
    let mut time = || -> Result<T> {
        let start = Instant::now();
        let result = black_box(task()?);
        seconds.push(start.elapsed().as_secs_f64());
        Ok(result)
    };
    for _ in 1..TIMES {
        time()?;
    }
    let last = time()?;
    Ok((seconds, last))
}
