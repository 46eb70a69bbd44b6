//! What `grouped_cache_bytes` is asked.

use super::answer::{bytes_of_a_text, bytes_of_a_token, texts, texts_with_nine_kv_heads};
use exercises::probe::Probe;
use stage03_gpt::plain::llama::grouped::kv_head;

const N_LAYER: usize = 30;
const N_HEAD: usize = 9;
const HEAD_SIZE: usize = 64;
const CONTEXT: usize = 8192;

/// The bytes of a token: a key and a value in each block, for every key/value head that is read.
fn token(n_kv_head: usize) -> usize {
    let heads = 1 + (0..N_HEAD).map(|h| kv_head(h, N_HEAD, n_kv_head)).max().unwrap_or_default();
    2 * N_LAYER * heads * HEAD_SIZE * size_of::<u16>()
}

pub fn probe(p: &mut Probe) {
    let left = 2_000_000_000 - 134_515_008 * size_of::<u16>();
    p.part("bytes_of_a_token", |p| {
        p.predict("the bytes that a token adds", bytes_of_a_token(), token(3));
    });
    p.part("bytes_of_a_text", |p| {
        p.predict("the bytes of a full cache", bytes_of_a_text(), token(3) * CONTEXT);
    });
    p.part("texts", |p| {
        p.predict("the texts that fit", texts(), left / (token(3) * CONTEXT));
    });
    p.part("texts_with_nine_kv_heads", |p| {
        let truth = left / (token(9) * CONTEXT);
        p.predict("the texts that fit without groups", texts_with_nine_kv_heads(), truth);
    });
}
