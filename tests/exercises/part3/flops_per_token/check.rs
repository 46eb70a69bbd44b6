//! What `flops_per_token` is asked.

use super::answer::{forward, operations, utilisation};
use exercises::probe::Probe;
use stage03_gpt::config::GptConfig;

pub fn probe(p: &mut Probe) {
    // A vocabulary that makes about 300,000 weights; the rest of the count is the course's own.
    let sizes = GptConfig { n_layer: 2, n_embd: 100, block_size: 50, ..GptConfig::default() };
    let position = sizes.block_size * sizes.n_embd;
    let attention = sizes.flops_per_token() - 6.0 * (sizes.n_params() - position) as f64;
    let truth = 6.0 * (300_000 - position) as f64 + attention;
    p.part("operations", |p| {
        p.predict("the operations for a token", operations(), truth as usize);
    });
    p.part("forward", |p| {
        p.predict("those of the forward pass", forward(), truth as usize / 3);
    });
    p.part("utilisation", |p| {
        p.predict("the MFU in per cent", utilisation(), truth * 20_000.0 / 94.5e9 * 100.0);
    });
}
