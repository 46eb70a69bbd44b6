//! What `lora_parameters` is asked.

use super::answer::{bytes_of_gradient_and_moments, gpt2, square_matrix, three_adapters};
use exercises::probe::Probe;
use stage02_attention::lora::Adapter;
use stage02_attention::params::{Layout, Params};
use stage03_gpt::adamw::Moments;
use stage03_gpt::config::GptConfig;
use stage03_gpt::gpt::Gpt;
use stage03_gpt::lora::{LoraSettings, declare};

/// The numbers of an adapter.
fn numbers(n_in: usize, n_out: usize, rank: usize) -> usize {
    let mut layout = Layout::new();
    Adapter::declare(layout.scope("layer"), n_in, 0..n_out, rank);
    layout.len()
}

pub fn probe(p: &mut Probe) {
    p.part("square_matrix", |p| {
        p.predict("the numbers of the adapter", square_matrix(), numbers(768, 768, 4));
    });
    p.part("gpt2", |p| {
        let config = GptConfig {
            vocab_size: 50_257,
            block_size: 1024,
            n_layer: 12,
            n_head: 12,
            n_embd: 768,
            ..GptConfig::default()
        };
        let adapted = Gpt::new(config).and_then(|gpt| declare(&gpt, &LoraSettings::default()));
        let truth = adapted.expect("sizes of a real model").trained();
        p.predict("the numbers of all adapters", gpt2(), truth);
    });
    p.part("three_adapters", |p| {
        p.predict("the numbers of the three", three_adapters(), 3 * numbers(768, 768, 8));
    });
    p.part("bytes_of_gradient_and_moments", |p| {
        let trained = 1_000_000;
        let gradient = Params::<f32>::zeros_of_first(trained).values.len();
        let Moments { m, v } = Moments::<f32>::of_first(trained);
        let truth = (gradient + m.values.len() + v.values.len()) * size_of::<f32>();
        p.predict("the bytes", bytes_of_gradient_and_moments(), truth);
    });
}
