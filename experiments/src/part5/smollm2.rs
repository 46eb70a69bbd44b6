//! SmolLM2-135M-Instruct: what is in its file, a question as it was trained to see one, and three
//! mistakes. The file is `models/SmolLM2-135M-Instruct.Q4_1.gguf`; `stage03_gpt/fetch-smollm2.sh` brings
//! it there.

use std::path::{Path, PathBuf};

use stage01_bigram::corpus::Corpus;
use stage01_bigram::text::{thousands, wrap};
use stage01_bigram::tokenizer::Tokenizer;
use stage01_bigram::{Error, Result};
use stage02_attention::params::Tensor;
use stage03_gpt::evaluate::evaluate;
use stage03_gpt::files::gguf::GgufFile;
use stage03_gpt::model::{GenerateSettings, Model};

use super::real_weights::our_column;

/// Runs the experiment.
///
/// # Errors
/// When the file is missing or damaged.
pub fn run() -> Result<()> {
    let path = path()?;
    let file = GgufFile::open(&path)?;
    contents(&file);
    let mut model = Model::load(&path)?;
    tokens(&model.tokenizer)?;
    answers(&model)?;
    not_unpermuted(&mut model)
}

/// The path of the file.
///
/// # Errors
/// [`Error::Format`] when it is not there.
pub fn path() -> Result<PathBuf> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/SmolLM2-135M-Instruct.Q4_1.gguf");
    if path.exists() { Ok(path) } else { Err(missing(&path)) }
}

fn missing(path: &Path) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let remedy = "run `sh stage03_gpt/fetch-smollm2.sh`, which fetches it";
    Error::format(format!("models/{name}"), "it is not there", remedy)
}

/// What the head of the file says.
fn contents(file: &GgufFile) {
    println!("THE METADATA: some of {} entries", file.metadata().entries().len());
    for (key, value) in file.metadata().entries() {
        let shown = key.starts_with("llama.") || key.starts_with("tokenizer.ggml");
        if shown || key == "general.architecture" {
            println!("  {key:<42} {value}");
        }
    }
    println!("\nTHE TENSORS: {}, of which those of the first block", file.tensors().len());
    let mut sum = 0;
    for tensor in file.tensors() {
        let bytes = tensor.kind.bytes_of(tensor.len() as u64).unwrap_or_default();
        sum += bytes as usize;
        if tensor.name.starts_with("blk.0.") || !tensor.name.starts_with("blk.") {
            let (dims, kind) = (format!("{:?}", tensor.dims), tensor.kind.name());
            let (name, bytes) = (&tensor.name, thousands(bytes as usize));
            println!("  {name:<26}{dims:<14}{kind:<6}{bytes:>12} bytes");
        }
    }
    println!("  {:<46}{:>12} bytes", "all", thousands(sum));
}

// ANCHOR: chatml
/// The beginning of every conversation: what the template of the model puts there.
const SYSTEM: &str = "<|im_start|>system\n\
    You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n";

/// A question in ChatML, up to the place where the answer begins.
fn question(text: &str) -> String {
    format!("{SYSTEM}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")
}
// ANCHOR_END: chatml

fn tokens(tokenizer: &Tokenizer) -> Result<()> {
    println!("\nTOKENS of a short question, without the system message");
    let text = "<|im_start|>user\nHi there!<|im_end|>\n<|im_start|>assistant\n";
    for token in tokenizer.encode_with_special(text)? {
        let special = if tokenizer.is_special(token) { "   special" } else { "" };
        println!("{token:>8}  {:?}{special}", tokenizer.decode(&[token])?);
    }
    Ok(())
}

/// The likeliest continuation.
fn greedy(model: &Model, prompt: &str, max_new_tokens: usize) -> Result<(String, bool)> {
    let settings = GenerateSettings { max_new_tokens, temperature: 0.0, ..Default::default() };
    let mut text = String::new();
    let ended = model.generate_with(prompt, &settings, |piece| {
        text += piece;
        true
    })?;
    Ok((text, ended))
}

fn show(model: &Model, title: &str, prompt: &str, max_new_tokens: usize) -> Result<()> {
    let (text, ended) = greedy(model, prompt, max_new_tokens)?;
    println!("\n{title}");
    for line in text.lines() {
        println!("{}", wrap(line, 92, "  "));
    }
    println!("  ({})", if ended { "the model ended its text" } else { "cut off here" });
    Ok(())
}

const QUESTION: &str = "What is gravity? Answer in one sentence.";

fn answers(model: &Model) -> Result<()> {
    let asked = question(QUESTION);
    show(model, "A QUESTION in ChatML", &asked, 80)?;
    show(model, "WITHOUT TEMPLATE: the same question as plain text", QUESTION, 40)?;
    show(model, "WITHOUT TEMPLATE, and without the full stop", QUESTION.trim_end_matches('.'), 40)?;
    let without = asked.trim_end_matches("<|im_start|>assistant\n");
    show(model, "WITHOUT ITS LAST LINE: the template ends with the question", without, 40)
}

/// The mean loss on the first tokens of the built-in text, in nats per token.
fn loss(model: &Model, n: usize) -> Result<f64> {
    let text = Corpus::built_in().text;
    // A token is a byte at least.
    let text: String = text.chars().take(8 * n).collect();
    let tokens = model.tokenizer.encode(&text)?;
    let window = model.gpt.config().block_size;
    Ok(evaluate(&model.gpt, model.params(), &tokens[..n], window)?.per_token())
}

// ANCHOR: bug
/// Leaves the queries and keys of every head in the order of the file.
fn as_in_the_file(model: &mut Model) {
    let config = model.gpt.config();
    let size = config.n_embd / config.n_head;
    // Heads of queries, then of keys. Those of values have no pairs.
    let heads = config.n_head + config.n_kv_head();
    let is_c_attn = |tensor: &&Tensor| tensor.name.ends_with("attn.c_attn.weight");
    let layout = model.gpt.layout().clone();
    for tensor in layout.tensors().iter().filter(is_c_attn) {
        let columns = tensor.shape[1];
        for weights in model.params_mut().values[tensor.range()].chunks_exact_mut(columns) {
            let before = weights.to_vec();
            for (head, row) in (0..heads).flat_map(|head| (0..size).map(move |row| (head, row))) {
                weights[head * size + row] = before[head * size + our_column(row, size)];
            }
        }
    }
}
// ANCHOR_END: bug

fn not_unpermuted(model: &mut Model) -> Result<()> {
    const LENGTHS: [usize; 3] = [16, 64, 512];
    let losses = |model: &Model| LENGTHS.map(|n| loss(model, n));
    let right = losses(model);
    as_in_the_file(model);
    let wrong = losses(model);
    show(model, "A BUG: queries and keys in the order of the file", "Gravity is", 60)?;
    println!("\nTHE LOSS on the first tokens of the King James text");
    println!("{:>8}{:>10}{:>16}", "tokens", "right", "with the bug");
    for ((n, right), wrong) in LENGTHS.into_iter().zip(right).zip(wrong) {
        println!("{n:>8}{:>10.2}{:>16.2}", right?, wrong?);
    }
    println!("Every token equally likely: {:.2}", (model.gpt.config().vocab_size as f64).ln());
    Ok(())
}
