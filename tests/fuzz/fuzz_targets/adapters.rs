//! `adapter_config.json` and `adapter_model.safetensors`, with a zero byte between them, on a small
//! Llama: what is accepted are finite adapters, no larger than their file, that give other logits or
//! the same, and that are read back unchanged when they are written again.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stage01_bigram::random::{Purpose, generator};
use stage02_attention::params::Params;
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::peft::{AdapterDirectory, save_weights};
use stage03_gpt::files::{ADAPTER_CONFIG_FILE, ADAPTER_FILE};
use stage03_gpt::gpt::Gpt;

/// The base: two blocks of 8 dimensions, 2 heads of which one has keys and values.
static BASE: LazyLock<(Gpt, Params<f32>)> = LazyLock::new(|| {
    let arch = Architecture { n_kv_head: Some(1), n_inner: Some(12), ..Architecture::LLAMA };
    let config = GptConfig {
        vocab_size: 5,
        block_size: 4,
        n_layer: 2,
        n_head: 2,
        n_embd: 8,
        dropout: 0.0,
        bias: false,
        arch,
    };
    let gpt = Gpt::new(config).expect("sizes that fit together");
    let params = gpt.initialise(&mut generator(1, Purpose::Initialisation, 0));
    (gpt, params)
});

fuzz_target!(|bytes: &[u8]| {
    let (config, weights) = fuzz::two_files(bytes);
    let (base, params) = &*BASE;
    let read = |weights: &[u8]| {
        AdapterDirectory::from_bytes(config, weights)?.put_on_weights(base, params.clone())
    };
    let (gpt, adapted) = match read(weights) {
        Ok(adapted) => adapted,
        Err(error) => return fuzz::refused(&error),
    };
    assert_eq!(adapted.values.len(), gpt.layout().len());
    // Numbers of 16 bits become numbers of 32.
    let n = gpt.trained();
    assert!(0 < n && 4 * n <= 2 * weights.len());
    assert!(adapted.values.iter().all(|weight| weight.is_finite()));
    assert!(adapted.values[n..] == params.values);
    let logits = gpt.logits(&adapted, &[0]).expect("every model has a first token");
    assert_eq!(logits.dim(), (1, 5));

    let directory = tempfile::tempdir().expect("a place for files");
    save_weights(directory.path(), &gpt, &adapted).expect("space for a small file");
    let again = std::fs::read(directory.path().join(ADAPTER_FILE)).expect("it was just written");
    let (_, again) = read(&again).unwrap_or_else(|e| panic!("{ADAPTER_CONFIG_FILE}: {e}"));
    assert!(again == adapted);
});
