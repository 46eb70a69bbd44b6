//! `config.json` and `model.safetensors`, with a zero byte between them: what is accepted is a
//! model with finite weights, no larger than its file allows, that gives a logit for each token.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stage03_gpt::files::hugging_face;

fuzz_target!(|bytes: &[u8]| {
    let (config, weights) = fuzz::two_files(bytes);
    let (gpt, params) = match hugging_face::from_bytes(config, weights) {
        Ok(model) => model,
        Err(error) => return fuzz::refused(&error),
    };
    assert_eq!(params.values.len(), gpt.layout().len());
    // Weights of 16 bits become weights of 32.
    assert!(4 * params.values.len() <= 2 * weights.len());
    assert!(params.values.iter().all(|weight| weight.is_finite()));
    let logits = gpt.logits(&params, &[0]).expect("every model has a first token");
    assert_eq!(logits.dim(), (1, gpt.config().vocab_size));
});
