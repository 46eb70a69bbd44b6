//! The numbers of a small GPT, guessed and counted.

use super::answer::{block, embeddings, together};
use exercises::probe::Probe;
use stage03_gpt::architecture::Architecture;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

const SIZES: GptConfig = GptConfig {
    vocab_size: 65,
    block_size: 32,
    n_layer: 3,
    n_head: 4,
    n_embd: 12,
    dropout: 0.0,
    bias: true, arch: Architecture::GPT2
};

/// The numbers in all tensors whose name begins like this.
fn count(name: &str) -> usize {
    let gpt = Gpt::new(SIZES).expect("a small GPT");
    let tensors = gpt.layout().tensors().iter().filter(|tensor| tensor.name.starts_with(name));
    tensors.map(|tensor| tensor.range().len()).sum()
}

pub fn probe(p: &mut Probe) {
    p.part("embeddings", |p| {
        p.predict("the numbers of both embeddings", embeddings(), count("wte") + count("wpe"));
    });
    p.part("block", |p| p.predict("the numbers of a block", block(), count("h.0.")));
    p.part("together", |p| p.predict("the numbers of the model", together(), count("")));
}
