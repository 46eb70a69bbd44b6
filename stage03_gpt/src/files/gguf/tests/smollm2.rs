//! SmolLM2-135M-Instruct as it is published, where the file is at hand.

use std::io::Write;
use std::path::PathBuf;

use super::super::GgufFile;
use crate::model::{GenerateSettings, Model};

/// Name, type, dimensions and checksum of each tensor: see `golden/make_golden.py`.
const EXPECTED: &str = include_str!("../golden/smollm2.txt");

/// The file that the environment variable `SMOLLM2_GGUF` names, or the one in `models` at the root
/// of the repository, where `stage03_gpt/fetch-smollm2.sh` puts it.
fn path() -> Option<PathBuf> {
    const NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models").join(NAME);
    let path = std::env::var_os("SMOLLM2_GGUF").map_or(models, PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    // Not with `eprintln!`, whose output the test harness keeps to itself.
    let remedy = "stage03_gpt/fetch-smollm2.sh fetches it";
    writeln!(std::io::stderr(), "skipped: {} is missing; {remedy}", path.display()).unwrap();
    None
}

/// The sum of all bits times a weight for each place, modulo 2^64.
fn checksum(numbers: &[f32]) -> u64 {
    let each = numbers.iter().zip((1..=65_521).cycle());
    each.fold(0, |sum, (number, place)| {
        sum.wrapping_add(u64::from(number.to_bits()).wrapping_mul(place))
    })
}

#[test]
fn the_tensors_of_smollm2_are_those_of_the_python_package() {
    let Some(path) = path() else { return };
    let file = GgufFile::open(&path).unwrap();
    assert_eq!(file.metadata().required::<&str>("general.architecture").unwrap(), "llama");
    assert_eq!(file.metadata().required::<usize>("llama.block_count").unwrap(), 30);
    let tokens = file.metadata().required::<&[String]>("tokenizer.ggml.tokens").unwrap();
    assert_eq!((tokens.len(), tokens[1].as_str()), (49_152, "<|im_start|>"));

    let mut found = String::new();
    for tensor in file.tensors() {
        let dims: Vec<String> = tensor.dims.iter().map(usize::to_string).collect();
        let sum = checksum(&file.read(tensor).unwrap());
        found += &format!("{} {} {} {sum:016x}\n", tensor.name, tensor.kind, dims.join("x"));
    }
    for (found, expected) in found.lines().zip(EXPECTED.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found, EXPECTED);
}

/// Greedy text of llama.cpp (llama-cpp-python 0.3.36) from the same file: see
/// `tests/parity/check_llama_cpp.py`.
#[test]
fn smollm2_continues_a_text() {
    let Some(path) = path() else { return };
    let model = Model::load(&path).unwrap();
    let config = model.gpt.config();
    assert_eq!((config.n_layer, config.n_head, config.n_kv_head()), (30, 9, 3));
    assert_eq!((config.vocab_size, config.block_size, config.n_embd), (49_152, 8192, 576));
    assert_eq!(config.n_params(), 134_515_008);
    assert_eq!((model.special.bos, &model.special.eos[..]), (Some(1), &[2][..]));
    let settings = GenerateSettings { max_new_tokens: 12, temperature: 0.0, ..Default::default() };
    let text = model.generate("The capital of France is", &settings).unwrap();
    assert!(text.starts_with(" Paris"), "{text}");
}
