//! What `cache_bytes` is asked.

use super::answer::{bytes_of_a_text, bytes_of_a_token, texts};
use exercises::probe::Probe;
use stage03_gpt::config::GptConfig;

pub fn probe(p: &mut Probe) {
    let GptConfig { n_layer, n_embd, block_size, .. } = GptConfig::gpt2_medium();
    let token = 2 * n_layer * n_embd * size_of::<f32>();
    p.part("bytes_of_a_text", |p| {
        p.predict("the bytes of a full cache", bytes_of_a_text(), token * block_size);
    });
    p.part("bytes_of_a_token", |p| {
        p.predict("the bytes that a token adds", bytes_of_a_token(), token);
    });
    p.part("texts", |p| {
        let left = 24_000_000_000 - 355_000_000 * size_of::<f32>();
        p.predict("the texts that fit", texts(), left / (token * block_size));
    });
}
