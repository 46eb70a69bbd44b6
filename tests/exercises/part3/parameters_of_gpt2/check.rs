//! The numbers of GPT-2, guessed and counted.

use super::answer::{feed_forward_layers, gpt2_medium, twice_the_context};
use exercises::probe::Probe;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

pub fn probe(p: &mut Probe) {
    p.part("feed_forward_layers", |p| {
        let gpt = Gpt::new(GptConfig::gpt2()).expect("GPT-2");
        let tensors = gpt.layout().tensors().iter().filter(|tensor| tensor.name.contains(".mlp."));
        let truth: usize = tensors.map(|tensor| tensor.range().len()).sum();
        p.predict("the numbers of all feed-forward layers", feed_forward_layers(), truth);
    });
    p.part("twice_the_context", |p| {
        let config = GptConfig { block_size: 2048, ..GptConfig::gpt2() };
        p.predict("the numbers with T = 2,048", twice_the_context(), config.n_params());
    });
    p.part("gpt2_medium", |p| {
        let truth = GptConfig::gpt2_medium().n_params();
        p.predict("the numbers of GPT-2 medium", gpt2_medium(), truth);
    });
}
