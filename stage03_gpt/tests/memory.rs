//! How much memory it takes to quantise a model: itself in f32, and a tensor.
//!
//! The system keeps the largest memory of a process (`VmHWM`), so this is the only test of its
//! binary.

#![cfg(target_os = "linux")]

use stage01_bigram::random::{Purpose, generator};
use stage01_bigram::tokenizer::{CharTokenizer, Tokenizer};
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::gguf::{GgufFile, TensorType};
use stage03_gpt::files::hugging_face::{save_description, save_model};
use stage03_gpt::gpt::Gpt;
use stage03_gpt::model::Model;

/// Bytes for the program, its threads and what the allocator keeps: much less than a second model.
const SLACK: usize = 24 << 20;

/// The largest memory of this process so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: usize = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kilobytes << 10
}

#[test]
fn a_model_is_quantised_tensor_by_tensor() {
    let place = tempfile::tempdir().unwrap();
    let [directory, file] = ["model", "model.gguf"].map(|name| place.path().join(name));
    let before = peak();
    let tokenizer = Tokenizer::Char(CharTokenizer::train("abc \n").unwrap());
    let (n_layer, n_head, n_embd) = (5, 2, 512);
    let (vocab_size, block_size) = (tokenizer.vocab_size(), 8);
    let config =
        GptConfig { vocab_size, block_size, n_layer, n_head, n_embd, ..GptConfig::default() };
    let gpt = Gpt::new(config).unwrap();
    std::fs::create_dir(&directory).unwrap();
    save_description(&directory, gpt.config(), &tokenizer).unwrap();
    save_model(&directory, &gpt, &gpt.initialise(&mut generator(1, Purpose::Initialisation, 0)))
        .unwrap();

    let model = Model::load(&directory).unwrap();
    model.save_gguf(&file, "model", TensorType::Q8_0).unwrap();
    let error = model.rounding_error(&GgufFile::open(&file).unwrap()).unwrap();
    assert!((0.001..0.01).contains(&error), "{error}");

    let tensors = gpt.layout().tensors();
    let largest = 4 * tensors.iter().map(|tensor| tensor.len()).max().unwrap();
    let (weights, used) = (4 * gpt.config().n_params(), peak() - before);
    println!("{used} bytes, with {weights} of weights and {largest} of the largest tensor");
    assert!(2 * SLACK < weights, "a second model would be seen");
    assert!(used < weights + largest + SLACK, "{used} bytes for {weights} of weights");
}
