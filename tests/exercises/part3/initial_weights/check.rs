//! What `std` is asked.

use super::answer::std;
use exercises::probe::Probe;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;

pub fn probe(p: &mut Probe) {
    p.part("std", |p| {
        for n_layer in [12, 2] {
            let config = GptConfig {
                n_layer,
                n_head: 1,
                n_embd: 2,
                vocab_size: 5,
                block_size: 4,
                bias: true,
                dropout: 0.0, ..GptConfig::default()
            };
            let gpt = Gpt::new(config).expect("a small GPT");
            for tensor in gpt.layout().tensors() {
                let found = std(&tensor.name, n_layer);
                p.see(format!("{} in a GPT of {n_layer} blocks", tensor.name), found);
            }
            let one = std("h.0.mlp.c_proj.weight", n_layer);
            let sum = (2.0 * n_layer as f64).sqrt() * one;
            p.rule((sum - 0.02).abs() < 1e-12, || {
                format!(
                    "{n_layer} blocks write {} corrections into the stream. With your c_proj of \
                     {one:.6} their sum is like one of {sum:.6}, and must be like one of 0.02. How \
                     does the standard deviation of a sum grow with the number of its parts?",
                    2 * n_layer
                )
            });
        }
    });
}
