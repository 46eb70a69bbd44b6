//! The files of models that others have trained: a safetensors file and a block of Q4_1 byte by byte, how
//! large a model is in each type, the order of rows in llama.cpp's files, and what is refused.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stage01_bigram::Result;
use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::text::wrap;
use stage01_bigram::tokenizer::TokenizerKind;
use stage01_bigram::tokenizer::bpe::PreTokenizer;
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::gguf::{GgufFile, TensorType};
use stage03_gpt::files::{CONFIG_FILE, MODEL_FILE};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::{Model, ModelWeights};

/// Runs the experiment.
///
/// # Errors
/// When a file cannot be written.
pub fn run() -> Result<()> {
    two_tensors();
    block()?;
    sizes();
    pairs();
    pre_tokens();
    refused()
}

// ANCHOR: safetensors
/// A safetensors file with two small tensors: a = (1, -2) in f32, and b = (0.5) in bfloat16.
fn safetensors_file() -> Vec<u8> {
    let header = concat!(
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#,
        r#""b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]}}"#
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(1f32.to_le_bytes());
    file.extend((-2f32).to_le_bytes());
    // bfloat16: the upper two of the four bytes of f32.
    file.extend(&0.5f32.to_le_bytes()[2..]);
    file
}
// ANCHOR_END: safetensors

/// Bytes in base 16.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

fn two_tensors() {
    let file = safetensors_file();
    let (length, rest) = file.split_at(8);
    let (header, data) = rest.split_at(length[0].into());
    println!("ON PAPER: a safetensors file of two tensors, {} bytes", file.len());
    println!("{:>4}  {:<24} the length of the header: {}", 0, hex(length), header.len());
    let header = String::from_utf8_lossy(header);
    let (a, b) = header.split_once(r#","b""#).expect("two tensors");
    println!("{:>4}  {a},", 8);
    println!("{:>4}  \"b\"{b}", 8 + a.len() + 1);
    let start = 8 + header.len();
    for (from, to, what) in [(0, 8, "a: 1 and -2"), (8, 10, "b: 0.5")] {
        println!("{:>4}  {:<24} {what}", start + from, hex(&data[from..to]));
    }
}

// ANCHOR: block
/// A block of Q4_1: the scale 0.25 and the minimum -2 in float16, then 32 numbers of 4 bits.
const BLOCK: [u8; 20] = [
    0x00, 0x34, 0x00, 0xc0, 0xf0, 0x48, 0x9a, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88,
    0x88, 0x88, 0x88, 0x88,
];

/// A GGUF file with no metadata and one tensor of one row, under the name `w`: its type, how many
/// numbers it has, and the bytes of its blocks.
pub fn gguf_file(kind: TensorType, numbers: usize, blocks: &[u8]) -> Vec<u8> {
    let mut file = b"GGUF".to_vec();
    file.extend(3u32.to_le_bytes()); // the version
    file.extend(1u64.to_le_bytes()); // the number of tensors
    file.extend(0u64.to_le_bytes()); // the number of entries of metadata
    file.extend(1u64.to_le_bytes()); // the length of the name
    file.push(b'w');
    file.extend(1u32.to_le_bytes()); // the number of dimensions
    file.extend((numbers as u64).to_le_bytes()); // the only dimension
    file.extend(kind.number().to_le_bytes());
    file.extend(0u64.to_le_bytes()); // where its data begins
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(blocks);
    file
}
// ANCHOR_END: block

/// The weights of the block, as the loader reads them.
fn weights() -> Result<Vec<f32>> {
    let bytes = gguf_file(TensorType::Q4_1, 32, &BLOCK);
    let file = GgufFile::from_bytes(Path::new("paper.gguf"), &bytes)?;
    file.read(&file.tensors()[0])
}

fn block() -> Result<()> {
    let w = weights()?;
    println!("\nON PAPER: a block of Q4_1, 20 bytes for 32 weights");
    println!("   0  {:<24} the scale d, 0.25", hex(&BLOCK[..2]));
    println!("   2  {:<24} the minimum m, -2", hex(&BLOCK[2..4]));
    for (i, byte) in BLOCK[4..8].iter().enumerate() {
        let (lower, upper) = (byte & 15, byte >> 4);
        let what = format!(
            "weight {i}: 0.25 * {lower} - 2 = {}, weight {}: 0.25 * {upper} - 2 = {}",
            w[i],
            i + 16,
            w[i + 16]
        );
        println!("{:>4}  {:<8} {what}", 4 + i, hex(&[*byte]));
    }
    println!("   8  {}   and so on: all 0", hex(&BLOCK[8..]));
    Ok(())
}

/// How many weights SmolLM2-135M has.
const WEIGHTS: u64 = 134_515_008;

/// Those of its token embedding, 49,152 rows of 576.
const EMBEDDING: u64 = 49_152 * 576;

fn sizes() {
    println!("\nBYTES: all weights of SmolLM2-135M in one type");
    println!(
        "{:<8}{:>20}{:>18}{:>18}",
        "type", "weights in a block", "bytes in a block", "bits each"
    );
    let bits = |kind: TensorType| kind.block_bytes() as f64 * 8.0 / kind.block_len() as f64;
    for kind in TensorType::READABLE {
        let (len, bytes) = (kind.block_len(), kind.block_bytes());
        let (name, each) = (kind.name(), bits(kind));
        let all = WEIGHTS as f64 * each / 8e6;
        println!("{name:<8}{len:>20}{bytes:>18}{each:>18}{all:>10.1} MB");
    }
    let rest = WEIGHTS - EMBEDDING;
    let bytes = EMBEDDING as f64 * bits(TensorType::Q8_0) + rest as f64 * bits(TensorType::Q4_1);
    println!("the token embedding in Q8_0, the rest in Q4_1: {:.1} MB", bytes / 8e6);
}

// ANCHOR: our_column
/// The number, within a head of `size` columns, that a row of llama.cpp's queries or keys has here.
pub fn our_column(row: usize, size: usize) -> usize {
    let (pair, second) = (row / 2, row % 2);
    pair + second * (size / 2)
}
// ANCHOR_END: our_column

fn pairs() {
    println!("\nPAIRS: a head of 8; the rows of llama.cpp's file, and where they go");
    println!("row in the file   {}", (0..8).map(|row| format!("{row:>4}")).collect::<String>());
    println!(
        "pair              {}",
        (0..8).map(|row| format!("{:>4}", row / 2)).collect::<String>()
    );
    let ours = (0..8).map(|row| format!("{:>4}", our_column(row, 8))).collect::<String>();
    println!("number here       {ours}");
}

fn pre_tokens() {
    println!("\nPRE-TOKENS: where a text is cut before pairs are merged");
    for rule in PreTokenizer::ALL {
        let cut: Vec<&str> = rule.pre_tokens("in 2024(now)").collect();
        println!("  {:<12}{}", rule.name(), cut.join("|"));
    }
}

/// A small Llama with random weights, saved as a directory.
fn small_llama(directory: &Path) -> Result<()> {
    let tokenizer = TokenizerKind::Char.train("a small model")?;
    let config = GptConfig {
        vocab_size: tokenizer.vocab_size(),
        block_size: 16,
        n_layer: 2,
        n_head: 4,
        n_embd: 32,
        bias: false,
        arch: Architecture { n_kv_head: Some(2), ..Architecture::LLAMA },
        ..GptConfig::default()
    };
    let gpt = Gpt::new(config)?;
    let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    let (special, text_settings) = (Default::default(), Default::default());
    let weights = ModelWeights::Full(params);
    Model { gpt, weights, tokenizer, special, text_settings }.save(directory)
}

/// What loading a directory says, in lines that fit.
fn said(directory: &Path) -> String {
    let said = match Model::load(directory) {
        Ok(_) => "it loads".to_string(),
        Err(error) => error.to_string(),
    };
    let said = said.replace(&directory.display().to_string(), "DIR");
    wrap(&said, 92, "  ")
}

fn refused() -> Result<()> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let directory = place.path();
    small_llama(directory)?;
    let path = directory.join(CONFIG_FILE);
    let config: Value =
        serde_json::from_slice(&fs::read(&path).expect("it was written")).expect("it is JSON");
    println!("\nREFUSED: a Llama of two layers, and other claims in its config.json");
    for (entry, value) in [
        ("model_type", json!("mamba")),
        ("hidden_act", json!("gelu")),
        ("rope_scaling", json!({"rope_type": "yarn", "factor": 4.0})),
        ("num_key_value_heads", json!(4)),
        ("num_hidden_layers", json!(10_000_000)),
    ] {
        let mut other = config.clone();
        other[entry] = value;
        fs::write(&path, other.to_string()).expect("a file that can be written");
        println!("{}", said(directory));
    }
    fs::write(&path, config.to_string()).expect("a file that can be written");

    println!("\nREFUSED: a header that claims to be longer than the file, and a pickle");
    let weights = directory.join(MODEL_FILE);
    let mut bytes = fs::read(&weights).expect("it was written");
    bytes[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    fs::write(&weights, bytes).expect("a file that can be written");
    println!("{}", said(directory));
    fs::rename(&weights, directory.join("pytorch_model.bin")).expect("another name");
    println!("{}", said(directory));
    Ok(())
}

#[cfg(test)]
mod tests {
    use safetensors::{Dtype, SafeTensors};

    use super::*;

    #[test]
    fn the_two_tensors_are_read_by_the_library_of_the_format() {
        let bytes = safetensors_file();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let (a, b) = (file.tensor("a").unwrap(), file.tensor("b").unwrap());
        assert_eq!((a.dtype(), a.shape(), a.data()), (Dtype::F32, &[2][..], &bytes[117..125]));
        assert_eq!((b.dtype(), b.shape(), b.data()), (Dtype::BF16, &[1][..], &[0x00, 0x3f][..]));
        assert_eq!(bytes.len(), 127);
    }

    #[test]
    fn the_example_for_paper() {
        let w = weights().unwrap();
        assert_eq!([w[0], w[16], w[1], w[17], w[2], w[18]], [-2.0, 1.75, 0.0, -1.0, 0.5, 0.25]);
        assert!(w.iter().enumerate().all(|(i, &w)| w == 0.0 || [0, 2, 16, 17, 18].contains(&i)));
    }

    #[test]
    fn pairs_of_neighbours_become_halves() {
        let columns: Vec<usize> = (0..8).map(|row| our_column(row, 8)).collect();
        assert_eq!(columns, [0, 4, 1, 5, 2, 6, 3, 7]);
    }
}
