//! `trainer.safetensors`: a state that carries a checksum is refused as soon as one of its
//! numbers changes. What can be restored has finite weights, and averages of squares that are
//! not negative.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stage03_gpt::config::GptConfig;
use stage03_gpt::files::resume::State;
use stage03_gpt::gpt::Gpt;

/// The model of the seeds.
static GPT: LazyLock<Gpt> = LazyLock::new(|| {
    let (vocab_size, block_size, n_layer) = (5, 4, 1);
    let (n_head, n_embd, dropout, bias) = (1, 4, 0.0, false);
    let config = GptConfig {
        vocab_size,
        block_size,
        n_layer,
        n_head,
        n_embd,
        dropout,
        bias,
        ..GptConfig::default()
    };
    Gpt::new(config).expect("a small model")
});

fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("trainer.safetensors");
    let state = match State::parse(path, bytes.to_vec()) {
        Ok(state) => state,
        Err(error) => return fuzz::refused(&error),
    };
    assert!(state.iter <= 1 << 53);
    let head = u64::from_le_bytes(bytes[..8].try_into().expect("a length of eight bytes"));
    if state.checked && bytes.len() as u64 > 8 + head {
        let mut altered = bytes.to_vec();
        *altered.last_mut().expect("a number") ^= 1;
        assert!(State::parse(path, altered).is_err(), "a number was altered");
    }
    if let Err(error) = state.vocab_size() {
        fuzz::refused(&error);
    }
    let (weights, moments) = match state.params(GPT.layout()) {
        Ok(params) => params,
        Err(error) => return fuzz::refused(&error),
    };
    for params in [&weights, &moments.m, &moments.v] {
        assert_eq!(params.values.len(), GPT.layout().len());
        assert!(params.values.iter().all(|value| value.is_finite()));
    }
    assert!(moments.v.values.iter().all(|&value| value >= 0.0));
});
