//! Models as GGUF files, with our numbers beside them, for `check_llama_cpp.py` to compare.
//!
//! ```text
//! cargo run -p parity --example gguf -- DIRECTORY [MODEL ...]
//! ```
//!
//! For each of some small models of random weights, and for each MODEL (a directory or a GGUF file):
//! `NAME.gguf` in f32, `NAME-f16.gguf`, and `NAME.json` with the tokens of a text, their logits, and
//! the tokens and the text of a greedy continuation.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::sampling::Sampler;
use stage01_bigram::tokenizer::{BpeTokenizer, CharTokenizer, Tokenizer};
use stage02_attention::attention::rotary::{Rope, Scaling};
use stage02_attention::params::fill_normal;
use stage03_gpt::architecture::{Architecture, Positions};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::gguf::TensorType;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::{Model, ModelWeights, SpecialTokens};

const TEXT: &str = "In the beginning was the word, and it doesn't cost 12.50 in a café.\n";
const PROMPT: &str = "In the beginning was the";
const CONTINUATION: usize = 24;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().expect("the name of a directory"));
    stage01_bigram::files::create_directory(&directory)?;
    for (name, arch, bias, tokenizer) in small_models()? {
        write(&directory, name, &random_model(arch, bias, tokenizer)?)?;
    }
    for path in arguments {
        let start = Instant::now();
        let model = Model::load(Path::new(&path))?;
        eprintln!("{}: loaded in {:.2} s", path.display(), start.elapsed().as_secs_f64());
        let name = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy();
        write(&directory, &name, &model)?;
        // As it is used: quantised matrices are multiplied as they are.
        let numbers = numbers(&Model::load_quantised(Path::new(&path))?)?;
        let path = directory.join(format!("{name}.blocks"));
        stage01_bigram::files::write_bytes(&path, numbers.to_string().as_bytes())?;
    }
    Ok(())
}

type Case = (&'static str, Architecture, bool, Tokenizer);

fn small_models() -> Result<Vec<Case>> {
    let characters = Tokenizer::Char(CharTokenizer::train(TEXT)?);
    let end = || -> Result<Tokenizer> {
        Ok(Tokenizer::Bpe(BpeTokenizer::train(&TEXT.repeat(3), 280)?.with_end_of_text()))
    };
    let grouped = Architecture { n_kv_head: Some(2), n_inner: Some(96), ..Architecture::LLAMA };
    let scaled = |scaling| Architecture {
        positions: Positions::Rotary(Rope { theta: 500_000.0, scaling }),
        ..grouped
    };
    let llama3 = Scaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_context: 8192.0,
    };
    let untied = Architecture { tie_weights: false, ..grouped };
    let qkv_bias = Architecture { qkv_bias: true, ..grouped };
    Ok(vec![
        ("gpt2", Architecture::GPT2, true, end()?),
        ("gpt2-no-bias", Architecture::GPT2, false, end()?),
        ("gpt2-untied", Architecture { tie_weights: false, ..Architecture::GPT2 }, true, end()?),
        ("gpt2-characters", Architecture::GPT2, true, characters.clone()),
        ("llama", Architecture::LLAMA, false, end()?),
        ("llama-grouped", grouped, false, end()?),
        ("llama-untied", untied, false, end()?),
        ("llama-qkv-bias", qkv_bias, false, end()?),
        ("llama-bias", grouped, true, end()?),
        ("llama-linear", scaled(Scaling::Linear { factor: 4.0 }), false, end()?),
        ("llama-3", scaled(llama3), false, end()?),
        ("llama-characters", grouped, false, characters),
    ])
}

/// A model whose weights are large enough that every part of it shows in the logits.
fn random_model(arch: Architecture, bias: bool, tokenizer: Tokenizer) -> Result<Model> {
    let (vocab_size, block_size, n_layer) = (tokenizer.vocab_size(), 128, 3);
    let (n_head, n_embd, dropout) = (4, 64, 0.0);
    let gpt = Gpt::new(GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        arch,
    })?;
    let rng = &mut generator(1, Purpose::Initialisation, 0);
    let mut params = gpt.initialise::<f32>(rng);
    let mut noise = vec![0.0; params.values.len()];
    fill_normal(&mut noise, 0.15, rng);
    params.values.iter_mut().zip(&noise).for_each(|(value, noise)| *value += noise);
    let end = tokenizer.end_of_text();
    let special = SpecialTokens { bos: end, eos: end.into_iter().collect() };
    Ok(Model {
        gpt,
        weights: ModelWeights::Full(params),
        tokenizer,
        special,
        text_settings: Default::default(),
    })
}

fn write(directory: &Path, name: &str, model: &Model) -> Result<()> {
    model.save_gguf(&directory.join(format!("{name}.gguf")), name, TensorType::F32)?;
    model.save_gguf(&directory.join(format!("{name}-f16.gguf")), name, TensorType::F16)?;
    let path = directory.join(format!("{name}.json"));
    stage01_bigram::files::write_bytes(&path, numbers(model)?.to_string().as_bytes())
}

/// The logits of each token of a text, and a continuation, as JSON.
fn numbers(model: &Model) -> Result<serde_json::Value> {
    let tokenizer = &model.tokenizer;
    let tokens = tokenizer.encode_with_special(TEXT).or_else(|_| tokenizer.encode("In the"))?;
    let mut decoder = model.decoder(None)?;
    let mut logits = Vec::new();
    for &token in &tokens {
        decoder.prefill(&[token])?;
        logits.extend_from_slice(decoder.logits());
    }

    let prompt = tokenizer.encode_with_special(PROMPT)?;
    let mut decoder = model.decoder(None)?;
    decoder.prefill(&prompt)?;
    let rng = &mut generator(0, Purpose::Sampling, 0);
    let greedy = (0..CONTINUATION).map(|_| decoder.decode_step(&mut Sampler::greedy(), rng));
    let greedy: Vec<u32> = greedy.collect();
    let shape = [tokens.len(), logits.len() / tokens.len()];
    Ok(json!({
        "text": TEXT, "tokens": tokens, "shape": shape, "logits": logits,
        "prompt": prompt, "greedy": greedy, "greedy_text": tokenizer.decode(&greedy)?,
    }))
}
