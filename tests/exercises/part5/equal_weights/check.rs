//! Widths at equal weights, guessed and searched.

use super::answer::{
    gated_units_with_two_heads_of_keys, units_with_half_the_keys, units_without_a_table,
};
use exercises::probe::Probe;
use stage02_attention::attention::rotary::Rope;
use stage03_gpt::architecture::{Architecture, MlpKind, Positions};
use stage03_gpt::config::GptConfig;

/// The weights of the model with these parts.
fn weights(arch: Architecture) -> usize {
    let (n_layer, n_embd, n_head, block_size) = (8, 256, 8, 128);
    GptConfig { n_layer, n_embd, n_head, block_size, arch, ..GptConfig::default() }.n_params()
}

/// The number of hidden units with which these parts have as many weights as a model.
fn units(arch: Architecture, all: usize) -> usize {
    let with = |n_inner| weights(Architecture { n_inner: Some(n_inner), ..arch });
    (1..2000).min_by_key(|&n| with(n).abs_diff(all)).unwrap_or(0)
}

pub fn probe(p: &mut Probe) {
    let gpt2 = Architecture::GPT2;
    p.part("units_without_a_table", |p| {
        let rotary = Architecture { positions: Positions::Rotary(Rope::new(1e4)), ..gpt2 };
        let truth = units(rotary, weights(gpt2));
        p.predict("hidden units without a table", units_without_a_table(), truth);
    });
    p.part("units_with_half_the_keys", |p| {
        let half = Architecture { n_kv_head: Some(4), ..gpt2 };
        let truth = units(half, weights(gpt2));
        p.predict("hidden units with half the keys", units_with_half_the_keys(), truth);
    });
    p.part("gated_units_with_two_heads_of_keys", |p| {
        let gated = Architecture { mlp: MlpKind::SwiGlu, n_inner: Some(688), ..gpt2 };
        let truth = units(Architecture { n_kv_head: Some(2), ..gated }, weights(gated));
        p.predict("gated units with two heads", gated_units_with_two_heads_of_keys(), truth);
    });
}
