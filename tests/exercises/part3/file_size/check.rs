//! What `file_size` is asked.

use super::answer::{model_file, trainer_file, weights};
use exercises::probe::Probe;
use stage03_gpt::config::GptConfig;

pub fn probe(p: &mut Probe) {
    let sizes = GptConfig { vocab_size: 20, block_size: 16, n_layer: 2, n_head: 2, ..small() };
    let n = sizes.n_params();
    p.part("weights", |p| p.predict("the number of weights", weights(), n));
    p.part("model_file", |p| {
        p.predict("the bytes of model.safetensors", model_file(), 8 + 2000 + 4 * n);
    });
    p.part("trainer_file", |p| {
        p.predict("the bytes of trainer.safetensors", trainer_file(), 8 + 6000 + 12 * n);
    });
}

fn small() -> GptConfig {
    GptConfig { n_embd: 8, bias: true, dropout: 0.0, ..GptConfig::default() }
}
